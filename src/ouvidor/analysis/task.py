"""What is asked of an engine of each conversation, and how a language model reads it."""

import json

from ouvidor.analysis.local.rate import rate_locally
from ouvidor.analysis.transcript import Transcript
from ouvidor.analysis.verdict import Verdict
from ouvidor.engines.base import Task


def present(transcript: Transcript) -> str:
    """The conversation as one JSON object, all of it data."""
    shown = {
        "goal": transcript.goal,
        "handed_over": transcript.handed_over,
        "messages": [{"position": line.position, "from": line.speaker, "text": line.text} for line in transcript.lines],
    }
    return json.dumps(shown, ensure_ascii=False)


ANALYSE = Task(name="analysis", output=Verdict, local=rate_locally, present=present, degrades=False, heavy=True)
"""The judgement of one conversation. A model that fails is asked again later: nobody waits for it."""

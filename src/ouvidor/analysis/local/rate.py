"""The local analyst: what is said of a conversation without a language model. Pure.

Features of both sides (features.py) go through small trained models (judgement.py); faults, summary, improvements and
topics have files of their own. docs/adr/0025-local-analyst.md tells why, and how well it does.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ouvidor.analysis.local.effort import effort_of
from ouvidor.analysis.local.faults import faults_in
from ouvidor.analysis.local.features import features_of
from ouvidor.analysis.local.goal import goal_of
from ouvidor.analysis.local.improvements import improvements_for
from ouvidor.analysis.local.judgement import Judgement, judge
from ouvidor.analysis.local.language import language_of
from ouvidor.analysis.local.reading import Reading, read
from ouvidor.analysis.local.sheet import Sheet
from ouvidor.analysis.local.summary import summary_of
from ouvidor.analysis.local.tone import tones_of
from ouvidor.analysis.local.topics import topics_of
from ouvidor.analysis.transcript import Transcript
from ouvidor.analysis.verdict import Evidence, Sentiment, Verdict
from ouvidor.analysis.verdict import Judgement as Answer

VERSION = "local-1"
SURE = 0.6
GLAD_FROM = 7
MOST_EVIDENCE = 3
UNHEARD_CONFIDENCE = 0.3
UNHEARD_SATISFACTION = 5
_SOME = 0.25


def rate_locally(transcript: Transcript) -> Verdict:
    """The verdict on a conversation of any length, in any language; it knows Portuguese and English.

    Of one in which nobody wrote a word it says nothing: satisfaction 5, neutral, the rest unknown, without evidence.
    """
    reading = read(transcript)
    sheet = features_of(reading)
    judged = judge(sheet)
    faults = faults_in(transcript)
    effort, effort_at = effort_of(sheet, len(reading.customer))
    resolved = _resolved(judged, reading)
    goal, goal_at = goal_of(reading, resolved)
    return Verdict(
        satisfaction=judged.satisfaction if reading.said else UNHEARD_SATISFACTION,
        sentiment=sentiment_of(judged, reading),
        resolved=resolved,
        goal_reached=goal,
        effort=effort,
        language=language_of(transcript),
        topics=topics_of(transcript),
        summary=summary_of(transcript),
        improvements=improvements_for(transcript, faults),
        faults=faults,
        evidence=_evidence(judged, sheet, reading, (*effort_at[:MOST_EVIDENCE],), goal_at),
        confidence=round(judged.confidence if reading.customer else min(judged.confidence, UNHEARD_CONFIDENCE), 3),
    )


def _resolved(judged: Judgement, reading: Reading) -> Answer:
    """Whether the concern was resolved; unknown where the model is not sure, or where a side is silent."""
    if not reading.customer or not reading.agent:
        return "unknown"
    if judged.chance["goal_failed"] >= SURE:
        return "no"
    return "yes" if judged.chance["goal_failed"] <= 1 - SURE else "unknown"


def sentiment_of(judged: Judgement, reading: Reading) -> Sentiment:
    """How the customer sounded in the later half; the last line counts twice."""
    tones = tones_of(reading)
    late = tones[len(tones) // 2 :]
    tone = sum(toned.value for toned in (*late, *late[-1:])) / max(1, len(late) + 1)
    if tone < -_SOME or (tone <= 0 and judged.chance["annoyed"] >= SURE):
        return "negative"
    return "positive" if tone > _SOME and judged.satisfaction >= GLAD_FROM else "neutral"


def _evidence(
    judged: Judgement, sheet: Sheet, reading: Reading, effort_at: Sequence[int], goal_at: Sequence[int]
) -> Evidence:
    """The lines that weighed most in each verdict; where none did, the customer's last line."""
    last = [said.position for said in (reading.customer or reading.said)[-1:]]
    content = judged.expected >= judged.model.middle
    annoyed = judged.chance["annoyed"] >= 0.5
    failed = judged.chance["goal_failed"] >= 0.5
    resolved = heaviest(judged.shares("goal_failed"), sheet, rising=failed) or last
    theirs = {said.position for said in reading.customer}
    tone = [at for at in heaviest(judged.shares("annoyed"), sheet, rising=annoyed) if at in theirs]
    return Evidence(
        satisfaction=heaviest(judged.shares(None), sheet, rising=content) or last,
        sentiment=tone or last,
        resolved=resolved,
        goal=sorted(goal_at) or resolved,
        effort=sorted(effort_at) or last,
    )


def heaviest(shares: Mapping[str, float], sheet: Sheet, *, rising: bool) -> list[int]:
    """The positions, at most MOST_EVIDENCE and in order, whose features pushed most towards the verdict."""
    pushed: dict[int, float] = defaultdict(float)
    for name, share in shares.items():
        towards = share if rising else -share
        for position in sheet.at[name]:
            pushed[position] += towards / len(sheet.at[name])
    best = sorted((position for position in pushed if pushed[position] > 0), key=lambda at: (-pushed[at], at))
    return sorted(best[:MOST_EVIDENCE])

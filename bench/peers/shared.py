"""What the peers of bench/answer.py have in common; it knows nothing of Ouvidor, and runs in their environments.

Arguments: the port to serve on, the stub's address, the sections (JSONL), the prompt (text).
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

SECTIONS = 10


class Draft(BaseModel):
    """The schema that the model is held to: Ouvidor's own."""

    kind: str
    text: str
    cited: list[int]
    confidence: float
    language: str
    topics: list[str]


class Section(BaseModel):
    """A section of the company's knowledge."""

    title: str
    text: str
    phrasings: list[str]

    @property
    def searched(self) -> str:
        """What of it is searched: what Ouvidor searches too."""
        return "\n".join([self.title, self.text, *self.phrasings])


class Ask(BaseModel):
    """A customer's message."""

    question: str


def arguments() -> tuple[int, str, list[Section], str]:
    """Port, address, sections, prompt."""
    port, address, path, prompt = sys.argv[1:]
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    sections = [
        Section(
            title=row.get("question") or row.get("title") or "",
            text=row.get("answer") or row["content"],
            phrasings=row.get("phrasings") or [],
        )
        for row in rows
    ]
    return int(port), address, sections, Path(prompt).read_text()


def reply_of(draft: Draft, count: int) -> dict[str, Any]:
    """What the customer gets, if it cites what was found; nothing else is checked."""
    grounded = bool(draft.cited) and all(0 <= number < count for number in draft.cited)
    return {"text": draft.text if grounded else "", "cited": draft.cited}

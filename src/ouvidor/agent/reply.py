"""What is asked of an engine in a turn of the bot, and the local rule that answers it without a model."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from ouvidor.engines.base import Task
from ouvidor.text import Language


@dataclass(frozen=True)
class Said:
    """A message of the conversation before the question; what only the client vouches for is not `verified`."""

    role: Literal["USER", "AGENT"]
    content: str
    verified: bool = True


@dataclass(frozen=True)
class Source:
    """A retrieved section: `number` is its index among those retrieved, `score` its relevance from 0 to 1."""

    number: int
    question: str | None
    text: str
    tier: Literal["N1", "N2"]
    language: Language
    score: float
    phrasings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """All that an engine may know in a turn; `sources` stand best first.

    `confidence` is the probability that the best source answers; below `threshold` nothing is answered from sources.
    """

    question: str
    history: tuple[Said, ...]
    sources: tuple[Source, ...]
    language: Language
    confidence: float
    threshold: float
    persona: str = ""


class Draft(BaseModel):
    """An engine's proposal; whether it is said is the policy's to decide.

    `text` is empty where the kind needs none (`unsure`, `wants_person`); `cited` are numbers of sources; `topics` the
    likeliest two, in their own language, when unsure.
    """

    kind: Literal["answer", "unsure", "smalltalk", "recall", "wants_person"]
    text: str = ""
    cited: list[int] = []
    confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    language: Language = "pt"
    topics: list[str] = []


def draft_locally(given: Given) -> Draft:
    """Small talk, recall, a cited extract or doubt, by rules over what is given."""
    if given.sources and given.confidence >= given.threshold:
        best = given.sources[0]
        return Draft(
            kind="answer",
            text=best.text,
            cited=[best.number],
            confidence=given.confidence,
            language=given.language,
        )
    return Draft(kind="unsure", confidence=given.confidence, language=given.language)


REPLY = Task(name="reply", output=Draft, local=draft_locally)
"""The bot's turn."""

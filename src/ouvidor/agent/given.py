"""All that an engine may know in a turn of the bot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ouvidor.text import Language


@dataclass(frozen=True)
class Said:
    """A message of the conversation before the question; what only the client vouches for is not `verified`."""

    role: Literal["USER", "AGENT"]
    content: str
    verified: bool = True


@dataclass(frozen=True)
class Source:
    """A retrieved section: `number` is its index among those retrieved, `score` its relevance from 0 to 1.

    `question` is its question or title.
    """

    number: int
    question: str | None
    text: str
    tier: Literal["N1", "N2"]
    language: Language
    score: float
    phrasings: tuple[str, ...] = ()

    @property
    def answers_a_question(self) -> bool:
        """Whether `text` is the answer to `question`, rather than a passage under a title."""
        return bool(self.phrasings) or (self.question or "").rstrip().endswith("?")


def support(cited: Sequence[float], best: float) -> float:
    """Probability that an answer from the sections of these relevances holds, 0 to 1.

    That of the best section; where two are cited together, that either of them answers (their sum).
    """
    return best if len(cited) < 2 else min(1.0, max(best, sum(sorted(cited, reverse=True)[:2])))


@dataclass(frozen=True)
class Given:
    """What is given to the task `reply`; `sources` stand best first, `history` oldest first.

    `searched_for` is the question completed from the conversation, where it leans on it; else the question itself.

    `confidence` is the probability that the best source answers; below `threshold` nothing is answered from sources.
    `persona` is the name by which the bot introduces itself, or a longer description of its manner.
    """

    question: str
    history: tuple[Said, ...]
    sources: tuple[Source, ...]
    language: Language
    confidence: float
    threshold: float
    persona: str = ""
    searched_for: str = ""

"""What is asked of an engine in a turn of the bot, and the local rule that answers it without a model."""

import re
from typing import Literal

from pydantic import BaseModel, Field

from ouvidor.agent.asks import parts_of
from ouvidor.agent.courtesies import COURTESIES
from ouvidor.agent.extract import extract
from ouvidor.agent.given import Given, Said, Source, support
from ouvidor.agent.person import wants_person
from ouvidor.agent.recall import introduced_name, recall
from ouvidor.agent.smalltalk import answer_small_talk, small_talk
from ouvidor.agent.topics import likely_topics
from ouvidor.engines.base import Task
from ouvidor.text import Language, detect_language

__all__ = ["REPLY", "Draft", "Given", "Said", "Source", "draft_locally"]

_OFFERS_CHOICE = re.compile(r"[“\"].+[”\"] (?:ou|or) [“\"].+[”\"]\?\s*$")


class Draft(BaseModel):
    """An engine's proposal; whether it is said is the policy's to decide.

    `text` is empty where the kind needs none (`unsure`, `wants_person`); `cited` are numbers of sources; `topics` the
    likeliest two when unsure, each in its own language.
    """

    kind: Literal["answer", "unsure", "smalltalk", "recall", "wants_person"]
    text: str = ""
    cited: list[int] = []
    confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    language: Language = "pt"
    topics: list[str] = []


def draft_locally(given: Given) -> Draft:
    """A wish for a person, small talk, recall, a cited extract, or doubt: the first that applies."""
    if wants_person(given.question):
        return Draft(kind="wants_person", confidence=1.0, language=given.language)
    return _small_talk(given) or _recalled(given) or _extracted(given)


def _small_talk(given: Given) -> Draft | None:
    talk = small_talk(given.question, given.language, names=[given.persona])
    if talk is not None:
        last = next((said.content for said in reversed(given.history) if said.role == "AGENT"), "")
        text = answer_small_talk(talk, given.persona, offered_choice=bool(_OFFERS_CHOICE.search(last)))
        return Draft(kind="smalltalk", text=text, confidence=1.0, language=talk.language)
    name = introduced_name(given.question)
    if name is None:
        return None
    language = detect_language(given.question.replace(name, ""), given.language)
    said = COURTESIES[language]
    text = f"{said.pleased.format(name=name)} {said.offer}"
    return Draft(kind="smalltalk", text=text, confidence=1.0, language=language)


def _recalled(given: Given) -> Draft | None:
    own = [said.content for said in given.history if said.role == "USER"]
    found = recall(given.question, own)
    if found is None:
        return None
    return Draft(kind="recall", text=found.text, confidence=1.0, language=found.language)


def _extracted(given: Given) -> Draft:
    parts = parts_of(given.question, given.sources, given.language) if given.sources else []
    confidence = support([part.source.score for part in parts], given.confidence)
    if not parts or confidence < given.threshold:
        topics = likely_topics(given.sources)
        return Draft(kind="unsure", confidence=confidence, language=given.language, topics=topics)
    texts = [
        extract(
            part.ask, part.source.text, part.source.language, answers_a_question=part.source.answers_a_question
        ).text
        for part in parts
    ]
    return Draft(
        kind="answer",
        text="\n\n".join(texts),
        cited=[part.source.number for part in parts],
        confidence=confidence,
        language=given.language,
    )


REPLY = Task(name="reply", output=Draft, local=draft_locally)
"""The bot's turn."""

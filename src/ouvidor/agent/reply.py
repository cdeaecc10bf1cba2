"""What is asked of an engine in a turn of the bot, and the local rule that answers it without a model."""

import json
import re
from typing import Literal

from pydantic import BaseModel, Field

from ouvidor.agent.asks import Part, parts_of
from ouvidor.agent.courtesies import COURTESIES
from ouvidor.agent.extract import extract
from ouvidor.agent.given import Given, Said, Source, support
from ouvidor.agent.person import wants_person
from ouvidor.agent.recall import introduced_name, recall
from ouvidor.agent.smalltalk import answer_small_talk, small_talk
from ouvidor.agent.topics import likely_topics
from ouvidor.engines.base import Task
from ouvidor.text import Language, detect_language

__all__ = ["REPLY", "Draft", "Given", "Said", "Source", "draft_locally", "present"]

_OFFERS_CHOICE = re.compile(r"[“\"].+[”\"] (?:ou|or) [“\"].+[”\"]\?\s*$")


class Draft(BaseModel):
    """An engine's proposal; whether it is said is the policy's to decide.

    `text` is empty where the kind needs none (`unsure`, `wants_person`); `cited` are numbers of sources; `topics` the
    likeliest two when unsure, each in its own language.
    """

    kind: Literal["answer", "unsure", "smalltalk", "recall", "wants_person"] = Field(
        description="What the reply is: the first that applies of wants_person, smalltalk, recall, answer, unsure."
    )
    text: str = Field(default="", description="What the customer reads; empty for unsure and wants_person.")
    cited: list[int] = Field(default=[], description="The numbers of the sections that the text is drawn from.")
    confidence: float = Field(
        default=0.0, ge=0.0, le=1.0, description="How sure it is that the cited sections answer the question, 0 to 1."
    )
    language: Language = Field(default="pt", description="The language of the text.")
    topics: list[str] = Field(
        default=[], description="For unsure: the titles of the two closest sections, copied exactly; else empty."
    )


def draft_locally(given: Given) -> Draft:
    """A wish for a person, small talk, recall, a cited extract, or doubt: the first that applies."""
    if wants_person(given.question):
        return Draft(kind="wants_person", confidence=1.0, language=given.language)
    return small_talked(given) or recalled(given) or _extracted(given)


def small_talked(given: Given) -> Draft | None:
    """The reply to a message that is small talk or an introduction as a whole, else None."""
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


def recalled(given: Given) -> Draft | None:
    """The reply to a question about what the customer said of themselves, else None."""
    own = [said.content for said in given.history if said.role == "USER"]
    found = recall(given.question, own)
    if found is None:
        return None
    return Draft(kind="recall", text=found.text, confidence=1.0, language=found.language)


def rests_on(given: Given) -> tuple[Part, ...]:
    """The questions of the message with the sections that answer them by our own rule; none where it is in doubt."""
    if not given.sources:
        return ()
    parts = parts_of(given.searched_for or given.question, given.sources, given.language)
    confidence = support([part.source.score for part in parts], given.confidence)
    return tuple(parts) if confidence >= given.threshold else ()


def _extracted(given: Given) -> Draft:
    parts = rests_on(given)
    if not parts:
        topics = likely_topics(given.sources)
        return Draft(kind="unsure", confidence=given.confidence, language=given.language, topics=topics)
    confidence = support([part.source.score for part in parts], given.confidence)
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


def present(given: Given) -> str:
    """What is given as a language model reads it: one JSON object, all of it data."""
    shown = {
        "question": given.question,
        "language": given.language,
        "history": [{"role": said.role, "content": said.content, "verified": said.verified} for said in given.history],
        "sections": [
            {"number": source.number, "title": source.question, "text": source.text, "tier": source.tier}
            for source in given.sources
        ],
    }
    return json.dumps(shown, ensure_ascii=False)


REPLY = Task(name="reply", output=Draft, local=draft_locally, present=present)
"""The bot's turn."""

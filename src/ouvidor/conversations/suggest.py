"""What the engine would answer in a person's place: a draft with its sources, for the person to use or leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, Field

from ouvidor.accounts.access import Caller
from ouvidor.agent.about import About
from ouvidor.agent.answer import Suggested, suggest_answer
from ouvidor.agent.given import Said
from ouvidor.conversations.models import Author, Message
from ouvidor.conversations.read import TurnSection, own_conversation
from ouvidor.conversations.speak import newest_messages
from ouvidor.conversations.turns import said_before
from ouvidor.errors import Conflict
from ouvidor.runtime import Runtime


class NothingAsked(Conflict):
    """The customer has said nothing in this conversation yet: there is nothing to answer."""


class Suggestion(BaseModel):
    """A draft of the engine; `text` is empty where the knowledge holds no answer. `cited` index the sections."""

    text: str
    sections: list[TurnSection]
    cited: list[int]
    confidence: float = Field(description="Probability that the best section answers, 0 to 1.")
    gate: float = Field(description="The confidence below which nothing is answered from sections.")


@dataclass(frozen=True)
class _Asked:
    question: str
    history: tuple[Said, ...]
    language: str | None


async def suggest(rt: Runtime, caller: Caller, conversation_id: UUID) -> Suggestion:
    """A draft for what the customer said last, before or after the bot passed them on; nothing is stored.

    Raises:
        UnknownConversation: the project has none of that id.
        NothingAsked: the customer has said nothing.
    """
    async with rt.db.read() as session:
        conversation = await own_conversation(session, caller.project.id, conversation_id)
        messages = await newest_messages(session, conversation.id)
        asked = _asked(messages, conversation.language)
    drafted = await suggest_answer(
        rt, caller.project, asked.question, asked.history, language=asked.language, about=About(conversation_id)
    )
    return _suggestion(drafted)


def _asked(messages: Sequence[Message], language: str | None) -> _Asked:
    """The customer's last words, up to what bot or person said before them; notices do not part them."""
    talk = [message for message in messages if message.author != Author.SYSTEM]
    last = next((place for place in reversed(range(len(talk))) if _new_words(talk[place])), None)
    if last is None:
        raise NothingAsked
    first = last
    while first and _new_words(talk[first - 1]):
        first -= 1
    question = "\n".join(message.content for message in talk[first : last + 1])
    return _Asked(question, said_before(talk[:first]), language)


def _new_words(message: Message) -> bool:
    return message.author == Author.CUSTOMER and message.verified


def _suggestion(drafted: Suggested) -> Suggestion:
    sections = [
        TurnSection(
            section_id=section.id,
            heading=section.heading,
            content=section.content,
            tier="N2" if section.tier == "N2" else "N1",
            score=section.score,
            cited=number in drafted.cited,
        )
        for number, section in enumerate(drafted.sections)
    ]
    return Suggestion(
        text=drafted.text,
        sections=sections,
        cited=sorted(drafted.cited),
        confidence=drafted.confidence,
        gate=drafted.gate,
    )

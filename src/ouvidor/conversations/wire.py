"""The published shape of an answer; the first three fields are the contract's, the rest are ours."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ouvidor.agent.answer import Reply
from ouvidor.agent.policy import Move, Reason
from ouvidor.conversations.history import Line
from ouvidor.conversations.turns import ClosedTurn
from ouvidor.engines.base import Usage
from ouvidor.inputs import StorableText
from ouvidor.knowledge.search import FoundSection


def _id_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


CustomerId = Annotated[StorableText | None, BeforeValidator(_id_as_text), Field(min_length=1, max_length=200)]


class WireMessage(BaseModel):
    """One message of the conversation."""

    role: Literal["USER", "AGENT"]
    content: StorableText = Field(min_length=1, max_length=20_000)


class CompletionRequest(BaseModel):
    """A customer's messages. Fields that are not listed here are ignored."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "example": {
                "helpdeskId": 123456,
                "projectName": "ventara",
                "messages": [{"role": "USER", "content": "How long does it take to charge at home?"}],
            }
        },
    )

    helpdeskId: Annotated[StorableText, BeforeValidator(_id_as_text), Field(min_length=1, max_length=200)] = Field(  # noqa: N815 - the contract's name
        description="The conversation's id in your helpdesk; a number or a text."
    )
    customerId: CustomerId = Field(  # noqa: N815 - the contract's style
        default=None,
        description="Who the customer is in your system; erasing and exporting go by it. A number or a text.",
    )
    projectName: StorableText = Field(min_length=1, max_length=63)  # noqa: N815 - the contract's name
    messages: list[WireMessage] = Field(min_length=1, max_length=1000)


class ShownSectionOut(BaseModel):
    """A retrieved section; `score` is the probability that it answers, 0 to 1."""

    score: float
    content: str
    type: Literal["N1", "N2"]


class Completion(BaseModel):
    """The conversation with the reply, the flag, and the sections it rests on; `citations` index the sections."""

    messages: list[WireMessage]
    handoverToHumanNeeded: bool  # noqa: N815 - the contract's name
    sectionsRetrieved: list[ShownSectionOut]  # noqa: N815 - the contract's name
    decision: Move
    handoverReason: Reason | None  # noqa: N815 - the contract's style
    clarifications: int
    citations: list[int]
    conversationId: UUID  # noqa: N815 - the contract's style
    messageId: UUID | None  # noqa: N815 - the contract's style


class KeptCompletion(Completion):
    """A completion as it is kept for a resend, with what `/v1` tells beside it.

    `usage` is what a language model's server counted, None where none was asked or it did not tell.
    """

    helpdeskId: str = ""  # noqa: N815 - as the request names it
    usage: Usage | None = None

    @property
    def reply(self) -> str:
        """What the bot says; nothing while a person holds the conversation."""
        return "" if self.messageId is None else self.messages[-1].content


def completion_of(sent: Sequence[Line], reply: Reply, closed: ClosedTurn, helpdesk_id: str) -> KeptCompletion:
    """What the caller receives for this reply."""
    return KeptCompletion(
        messages=[*_echo(sent), WireMessage(role="AGENT", content=reply.text)],
        handoverToHumanNeeded=reply.decision.move is Move.HANDOVER,
        sectionsRetrieved=[_shown(section) for section in reply.sections],
        decision=reply.decision.move,
        handoverReason=reply.decision.reason if reply.decision.move is Move.HANDOVER else None,
        clarifications=closed.clarifications,
        citations=sorted(reply.cited),
        conversationId=closed.conversation_id,
        messageId=closed.message_id,
        helpdeskId=helpdesk_id,
        usage=reply.usage,
    )


def held_completion(sent: Sequence[Line], closed: ClosedTurn, helpdesk_id: str) -> KeptCompletion:
    """What the caller receives while a person holds the conversation: no reply of the bot."""
    return KeptCompletion(
        messages=_echo(sent),
        handoverToHumanNeeded=True,
        sectionsRetrieved=[],
        decision=Move.HANDOVER,
        handoverReason=Reason.HELD_BY_PERSON,
        clarifications=closed.clarifications,
        citations=[],
        conversationId=closed.conversation_id,
        messageId=None,
        helpdeskId=helpdesk_id,
    )


def _echo(sent: Sequence[Line]) -> list[WireMessage]:
    return [WireMessage(role=line.role, content=line.content) for line in sent]


def _shown(section: FoundSection) -> ShownSectionOut:
    content = section.content if section.heading is None else f"{section.heading}\n{section.content}".strip()
    return ShownSectionOut(score=round(section.score, 4), content=content, type=section.tier)

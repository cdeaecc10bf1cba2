"""Reading conversations: pages of them, one with its messages, and what each turn decided on which sections."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.conversations.models import Conversation, Message, ShownSection, Turn
from ouvidor.errors import NotFound


class ConversationSummary(BaseModel):
    """A conversation without its messages."""

    id: UUID
    helpdesk_id: str
    status: Literal["bot", "waiting", "person", "closed"]
    episode: int
    clarifications: int
    messages: int
    created_at: datetime
    last_message_at: datetime


class ConversationPage(BaseModel):
    """One page of conversations."""

    object: Literal["list"] = "list"
    data: list[ConversationSummary]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool


class MessageOut(BaseModel):
    """One message; `verified` is false for history that only a client told."""

    id: UUID
    position: int
    role: Literal["USER", "AGENT"]
    author: Literal["customer", "bot", "person"]
    content: str
    verified: bool
    turn_id: UUID | None
    created_at: datetime


class ConversationOut(ConversationSummary):
    """A conversation with its messages in order."""

    history: list[MessageOut]


class TurnSection(BaseModel):
    """A section as the turn saw it."""

    section_id: UUID | None
    heading: str | None
    content: str
    tier: Literal["N1", "N2"]
    score: float
    cited: bool


class TurnOut(BaseModel):
    """What was decided in a turn, why, and on which sections."""

    id: UUID
    state: Literal["running", "answered", "lost", "failed", "silent"]
    move: Literal["answer", "clarify", "handover"] | None
    reason: str | None
    language: str | None
    confidence: float | None
    gate: float | None
    clarifications: int | None
    episode: int
    model: str | None
    trimmed_messages: int
    started_at: datetime
    answered_at: datetime | None
    sections: list[TurnSection]


async def list_conversations(
    session: AsyncSession, project_id: UUID, *, after: UUID | None, limit: int, status: str | None
) -> ConversationPage:
    """A page of the project's conversations, those with the newest message first.

    Raises:
        NotFound: `after` is no conversation of this project.
    """
    query = select(Conversation).where(Conversation.project_id == project_id)
    if status is not None:
        query = query.where(Conversation.status == status)
    if after is not None:
        query = await _after(session, project_id, after, query)
    newest_first = query.order_by(Conversation.last_message_at.desc(), Conversation.id.desc()).limit(limit + 1)
    rows = (await session.execute(newest_first)).scalars().all()
    data = [_summary(row) for row in rows[:limit]]
    return ConversationPage(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(rows) > limit,
    )


async def read_conversation(session: AsyncSession, project_id: UUID, conversation_id: UUID) -> ConversationOut:
    """One conversation of the project with its messages.

    Raises:
        NotFound: the project has no such conversation.
    """
    conversation = await _own(session, project_id, conversation_id)
    query = select(Message).where(Message.conversation_id == conversation.id).order_by(Message.position)
    messages = (await session.execute(query)).scalars()
    history = [MessageOut.model_validate(message, from_attributes=True) for message in messages]
    return ConversationOut(**_summary(conversation).model_dump(), history=history)


async def read_turns(session: AsyncSession, project_id: UUID, conversation_id: UUID) -> list[TurnOut]:
    """The turns of one conversation of the project, in order.

    Raises:
        NotFound: the project has no such conversation.
    """
    conversation = await _own(session, project_id, conversation_id)
    turns = (
        await session.execute(select(Turn).where(Turn.conversation_id == conversation.id).order_by(Turn.number))
    ).scalars()
    shown: dict[UUID, list[TurnSection]] = {}
    query = (
        select(ShownSection)
        .join(Turn, Turn.id == ShownSection.turn_id)
        .where(Turn.conversation_id == conversation.id)
        .order_by(ShownSection.turn_id, ShownSection.rank)
    )
    for row in (await session.execute(query)).scalars():
        shown.setdefault(row.turn_id, []).append(TurnSection.model_validate(row, from_attributes=True))
    return [TurnOut.model_validate({**_columns(turn), "sections": shown.get(turn.id, [])}) for turn in turns]


async def _own(session: AsyncSession, project_id: UUID, conversation_id: UUID) -> Conversation:
    query = select(Conversation).where(Conversation.project_id == project_id, Conversation.id == conversation_id)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound("This project has no conversation with that id.")
    return found


async def _after(
    session: AsyncSession, project_id: UUID, after: UUID, query: Select[Conversation]
) -> Select[Conversation]:
    last = await _own(session, project_id, after)
    return query.where(tuple_(Conversation.last_message_at, Conversation.id) < tuple_(last.last_message_at, last.id))


def _summary(row: Conversation) -> ConversationSummary:
    return ConversationSummary.model_validate(row, from_attributes=True)


def _columns(turn: Turn) -> dict[str, object]:
    return {name: getattr(turn, name) for name in TurnOut.model_fields if name != "sections"}

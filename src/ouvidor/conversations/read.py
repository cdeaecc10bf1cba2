"""Reading conversations: pages of them, one with its messages, and what each turn decided on which sections."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Select, UnaryExpression, or_, select, tuple_, union
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.conversations.find import named_like, said_in
from ouvidor.conversations.models import Conversation, Message, ShownSection, Status, Turn
from ouvidor.errors import NotFound

Order = Literal["newest", "longest_waiting"]
WantedStatus = Literal["bot", "waiting", "person", "closed", "open"]


class UnknownConversation(NotFound):
    """This project has no conversation with that id."""


@dataclass(frozen=True)
class ConversationFilter:
    """What a list is narrowed to; None leaves a thing open.

    `status` "open" means waiting for a person or held by one. `q` is words of any message (as in a web search: quotes,
    `or`, `-`; letter case and accents do not count), or a helpdesk id or its beginning. `since` (inclusive) and `until`
    (exclusive) bound the newest message. In the order `longest_waiting` those who wait for nobody come last.
    """

    status: WantedStatus | None = None
    holder_id: UUID | None = None
    helpdesk_id: str | None = None
    customer_id: str | None = None
    unit: str | None = None
    origin: Literal["live", "imported"] | None = None
    q: str | None = None
    language: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    order: Order = "newest"


class ConversationSummary(BaseModel):
    """A conversation without its messages; one of `origin` "imported" was held elsewhere, under that helpdesk id.

    `waiting_since` is the moment from which the customer waits for a person's word; `holder_name` who answers them.
    """

    id: UUID
    helpdesk_id: str
    origin: Literal["live", "imported"]
    unit: str | None
    customer_id: str | None
    status: Literal["bot", "waiting", "person", "closed"]
    episode: int
    clarifications: int
    messages: int
    language: str | None
    holder_id: UUID | None
    holder_name: str | None
    waiting_since: datetime | None
    handover_reason: str | None
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
    """One message; `verified` is false for history that only a client told.

    The author `system` tells the customer that the conversation changed hands; `author_name` is the person's.
    """

    id: UUID
    position: int
    role: Literal["USER", "AGENT"]
    author: Literal["customer", "bot", "person", "system"]
    author_name: str | None
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


class FindingOut(BaseModel):
    """What was wrong with a withheld draft: the kind, and the words of the draft that it is about."""

    kind: str = Field(examples=["number"])
    what: str = Field(default="", examples=["45 %"])


class TurnOut(BaseModel):
    """What was decided in a turn, why, and on which sections.

    `prompt_label` names the prompt that the model read; `searched_for` is the question where it had to be completed
    from the conversation; `withheld` a draft that was not sent, because of `findings`; `degraded` the model's fault
    where the local rule answered in its place.
    """

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
    prompt_version: UUID | None
    prompt_label: str | None
    searched_for: str | None
    withheld: str | None
    findings: list[FindingOut]
    degraded: str | None
    trimmed_messages: int
    trimmed_sections: int
    started_at: datetime
    answered_at: datetime | None
    sections: list[TurnSection]


async def list_conversations(
    session: AsyncSession, project_id: UUID, wanted: ConversationFilter, *, after: UUID | None, limit: int
) -> ConversationPage:
    """A page of the project's conversations in the order wanted, from the one after `after`.

    Raises:
        UnknownConversation: `after` is no conversation of this project.
    """
    query = _wanted(select(Conversation).where(Conversation.project_id == project_id), wanted)
    if after is not None:
        query = _after(await own_conversation(session, project_id, after), query, wanted.order)
    q = (wanted.q or "").replace("\0", " ").strip()
    if q:
        query = _about(query, project_id, q, wanted.order, limit + 1)
    rows = (await session.execute(query.order_by(*_by(wanted.order)).limit(limit + 1))).scalars().all()
    data = [summary_of(row) for row in rows[:limit]]
    return ConversationPage(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(rows) > limit,
    )


async def read_conversation(session: AsyncSession, project_id: UUID, conversation_id: UUID) -> ConversationOut:
    """One conversation of the project with its messages.

    Raises:
        UnknownConversation: the project has no such conversation.
    """
    conversation = await own_conversation(session, project_id, conversation_id)
    query = select(Message).where(Message.conversation_id == conversation.id).order_by(Message.position)
    history = [message_out(message) for message in (await session.execute(query)).scalars()]
    return ConversationOut(**summary_of(conversation).model_dump(), history=history)


async def read_message(session: AsyncSession, project_id: UUID, conversation_id: UUID, message_id: UUID) -> MessageOut:
    """One message of a conversation of the project.

    Raises:
        UnknownConversation: there is none such, or no longer.
    """
    own = (Message.project_id == project_id, Message.conversation_id == conversation_id, Message.id == message_id)
    found = (await session.execute(select(Message).where(*own))).scalar_one_or_none()
    if found is None:
        raise UnknownConversation
    return message_out(found)


async def read_turns(session: AsyncSession, project_id: UUID, conversation_id: UUID) -> list[TurnOut]:
    """The turns of one conversation of the project, in order.

    Raises:
        UnknownConversation: the project has no such conversation.
    """
    conversation = await own_conversation(session, project_id, conversation_id)
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


async def own_conversation(session: AsyncSession, project_id: UUID, conversation_id: UUID) -> Conversation:
    """The project's conversation of this id.

    Raises:
        UnknownConversation: the project has no such conversation.
    """
    return await _one(session, _own(project_id, conversation_id))


async def lock_conversation(session: AsyncSession, project_id: UUID, conversation_id: UUID) -> Conversation:
    """The project's conversation of this id, locked until the transaction ends.

    Raises:
        UnknownConversation: the project has no such conversation.
    """
    return await _one(session, _own(project_id, conversation_id).with_for_update())


def summary_of(row: Conversation) -> ConversationSummary:
    """The conversation as it is now."""
    return ConversationSummary.model_validate(row, from_attributes=True)


def message_out(row: Message) -> MessageOut:
    """The message as clients read it."""
    return MessageOut.model_validate(row, from_attributes=True)


def _own(project_id: UUID, conversation_id: UUID) -> Select[Conversation]:
    return select(Conversation).where(Conversation.project_id == project_id, Conversation.id == conversation_id)


async def _one(session: AsyncSession, query: Select[Conversation]) -> Conversation:
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise UnknownConversation
    return found


def _wanted(query: Select[Conversation], wanted: ConversationFilter) -> Select[Conversation]:
    equal = (
        (Conversation.holder_id, wanted.holder_id),
        (Conversation.helpdesk_id, wanted.helpdesk_id),
        (Conversation.customer_id, wanted.customer_id),
        (Conversation.unit, wanted.unit),
        (Conversation.origin, wanted.origin),
        (Conversation.language, wanted.language),
        (Conversation.handover_reason, wanted.reason),
    )
    query = query.where(*(column == value for column, value in equal if value is not None))
    if wanted.holder_id is not None:
        query = query.where(Conversation.status == Status.PERSON)  # follows from the holder; finds the index
    if wanted.status is not None:
        named = (Status.WAITING, Status.PERSON) if wanted.status == "open" else (wanted.status,)
        query = query.where(Conversation.status.in_(named))
    if wanted.since is not None:
        query = query.where(Conversation.last_message_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Conversation.last_message_at < wanted.until)
    return query


def _about(query: Select[Conversation], project_id: UUID, q: str, order: Order, limit: int) -> Select[Conversation]:
    """Those of the query that are about `q`: the first by words and the first by helpdesk id.

    Each is limited by itself, so that PostgreSQL may choose: by the index of words where these are rare, and where they
    are common by going through the conversations in order until the page is full.
    """
    told = query.where(Conversation.id.in_(said_in(project_id, q)))
    named = query.where(named_like(q))
    first = (part.with_only_columns(Conversation.id).order_by(*_by(order)).limit(limit) for part in (told, named))
    return select(Conversation).where(Conversation.id.in_(union(*first)))


def _by(order: Order) -> tuple[UnaryExpression[Any], UnaryExpression[Any]]:
    if order == "longest_waiting":
        return Conversation.waiting_since.asc().nulls_last(), Conversation.id.asc()
    return Conversation.last_message_at.desc(), Conversation.id.desc()


def _after(last: Conversation, query: Select[Conversation], order: Order) -> Select[Conversation]:
    if order == "newest":
        newest = tuple_(Conversation.last_message_at, Conversation.id)
        return query.where(newest < tuple_(last.last_message_at, last.id))
    waits = Conversation.waiting_since
    if last.waiting_since is None:
        return query.where(waits.is_(None), Conversation.id > last.id)
    later = tuple_(waits, Conversation.id) > tuple_(last.waiting_since, last.id)
    return query.where(or_(waits.is_(None), later))


def _columns(turn: Turn) -> dict[str, object]:
    return {name: getattr(turn, name) for name in TurnOut.model_fields if name != "sections"}

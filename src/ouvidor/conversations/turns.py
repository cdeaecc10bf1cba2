"""The two transactions of a turn: open it with the customer's messages, close it with the reply."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.agent.answer import Reply
from ouvidor.agent.policy import Move
from ouvidor.conversations.history import Line, align, newest_that_fit
from ouvidor.conversations.models import (
    Author,
    Conversation,
    Message,
    ShownSection,
    Status,
    Turn,
    TurnState,
)
from ouvidor.db import new_id
from ouvidor.errors import Conflict

HISTORY_READ = 400
HISTORY_TOKENS = 6000


class NewerMessage(Conflict):
    """The customer wrote again while this was being answered; the newer message is answered with this one in view."""


class ConversationHeld(Conflict):
    """A person took the conversation over while this was being answered."""


class SentAgain(Conflict):
    """This request took so long that it was sent again; the later attempt answers it."""


@dataclass(frozen=True)
class Earlier:
    """A message before this turn; unverified ones are context for wording, never evidence."""

    line: Line
    verified: bool


@dataclass(frozen=True)
class OpenTurn:
    """A turn whose messages are stored and whose reply is not; `started_at` tells this attempt from a later one."""

    id: UUID
    started_at: datetime
    conversation_id: UUID
    question: str
    history: tuple[Earlier, ...]
    language: str | None
    clarifications: int
    held_by_person: bool


@dataclass(frozen=True)
class ClosedTurn:
    """What came of a turn. Where `lost` is set nothing was said to the customer."""

    turn_id: UUID
    conversation_id: UUID
    clarifications: int
    message_id: UUID | None = None
    lost: Conflict | None = None


async def open_turn(
    session: AsyncSession, project: Project, helpdesk_id: str, sent: Sequence[Line], now: datetime
) -> OpenTurn:
    """Store the customer's messages in the conversation of this helpdesk id, which is begun where it is new."""
    conversation = await _conversation(session, project, helpdesk_id, now)
    _begin_episode_if_due(conversation, project, now)
    stored = await _messages(session, conversation.id)
    alignment = align(
        [_line(message) for message in stored if message.verified],
        [_line(message) for message in stored if not message.verified],
        sent,
    )
    conversation.turns += 1
    turn = Turn(
        id=new_id(),
        project_id=project.id,
        conversation_id=conversation.id,
        number=conversation.turns,
        episode=conversation.episode,
        started_at=now,
    )
    session.add(turn)
    await session.flush()
    unverified = [_add(session, conversation, turn, line, now, verified=False) for line in alignment.unverified]
    for line in alignment.new:
        _add(session, conversation, turn, line, now, verified=True)
    conversation.newest_turn_id = turn.id
    conversation.last_message_at = now
    return _opened(conversation, turn, [*stored, *unverified], alignment.new)


async def reopen_turn(session: AsyncSession, project: Project, turn_id: UUID, now: datetime) -> OpenTurn:
    """Take up a turn whose first attempt stored its messages and then ended without a reply."""
    turn = (await session.execute(select(Turn).where(Turn.project_id == project.id, Turn.id == turn_id))).scalar_one()
    query = select(Conversation).where(Conversation.id == turn.conversation_id).with_for_update()
    conversation = (await session.execute(query)).scalar_one()
    messages = await _messages(session, conversation.id)
    own = [message for message in messages if message.turn_id == turn_id and message.verified]
    first = own[0].position if own else 0
    turn.state, turn.started_at = TurnState.RUNNING, now
    return _opened(
        conversation,
        turn,
        [message for message in messages if message.position < first],
        [_line(message) for message in own],
    )


async def close_turn(
    session: AsyncSession, project: Project, turn: OpenTurn, reply: Reply, now: datetime
) -> ClosedTurn:
    """Store the reply, unless a person or a newer message came first: then nothing is said."""
    query = select(Conversation).where(Conversation.id == turn.conversation_id).with_for_update()
    conversation = (await session.execute(query)).scalar_one()
    row = (await session.execute(select(Turn).where(Turn.project_id == project.id, Turn.id == turn.id))).scalar_one()
    if row.state != TurnState.RUNNING or row.started_at != turn.started_at:
        return ClosedTurn(turn.id, conversation.id, conversation.clarifications, lost=SentAgain())
    lost = _lost_race(conversation, turn)
    if lost is not None:
        row.state = TurnState.LOST
        return ClosedTurn(turn.id, conversation.id, conversation.clarifications, lost=lost)
    _move_on(conversation, reply.decision.move)
    conversation.language = reply.language
    conversation.last_message_at = now
    message = _add(session, conversation, row, Line("AGENT", reply.text), now, verified=True)
    row.state, row.answered_at = TurnState.ANSWERED, now
    row.move, row.reason = reply.decision.move, reply.decision.reason
    row.language, row.confidence, row.gate, row.model = reply.language, reply.confidence, reply.gate, reply.model
    row.clarifications = conversation.clarifications
    session.add_all(_shown(project, turn, reply))
    await session.flush()
    return ClosedTurn(turn.id, conversation.id, conversation.clarifications, message_id=message.id)


async def end_turn_unanswered(session: AsyncSession, turn: OpenTurn, state: TurnState) -> bool:
    """The attempt ends without a reply (failed, or silent because a person holds the conversation).

    Returns:
        Whether the turn was this attempt's to end; its messages stay in any case.
    """
    mine = (Turn.id == turn.id, Turn.started_at == turn.started_at, Turn.state == TurnState.RUNNING)
    ended = await session.execute(update(Turn).where(*mine).values(state=state).returning(Turn.id))
    return ended.scalar_one_or_none() is not None


async def _conversation(session: AsyncSession, project: Project, helpdesk_id: str, now: datetime) -> Conversation:
    """The conversation, locked until the transaction ends."""
    values = {"id": new_id(), "project_id": project.id, "helpdesk_id": helpdesk_id}
    begun = insert(Conversation).values(**values, created_at=now, last_message_at=now).on_conflict_do_nothing()
    await session.execute(begun)
    query = (
        select(Conversation)
        .where(Conversation.project_id == project.id, Conversation.helpdesk_id == helpdesk_id)
        .with_for_update()
    )
    return (await session.execute(query)).scalar_one()


def _begin_episode_if_due(conversation: Conversation, project: Project, now: datetime) -> None:
    """A closed or long silent conversation starts afresh: the count of clarifications goes back to nought."""
    if conversation.status == Status.PERSON:
        return
    silent = now - conversation.last_message_at >= timedelta(minutes=project.expiry_minutes)
    if silent or conversation.status == Status.CLOSED:
        conversation.episode += 1
        conversation.clarifications = 0
    if conversation.status == Status.CLOSED:
        conversation.status = Status.BOT


async def _messages(session: AsyncSession, conversation_id: UUID) -> list[Message]:
    newest = (
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.position.desc())
        .limit(HISTORY_READ)
    )
    return list(reversed((await session.execute(newest)).scalars().all()))


def _opened(conversation: Conversation, turn: Turn, before: Sequence[Message], new: Sequence[Line]) -> OpenTurn:
    kept = newest_that_fit([_line(message) for message in before], HISTORY_TOKENS)
    turn.trimmed_messages = len(before) - kept
    return OpenTurn(
        id=turn.id,
        started_at=turn.started_at,
        conversation_id=conversation.id,
        question="\n".join(line.content for line in new),
        history=tuple(Earlier(_line(message), message.verified) for message in before[len(before) - kept :]),
        language=conversation.language,
        clarifications=conversation.clarifications,
        held_by_person=conversation.status == Status.PERSON,
    )


def _add(
    session: AsyncSession, conversation: Conversation, turn: Turn, line: Line, now: datetime, *, verified: bool
) -> Message:
    conversation.messages += 1
    message = Message(
        id=new_id(),
        project_id=conversation.project_id,
        conversation_id=conversation.id,
        turn_id=turn.id,
        position=conversation.messages,
        role=line.role,
        author=Author.CUSTOMER if line.role == "USER" else Author.BOT,
        content=line.content,
        verified=verified,
        created_at=now,
    )
    session.add(message)
    return message


def _lost_race(conversation: Conversation, turn: OpenTurn) -> Conflict | None:
    if conversation.status == Status.PERSON:
        return ConversationHeld()
    if conversation.newest_turn_id != turn.id:
        return NewerMessage()
    return None


def _move_on(conversation: Conversation, move: Move) -> None:
    if move is Move.CLARIFY:
        conversation.clarifications += 1
    if move is Move.HANDOVER:
        conversation.status = Status.WAITING


def _shown(project: Project, turn: OpenTurn, reply: Reply) -> list[ShownSection]:
    return [
        ShownSection(
            turn_id=turn.id,
            rank=rank,
            project_id=project.id,
            section_id=section.id,
            heading=section.heading,
            content=section.content,
            tier=section.tier,
            score=section.score,
            cited=rank in reply.cited,
            tags=list(section.tags),
        )
        for rank, section in enumerate(reply.sections)
    ]


def _line(message: Message) -> Line:
    return Line("USER" if message.role == "USER" else "AGENT", message.content)

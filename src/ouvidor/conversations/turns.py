"""The two transactions of a turn: open it with the customer's messages, close it with the reply.

Each transaction locks the conversation before any row that hangs on it and before the resend mark, as an erasure does:
in one order nobody waits for somebody who waits for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.agent.answer import Reply, customer_language
from ouvidor.agent.given import Said
from ouvidor.agent.policy import Decision, Move
from ouvidor.conversations.history import Line, align, newest_that_fit
from ouvidor.conversations.models import (
    Author,
    Conversation,
    Message,
    Status,
    Turn,
    TurnState,
)
from ouvidor.conversations.speak import change_of, line_of, new_message, newest_messages
from ouvidor.conversations.turn_rows import (
    begin_conversation,
    lock_conversation,
    lock_turn,
    store_closed,
    store_opened,
)
from ouvidor.db import new_id
from ouvidor.errors import Conflict
from ouvidor.live import Change

HISTORY_TOKENS = 6000


class NewerMessage(Conflict):
    """The customer wrote again while this was being answered; the newer message is answered with this one in view."""


class ConversationHeld(Conflict):
    """A person took the conversation over, or closed it, while this was being answered."""


class ConversationErased(Conflict):
    """This conversation was erased while its message was being answered; the next message begins a new one."""


class SentAgain(Conflict):
    """This request took so long that it was sent again; the later attempt answers it."""


@dataclass(frozen=True)
class OpenTurn:
    """A turn whose messages are stored and whose reply is not; `started_at` tells this attempt from a later one."""

    id: UUID
    started_at: datetime
    conversation_id: UUID
    question: str
    history: tuple[Said, ...]
    language: str | None
    clarifications: int
    held_by_person: bool
    helpdesk_id: str


@dataclass(frozen=True)
class ClosedTurn:
    """What came of a turn. Where `lost` is set nothing was said to the customer."""

    turn_id: UUID
    conversation_id: UUID
    clarifications: int
    message_id: UUID | None = None
    lost: Conflict | None = None


async def hold_conversation(session: AsyncSession, project: Project, helpdesk_id: str) -> None:
    """Lock the conversation of this helpdesk id until the transaction ends, where there is one."""
    named = (Conversation.project_id == project.id, Conversation.helpdesk_id == helpdesk_id)
    await session.execute(select(Conversation.id).where(*named).with_for_update())


async def open_turn(
    session: AsyncSession,
    project: Project,
    helpdesk_id: str,
    sent: Sequence[Line],
    now: datetime,
    *,
    customer_id: str | None = None,
) -> OpenTurn:
    """Store the customer's messages in the conversation of this helpdesk id, which is begun where it is new.

    While a person holds it, the customer waits for that person's word from now on.
    """
    conversation = await _conversation(session, project, helpdesk_id, now)
    before = conversation.status
    _begin_episode_if_due(conversation, project, now)
    stored = await newest_messages(session, conversation.id) if conversation.messages else []
    alignment = align(
        [line_of(message) for message in stored if message.verified],
        [line_of(message) for message in stored if not message.verified],
        sent,
    )
    turn = _new_turn(conversation, now)
    unverified = [_said(conversation, turn.id, line, now, verified=False) for line in alignment.unverified]
    new = [_said(conversation, turn.id, line, now) for line in alignment.new]
    opened = _opened(conversation, turn, [*stored, *unverified], alignment.new)
    conversation.newest_turn_id, conversation.last_message_at = turn.id, now
    conversation.language = conversation.language or customer_language(project, opened.question, None)
    conversation.customer_id = customer_id or conversation.customer_id
    if opened.held_by_person:
        conversation.waiting_since = conversation.waiting_since or now
    changes = _changes(conversation, status_too=conversation.status != before)
    await store_opened(session, conversation, turn, [*unverified, *new], changes)
    return opened


async def reopen_turn(session: AsyncSession, project: Project, turn_id: UUID, now: datetime) -> OpenTurn:
    """Take up a turn whose first attempt stored its messages and then ended without a reply.

    Raises:
        ConversationErased: it went with its conversation.
    """
    locked = await lock_turn(session, project.id, turn_id)
    if locked is None:
        raise ConversationErased
    conversation = locked.conversation
    turn = (await session.execute(select(Turn).where(Turn.id == turn_id))).scalar_one()
    messages = await newest_messages(session, conversation.id)
    own = [message for message in messages if message.turn_id == turn_id and message.verified]
    first = own[0].position if own else 0
    turn.state, turn.started_at = TurnState.RUNNING, now
    return _opened(
        conversation,
        turn,
        [message for message in messages if message.position < first],
        [line_of(message) for message in own],
    )


async def close_turn(
    session: AsyncSession, project: Project, turn: OpenTurn, reply: Reply, now: datetime
) -> ClosedTurn:
    """Store the reply, unless a person or a newer message came first: then nothing is said.

    Raises:
        ConversationErased: there is nothing left to reply to.
    """
    locked = await lock_turn(session, project.id, turn.id)
    if locked is None:
        raise ConversationErased
    conversation = locked.conversation
    if locked.state != TurnState.RUNNING or locked.started_at != turn.started_at:
        return ClosedTurn(turn.id, conversation.id, conversation.clarifications, lost=SentAgain())
    lost = _lost_race(conversation, turn)
    if lost is not None:
        await session.execute(update(Turn).where(Turn.id == turn.id).values(state=TurnState.LOST))
        return ClosedTurn(turn.id, conversation.id, conversation.clarifications, lost=lost)
    message = _said(conversation, turn.id, Line("AGENT", reply.text), now)
    conversation.language, conversation.last_message_at = reply.language, now
    handed_over = _move_on(conversation, reply.decision, now)
    changes = _changes(conversation, status_too=handed_over)
    await store_closed(session, conversation, turn.id, reply, message, changes)
    return ClosedTurn(turn.id, conversation.id, conversation.clarifications, message_id=message.id)


async def end_turn_unanswered(session: AsyncSession, turn: OpenTurn, state: TurnState) -> bool:
    """The attempt ends without a reply (failed, or silent because a person holds the conversation).

    Returns:
        Whether the turn was this attempt's to end; its messages stay in any case.
    """
    await session.execute(select(Conversation.id).where(Conversation.id == turn.conversation_id).with_for_update())
    mine = (Turn.id == turn.id, Turn.started_at == turn.started_at, Turn.state == TurnState.RUNNING)
    ended = await session.execute(update(Turn).where(*mine).values(state=state).returning(Turn.id))
    return ended.scalar_one_or_none() is not None


async def _conversation(session: AsyncSession, project: Project, helpdesk_id: str, now: datetime) -> Conversation:
    """The conversation of this helpdesk id, locked until the transaction ends."""
    begun = await begin_conversation(session, project.id, helpdesk_id, now)
    found = begun or await lock_conversation(session, project.id, helpdesk_id)
    if found is None:
        raise ConversationErased
    return found


def _begin_episode_if_due(conversation: Conversation, project: Project, now: datetime) -> None:
    """A closed or long silent conversation starts afresh: the count of clarifications goes back to nought."""
    if conversation.status == Status.PERSON:
        return
    silent = now - conversation.last_message_at >= timedelta(minutes=project.expiry_minutes)
    if silent or conversation.status == Status.CLOSED:
        conversation.episode += 1
        conversation.clarifications = 0
    if conversation.status == Status.CLOSED:
        conversation.status, conversation.handover_reason = Status.BOT, None


def _new_turn(conversation: Conversation, now: datetime) -> Turn:
    conversation.turns += 1
    return Turn(
        id=new_id(),
        project_id=conversation.project_id,
        conversation_id=conversation.id,
        number=conversation.turns,
        episode=conversation.episode,
        started_at=now,
    )


def _opened(conversation: Conversation, turn: Turn, before: Sequence[Message], new: Sequence[Line]) -> OpenTurn:
    history = said_before(before)
    turn.trimmed_messages = sum(message.author != Author.SYSTEM for message in before) - len(history)
    return OpenTurn(
        id=turn.id,
        started_at=turn.started_at,
        conversation_id=conversation.id,
        question="\n".join(line.content for line in new),
        history=history,
        language=conversation.language,
        clarifications=conversation.clarifications,
        held_by_person=conversation.status == Status.PERSON,
        helpdesk_id=conversation.helpdesk_id,
    )


def said_before(messages: Sequence[Message]) -> tuple[Said, ...]:
    """What an engine may know of these messages: the newest that fit; notices are nobody's words and left out."""
    talk = [message for message in messages if message.author != Author.SYSTEM]
    kept = newest_that_fit([line_of(message) for message in talk], HISTORY_TOKENS)
    lines = ((line_of(message), message.verified) for message in talk[len(talk) - kept :])
    return tuple(Said(line.role, line.content, verified=verified) for line, verified in lines)


def _said(conversation: Conversation, turn_id: UUID, line: Line, now: datetime, *, verified: bool = True) -> Message:
    author = Author.CUSTOMER if line.role == "USER" else Author.BOT
    return new_message(conversation, line, author, now, turn_id=turn_id, verified=verified)


def _changes(conversation: Conversation, *, status_too: bool) -> list[Change]:
    told = [change_of(conversation, "message")]
    return [*told, change_of(conversation, "status")] if status_too else told


def _lost_race(conversation: Conversation, turn: OpenTurn) -> Conflict | None:
    """Why this turn must not speak. A person who took or closed the conversation left it without a newest turn."""
    if conversation.status == Status.PERSON or conversation.newest_turn_id is None:
        return ConversationHeld()
    if conversation.newest_turn_id != turn.id:
        return NewerMessage()
    return None


def _move_on(conversation: Conversation, decision: Decision, now: datetime) -> bool:
    """Count a clarification; put a hand-over into the queue. Whether it is one."""
    if decision.move is Move.CLARIFY:
        conversation.clarifications += 1
    if decision.move is not Move.HANDOVER:
        return False
    conversation.status, conversation.handover_reason = Status.WAITING, decision.reason
    conversation.waiting_since = conversation.waiting_since or now
    return True

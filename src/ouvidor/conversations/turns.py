"""The two transactions of a turn: open it with the customer's messages, close it with the reply.

Each transaction locks the conversation before any row that hangs on it and before the resend mark, as an erasure does:
in one order nobody waits for somebody who waits for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert
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
    ShownSection,
    Status,
    Turn,
    TurnState,
)
from ouvidor.conversations.speak import add_message, announce_change, line_of, newest_messages
from ouvidor.db import new_id
from ouvidor.errors import Conflict

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
    await session.execute(_named(project, helpdesk_id).with_only_columns(Conversation.id))


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
    stored = await newest_messages(session, conversation.id)
    alignment = align(
        [line_of(message) for message in stored if message.verified],
        [line_of(message) for message in stored if not message.verified],
        sent,
    )
    turn = _new_turn(conversation, now)
    session.add(turn)
    await session.flush()
    unverified = [_add(session, conversation, turn, line, now, verified=False) for line in alignment.unverified]
    for line in alignment.new:
        _add(session, conversation, turn, line, now, verified=True)
    opened = _opened(conversation, turn, [*stored, *unverified], alignment.new)
    conversation.newest_turn_id, conversation.last_message_at = turn.id, now
    conversation.language = conversation.language or customer_language(project, opened.question, None)
    conversation.customer_id = customer_id or conversation.customer_id
    if opened.held_by_person:
        conversation.waiting_since = conversation.waiting_since or now
    await announce_change(session, conversation, "message")
    if conversation.status != before:
        await announce_change(session, conversation, "status")
    return opened


async def reopen_turn(session: AsyncSession, project: Project, turn_id: UUID, now: datetime) -> OpenTurn:
    """Take up a turn whose first attempt stored its messages and then ended without a reply.

    Raises:
        ConversationErased: it went with its conversation.
    """
    query = select(Turn.conversation_id).where(Turn.project_id == project.id, Turn.id == turn_id)
    conversation = await _locked(session, (await session.execute(query)).scalar_one_or_none())
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
    conversation = await _locked(session, turn.conversation_id)
    row = (await session.execute(select(Turn).where(Turn.project_id == project.id, Turn.id == turn.id))).scalar_one()
    if row.state != TurnState.RUNNING or row.started_at != turn.started_at:
        return ClosedTurn(turn.id, conversation.id, conversation.clarifications, lost=SentAgain())
    lost = _lost_race(conversation, turn)
    if lost is not None:
        row.state = TurnState.LOST
        return ClosedTurn(turn.id, conversation.id, conversation.clarifications, lost=lost)
    message = _add(session, conversation, row, Line("AGENT", reply.text), now, verified=True)
    conversation.language, conversation.last_message_at = reply.language, now
    handed_over = _move_on(conversation, reply.decision, now)
    _note_reply(row, reply, conversation.clarifications, now)
    session.add_all(_shown(project, turn, reply))
    await announce_change(session, conversation, "message")
    if handed_over:
        await announce_change(session, conversation, "status")
    await session.flush()
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
    values = {"id": new_id(), "project_id": project.id, "helpdesk_id": helpdesk_id}
    begun = insert(Conversation).values(**values, created_at=now, last_message_at=now).on_conflict_do_nothing()
    await session.execute(begun)
    found = (await session.execute(_named(project, helpdesk_id))).scalar_one_or_none()
    if found is None:
        raise ConversationErased
    return found


def _named(project: Project, helpdesk_id: str) -> Select[Conversation]:
    own = (Conversation.project_id == project.id, Conversation.helpdesk_id == helpdesk_id)
    return select(Conversation).where(*own).with_for_update()


async def _locked(session: AsyncSession, conversation_id: UUID | None) -> Conversation:
    """The turn's conversation, locked until the transaction ends."""
    query = select(Conversation).where(Conversation.id == conversation_id).with_for_update()
    found = (await session.execute(query)).scalar_one_or_none()
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


def _add(
    session: AsyncSession, conversation: Conversation, turn: Turn, line: Line, now: datetime, *, verified: bool
) -> Message:
    author = Author.CUSTOMER if line.role == "USER" else Author.BOT
    return add_message(session, conversation, line, author, now, turn_id=turn.id, verified=verified)


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


def _note_reply(row: Turn, reply: Reply, clarifications: int, now: datetime) -> None:
    row.state, row.answered_at = TurnState.ANSWERED, now
    row.move, row.reason = reply.decision.move, reply.decision.reason
    row.language, row.confidence, row.gate, row.model = reply.language, reply.confidence, reply.gate, reply.model
    row.clarifications = clarifications
    row.prompt_version, row.prompt_label = reply.prompt_version, reply.prompt_label or None
    row.trimmed_messages += reply.messages_left_out
    row.trimmed_sections = reply.sections_left_out
    row.searched_for, row.withheld, row.degraded = reply.searched_for, reply.withheld, reply.degraded
    row.findings = [{"kind": finding.kind, "what": finding.what} for finding in reply.findings]


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

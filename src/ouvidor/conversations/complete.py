"""The main deed: a customer's messages in; an answer with its sources, a clarification or a hand-over out."""

import asyncio
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.idempotency import Marked, mark, note_answer, note_failure, note_subject
from ouvidor.accounts.models import Project
from ouvidor.agent.about import About, Tell, tell_nobody
from ouvidor.agent.answer import answer
from ouvidor.conversations.history import Line
from ouvidor.conversations.models import TurnState
from ouvidor.conversations.turns import (
    ClosedTurn,
    OpenTurn,
    close_turn,
    end_turn_unanswered,
    hold_conversation,
    open_turn,
    reopen_turn,
)
from ouvidor.conversations.wire import KeptCompletion, completion_of, held_completion
from ouvidor.runtime import Runtime

ROUTE = "POST /conversations/completions"


@dataclass(frozen=True)
class Ask:
    """What a caller wants answered; `body` is the request as sent, to tell a resend from another request.

    `customer_id` is who the customer is in the caller's system; its key counts
    for this `route`.
    """

    helpdesk_id: str
    messages: tuple[Line, ...]
    idempotency_key: str | None = None
    body: bytes = b""
    customer_id: str | None = None
    route: str = ROUTE


@dataclass(frozen=True)
class _Opened:
    """A turn that waits for its reply, and the mark of its request."""

    turn: OpenTurn
    marked: Marked | None


async def complete(rt: Runtime, project: Project, ask: Ask, tell: Tell = tell_nobody) -> KeptCompletion:
    """Answer, clarify or hand over, and store everything; `tell` hears how far the reply has come.

    Raises:
        NewerMessage, ConversationHeld: another message or a person came first (409); the customer's messages stay.
        ConversationErased: it was erased meanwhile (409); nothing stays.
        KeyReused, StillRunning: see `ouvidor.accounts.idempotency`.
    """
    opening = asyncio.create_task(_open(rt, project, ask))
    try:
        opened = await asyncio.shield(opening)
    except asyncio.CancelledError:
        await _give_up_when_open(rt, opening)
        raise
    if isinstance(opened, KeptCompletion):
        return opened
    try:
        return await _reply_and_close(rt, project, ask, opened, tell)
    except BaseException:
        await asyncio.shield(_give_up(rt, opened))
        raise


async def _open(rt: Runtime, project: Project, ask: Ask) -> _Opened | KeptCompletion:
    """The turn to answer, or what was answered before. Run in a task of its own: a commit is not cut in half."""
    async with rt.db.begin() as session:
        marked = await _mark(rt, session, project, ask)
        if marked is not None and marked.answer is not None:
            return KeptCompletion.model_validate(marked.answer)
        if marked is not None and marked.subject_id is not None:
            turn = await reopen_turn(session, project, marked.subject_id, rt.clock())
        else:
            turn = await open_turn(
                session, project, ask.helpdesk_id, ask.messages, rt.clock(), customer_id=ask.customer_id
            )
            if marked is not None:
                await note_subject(session, marked.id, turn.id)
    return _Opened(turn, marked)


async def _mark(rt: Runtime, session: AsyncSession, project: Project, ask: Ask) -> Marked | None:
    if ask.idempotency_key is None:
        return None
    await hold_conversation(session, project, ask.helpdesk_id)
    return await mark(session, project.id, ask.route, ask.idempotency_key, ask.body, rt.clock())


async def _reply_and_close(rt: Runtime, project: Project, ask: Ask, opened: _Opened, tell: Tell) -> KeptCompletion:
    turn, marked = opened.turn, opened.marked
    if turn.held_by_person:
        return await _say_nothing(rt, ask, turn, marked)
    reply = await answer(
        rt,
        project,
        turn.question,
        turn.history,
        language=turn.language,
        clarifications=turn.clarifications,
        about=About(turn.conversation_id, turn.id, tell),
    )
    async with rt.db.begin() as session:
        closed = await close_turn(session, project, turn, reply, rt.clock())
        completion = completion_of(ask.messages, reply, closed, turn.helpdesk_id)
        if marked is not None and closed.lost is None:
            await note_answer(session, marked.id, completion.model_dump(mode="json"))
    if closed.lost is not None:
        raise closed.lost
    return completion


async def _say_nothing(rt: Runtime, ask: Ask, turn: OpenTurn, marked: Marked | None) -> KeptCompletion:
    """A person holds the conversation: the message is stored for them, and the bot keeps silent."""
    closed = ClosedTurn(turn.id, turn.conversation_id, turn.clarifications)
    completion = held_completion(ask.messages, closed, turn.helpdesk_id)
    async with rt.db.begin() as session:
        await end_turn_unanswered(session, turn, TurnState.SILENT)
        if marked is not None:
            await note_answer(session, marked.id, completion.model_dump(mode="json"))
    return completion


async def _give_up_when_open(rt: Runtime, opening: asyncio.Task[_Opened | KeptCompletion]) -> None:
    await asyncio.wait({opening})
    if opening.exception() is None and isinstance(opened := opening.result(), _Opened):
        await _give_up(rt, opened)


async def _give_up(rt: Runtime, opened: _Opened) -> None:
    async with rt.db.begin() as session:
        ended = await end_turn_unanswered(session, opened.turn, TurnState.FAILED)
        if opened.marked is not None and ended:
            await note_failure(session, opened.marked.id)

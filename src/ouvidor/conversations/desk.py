"""What persons do with a conversation: take it over, answer, pass it on, give it back to the bot, close and reopen it.

Each deed is one short transaction that holds the conversation's row, so that of many who act at once one wins. Each
tells the customer, the audit log and all who look at the inbox; a reply is in the conversation and not in the log.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.access import Caller, MissingPermission
from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.idempotency import Marked, mark, note_answer, note_subject
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.accounts.presence import answering_members, note_presence
from ouvidor.agent.phrases import Phrase
from ouvidor.conversations.history import Line
from ouvidor.conversations.models import Author, Conversation, Message, Origin, Status
from ouvidor.conversations.read import (
    ConversationSummary,
    MessageOut,
    lock_conversation,
    message_out,
    read_message,
    summary_of,
)
from ouvidor.conversations.speak import add_joined, add_message, add_notice, announce_change
from ouvidor.errors import Conflict, Unprocessable
from ouvidor.inputs import storable
from ouvidor.runtime import Runtime

LONGEST_REPLY = 20_000
REPLY_ROUTE = "POST /api/v1/conversations/{conversation_id}/reply"


class HeldByAnother(Conflict):
    """Another person is answering this conversation."""


class NotHeld(Conflict):
    """Nobody answers this conversation at the moment: take it over first."""


class ConversationClosed(Conflict):
    """This conversation is closed: reopen it first."""


class UnknownColleague(Unprocessable):
    """This project has no such member who may answer customers."""


class HeldElsewhere(Conflict):
    """This conversation was held elsewhere and imported: the customer would not read a reply from here."""


class NotClosed(Conflict):
    """This conversation is not closed: take it over instead."""


async def claim(rt: Runtime, caller: Caller, conversation_id: UUID, *, take_over: bool = False) -> ConversationSummary:
    """The caller answers this conversation from here on; the bot is silent. Whoever holds it already goes on.

    `take_over` takes it from another person.

    Raises:
        MissingPermission: `take_over` without `conversations:manage`.
        HeldByAnother: somebody was first; the sentence names them.
        ConversationClosed: it must be reopened.
        UnknownConversation: the project has none of that id.
    """
    if take_over and not caller.may(Permission.CONVERSATIONS_MANAGE):
        raise MissingPermission("Taking a conversation from somebody else needs conversations:manage.")
    now = rt.clock()
    async with rt.db.begin() as session:
        conversation = await lock_conversation(session, caller.project.id, conversation_id)
        if conversation.status == Status.CLOSED:
            raise ConversationClosed
        if conversation.holder_id == caller.id:
            return summary_of(conversation)
        action = "conversation.claimed"
        if conversation.holder_id is not None:
            if not take_over:
                raise _held(conversation)
            action = "conversation.taken_over"
        await _hold(session, caller.project, conversation, caller.actor, now)
        await _sign_of_life(session, caller, now)
        await _record(session, caller, conversation, action, now)
        return summary_of(conversation)


async def pass_on(rt: Runtime, caller: Caller, conversation_id: UUID, colleague_id: UUID) -> ConversationSummary:
    """The colleague answers this conversation from here on, whether they are there or not; the customer is told who.

    Raises:
        HeldByAnother, NotHeld: the caller does not hold it, and lacks `conversations:manage`.
        ConversationClosed: it must be reopened.
        UnknownColleague: no member of that id may answer customers here.
        UnknownConversation: the project has none of that id.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        conversation = await lock_conversation(session, caller.project.id, conversation_id)
        if conversation.status == Status.CLOSED or not caller.may(Permission.CONVERSATIONS_MANAGE):
            _must_hold(caller, conversation)
        members = await answering_members(session, caller.project.id, now)
        colleague = next((Actor("user", one.name, one.user_id) for one in members if one.user_id == colleague_id), None)
        if colleague is None:
            raise UnknownColleague
        if conversation.holder_id == colleague.id:
            return summary_of(conversation)
        await _hold(session, caller.project, conversation, colleague, now)
        await _sign_of_life(session, caller, now)
        await _record(session, caller, conversation, "conversation.passed_on", now, name=colleague.name)
        return summary_of(conversation)


async def reply(rt: Runtime, caller: Caller, conversation_id: UUID, text: str, *, key: str | None = None) -> MessageOut:
    """Say this to the customer as the one who holds the conversation; with the same `key` it is said once.

    Raises:
        Unprocessable: the text is empty, over 20,000 characters, or cannot be stored.
        HeldByAnother, NotHeld, ConversationClosed: the caller does not hold it.
        UnknownConversation: the project has none of that id.
        KeyReused: the key was sent before with another text.
    """
    words = _words(text)
    now = rt.clock()
    async with rt.db.begin() as session:
        conversation = await lock_conversation(session, caller.project.id, conversation_id)
        marked = await _mark(session, caller, conversation_id, words, key, now)
        if marked is not None and marked.subject_id is not None:
            return await read_message(session, caller.project.id, conversation_id, marked.subject_id)
        _must_hold(caller, conversation)
        said = add_message(session, conversation, Line("AGENT", words), Author.PERSON, now, person=caller.actor)
        conversation.last_message_at, conversation.waiting_since = now, None
        await _remember(session, marked, said)
        await _sign_of_life(session, caller, now)
        await announce_change(session, conversation, "message")
        return message_out(said)


async def release(rt: Runtime, caller: Caller, conversation_id: UUID) -> ConversationSummary:
    """Give the conversation back to the bot, which begins a new episode with no clarification asked.

    Raises:
        HeldByAnother: somebody else holds it, and the caller lacks `conversations:manage`.
        NotHeld, ConversationClosed: nobody holds it.
        UnknownConversation: the project has none of that id.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        conversation = await lock_conversation(session, caller.project.id, conversation_id)
        if not (conversation.holder_id and caller.may(Permission.CONVERSATIONS_MANAGE)):
            _must_hold(caller, conversation)
        conversation.status = Status.BOT
        _let_go(conversation)
        _begin_episode(conversation)
        add_notice(session, caller.project, conversation, Phrase.RETURNED, now)
        await _record(session, caller, conversation, "conversation.released", now)
        return summary_of(conversation)


async def close(rt: Runtime, caller: Caller, conversation_id: UUID) -> ConversationSummary:
    """End the conversation; the customer's next message begins a new episode. What is closed stays so.

    Raises:
        HeldByAnother: somebody else holds it, and the caller lacks `conversations:manage`.
        UnknownConversation: the project has none of that id.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        conversation = await lock_conversation(session, caller.project.id, conversation_id)
        if conversation.status == Status.CLOSED:
            return summary_of(conversation)
        theirs = conversation.holder_id not in {None, caller.id}
        if theirs and not caller.may(Permission.CONVERSATIONS_MANAGE):
            raise _held(conversation)
        conversation.status = Status.CLOSED
        _let_go(conversation)
        add_notice(session, caller.project, conversation, Phrase.CLOSED, now)
        await _record(session, caller, conversation, "conversation.closed", now)
        return summary_of(conversation)


async def reopen(rt: Runtime, caller: Caller, conversation_id: UUID) -> ConversationSummary:
    """Take up a closed conversation as a new episode with no clarification asked; the caller holds it.

    Raises:
        NotClosed: it is open, and not held by the caller.
        HeldElsewhere: it was imported.
        UnknownConversation: the project has none of that id.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        conversation = await lock_conversation(session, caller.project.id, conversation_id)
        if conversation.holder_id == caller.id:
            return summary_of(conversation)
        if conversation.status != Status.CLOSED:
            raise NotClosed
        if conversation.origin == Origin.IMPORTED:
            raise HeldElsewhere
        _begin_episode(conversation)
        await _hold(session, caller.project, conversation, caller.actor, now)
        await _sign_of_life(session, caller, now)
        await _record(session, caller, conversation, "conversation.reopened", now)
        return summary_of(conversation)


def _must_hold(caller: Caller, conversation: Conversation) -> None:
    if conversation.holder_id == caller.id:
        return
    if conversation.status == Status.CLOSED:
        raise ConversationClosed
    raise NotHeld if conversation.holder_id is None else _held(conversation)


def _held(conversation: Conversation) -> HeldByAnother:
    return HeldByAnother(f"{conversation.holder_name} is answering this conversation.")


async def _hold(
    session: AsyncSession, project: Project, conversation: Conversation, holder: Actor, now: datetime
) -> None:
    """They hold it; no turn that began before may speak any more, even if the bot has it back by then."""
    if conversation.waiting_since is None:
        conversation.waiting_since = await _unanswered_since(session, conversation)
    conversation.status, conversation.newest_turn_id = Status.PERSON, None
    conversation.holder_id, conversation.holder_name = holder.id, holder.name
    add_joined(session, project, conversation, holder.name, now)


async def _unanswered_since(session: AsyncSession, conversation: Conversation) -> datetime | None:
    """When the last word of the conversation was said, where it is the customer's: the bot now leaves it unanswered."""
    of_it = select(Message.author, Message.created_at).where(Message.conversation_id == conversation.id)
    last = (await session.execute(of_it.order_by(Message.position.desc()).limit(1))).one_or_none()
    return last.created_at if last is not None and last.author == Author.CUSTOMER else None


def _let_go(conversation: Conversation) -> None:
    conversation.holder_id = conversation.holder_name = conversation.waiting_since = None
    conversation.newest_turn_id = None


def _begin_episode(conversation: Conversation) -> None:
    conversation.episode += 1
    conversation.clarifications = 0
    conversation.handover_reason = None


async def _record(
    session: AsyncSession, caller: Caller, conversation: Conversation, action: str, now: datetime, **details: str
) -> None:
    subject = Subject("conversation", conversation.id)
    await note(session, caller.actor, action, at=now, project_id=caller.project.id, subject=subject, **details)
    await announce_change(session, conversation, "message")
    await announce_change(session, conversation, "status")


async def _sign_of_life(session: AsyncSession, caller: Caller, now: datetime) -> None:
    if caller.actor.kind == "user":
        await note_presence(session, caller.project.id, caller.id, now)


async def _mark(
    session: AsyncSession, caller: Caller, conversation_id: UUID, words: str, key: str | None, now: datetime
) -> Marked | None:
    if key is None:
        return None
    body = f"{caller.id}\n{conversation_id}\n{words}".encode()
    return await mark(session, caller.project.id, REPLY_ROUTE, key, body, now)


async def _remember(session: AsyncSession, marked: Marked | None, said: Message) -> None:
    """Which message a resend gets: its id alone, so that erasing the conversation erases the words."""
    if marked is None:
        return
    await note_subject(session, marked.id, said.id)
    await note_answer(session, marked.id, {"message_id": str(said.id)})


def _words(text: str) -> str:
    words = text.replace("\r\n", "\n").strip()
    if not 1 <= len(words) <= LONGEST_REPLY:
        raise Unprocessable(f"A reply has 1 to {LONGEST_REPLY:,} characters.")
    try:
        return storable(words)
    except ValueError as error:
        raise Unprocessable(str(error)) from error

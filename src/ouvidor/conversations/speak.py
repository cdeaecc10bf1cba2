"""Messages as they are added to a conversation that is locked: by the customer, the bot, a person, or as a notice."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project
from ouvidor.agent.phrases import Phrase, joined, phrase
from ouvidor.conversations.history import Line
from ouvidor.conversations.models import Author, Conversation, Message
from ouvidor.db import new_id
from ouvidor.live import Change, announce
from ouvidor.text import Language

HISTORY_READ = 400


def add_message(
    session: AsyncSession,
    conversation: Conversation,
    line: Line,
    author: Author,
    now: datetime,
    *,
    turn_id: UUID | None = None,
    person: Actor | None = None,
    verified: bool = True,
) -> Message:
    """Append a message; the caller holds the conversation's lock, so that positions stay unique."""
    message = new_message(conversation, line, author, now, turn_id=turn_id, person=person, verified=verified)
    session.add(message)
    return message


def new_message(
    conversation: Conversation,
    line: Line,
    author: Author,
    now: datetime,
    *,
    turn_id: UUID | None = None,
    person: Actor | None = None,
    verified: bool = True,
) -> Message:
    """The conversation's next message, which no session knows yet."""
    conversation.messages += 1
    return Message(
        id=new_id(),
        project_id=conversation.project_id,
        conversation_id=conversation.id,
        turn_id=turn_id,
        position=conversation.messages,
        role=line.role,
        author=author,
        author_id=person.id if person else None,
        author_name=person.name if person else None,
        content=line.content,
        verified=verified,
        created_at=now,
    )


def add_notice(
    session: AsyncSession, project: Project, conversation: Conversation, said: Phrase, now: datetime
) -> None:
    """Tell the customer, in their language, that the conversation changed hands."""
    words = phrase(project.phrases, said, spoken_language(project, conversation))
    _add_notice(session, conversation, words, now)


def add_joined(session: AsyncSession, project: Project, conversation: Conversation, name: str, now: datetime) -> None:
    """Tell the customer who answers them from here on."""
    _add_notice(session, conversation, joined(project.phrases, name, spoken_language(project, conversation)), now)


def spoken_language(project: Project, conversation: Conversation) -> Language:
    """The language of the conversation, else the project's first."""
    return "en" if (conversation.language or project.languages[0]) == "en" else "pt"


async def announce_change(
    session: AsyncSession, conversation: Conversation, kind: Literal["message", "status"]
) -> None:
    """Tell all who look at the project what the conversation is like when this transaction commits."""
    await announce(session, conversation.project_id, change_of(conversation, kind))


def change_of(conversation: Conversation, kind: Literal["message", "status"]) -> Change:
    """What there is to tell of the conversation as it is now."""
    return Change(
        kind=kind,
        conversation_id=conversation.id,
        status=conversation.status,
        holder_id=conversation.holder_id,
        messages=conversation.messages,
    )


async def newest_messages(session: AsyncSession, conversation_id: UUID) -> list[Message]:
    """The last 400 messages in order: what a turn or a suggestion may know of."""
    newest = (
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.position.desc())
        .limit(HISTORY_READ)
    )
    return list(reversed((await session.execute(newest)).scalars().all()))


def line_of(message: Message) -> Line:
    """The message as client and engine know it."""
    return Line("USER" if message.role == "USER" else "AGENT", message.content)


def _add_notice(session: AsyncSession, conversation: Conversation, words: str, now: datetime) -> None:
    add_message(session, conversation, Line("AGENT", words), Author.SYSTEM, now)
    conversation.last_message_at = now

"""A conversation as a timeline: turns, and between them what persons wrote and what the customer was told."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.conversations.models import Author, Conversation, Message, Origin
from ouvidor.web.contexts.talk import (
    ConversationStatus,
    ConversationView,
    NoticeView,
    PersonView,
    SaidView,
    TalkView,
    TurnView,
)
from ouvidor.web.turns import selected_turn, turn_views, window_of_turns

MOST_BETWEEN = 300
"""How many messages of persons and notices are shown round one window of turns, the newest first."""

STATUSES: tuple[ConversationStatus, ...] = ("bot", "waiting", "person", "closed")


async def conversation_of(
    session: AsyncSession, project: Project, *, helpdesk: str | None = None, conversation_id: UUID | None = None
) -> Conversation | None:
    """The project's conversation of this helpdesk id that is held here, or any of this id of ours."""
    query = select(Conversation).where(Conversation.project_id == project.id)
    if helpdesk is None:
        query = query.where(Conversation.id == conversation_id)
    else:
        query = query.where(Conversation.helpdesk_id == helpdesk, Conversation.origin == Origin.LIVE)
    return (await session.execute(query)).scalar_one_or_none()


async def read_timeline(
    session: AsyncSession,
    project: Project,
    conversation: Conversation | None,
    here: str,
    *,
    wanted: int = 0,
    source: int = 0,
    message_id: UUID | None = None,
) -> TalkView:
    """The conversation at the page's address; selected is turn `wanted`, else that of the message, else the newest."""
    if conversation is None:
        return TalkView(here)
    rows = await window_of_turns(session, conversation, wanted)
    views = await turn_views(session, project, rows)
    first = rows[0].number if rows else 1
    following = rows[-1].number + 1 if rows else 1
    later = conversation.turns if following <= conversation.turns else 0
    between = await _between(session, conversation, views if first > 1 else (), views if later else ())
    return TalkView(
        here=here,
        head=head_of(project, conversation),
        items=tuple(sorted((*views, *between), key=lambda item: item.position)),
        left_out=max(0, conversation.messages - len(between)) if conversation.origin == Origin.IMPORTED else 0,
        selected=await selected_turn(session, rows, views, wanted, message_id),
        last=conversation.turns,
        earlier=first - 1,
        later=later,
        opened=wanted > 0,
        source=source,
    )


async def _between(
    session: AsyncSession, conversation: Conversation, from_first: Sequence[TurnView], to_last: Sequence[TurnView]
) -> list[PersonView | NoticeView | SaidView]:
    """What persons and notices said; where turns are given, not before their first or after their last message.

    An imported conversation has no turns: everything in it stands between them.
    """
    own = (Message.project_id == conversation.project_id, Message.conversation_id == conversation.id)
    query = select(Message).where(*own)
    if conversation.origin == Origin.LIVE:
        query = query.where(Message.author.in_((Author.PERSON, Author.SYSTEM)))
    if from_first:
        query = query.where(Message.position >= from_first[0].position)
    if to_last:
        query = query.where(Message.position <= to_last[-1].position)
    newest = (await session.execute(query.order_by(Message.position.desc()).limit(MOST_BETWEEN))).scalars()
    return [_word(message) for message in newest]


def _word(message: Message) -> PersonView | NoticeView | SaidView:
    if message.author in {Author.CUSTOMER, Author.BOT}:
        customer = message.author == Author.CUSTOMER
        return SaidView(message.position, message.created_at, message.content, customer=customer)
    if message.author == Author.PERSON:
        return PersonView(message.position, message.created_at, message.author_name or "", message.content)
    return NoticeView(message.position, message.created_at, message.content)


def head_of(project: Project, row: Conversation) -> ConversationView:
    """The facts of a conversation beside its messages."""
    return ConversationView(
        id=str(row.id),
        helpdesk_id=row.helpdesk_id,
        imported=row.origin == Origin.IMPORTED,
        unit=row.unit or "",
        customer_id=row.customer_id or "",
        status=next(status for status in STATUSES if status == row.status),
        episode=row.episode,
        clarifications=row.clarifications,
        cap=project.max_clarifications,
        messages=row.messages,
        language=row.language or "",
        holder_id=str(row.holder_id or ""),
        holder=row.holder_name or "",
        waiting_since=row.waiting_since,
        reason=row.handover_reason or "",
        created_at=row.created_at,
        last_message_at=row.last_message_at,
    )

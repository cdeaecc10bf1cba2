"""Conversations as rows of a list: what `list_conversations` tells, with the customer's last words."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.conversations.models import Author, Conversation, Message
from ouvidor.conversations.read import ConversationSummary
from ouvidor.web.contexts.conversations import ConversationRow

WORDS_LENGTH = 160


async def conversation_rows(
    session: AsyncSession,
    project: Project,
    found: Sequence[ConversationSummary],
    *,
    reader: UUID | None,
    address: Callable[[UUID], str],
) -> tuple[ConversationRow, ...]:
    """The rows of these conversations of the project, in their order, each at its address."""
    words = await last_words(session, project, [summary.id for summary in found])
    return tuple(
        ConversationRow(
            id=str(summary.id),
            address=address(summary.id),
            helpdesk_id=summary.helpdesk_id,
            imported=summary.origin == "imported",
            unit=summary.unit or "",
            customer_id=summary.customer_id or "",
            status=summary.status,
            holder=summary.holder_name or "",
            mine=reader is not None and summary.holder_id == reader,
            words=words.get(summary.id, ""),
            reason=summary.handover_reason or "",
            language=summary.language or "",
            messages=summary.messages,
            waiting_since=summary.waiting_since,
            last_message_at=summary.last_message_at,
        )
        for summary in found
    )


async def last_words(session: AsyncSession, project: Project, conversations: Sequence[UUID]) -> dict[UUID, str]:
    """How the customer's newest message begins, for those of these conversations in which they said something."""
    newest = (
        select(func.left(Message.content, WORDS_LENGTH))
        .where(
            Message.conversation_id == Conversation.id,
            Message.author == Author.CUSTOMER,
            Message.verified,
        )
        .order_by(Message.position.desc())
        .limit(1)
        .correlate(Conversation)
        .scalar_subquery()
    )
    own = (Conversation.project_id == project.id, Conversation.id.in_(conversations))
    rows = await session.execute(select(Conversation.id, newest.label("words")).where(*own))
    return {row.id: row.words for row in rows if row.words}

"""How much there is to do in the inbox."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.conversations.models import Conversation, Status


@dataclass(frozen=True)
class InboxCounts:
    """Conversations that `waiting` customers have with nobody, that are `mine`, and that are in persons' hands at all.

    `open` are those waiting or held by anybody.
    """

    waiting: int
    mine: int
    open: int


async def inbox_counts(session: AsyncSession, project_id: UUID, caller_id: UUID) -> InboxCounts:
    """The counts of a project's inbox as this user or key sees it."""
    in_hand = (Status.WAITING, Status.PERSON)
    query = select(
        func.count().filter(Conversation.status == Status.WAITING).label("waiting"),
        func.count().filter(Conversation.holder_id == caller_id).label("mine"),
        func.count().label("open"),
    ).where(Conversation.project_id == project_id, Conversation.status.in_(in_hand))
    row = (await session.execute(query)).one()
    return InboxCounts(waiting=row.waiting, mine=row.mine, open=row.open)

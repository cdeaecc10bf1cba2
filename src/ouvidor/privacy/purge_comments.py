"""What goes when comments go: every row of ours that holds a word of them or names them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import IdempotencyKey
from ouvidor.feedback.llm.task import COMMENTS
from ouvidor.feedback.models import Comment, CommentItem, CommentUpload
from ouvidor.monitoring.models import EngineCall
from ouvidor.privacy.counts import ErasedCounts

CHUNK = 1_000
ROUTES = ("POST /api/comentarios%", "POST /api/v1/comments%")

WAITING = text("""
with gone as (
    delete from comment_item where project_id = :project and author = :author and comment_id is null
    returning job_id, state
)
update comment_job job set total = job.total - counts.items, failed = job.failed - counts.failed
from (
    select job_id, count(*) as items, count(*) filter (where state = 'failed') as failed from gone group by job_id
) as counts
where job.id = counts.job_id
""")
"""What is yet to be stored; whoever is judging one of them finds its lease gone and stores nothing."""


def written_by(project_id: UUID, author: str) -> ColumnElement[bool]:
    """The comments of the project that name this author."""
    return and_(Comment.project_id == project_id, Comment.author == author)


def received_before(project_id: UUID, moment: datetime) -> ColumnElement[bool]:
    """The comments of the project that came before the moment."""
    return and_(Comment.project_id == project_id, Comment.received_at < moment)


async def count_written_by(session: AsyncSession, project_id: UUID, author: str) -> int:
    """How many comments of this author the project keeps, those that wait to be classified included."""
    waiting = (CommentItem.project_id == project_id, CommentItem.author == author, CommentItem.comment_id.is_(None))
    stored = select(func.count()).select_from(Comment).where(written_by(project_id, author))
    items = select(func.count()).select_from(CommentItem).where(*waiting)
    return (await session.scalar(stored) or 0) + (await session.scalar(items) or 0)


async def drop_waiting(session: AsyncSession, project_id: UUID, author: str) -> None:
    """Take what this author wrote off the lists of what is to be classified."""
    await session.execute(WAITING, {"project": project_id, "author": author})


async def purge_comments(session: AsyncSession, project_id: UUID, chosen: ColumnElement[bool]) -> ErasedCounts:
    """Delete at most CHUNK of the chosen comments with vectors, history and every copy of their words."""
    locked = select(Comment.id).where(chosen).order_by(Comment.external_id).limit(CHUNK).with_for_update()
    ids = list((await session.execute(locked)).scalars())
    if not ids:
        return ErasedCounts()
    await session.execute(delete(CommentItem).where(CommentItem.comment_id.in_(ids)))
    await session.execute(delete(Comment).where(Comment.id.in_(ids)))
    await _drop_copies(session, project_id)
    return ErasedCounts(comments=len(ids))


async def _drop_copies(session: AsyncSession, project_id: UUID) -> None:
    """Many comments stand in one call, one stored answer, one file that waits to be read: all of these go."""
    calls = (EngineCall.project_id == project_id, EngineCall.task == COMMENTS)
    await session.execute(update(EngineCall).where(*calls).values(prompt=None, answer=None))
    for route in ROUTES:
        own = (IdempotencyKey.project_id == project_id, IdempotencyKey.route.like(route))
        await session.execute(delete(IdempotencyKey).where(*own))
    await session.execute(delete(CommentUpload).where(CommentUpload.project_id == project_id))

"""Retention: what is older than its project keeps it, silent conversations and comments, is erased at night."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import SYSTEM
from ouvidor.accounts.models import Project
from ouvidor.conversations.models import Conversation, Status
from ouvidor.jobs import enqueue
from ouvidor.privacy.counts import ErasedCounts
from ouvidor.privacy.erase import finish, put_in_queue
from ouvidor.privacy.models import Erasure
from ouvidor.privacy.purge import CHUNK, purge
from ouvidor.privacy.purge_comments import purge_comments, received_before
from ouvidor.runtime import Runtime

RETENTION_JOB = "privacy.retain"
KEPT_WHATEVER_THEIR_AGE = (Status.WAITING, Status.PERSON)


async def begin_night(rt: Runtime) -> None:
    """Put a job into the queue for each project that keeps conversations for a time, and failed erasures once more."""
    async with rt.db.begin() as session:
        query = select(Project.id).where(Project.retention_days.is_not(None))
        for project_id in (await session.execute(query)).scalars().all():
            await enqueue(session, rt.jobs, RETENTION_JOB, project=str(project_id))
        failed = select(Erasure.project_id, Erasure.id).where(Erasure.state == "failed")
        for row in (await session.execute(failed)).all():
            await put_in_queue(session, rt, row.project_id, row.id)


async def erase_silent(rt: Runtime, project_id: UUID) -> UUID | None:
    """Erase conversations whose last message is older than the project's retention, and comments that came before that.

    Conversations that wait for a person or are held by one stay. Some at a time: may be cut short and begun again.

    Returns:
        The id of the receipt; None where there was nothing to erase.
    """
    while True:
        async with rt.db.begin() as session:
            ids = await _silent(session, project_id, rt.clock())
            comments = await _old_comments(session, project_id, rt.clock())
            receipt = await _receipt(session, project_id)
            if receipt is None and (ids or comments.comments):
                receipt = _begun(project_id, rt.clock())
                session.add(receipt)
            if receipt is None:
                return None
            before = ErasedCounts.model_validate(receipt.counts or {})
            receipt.counts = before.plus(await purge(session, project_id, ids)).plus(comments).model_dump()
            await session.flush()
            if not ids and not comments.comments:
                await finish(session, receipt, rt.clock())
                return receipt.id


async def _silent(session: AsyncSession, project_id: UUID, now: datetime) -> list[UUID]:
    """The next conversations that are due, locked; what others have locked is busy and waits for another night."""
    days = await session.scalar(select(Project.retention_days).where(Project.id == project_id))
    if days is None:
        return []
    query = (
        select(Conversation.id)
        .where(
            Conversation.project_id == project_id,
            Conversation.last_message_at < now - timedelta(days=days),
            Conversation.status.not_in(KEPT_WHATEVER_THEIR_AGE),
        )
        .order_by(Conversation.last_message_at, Conversation.id)
        .limit(CHUNK)
        .with_for_update(skip_locked=True)
    )
    return list((await session.execute(query)).scalars())


async def _old_comments(session: AsyncSession, project_id: UUID, now: datetime) -> ErasedCounts:
    """Erase the next comments that are due."""
    days = await session.scalar(select(Project.retention_days).where(Project.id == project_id))
    if days is None:
        return ErasedCounts()
    return await purge_comments(session, project_id, received_before(project_id, now - timedelta(days=days)))


async def _receipt(session: AsyncSession, project_id: UUID) -> Erasure | None:
    """The receipt of a run that has begun and is not done: this one's, or one that was cut short."""
    mine = (Erasure.project_id == project_id, Erasure.kind == "retention", Erasure.state == "running")
    query = select(Erasure).where(*mine).order_by(Erasure.id).limit(1).with_for_update()
    return (await session.execute(query)).scalar_one_or_none()


def _begun(project_id: UUID, now: datetime) -> Erasure:
    return Erasure(project_id=project_id, kind="retention", state="running", requested_by=SYSTEM.name, requested_at=now)

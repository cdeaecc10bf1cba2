"""Erasing one conversation, or everything of one customer: ordered at once, done by a job, told by a receipt."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.access import Caller
from ouvidor.accounts.audit import SYSTEM, Subject, note
from ouvidor.conversations.models import Conversation
from ouvidor.jobs import enqueue
from ouvidor.privacy.counts import ErasedCounts
from ouvidor.privacy.models import DataExport, Erasure
from ouvidor.privacy.purge import CHUNK, purge
from ouvidor.privacy.purge_comments import CHUNK as COMMENTS_AT_ONCE
from ouvidor.privacy.purge_comments import drop_waiting, purge_comments, written_by
from ouvidor.privacy.subjects import Kind, belongs_to, canonical, digest_of, kept_of
from ouvidor.runtime import Runtime

ERASE_JOB = "privacy.erase"


async def order_erasure(rt: Runtime, caller: Caller, kind: Kind, subject: str) -> UUID:
    """Order the erasure of a conversation (by its id) or of a customer (customer id, helpdesk id, author of comments).

    Where the same was ordered and is not done yet, that order is taken up again.

    Returns:
        The id of the receipt.

    Raises:
        NothingKept: the project keeps nothing of them.
    """
    subject, now = canonical(kind, subject), rt.clock()
    async with rt.db.begin() as session:
        order = await _unfinished(session, caller.project.id, kind, subject)
        if order is None:
            await kept_of(session, caller.project.id, kind, subject)
            order = Erasure(
                project_id=caller.project.id,
                kind=kind,
                subject=subject,
                subject_digest=digest_of(rt.secret, caller.project.id, kind, subject),
                requested_by=caller.name,
                requested_at=now,
            )
            session.add(order)
            await session.flush()
        if order.state == "failed":
            order.state = "pending"
        erasure_id = order.id
        await put_in_queue(session, rt, caller.project.id, erasure_id)
        about = Subject("erasure", erasure_id)
        await note(
            session,
            caller.actor,
            "privacy.erasure_requested",
            at=now,
            project_id=caller.project.id,
            subject=about,
            kind=kind,
        )
        return erasure_id


async def put_in_queue(session: AsyncSession, rt: Runtime, project_id: UUID, erasure_id: UUID) -> None:
    """Leave the erasure to the worker; a second job for it finds nothing to do."""
    await enqueue(session, rt.jobs, ERASE_JOB, project=str(project_id), erasure=str(erasure_id))


async def carry_out_erasure(rt: Runtime, project_id: UUID, erasure_id: UUID) -> None:
    """Do what was ordered, some conversations at a time: may be cut short and begun again at any point.

    Everything goes that is there when the receipt says done. A failure is noted on the receipt and raised.
    """
    try:
        while not await _erase_some(rt, project_id, erasure_id):
            pass
    except Exception:
        async with rt.db.begin() as session:
            mine = (Erasure.project_id == project_id, Erasure.id == erasure_id, Erasure.state != "done")
            await session.execute(update(Erasure).where(*mine).values(state="failed"))
        raise


async def finish(session: AsyncSession, erasure: Erasure, now: datetime) -> None:
    """The receipt says done and no longer whom it was about."""
    erasure.state, erasure.done_at, erasure.subject = "done", now, None
    await session.flush()
    await note(
        session,
        SYSTEM,
        "privacy.erased",
        at=now,
        project_id=erasure.project_id,
        subject=Subject("erasure", erasure.id),
        kind=erasure.kind,
        **erasure.counts,
    )


async def _unfinished(session: AsyncSession, project_id: UUID, kind: Kind, subject: str) -> Erasure | None:
    query = (
        select(Erasure)
        .where(
            Erasure.project_id == project_id,
            Erasure.kind == kind,
            Erasure.subject == subject,
            Erasure.state != "done",
        )
        .order_by(Erasure.id)
        .limit(1)
        .with_for_update()
    )
    return (await session.execute(query)).scalar_one_or_none()


async def _erase_some(rt: Runtime, project_id: UUID, erasure_id: UUID) -> bool:
    """One transaction of the work; whether it was the last."""
    async with rt.db.begin() as session:
        query = select(Erasure).where(Erasure.project_id == project_id, Erasure.id == erasure_id).with_for_update()
        erasure = (await session.execute(query)).scalar_one_or_none()
        if erasure is None or erasure.state == "done" or erasure.subject is None:
            return True
        kind: Kind = "customer" if erasure.kind == "customer" else "conversation"
        chosen = select(Conversation.id).where(belongs_to(project_id, kind, erasure.subject))
        ids = list((await session.execute(chosen.order_by(Conversation.id).limit(CHUNK))).scalars())
        erased = await purge(session, project_id, ids)
        comments = await _purge_comments(session, project_id, kind, erasure.subject)
        erased = erased.plus(comments).plus(await _remove_exports_of(session, erasure))
        erasure.state = "running"
        erasure.counts = ErasedCounts.model_validate(erasure.counts).plus(erased).model_dump()
        if len(ids) == CHUNK or comments.comments == COMMENTS_AT_ONCE:
            return False
        await _forget_twins(session, erasure, rt.clock())
        await finish(session, erasure, rt.clock())
        return True


async def _purge_comments(session: AsyncSession, project_id: UUID, kind: Kind, subject: str) -> ErasedCounts:
    """Some of what this customer commented."""
    if kind != "customer":
        return ErasedCounts()
    await drop_waiting(session, project_id, subject)
    return await purge_comments(session, project_id, written_by(project_id, subject))


async def _remove_exports_of(session: AsyncSession, erasure: Erasure) -> ErasedCounts:
    """Exports made under the erased id itself, whatever is in them."""
    mine = (DataExport.project_id == erasure.project_id, DataExport.kind == erasure.kind)
    query = delete(DataExport).where(*mine, DataExport.subject == erasure.subject).returning(DataExport.id)
    return ErasedCounts(exports=len((await session.execute(query)).all()))


async def _forget_twins(session: AsyncSession, erasure: Erasure, now: datetime) -> None:
    """Other orders for the same id are done with this one, and must not keep it."""
    twins = (
        Erasure.project_id == erasure.project_id,
        Erasure.kind == erasure.kind,
        Erasure.subject == erasure.subject,
        Erasure.id != erasure.id,
    )
    await session.execute(update(Erasure).where(*twins).values(state="done", done_at=now, subject=None))

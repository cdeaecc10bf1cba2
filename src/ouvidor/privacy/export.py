"""Exporting all that is kept of one conversation or one customer: ordered at once, made by a job, kept for a week."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.access import Caller
from ouvidor.accounts.audit import Subject, note
from ouvidor.accounts.models import Project
from ouvidor.errors import Conflict, NotFound
from ouvidor.jobs import enqueue
from ouvidor.privacy.document import PersonalData, read_comments_of, read_conversations_of
from ouvidor.privacy.models import DataExport
from ouvidor.privacy.receipts import State
from ouvidor.privacy.subjects import Kind, canonical, kept_of
from ouvidor.runtime import Runtime

EXPORT_JOB = "privacy.export"
KEPT = timedelta(days=7)


class UnknownExport(NotFound):
    """This project has no export with that id; exports are kept for seven days, and go when their subject is erased."""


class ExportNotReady(Conflict):
    """This export is still being made; ask again shortly."""


class ExportFailed(Conflict):
    """This export could not be made; order it anew."""


class ExportOut(BaseModel):
    """An export and how far it is; `size` in bytes once it is ready."""

    id: UUID
    kind: Kind
    subject: str
    state: State
    size: int | None
    requested_by: str
    requested_at: datetime
    done_at: datetime | None
    expires_at: datetime


class ExportPage(BaseModel):
    """One page of exports, the newest first."""

    object: Literal["list"] = "list"
    data: list[ExportOut]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool


@dataclass(frozen=True)
class ExportFile:
    """A finished export: what to call it, and its JSON in UTF-8."""

    name: str
    content: bytes


async def order_export(rt: Runtime, caller: Caller, kind: Kind, subject: str) -> UUID:
    """Order an export of a conversation (by its id) or of a customer (by customer id or helpdesk id).

    Raises:
        NothingKept: the project keeps nothing of them.
    """
    subject, now = canonical(kind, subject), rt.clock()
    async with rt.db.begin() as session:
        await kept_of(session, caller.project.id, kind, subject)
        export = DataExport(
            project_id=caller.project.id,
            kind=kind,
            subject=subject,
            requested_by=caller.name,
            requested_at=now,
            expires_at=now + KEPT,
        )
        session.add(export)
        await session.flush()
        ids = {"project": str(caller.project.id), "export": str(export.id)}
        await enqueue(session, rt.jobs, EXPORT_JOB, **ids)
        await _note(session, caller, "privacy.exported", export, now)
        return export.id


async def make_export(rt: Runtime, project_id: UUID, export_id: UUID) -> None:
    """Write what was ordered; nothing where it was erased meanwhile. A failure is noted on the export and raised."""
    mine = (DataExport.project_id == project_id, DataExport.id == export_id, DataExport.state != "done")
    try:
        async with rt.db.begin() as session:
            query = select(DataExport).where(*mine).with_for_update()
            export = (await session.execute(query)).scalar_one_or_none()
            if export is None:
                return
            project = await session.get_one(Project, project_id)
            kind: Kind = "customer" if export.kind == "customer" else "conversation"
            now, kept = rt.clock(), await read_conversations_of(session, project_id, kind, export.subject)
            comments = await read_comments_of(session, project_id, export.subject) if kind == "customer" else []
            document = PersonalData(
                project=project.name,
                kind=kind,
                id=export.subject,
                made_at=now,
                conversations=kept,
                comments=comments,
            )
            export.conversation_ids = [conversation.id for conversation in kept]
            export.content = document.model_dump_json().encode()
            export.state, export.done_at, export.expires_at = "done", now, now + KEPT
    except Exception:
        async with rt.db.begin() as session:
            await session.execute(update(DataExport).where(*mine).values(state="failed"))
        raise


async def fetch_export(rt: Runtime, caller: Caller, export_id: UUID) -> ExportFile:
    """The file, and a line in the audit log that it was taken.

    Raises:
        UnknownExport: the project has none of this id, or it is over seven days old.
        ExportNotReady, ExportFailed: there is no file yet, or there will be none.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        export = await _own(session, caller.project.id, export_id, now)
        if export.state == "failed":
            raise ExportFailed
        if export.content is None:
            raise ExportNotReady
        await _note(session, caller, "privacy.export_fetched", export, now)
        return ExportFile(f"{caller.project.name}-{export.id}.json", export.content)


async def list_exports(
    session: AsyncSession, project_id: UUID, now: datetime, *, after: UUID | None, limit: int
) -> ExportPage:
    """A page of the project's exports that are still there, the newest first, from the one after `after`."""
    query = select(DataExport).where(DataExport.project_id == project_id, DataExport.expires_at > now)
    if after is not None:
        query = query.where(DataExport.id < after)
    rows = (await session.execute(query.order_by(DataExport.id.desc()).limit(limit + 1))).scalars().all()
    data = [_out(row) for row in rows[:limit]]
    return ExportPage(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(rows) > limit,
    )


async def read_export(session: AsyncSession, project_id: UUID, export_id: UUID, now: datetime) -> ExportOut:
    """One export of the project.

    Raises:
        UnknownExport: the project has none of this id, or it is over seven days old.
    """
    return _out(await _own(session, project_id, export_id, now))


async def sweep_old_exports(session: AsyncSession, now: datetime) -> int:
    """Delete exports that have had their seven days; how many there were."""
    query = delete(DataExport).where(DataExport.expires_at <= now).returning(DataExport.id)
    return len((await session.execute(query)).all())


async def _own(session: AsyncSession, project_id: UUID, export_id: UUID, now: datetime) -> DataExport:
    mine = (DataExport.project_id == project_id, DataExport.id == export_id, DataExport.expires_at > now)
    found = (await session.execute(select(DataExport).where(*mine))).scalar_one_or_none()
    if found is None:
        raise UnknownExport
    return found


async def _note(session: AsyncSession, caller: Caller, action: str, export: DataExport, now: datetime) -> None:
    about = Subject("export", export.id)
    await note(session, caller.actor, action, at=now, project_id=caller.project.id, subject=about, kind=export.kind)


def _out(row: DataExport) -> ExportOut:
    told = {name: getattr(row, name) for name in ExportOut.model_fields if name != "size"}
    return ExportOut.model_validate({**told, "size": None if row.content is None else len(row.content)})

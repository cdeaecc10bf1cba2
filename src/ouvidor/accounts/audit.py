"""The audit log: who did what to what. Written in the transaction of the deed; the database refuses changes to it.

Details carry what an auditor needs (roles, settings, counts) and never a customer's words or their id elsewhere.
"""

import csv
import io
import json
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import AuditEntry
from ouvidor.csv_cells import neutralised
from ouvidor.runtime import Runtime

AT_ONCE = 500
COLUMNS = ("id", "at", "actor_kind", "actor_id", "actor_name", "action", "subject_kind", "subject_id", "details")


@dataclass(frozen=True)
class Actor:
    """Who acts: a user, an API key, somebody at the command line, or the product itself."""

    kind: Literal["user", "key", "command", "system"]
    name: str
    id: UUID | None = None


COMMAND = Actor("command", "command line")
SYSTEM = Actor("system", "Ouvidor")


@dataclass(frozen=True)
class Subject:
    """What was acted on."""

    kind: Literal[
        "project",
        "user",
        "member",
        "invitation",
        "key",
        "conversation",
        "section",
        "erasure",
        "export",
        "prompt",
        "analysis_run",
        "comment_job",
        "comment",
        "taxonomy",
        "comment_model",
    ]
    id: UUID


async def note(
    session: AsyncSession,
    actor: Actor,
    action: str,
    *,
    at: datetime,
    project_id: UUID | None = None,
    subject: Subject | None = None,
    **details: Any,
) -> None:
    """Write one entry; `action` is a noun and a past participle, such as `member.removed`."""
    session.add(
        AuditEntry(
            project_id=project_id,
            at=at,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            action=action,
            subject_kind=subject.kind if subject else None,
            subject_id=subject.id if subject else None,
            details=details,
        )
    )
    await session.flush()


@dataclass(frozen=True)
class AuditFilter:
    """What a reading of the log is narrowed to; `action` may end in `.` to mean all of a noun."""

    action: str = ""
    actor_id: UUID | None = None
    subject_id: UUID | None = None


async def read_audit_log(
    session: AsyncSession, project_id: UUID, wanted: AuditFilter, *, after: UUID | None, limit: int
) -> list[AuditEntry]:
    """The project's entries, the newest first, from the one after `after`; at most `limit`."""
    query = select(AuditEntry).where(AuditEntry.project_id == project_id)
    if wanted.action.endswith("."):
        query = query.where(AuditEntry.action.startswith(wanted.action, autoescape=True))
    elif wanted.action:
        query = query.where(AuditEntry.action == wanted.action)
    if wanted.actor_id is not None:
        query = query.where(AuditEntry.actor_id == wanted.actor_id)
    if wanted.subject_id is not None:
        query = query.where(AuditEntry.subject_id == wanted.subject_id)
    if after is not None:
        query = query.where(AuditEntry.id < after)
    return list((await session.execute(query.order_by(AuditEntry.id.desc()).limit(limit))).scalars())


async def audit_log_csv(rt: Runtime, project_id: UUID, wanted: AuditFilter) -> AsyncGenerator[str]:
    """The project's entries as CSV, the newest first, a chunk of 500 lines at a time; no transaction stays open.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    yield _csv_lines([COLUMNS])
    after: UUID | None = None
    while True:
        async with rt.db.read() as session:
            entries = await read_audit_log(session, project_id, wanted, after=after, limit=AT_ONCE)
        if not entries:
            return
        yield _csv_lines(_cells(entry) for entry in entries)
        after = entries[-1].id


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    details = json.dumps(entry.details, ensure_ascii=False) if entry.details else ""
    values = (entry.id, entry.at.isoformat(), entry.actor_kind, entry.actor_id, entry.actor_name, entry.action)
    texts = ("" if value is None else str(value) for value in (*values, entry.subject_kind, entry.subject_id, details))
    return tuple(neutralised(text) for text in texts)


def _csv_lines(rows: Iterable[tuple[str, ...]]) -> str:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue()

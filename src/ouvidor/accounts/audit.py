"""The audit log: who did what to what. Written in the transaction of the deed; the database refuses changes to it.

Details carry what an auditor needs (roles, settings, counts) and never a customer's words or their id elsewhere.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import AuditEntry


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

    kind: Literal["project", "user", "member", "invitation", "key", "conversation", "section", "erasure", "export"]
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

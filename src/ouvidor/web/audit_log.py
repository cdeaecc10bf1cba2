"""The page of a project's audit log: what was done, by whom, in sentences; and all of it as a file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import AuditFilter, audit_log_csv, read_audit_log
from ouvidor.accounts.models import AuditEntry
from ouvidor.accounts.permissions import Permission
from ouvidor.accounts.projects import ProjectChanges
from ouvidor.runtime import RuntimeDep
from ouvidor.web.answers import show
from ouvidor.web.contexts.manage import AuditActor, AuditLogPage, AuditRow
from ouvidor.web.rules import settings_frame
from ouvidor.web.visits import Member, member_with

PAGE_LENGTH = 30
MOST_ACTORS = 200
LONGEST_DETAIL = 400
Group = Literal[
    "",
    "project",
    "member",
    "invitation",
    "key",
    "knowledge",
    "section",
    "conversation",
    "privacy",
    "prompt",
    "comment",
    "comment_model",
    "taxonomy",
]
GROUPS: tuple[Group, ...] = (
    "project",
    "member",
    "invitation",
    "key",
    "knowledge",
    "section",
    "conversation",
    "privacy",
    "prompt",
    "comment",
    "comment_model",
    "taxonomy",
)
"""The nouns that actions begin with."""
CHANGES = frozenset({"project.changed", "member.role_changed"})
"""Actions whose details tell a value before and after."""
RULES = (*ProjectChanges.model_fields, "wordings")
COUNTED = ("added", "changed", "removed", "conversations", "comments")

router = APIRouter(include_in_schema=False)

Auditor = Annotated[Member, member_with(Permission.AUDIT_READ)]


@dataclass(frozen=True)
class Filters:
    """What the log is narrowed to, from the address; FastAPI reads each field from the query."""

    group: Group = ""
    actor: Annotated[str, Query(max_length=36)] = ""

    def wanted(self) -> AuditFilter:
        """The filter as the deed takes it; what is no id of anybody narrows to nothing."""
        return AuditFilter(f"{self.group}." if self.group else "", _id(self.actor) if self.actor else None)

    def query(self) -> str:
        """The filters as an address holds them."""
        return urlencode({name: value for name, value in (("group", self.group), ("actor", self.actor)) if value})


FiltersDep = Annotated[Filters, Depends(Filters)]


@router.get("/projects/{project}/settings/audit-log")
async def get_audit_log(
    request: Request, rt: RuntimeDep, member: Auditor, filters: FiltersDep, after: UUID | None = None
) -> Response:
    """What was done in the project, the newest first."""
    async with rt.db.read() as session:
        entries = await read_audit_log(session, member.project.id, filters.wanted(), after=after, limit=PAGE_LENGTH + 1)
        actors = await _actors(session, member.project.id)
    page = AuditLogPage(
        frame=settings_frame(request, rt, member, "audit-log"),
        rows=tuple(_row(entry) for entry in entries[:PAGE_LENGTH]),
        groups=GROUPS,
        actors=actors,
        query=filters.query(),
        group=filters.group,
        actor=filters.actor,
        after=str(entries[PAGE_LENGTH - 1].id) if len(entries) > PAGE_LENGTH else "",
        continued=after is not None,
    )
    return show(request, page)


@router.get("/projects/{project}/settings/audit-log/export")
async def get_audit_log_export(rt: RuntimeDep, member: Auditor, filters: FiltersDep) -> StreamingResponse:
    """The whole log, or what it is narrowed to, as CSV."""
    name = f"audit-log-{member.project.name}-{rt.clock():%Y-%m-%d}.csv"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    lines = audit_log_csv(rt, member.project.id, filters.wanted())
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


async def _actors(session: AsyncSession, project_id: UUID) -> tuple[AuditActor, ...]:
    """Who has done something here, by name: people and keys."""
    name = func.max(AuditEntry.actor_name).label("name")
    query = (
        select(AuditEntry.actor_id, name)
        .where(AuditEntry.project_id == project_id, AuditEntry.actor_id.is_not(None))
        .group_by(AuditEntry.actor_id)
        .order_by(name, AuditEntry.actor_id)
        .limit(MOST_ACTORS)
    )
    return tuple(AuditActor(str(row.actor_id), row.name) for row in await session.execute(query))


def _row(entry: AuditEntry) -> AuditRow:
    told = entry.details
    before, role = _before_and_after(told.get("role"))
    named = (told.get(name) for name in ("username", "invitee", "label", "name"))
    return AuditRow(
        at=entry.at,
        actor_kind=entry.actor_kind,
        actor_name=entry.actor_name,
        action=entry.action,
        subject=f"{entry.subject_kind} {entry.subject_id}" if entry.subject_kind else "",
        details=tuple((name, _text(entry.action, value)) for name, value in told.items()),
        name=next((name for name in named if isinstance(name, str)), ""),
        role=role,
        before=before,
        changed=tuple(rule for rule in RULES if rule in told) if entry.action == "project.changed" else (),
        counts=_counts(told),
    )


def _before_and_after(role: Any) -> tuple[str, str]:
    if isinstance(role, list):
        return _pair(cast("list[Any]", role))
    return "", role if isinstance(role, str) else ""


def _counts(told: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """How many things were done, by what was done to them; what was done to none is not told."""
    return tuple((name, value) for name in COUNTED if isinstance(value := told.get(name), int) and value)


def _text(action: str, value: Any) -> str:
    """A detail for reading: `before → after` where both are told, a list as its parts."""
    if action in CHANGES and isinstance(value, list):
        before, after = _pair(cast("list[Any]", value))
        return f"{before} → {after}"[:LONGEST_DETAIL]
    return _plain(value)[:LONGEST_DETAIL]


def _pair(values: list[Any]) -> tuple[str, str]:
    """What was told as before and after."""
    before, after = values if len(values) == 2 else (None, values)
    return _plain(before), _plain(after)


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(_plain, cast("list[Any]", value))) or "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _id(text: str) -> UUID:
    """The id of this text; of what is none, the id that nobody has."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)

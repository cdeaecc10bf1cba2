"""Our own routes of the audit log: pages of it, and all of it as CSV."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.audit import AuditFilter, audit_log_csv, read_audit_log
from ouvidor.accounts.models import AuditEntry
from ouvidor.accounts.paging import After, Limit, Page
from ouvidor.accounts.permissions import Permission
from ouvidor.inputs import StorableText
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1/audit-log", tags=["audit log"])

Reader = Annotated[Caller, requires(Permission.AUDIT_READ)]


class AuditEntryOut(BaseModel):
    """Who did what to what; `details` hold what changed, never a customer's words or a secret."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "at": "2026-11-21T12:00:00Z",
                "actor_kind": "user",
                "actor_id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a7",
                "actor_name": "Ana",
                "action": "member.role_changed",
                "subject_kind": "member",
                "subject_id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a8",
                "details": {"username": "marina", "role": ["agent", "manager"]},
            }
        }
    )

    id: UUID
    at: datetime
    actor_kind: Literal["user", "key", "command", "system"]
    actor_id: UUID | None
    actor_name: str
    action: str
    subject_kind: str | None
    subject_id: UUID | None
    details: dict[str, Any]

    @classmethod
    def of(cls, row: AuditEntry) -> "AuditEntryOut":
        """From the table's row."""
        return cls.model_validate(row, from_attributes=True)


def audit_filter(
    action: Annotated[
        StorableText,
        Query(max_length=100, description="`member.removed`, or `member.` for all that was done to members."),
    ] = "",
    actor_id: Annotated[UUID | None, Query(description="The user or the key that did it.")] = None,
    subject_id: Annotated[UUID | None, Query(description="What it was done to.")] = None,
) -> AuditFilter:
    """What the request narrows the log to."""
    return AuditFilter(action, actor_id, subject_id)


Wanted = Annotated[AuditFilter, Depends(audit_filter)]


@router.get("", summary="Read", responses=problem_responses(401, 403, 422))
async def get_audit_log(
    rt: RuntimeDep, caller: Reader, wanted: Wanted, after: After = None, limit: Limit = 20
) -> Page[AuditEntryOut]:
    """What was done in the project, the newest first. The database refuses to change entries."""
    async with rt.db.read() as session:
        rows = await read_audit_log(session, caller.project.id, wanted, after=after, limit=limit + 1)
    return Page[AuditEntryOut].of(rows, lambda row: row.id, AuditEntryOut.of, after=after, limit=limit)


@router.get(
    "/export",
    summary="Export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "CSV in UTF-8, the newest entry first; a cell that a spreadsheet would calculate begins "
            "with an apostrophe.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **problem_responses(401, 403, 422),
    },
)
async def export_audit_log(rt: RuntimeDep, caller: Reader, wanted: Wanted) -> StreamingResponse:
    """The whole log, or what it is narrowed to, as a file for a spreadsheet."""
    name = f"audit-log-{caller.project.name}-{rt.clock():%Y-%m-%d}.csv"
    lines = audit_log_csv(rt, caller.project.id, wanted)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)

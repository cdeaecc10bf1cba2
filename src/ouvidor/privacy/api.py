"""Our own routes of erasing and exporting what is kept of customers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.permissions import Permission
from ouvidor.inputs import StorableText
from ouvidor.privacy.document import PersonalData
from ouvidor.privacy.erase import order_erasure
from ouvidor.privacy.export import ExportOut, ExportPage, fetch_export, list_exports, order_export, read_export
from ouvidor.privacy.receipts import Receipt, ReceiptPage, list_receipts, read_receipt, receipts_of
from ouvidor.privacy.subjects import Kind
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1", tags=["privacy"])

Eraser = Annotated[Caller, requires(Permission.PRIVACY_ERASE)]
Exporter = Annotated[Caller, requires(Permission.PRIVACY_EXPORT)]


class SubjectIn(BaseModel):
    """Whose data: one conversation by its id, or all conversations of a customer by customer id or helpdesk id."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"kind": "customer", "id": "4711"}})

    kind: Kind
    id: StorableText = Field(min_length=1, max_length=200)


@router.post("/erasures", summary="Erase", status_code=202, responses=problem_responses(400, 401, 403, 404, 422))
async def post_erasure(rt: RuntimeDep, caller: Eraser, whose: SubjectIn) -> Receipt:
    """Order the erasure of a conversation or of everything of a customer; it cannot be undone.

    Messages, decisions, sections shown, answers kept for resends, exports and jobs go. The answer is the receipt; ask
    for it again until its state is `done`.
    """
    erasure_id = await order_erasure(rt, caller, whose.kind, whose.id)
    async with rt.db.read() as session:
        return await read_receipt(session, caller.project.id, erasure_id)


@router.get("/erasures", summary="List receipts", responses=problem_responses(401, 403, 422))
async def get_erasures(
    rt: RuntimeDep, caller: Eraser, after: UUID | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> ReceiptPage:
    """The project's receipts, the newest first; `after` is the last id of the page before."""
    async with rt.db.read() as session:
        return await list_receipts(session, caller.project.id, after=after, limit=limit)


@router.post("/erasures/check", summary="Was it erased?", responses=problem_responses(400, 401, 403, 422))
async def post_erasure_check(rt: RuntimeDep, caller: Eraser, whose: SubjectIn) -> ReceiptPage:
    """The receipts that are about this id. Receipts do not name it; only who knows it finds them."""
    async with rt.db.read() as session:
        return await receipts_of(session, rt.secret, caller.project.id, whose.kind, whose.id)


@router.get("/erasures/{erasure_id}", summary="Read a receipt", responses=problem_responses(401, 403, 404, 422))
async def get_erasure(rt: RuntimeDep, caller: Eraser, erasure_id: UUID) -> Receipt:
    """One receipt: how far the erasure is, and how much went."""
    async with rt.db.read() as session:
        return await read_receipt(session, caller.project.id, erasure_id)


@router.post("/exports", summary="Export", status_code=202, responses=problem_responses(400, 401, 403, 404, 422))
async def post_export(rt: RuntimeDep, caller: Exporter, whose: SubjectIn) -> ExportOut:
    """Order all that is kept of a conversation or a customer as one JSON document; a worker makes it."""
    export_id = await order_export(rt, caller, whose.kind, whose.id)
    async with rt.db.read() as session:
        return await read_export(session, caller.project.id, export_id, rt.clock())


@router.get("/exports", summary="List exports", responses=problem_responses(401, 403, 422))
async def get_exports(
    rt: RuntimeDep, caller: Exporter, after: UUID | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> ExportPage:
    """The project's exports of the last seven days, the newest first; `after` is the last id of the page before."""
    async with rt.db.read() as session:
        return await list_exports(session, caller.project.id, rt.clock(), after=after, limit=limit)


@router.get("/exports/{export_id}", summary="Read an export's state", responses=problem_responses(401, 403, 404, 422))
async def get_export(rt: RuntimeDep, caller: Exporter, export_id: UUID) -> ExportOut:
    """One export: how far it is, and until when it can be fetched."""
    async with rt.db.read() as session:
        return await read_export(session, caller.project.id, export_id, rt.clock())


@router.get(
    "/exports/{export_id}/file",
    summary="Fetch an export",
    response_class=Response,
    responses={
        200: {"model": PersonalData, "description": "The document"},
        **problem_responses(401, 403, 404, 409, 422),
    },
)
async def get_export_file(rt: RuntimeDep, caller: Exporter, export_id: UUID) -> Response:
    """The JSON document, once it is ready and for seven days: conversations, messages, decisions and their sections."""
    file = await fetch_export(rt, caller, export_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file.content, media_type="application/json", headers=headers)

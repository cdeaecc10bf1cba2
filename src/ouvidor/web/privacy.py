"""The privacy page of a project: export and erase what is kept of a customer, and the receipts of it."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field

from ouvidor.accounts.permissions import Permission
from ouvidor.inputs import storable
from ouvidor.privacy.erase import order_erasure
from ouvidor.privacy.export import ExportOut, fetch_export, list_exports, order_export
from ouvidor.privacy.receipts import Receipt, list_receipts, receipts_of
from ouvidor.privacy.subjects import NothingKept, canonical, kept_of
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.privacy import ExportView, Kind, Loss, Panel, PrivacyPage, ReceiptView, Whose
from ouvidor.web.rules import settings_address, settings_frame
from ouvidor.web.visits import Member, member_with

LISTED = 50

router = APIRouter(include_in_schema=False)

Exporter = Annotated[Member, member_with(Permission.PRIVACY_EXPORT)]
Eraser = Annotated[Member, member_with(Permission.PRIVACY_ERASE)]


class SubjectForm(BaseModel):
    """Whose data, as typed; `typed` is the id once more, to confirm an erasure."""

    kind: Kind = "customer"
    id: str = Field(default="", max_length=2000)
    typed: str | None = Field(default=None, max_length=2000)

    def whose(self) -> Whose:
        """The id without the blanks around it, and whether it can be one."""
        text = self.id.strip()
        return Whose(self.kind, text, "" if 1 <= len(text) <= 200 and _is_storable(text) else "missing")


FormDep = Annotated[SubjectForm, Form()]


@router.get("/projects/{project}/settings/privacy")
async def get_privacy(
    request: Request,
    rt: RuntimeDep,
    member: Exporter,
    panel: Annotated[Literal["", "export", "erase", "check"], Query()] = "",
    conversation: UUID | None = None,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Retention, exports and receipts; a form, for this conversation if one is named, in the panel."""
    page = await _page(request, rt, member)
    whose = Whose() if conversation is None else Whose("conversation", str(conversation))
    opened: Panel = panel if panel in {"", "export"} or member.may(Permission.PRIVACY_ERASE) else ""
    return show(request, replace(page, panel=opened, whose=whose, done=done))


@router.post("/projects/{project}/settings/privacy/exports")
async def post_export(request: Request, rt: RuntimeDep, member: Exporter, form: FormDep) -> Response:
    """Order an export."""
    whose = form.whose()
    if not whose.wrong:
        try:
            await order_export(rt, member.caller, whose.kind, whose.id)
        except NothingKept:
            whose = replace(whose, wrong="unknown")
    if whose.wrong:
        return await _refused(request, rt, member, "export", whose)
    return go_to(f"{settings_address(member.project, 'privacy')}?done=export")


@router.get("/projects/{project}/settings/privacy/exports/{export_id}")
async def get_export_file(rt: RuntimeDep, member: Exporter, export_id: UUID) -> Response:
    """The document of a finished export, to save."""
    file = await fetch_export(rt, member.caller, export_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file.content, media_type="application/json", headers=headers)


@router.post("/projects/{project}/settings/privacy/erasures")
async def post_erasure(request: Request, rt: RuntimeDep, member: Eraser, form: FormDep) -> Response:
    """Show what would be lost; once the id was typed again, order the erasure."""
    whose = form.whose()
    if whose.wrong:
        return await _refused(request, rt, member, "erase", whose)
    try:
        async with rt.db.read() as session:
            kept = await kept_of(session, member.project.id, whose.kind, whose.id)
    except NothingKept:
        return await _refused(request, rt, member, "erase", replace(whose, wrong="unknown"))
    if form.typed is not None and _same(whose, form.typed):
        await order_erasure(rt, member.caller, whose.kind, whose.id)
        return go_to(f"{settings_address(member.project, 'privacy')}?done=erasure")
    page = await _page(request, rt, member)
    loss = Loss(kept.conversations, kept.messages, kept.comments, form.typed)
    return show(request, replace(page, panel="erase", whose=whose, loss=loss), 200 if form.typed is None else 422)


@router.post("/projects/{project}/settings/privacy/check")
async def post_check(request: Request, rt: RuntimeDep, member: Eraser, form: FormDep) -> Response:
    """The receipts that are about this id."""
    whose = form.whose()
    if whose.wrong:
        return await _refused(request, rt, member, "check", whose)
    async with rt.db.read() as session:
        found = await receipts_of(session, rt.secret, member.project.id, whose.kind, whose.id)
    page = await _page(request, rt, member)
    rows = tuple(_receipt(row) for row in found.data)
    return show(request, replace(page, panel="check", whose=whose, found=rows))


async def _refused(request: Request, rt: Runtime, member: Member, panel: Panel, whose: Whose) -> Response:
    page = replace(await _page(request, rt, member), panel=panel, whose=whose)
    return show(request, page, 404 if whose.wrong == "unknown" else 422)


async def _page(request: Request, rt: Runtime, member: Member) -> PrivacyPage:
    """Receipts are for those who may erase; the lists end after 50 rows, the API has the rest."""
    own = member.project.id
    async with rt.db.read() as session:
        exports = await list_exports(session, own, rt.clock(), after=None, limit=LISTED)
        receipts = await list_receipts(session, own, after=None, limit=LISTED)
    shown = receipts.data if member.may(Permission.PRIVACY_ERASE) else []
    return PrivacyPage(
        frame=settings_frame(request, rt, member, "privacy"),
        exports=tuple(_export(row) for row in exports.data),
        receipts=tuple(_receipt(row) for row in shown),
        retention_days=member.project.retention_days,
        more=exports.has_more or (bool(shown) and receipts.has_more),
    )


def _export(row: ExportOut) -> ExportView:
    told = row.model_dump(exclude={"id", "done_at"})
    return ExportView(id=str(row.id), **told)


def _receipt(row: Receipt) -> ReceiptView:
    return ReceiptView(
        id=str(row.id),
        kind=row.kind,
        state=row.state,
        conversations=row.counts.conversations,
        messages=row.counts.messages,
        comments=row.counts.comments,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        done_at=row.done_at,
    )


def _same(whose: Whose, typed: str) -> bool:
    return canonical(whose.kind, typed.strip()) == canonical(whose.kind, whose.id)


def _is_storable(text: str) -> bool:
    try:
        storable(text)
    except ValueError:
        return False
    return True

"""The conversations of a project: a list to narrow and to export, and each one to read with its sources."""

import csv
import io
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.analysis.read import analysis_of
from ouvidor.conversations.read import (
    ConversationFilter,
    ConversationSummary,
    Order,
    UnknownConversation,
    WantedStatus,
    list_conversations,
)
from ouvidor.csv_cells import neutralised
from ouvidor.inputs import StorableText, day_of
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import show
from ouvidor.web.contexts.conversations import ConversationPage, ConversationsPage, ListFilters
from ouvidor.web.frames import frame_of
from ouvidor.web.rows import conversation_rows
from ouvidor.web.timeline import conversation_of, read_timeline
from ouvidor.web.visits import Member, member_with

PAGE_LENGTH = 50
EXPORT_LENGTH = 500
EXPORTED = (
    "id",
    "helpdesk_id",
    "origin",
    "unit",
    "customer_id",
    "status",
    "language",
    "handover_reason",
    "holder_name",
    "episode",
    "clarifications",
    "messages",
    "waiting_since",
    "created_at",
    "last_message_at",
)

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.CONVERSATIONS_READ)]


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to, from the address; FastAPI reads each field from the query."""

    status: Literal["", "bot", "waiting", "person", "closed", "open"] = ""
    q: Annotated[str, Query(max_length=200)] = ""
    language: Annotated[StorableText, Query(max_length=20)] = ""
    reason: Annotated[StorableText, Query(max_length=60)] = ""
    since: Annotated[str, Query(max_length=20)] = ""
    until: Annotated[str, Query(max_length=20)] = ""
    order: Order = "newest"
    customer: Annotated[StorableText, Query(max_length=200)] = ""
    unit: Annotated[StorableText, Query(max_length=200)] = ""
    origin: Literal["", "live", "imported"] = ""

    @property
    def query(self) -> str:
        """The filters as an address has them."""
        parts = {name: value for name, value in vars(self).items() if value and (name, value) != ("order", "newest")}
        return urlencode(parts)

    def wanted(self) -> ConversationFilter:
        """The filters as the list takes them; days are whole, in UTC, both included."""
        until = day_of(self.until)
        status: WantedStatus | None = self.status or None
        return ConversationFilter(
            status=status,
            customer_id=self.customer or None,
            unit=self.unit or None,
            origin=self.origin or None,
            q=self.q.strip() or None,
            language=self.language or None,
            reason=self.reason or None,
            since=day_of(self.since),
            until=until + timedelta(days=1) if until else None,
            order=self.order,
        )

    def shown(self) -> ListFilters:
        """The filters as the form shows them; a day that cannot be read is left out."""
        kept = {
            **vars(self),
            "since": self.since if day_of(self.since) else "",
            "until": self.until if day_of(self.until) else "",
        }
        return ListFilters(**kept)


FiltersDep = Annotated[Filters, Depends(Filters)]


@router.get("/projects/{project}/conversations")
async def get_conversations(
    request: Request, rt: RuntimeDep, member: Reader, filters: FiltersDep, after: UUID | None = None
) -> Response:
    """A page of the project's conversations, those with the newest message or the longest wait first."""
    base = f"/projects/{member.project.name}/conversations"
    kept = f"?{filters.query}" if filters.query else ""
    async with rt.db.read() as session:
        found = await list_conversations(session, member.project.id, filters.wanted(), after=after, limit=PAGE_LENGTH)
        rows = await conversation_rows(
            session,
            member.project,
            found.data,
            reader=member.person.user.id,
            address=lambda chosen: f"{base}/{chosen}{kept}",
        )
    page = ConversationsPage(
        frame=frame_of(request, rt, member, "conversations"),
        filters=filters.shown(),
        query=filters.query,
        rows=rows,
        after=str(found.last_id) if found.has_more else "",
        continued=after is not None,
        languages=tuple(member.project.languages),
    )
    return show(request, page)


@router.get("/projects/{project}/conversations/export")
async def get_export(rt: RuntimeDep, member: Reader, filters: FiltersDep) -> Response:
    """The filtered list as CSV, in the order of the list, streamed."""
    day = rt.clock().date().isoformat()
    name = f"conversations-{member.project.name}-{day}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    lines = _csv_lines(rt, member.project, filters.wanted())
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/projects/{project}/conversations/{conversation_id}")
async def get_conversation(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    conversation_id: UUID,
    filters: FiltersDep,
    turn: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    source: Annotated[int, Query(ge=0, le=50)] = 0,
) -> Response:
    """One conversation to read; the filters lead back to the list it was found in."""
    base = f"/projects/{member.project.name}/conversations"
    kept = f"?{filters.query}" if filters.query else ""
    async with rt.db.read() as session:
        conversation = await conversation_of(session, member.project, conversation_id=conversation_id)
        if conversation is None:
            raise UnknownConversation
        here = f"{base}/{conversation_id}{kept}"
        talk = await read_timeline(session, member.project, conversation, here, wanted=turn, source=source)
        analysis = await analysis_of(session, member.project.id, conversation_id)
    return show(request, ConversationPage(frame_of(request, rt, member, "conversations"), talk, base + kept, analysis))


async def _csv_lines(rt: Runtime, project: Project, wanted: ConversationFilter) -> AsyncGenerator[str]:
    """The heading, then the rows of one page of the list after the other, each read in a transaction of its own.

    A conversation that moves while the list is read may be missed or come twice.
    """
    yield _csv_line(EXPORTED)
    after: UUID | None = None
    while True:
        async with rt.db.read() as session:
            page = await list_conversations(session, project.id, wanted, after=after, limit=EXPORT_LENGTH)
        yield "".join(_csv_line([_cell(row, name) for name in EXPORTED]) for row in page.data)
        if not page.has_more:
            return
        after = page.last_id


def _cell(row: ConversationSummary, name: str) -> str:
    value = getattr(row, name)
    if isinstance(value, datetime):
        return value.isoformat()
    return neutralised("" if value is None else str(value))


def _csv_line(cells: tuple[str, ...] | list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()

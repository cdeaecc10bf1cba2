"""The analysis at work, for people who may order it: progress, holding it up, going over the past, what is parked."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.analysis.budget import spent_and_reserved
from ouvidor.analysis.due import Wanted, size_of
from ouvidor.analysis.order import Order, estimate_run, order_run
from ouvidor.analysis.runs import (
    RunOut,
    cancel_run,
    list_parked,
    list_runs,
    open_run,
    pause_run,
    resume_run,
    retry_parked,
)
from ouvidor.errors import Conflict, Unprocessable
from ouvidor.inputs import day_of
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.analyses import AgainPage, ParkedRow, WorkFragment, WorkView
from ouvidor.web.frames import frame_of
from ouvidor.web.visits import Member, member_with

Deed = Literal["pause", "resume", "cancel"]

MOST_PARKED = 20
NEWEST_RUNS = 10
MOST_AGAIN = 1_000_000
DEEDS: dict[Deed, Callable[[Runtime, Project, UUID, Actor], Awaitable[RunOut]]] = {
    "pause": pause_run,
    "resume": resume_run,
    "cancel": cancel_run,
}

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.ANALYSES_READ)]
Runner = Annotated[Member, member_with(Permission.ANALYSES_RUN)]
Short = Annotated[str, Query(max_length=20)]
Typed = Annotated[str, Form(max_length=20)]


async def read_work(session: AsyncSession, project: Project, now: datetime) -> WorkView:
    """What is under way in the project, what is parked, and what is due."""
    run = await open_run(session, project.id, now)
    newest = await list_runs(session, project.id, now, limit=NEWEST_RUNS)
    parked = await list_parked(session, project.id, limit=MOST_PARKED)
    due = 0 if run else (await size_of(session, project, Wanted(), now, limit=None)).conversations
    return WorkView(
        run=run,
        batches=tuple(each for each in newest if each.kind == "batch" and each.state in {"running", "paused"}),
        parked=tuple(ParkedRow(each.conversation_id, each.reason, each.parked_at) for each in parked),
        due=due,
        paused=project.analysis_paused,
        budget=project.analysis_budget,
        spent=await spent_and_reserved(session, project.id, now),
    )


@router.get("/projects/{project}/analyses/work")
async def get_work(request: Request, rt: RuntimeDep, member: Reader) -> Response:
    """The analysis at work by itself, for a dashboard that stands open."""
    async with rt.db.read() as session:
        work = await read_work(session, member.project, rt.clock())
    return show(request, WorkFragment(frame_of(request, rt, member, "analyses"), work))


@router.post("/projects/{project}/analyses/runs")
async def post_run(rt: RuntimeDep, member: Runner) -> Response:
    """Analyse now what is due."""
    try:
        await order_run(rt, member.project, Order(), member.person.actor)
    except Conflict:
        return go_to(f"{_base(member)}?trouble=paused")
    return go_to(f"{_base(member)}?done=ordered")


@router.post("/projects/{project}/analyses/runs/{run_id}/pause")
async def post_pause(rt: RuntimeDep, member: Runner, run_id: UUID) -> Response:
    """Begin nothing new of the run for now."""
    return await _held_up(rt, member, run_id, "pause")


@router.post("/projects/{project}/analyses/runs/{run_id}/resume")
async def post_resume(rt: RuntimeDep, member: Runner, run_id: UUID) -> Response:
    """Go on with the run."""
    return await _held_up(rt, member, run_id, "resume")


@router.post("/projects/{project}/analyses/runs/{run_id}/cancel")
async def post_cancel(rt: RuntimeDep, member: Runner, run_id: UUID) -> Response:
    """End the run; what is analysed stays."""
    return await _held_up(rt, member, run_id, "cancel")


@router.post("/projects/{project}/analyses/retry")
async def post_retry(
    rt: RuntimeDep, member: Runner, conversation: Annotated[str, Form(max_length=40)] = ""
) -> Response:
    """Try again what is parked: all of it, or one conversation."""
    try:
        wanted = UUID(conversation) if conversation else None
        await retry_parked(rt, member.project, member.person.actor, conversation_id=wanted)
    except (Conflict, ValueError):
        return go_to(f"{_base(member)}?trouble=nothing-parked")
    return go_to(f"{_base(member)}?done=retried")


@router.get("/projects/{project}/analyses/again")
async def get_again(
    request: Request, rt: RuntimeDep, member: Runner, since: Short = "", limit: Short = "", trouble: Short = ""
) -> Response:
    """What going over the past once more would take; nothing is ordered yet."""
    order = _order(since, limit)
    estimate = await estimate_run(rt, member.project, order)
    page = AgainPage(
        frame=frame_of(request, rt, member, "analyses"),
        since=order.since.date().isoformat() if order.since else "",
        limit=str(order.limit or ""),
        conversations=estimate.conversations,
        tokens=estimate.input_tokens + estimate.output_tokens,
        dollars=estimate.dollars,
        model=estimate.model,
        paused=member.project.analysis_paused,
        trouble=trouble,
    )
    return show(request, page)


@router.post("/projects/{project}/analyses/again")
async def post_again(
    rt: RuntimeDep, member: Runner, confirmed: Typed = "", since: Typed = "", limit: Typed = ""
) -> Response:
    """Go over the past once more, as the estimate told it; where there is more by now, the estimate comes again."""
    try:
        await order_run(rt, member.project, _order(since, limit, confirmed), member.person.actor)
    except Unprocessable:
        kept = {"since": since, "limit": limit, "trouble": "more"}
        return go_to(f"{_base(member)}/again?{urlencode({name: value for name, value in kept.items() if value})}")
    except Conflict:
        return go_to(f"{_base(member)}?trouble=paused")
    return go_to(f"{_base(member)}?done=ordered")


async def _held_up(rt: Runtime, member: Member, run_id: UUID, deed: Deed) -> Response:
    try:
        await DEEDS[deed](rt, member.project, run_id, member.person.actor)
    except Conflict:
        return go_to(f"{_base(member)}?trouble=ended")
    return go_to(f"{_base(member)}?done={deed}")


def _base(member: Member) -> str:
    return f"/projects/{member.project.name}/analyses"


def _order(since: str, limit: str, confirmed: str = "") -> Order:
    """What is wanted; a day or number that cannot be read narrows nothing."""
    return Order(again=True, since=day_of(since), limit=_number(limit) or None, confirmed=_number(confirmed))


def _number(text: str) -> int | None:
    plain = text.strip()
    return min(int(plain), MOST_AGAIN) if plain.isascii() and plain.isdigit() else None

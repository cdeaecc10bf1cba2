"""Comments that are classified in the background: how far a job is, holding it up, what could not be stored."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.errors import Conflict
from ouvidor.feedback.jobs.broken import Broken, broken_csv, list_broken
from ouvidor.feedback.jobs.control import JobOut, cancel_job, go_on, pause_job, read_job, retry_failed
from ouvidor.feedback.learning.waiting import progress_of
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.comment_reasons import place_of, place_words, reason_words
from ouvidor.web.contexts.comments import BrokenRow, JobFragment, JobPage, JobView
from ouvidor.web.frames import frame_of
from ouvidor.web.render import Renderer
from ouvidor.web.visits import Member, member_with
from ouvidor.web.words import Words

Deed = Literal["pause", "resume", "cancel", "retry"]

BROKEN_SHOWN = 20
BROKEN_TEXT = 200
DEEDS: dict[Deed, Callable[[Runtime, Project, UUID, Actor], Awaitable[JobOut]]] = {
    "pause": pause_job,
    "resume": go_on,
    "cancel": cancel_job,
    "retry": retry_failed,
}

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.COMMENTS_READ)]
Writer = Annotated[Member, member_with(Permission.COMMENTS_WRITE)]
Short = Annotated[str, Query(max_length=20)]


@router.get("/projects/{project}/comments/files/{job_id}")
async def get_job(
    request: Request, rt: RuntimeDep, member: Reader, job_id: UUID, done: Short = "", trouble: Short = ""
) -> Response:
    """How far the job is, and what could not be stored."""
    frame, now = frame_of(request, rt, member, "comments"), rt.clock()
    async with rt.db.read() as session:
        job = await read_job(session, member.project.id, job_id, now)
        broken = await list_broken(session, member.project.id, job_id, limit=BROKEN_SHOWN)
        waiting = (await progress_of(session, member.project.id, now)).waiting
    renderer: Renderer = request.app.state.renderer
    page = JobPage(
        frame=frame,
        view=JobView(job, _address(member, job_id)),
        broken=tuple(_row(renderer.words[frame.language], one) for one in broken),
        retriable=any(one.status >= 500 for one in broken),
        done=done,
        trouble=trouble,
        waiting=waiting,
    )
    return show(request, page)


@router.get("/projects/{project}/comments/files/{job_id}/progress")
async def get_progress(request: Request, rt: RuntimeDep, member: Reader, job_id: UUID) -> Response:
    """How far the job is, by itself, for a page that stands open."""
    async with rt.db.read() as session:
        job = await read_job(session, member.project.id, job_id, rt.clock())
    return show(request, JobFragment(frame_of(request, rt, member, "comments"), JobView(job, _address(member, job_id))))


@router.get("/projects/{project}/comments/files/{job_id}/broken.csv")
async def get_broken(rt: RuntimeDep, member: Reader, job_id: UUID) -> Response:
    """What could not be stored, as CSV to mend."""
    async with rt.db.read() as session:
        await read_job(session, member.project.id, job_id, rt.clock())
    name = f"broken-{member.project.name}-{rt.clock().date().isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    pieces = broken_csv(rt, member.project.id, job_id)
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/projects/{project}/comments/files/{job_id}/pause")
async def post_pause(rt: RuntimeDep, member: Writer, job_id: UUID) -> Response:
    """Begin nothing new of the job for now."""
    return await _held_up(rt, member, job_id, "pause")


@router.post("/projects/{project}/comments/files/{job_id}/resume")
async def post_resume(rt: RuntimeDep, member: Writer, job_id: UUID) -> Response:
    """Go on with the job."""
    return await _held_up(rt, member, job_id, "resume")


@router.post("/projects/{project}/comments/files/{job_id}/cancel")
async def post_cancel(rt: RuntimeDep, member: Writer, job_id: UUID) -> Response:
    """End the job; what is classified stays."""
    return await _held_up(rt, member, job_id, "cancel")


@router.post("/projects/{project}/comments/files/{job_id}/retry")
async def post_retry(rt: RuntimeDep, member: Writer, job_id: UUID) -> Response:
    """Try again what failed for no fault of its own."""
    return await _held_up(rt, member, job_id, "retry")


async def _held_up(rt: Runtime, member: Member, job_id: UUID, deed: Deed) -> Response:
    address = _address(member, job_id)
    try:
        await DEEDS[deed](rt, member.project, job_id, member.person.actor)
    except Conflict:
        return go_to(f"{address}?trouble=ended")
    return go_to(f"{address}?done={deed}")


def _row(words: Words, one: Broken) -> BrokenRow:
    place = place_words(words, place_of(one.reason), one.position)
    return BrokenRow(place, one.id, one.text[:BROKEN_TEXT], reason_words(words, one.reason))


def _address(member: Member, job_id: UUID) -> str:
    return f"/projects/{member.project.name}/comments/files/{job_id}"

"""Comments brought in: a file whose columns a person looks at first, or lines that are pasted."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request, Response, UploadFile

from ouvidor.accounts.permissions import Permission
from ouvidor.conversations.imported import BrokenRow, Reading
from ouvidor.errors import OuvidorError, Unprocessable
from ouvidor.feedback.in_use import in_use
from ouvidor.feedback.intake.columns import FIELDS, CommentReading, Field, NoTextColumn
from ouvidor.feedback.intake.receive import NoComments, begin_job
from ouvidor.feedback.intake.uploads import (
    ENCODINGS,
    MOST_PASTED,
    TIME_FORMATS,
    EmptyUpload,
    Look,
    NotText,
    TooManyPasted,
    Upload,
    begin_upload,
    drop_upload,
    keep_upload,
    look_at,
    pasted,
    read_upload,
)
from ouvidor.feedback.jobs.control import list_jobs
from ouvidor.feedback.learning.waiting import progress_of
from ouvidor.feedback.told import Told, Unfit
from ouvidor.inputs import StorableText
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.comment_reasons import reason_words, unreadable_words
from ouvidor.web.contexts.comments import ColumnsPage, FilesPage, JobView, SampleRow
from ouvidor.web.frames import frame_of
from ouvidor.web.render import Renderer
from ouvidor.web.visits import Member, member_with
from ouvidor.web.words import Words

JOBS_SHOWN = 20
LONGEST_SAMPLE = 300
ZONES = ("America/Sao_Paulo", "America/Manaus", "UTC", "Europe/Lisbon")
NONE = "-"
"""In a form: no column is this field."""

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.COMMENTS_READ)]
Writer = Annotated[Member, member_with(Permission.COMMENTS_WRITE)]
Short = Annotated[str, Query(max_length=40)]
Pasted = Annotated[StorableText, Form(max_length=2_000_000)]


@router.get("/projects/{project}/comments/files")
async def get_files(
    request: Request, rt: RuntimeDep, member: Reader, after: UUID | None = None, trouble: Short = ""
) -> Response:
    """Where comments are brought in, and the jobs so far."""
    return await _files(request, rt, member, after=after, trouble=trouble)


@router.post("/projects/{project}/comments/files")
async def post_file(rt: RuntimeDep, member: Writer, file: UploadFile | None = None) -> Response:
    """Keep a file for an hour, and show what its columns would be; nothing of it is stored as a comment yet."""
    content = await file.read() if file else b""
    try:
        upload = await keep_upload(rt, member.project, member.person.actor, (file and file.filename) or "", content)
    except (EmptyUpload, NotText) as refused:
        return go_to(f"{_base(member)}/files?trouble={'empty' if isinstance(refused, EmptyUpload) else 'no-text'}")
    return go_to(f"{_base(member)}/uploads/{upload}")


@router.post("/projects/{project}/comments/pasted")
async def post_pasted(request: Request, rt: RuntimeDep, member: Writer, text: Pasted = "") -> Response:
    """Bring in a comment for each line; what cannot be taken in comes back as it was written."""
    try:
        told = pasted(text, rt.clock())
        job = await begin_job(rt, member.project, told, source="pasted", actor=member.person.actor)
    except NoComments:
        return go_to(f"{_base(member)}/files?trouble=nothing")
    except TooManyPasted:
        return await _files(request, rt, member, trouble="too-many", text=text)
    except BrokenRow as broken:
        return await _files(request, rt, member, trouble="broken", text=text, reason=str(broken))
    return go_to(f"{_base(member)}/files/{job}")


@router.get("/projects/{project}/comments/uploads/{upload_id}")
async def get_upload(request: Request, rt: RuntimeDep, member: Writer, upload_id: UUID) -> Response:
    """How the file would be read: which column is what, and its first comments."""
    upload = await read_upload(rt, member.project, upload_id)
    chosen = request.query_params
    reading = _reading(chosen) if "text" in chosen else None
    usual = ZONES[0] if member.project.languages[0] == "pt" else "UTC"
    look = await look_at(upload, reading, rt.clock(), zone=ZoneInfo(usual))
    return await _columns(request, rt, member, upload, look)


@router.post("/projects/{project}/comments/uploads/{upload_id}")
async def post_upload(
    request: Request, rt: RuntimeDep, member: Writer, upload_id: UUID, chosen: "ChosenDep"
) -> Response:
    """Bring the file in as the form says; where that cannot be read, the form comes again with what is wrong."""
    upload = await read_upload(rt, member.project, upload_id)
    reading = _reading(chosen)
    try:
        batched = chosen.get("batch") == "yes"
        job = await begin_upload(rt, member.project, member.person.actor, upload, reading, batched=batched)
    except Unprocessable as wrong:
        look = await look_at(upload, reading, rt.clock())
        return await _columns(request, rt, member, upload, look, wrong)
    return go_to(f"{_base(member)}/files/{job}")


@router.post("/projects/{project}/comments/uploads/{upload_id}/discard")
async def post_discard(rt: RuntimeDep, member: Writer, upload_id: UUID) -> Response:
    """Delete the file; nothing of it was stored."""
    await drop_upload(rt, member.project, upload_id)
    return go_to(f"{_base(member)}/files")


async def _read_form(request: Request) -> dict[str, str]:
    """What the form says; files do not belong here."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


ChosenDep = Annotated[dict[str, str], Depends(_read_form)]


def _reading(chosen: Mapping[str, str]) -> CommentReading:
    """How the form wants the file read; a choice that does not exist is the usual one."""
    columns: dict[Field, str] = {
        field: "" if chosen[field] == NONE else chosen[field] for field in FIELDS if chosen.get(field)
    }
    encoding = next((one for one in ENCODINGS if one == chosen.get("encoding")), ENCODINGS[0])
    time_format = next((one for one in TIME_FORMATS if one and one == chosen.get("times")), None)
    zone = next((one for one in ZONES if one == chosen.get("zone")), "UTC")
    return CommentReading(
        encoding=encoding, columns=columns, values=Reading(zone=ZoneInfo(zone), time_format=time_format)
    )


async def _files(
    request: Request,
    rt: Runtime,
    member: Member,
    *,
    after: UUID | None = None,
    trouble: str = "",
    text: str = "",
    reason: str = "",
) -> Response:
    now, project, base = rt.clock(), member.project, _base(member)
    frame = frame_of(request, rt, member, "comments")
    async with rt.db.read() as session:
        jobs = await list_jobs(session, project.id, now, after=after, limit=JOBS_SHOWN + 1)
        waiting = (await progress_of(session, project.id, now)).waiting
    page = FilesPage(
        frame=frame,
        jobs=tuple(JobView(job, f"{base}/files/{job.id}") for job in jobs[:JOBS_SHOWN]),
        after=str(jobs[JOBS_SHOWN - 1].id) if len(jobs) > JOBS_SHOWN else "",
        continued=after is not None,
        most_bytes=rt.settings.max_body_bytes,
        most_pasted=MOST_PASTED,
        pasted=text,
        trouble=trouble,
        reason=reason_words(_words(request, frame.language), reason),
        waiting=waiting,
    )
    return show(request, page, 422 if text else 200)


async def _columns(
    request: Request, rt: Runtime, member: Member, upload: Upload, look: Look, wrong: OuvidorError | None = None
) -> Response:
    frame = frame_of(request, rt, member, "comments")
    words = _words(request, frame.language)
    refused = wrong or look.wrong or (None if look.first else NoComments())
    use = await in_use(rt, member.project)
    page = ColumnsPage(
        frame=frame,
        id=upload.id,
        name=upload.name,
        columns=look.columns,
        chosen={field: (look.found or {}).get(field, "") for field in FIELDS},
        rows=tuple(_sample(words, one) for one in look.first),
        broken=look.broken,
        looked_at=look.looked_at,
        expires_at=upload.expires_at,
        encoding=look.reading.encoding,
        times=look.reading.values.time_format or "",
        zone=str(look.reading.values.zone),
        zones=ZONES,
        time_formats=TIME_FORMATS,
        nameless=isinstance(refused, NoTextColumn),
        wrong=unreadable_words(words, refused) if refused and not isinstance(refused, NoTextColumn) else "",
        batches=use.by_model,
    )
    return show(request, page, 422 if wrong else 200)


def _sample(words: Words, one: Told | Unfit) -> SampleRow:
    if isinstance(one, Unfit):
        return SampleRow(id=one.id or "", wrong=reason_words(words, one.reason))
    return SampleRow(
        text=one.text[:LONGEST_SAMPLE],
        id=one.id or "",
        author=one.author or "",
        written_at=one.written_at,
        fields=tuple(one.fields.items()),
    )


def _words(request: Request, language: str) -> Words:
    renderer: Renderer = request.app.state.renderer
    return next(words for name, words in renderer.words.items() if name == language)


def _base(member: Member) -> str:
    return f"/projects/{member.project.name}/comments"

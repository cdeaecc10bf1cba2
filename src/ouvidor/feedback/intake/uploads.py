"""Files of comments on their way in: kept for an hour while a person looks at what their columns are.

They lie in the database, so that the next step may be answered by another machine.
"""

import asyncio
import io
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import cast
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project
from ouvidor.conversations.imported import Reading, shown
from ouvidor.conversations.text_files import (
    UTF_16_MARKS,
    BoundedLines,
    CsvText,
    UnreadableText,
    decoded,
    json_lines,
)
from ouvidor.db import new_id
from ouvidor.errors import NotFound, OuvidorError, Unprocessable
from ouvidor.feedback.intake.columns import CommentReading, Field, Form, NoTextColumn, UnreadableComments
from ouvidor.feedback.intake.reading import open_comment_stream
from ouvidor.feedback.intake.reading_json import list_values
from ouvidor.feedback.intake.receive import begin_job
from ouvidor.feedback.models import CommentUpload
from ouvidor.feedback.told import Told, Unfit, told
from ouvidor.runtime import Runtime

KEPT = timedelta(hours=1)
BEGINNING = 262_144
"""So many bytes are looked at before somebody says that the columns are right."""
LOOKED_AT = 50
SHOWN = 5
MOST_UPLOADS = 5
"""So many files of a person are kept in a project at once; the oldest goes."""
ENCODINGS = ("utf-8", "cp1252")
TIME_FORMATS = (
    "",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
)
"""How times are written in files, as strptime has it; an empty one is ISO 8601 or a number of seconds."""
MOST_PASTED = 1_000


class NoSuchUpload(NotFound):
    """This file is not kept any more: it was read, discarded, or waited for over an hour. Upload it again."""


class EmptyUpload(Unprocessable):
    """The file is empty; choose another one."""


class NotText(Unprocessable):
    """The file is not text: save it as CSV (in a spreadsheet: save as, CSV UTF-8), and upload that."""


class TooManyPasted(Unprocessable):
    """At most 1,000 comments can be pasted at once; put more into a file."""


@dataclass(frozen=True)
class Upload:
    """A file that somebody has sent."""

    id: UUID
    name: str
    content: bytes
    expires_at: datetime


@dataclass(frozen=True)
class Look:
    """What a file would be read as: its columns, which of them is which field, and the first comments.

    `wrong` is why nothing can be read so; of the first `looked_at` there are `broken` that cannot be
    stored.
    """

    reading: CommentReading
    form: Form | None = None
    columns: tuple[str, ...] = ()
    found: Mapping[Field, str] | None = None
    first: tuple[Told | Unfit, ...] = ()
    looked_at: int = 0
    broken: int = 0
    wrong: OuvidorError | None = None


async def keep_upload(rt: Runtime, project: Project, actor: Actor, name: str, content: bytes) -> UUID:
    """Keep the file for an hour.

    Raises:
        EmptyUpload: there is nothing in it.
        NotText: it is a workbook, a picture or the like.
    """
    if not content.strip():
        raise EmptyUpload
    if content[:2] not in UTF_16_MARKS and b"\0" in content[:BEGINNING]:
        raise NotText
    now = rt.clock()
    upload = CommentUpload(
        id=new_id(),
        project_id=project.id,
        user_id=actor.id,
        name=shown(name),
        content=content,
        expires_at=now + KEPT,
    )
    async with rt.db.begin() as session:
        await sweep_uploads(session, now)
        mine = (CommentUpload.project_id == project.id, CommentUpload.user_id == actor.id)
        newest = select(CommentUpload.id).where(*mine).order_by(CommentUpload.expires_at.desc()).limit(MOST_UPLOADS - 1)
        await session.execute(delete(CommentUpload).where(*mine, CommentUpload.id.not_in(newest)))
        session.add(upload)
    return upload.id


async def read_upload(rt: Runtime, project: Project, upload_id: UUID) -> Upload:
    """A file of the project that is kept.

    Raises:
        NoSuchUpload: the project has none of this id, or its hour is over.
    """
    own = (CommentUpload.id == upload_id, CommentUpload.project_id == project.id)
    async with rt.db.read() as session:
        query = select(CommentUpload).where(*own, CommentUpload.expires_at > rt.clock())
        found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NoSuchUpload
    return Upload(found.id, found.name, found.content, found.expires_at)


async def drop_upload(rt: Runtime, project: Project, upload_id: UUID) -> None:
    """Delete the file.

    Raises:
        NoSuchUpload: the project has none of this id.
    """
    own = (CommentUpload.id == upload_id, CommentUpload.project_id == project.id)
    async with rt.db.begin() as session:
        query = delete(CommentUpload).where(*own).returning(CommentUpload.id)
        if (await session.execute(query)).scalar_one_or_none() is None:
            raise NoSuchUpload


async def sweep_uploads(session: AsyncSession, now: datetime) -> None:
    """Delete files whose hour is over, of all projects."""
    await session.execute(delete(CommentUpload).where(CommentUpload.expires_at <= now))


async def look_at(upload: Upload, reading: CommentReading | None, now: datetime, *, zone: tzinfo = UTC) -> Look:
    """The beginning of the file read so; without a reading in the way that leaves the fewest comments broken.

    Times without a zone are then taken for those of `zone`.
    """
    beginning = _beginning(upload.content)
    if reading is not None:
        return await asyncio.to_thread(_look, upload.name, beginning, reading, now)
    return await asyncio.to_thread(_best_look, upload.name, beginning, zone, now)


async def begin_upload(
    rt: Runtime, project: Project, actor: Actor, upload: Upload, reading: CommentReading, *, batched: bool
) -> UUID:
    """Put the comments of the file on the workers' list and forget the file; the job's id.

    Raises:
        UnreadableComments, UnreadableText: see `ouvidor.feedback.intake.reading`.
        NoComments: there is none in it.
    """
    opening = open_comment_stream(io.BytesIO(upload.content), reading, rt.clock(), name=upload.name)
    with ExitStack() as stack:
        file = await asyncio.to_thread(stack.enter_context, opening)
        job = await begin_job(
            rt, project, file.comments, source=file.form, name=upload.name, actor=actor, batched=batched
        )
    with suppress(NoSuchUpload):
        await drop_upload(rt, project, upload.id)
    return job


def pasted(text: str, now: datetime) -> list[Told]:
    """A comment for each line that is not empty.

    Raises:
        TooManyPasted: over MOST_PASTED.
        BrokenRow: one is too long, or cannot be stored.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_PASTED:
        raise TooManyPasted
    return [told(None, line, now=now) for line in lines]


def _beginning(content: bytes) -> bytes:
    """The beginning of a file, to the end of a line where there is one."""
    if len(content) <= BEGINNING:
        return content
    head = content[:BEGINNING]
    return head[: head.rfind(b"\n") + 1] or head


def _best_look(name: str, beginning: bytes, zone: tzinfo, now: datetime) -> Look:
    best: Look | None = None
    for encoding in ENCODINGS:
        for time_format in TIME_FORMATS:
            reading = CommentReading(encoding=encoding, values=Reading(zone=zone, time_format=time_format or None))
            look = _look(name, beginning, reading, now)
            if isinstance(look.wrong, UnreadableText):
                best = best or look
                break
            if best is None or _rank(look) < _rank(best):
                best = look
            if not best.broken:
                return best
    assert best is not None
    return best


def _rank(look: Look) -> tuple[int, int]:
    """The lower the better: a file that cannot be read at all is worse than one of which only the text is not found."""
    unreadable = 0 if look.wrong is None else 1 if isinstance(look.wrong, NoTextColumn) else 2
    return unreadable, look.broken


def _look(name: str, beginning: bytes, reading: CommentReading, now: datetime) -> Look:
    try:
        with open_comment_stream(io.BytesIO(beginning), reading, now, name=name) as file:
            first = tuple(islice(file.comments, LOOKED_AT))
            form, columns, found = file.form, file.columns, file.found
    except NoTextColumn as wrong:
        return _without_text(name, beginning, reading, now, wrong)
    except (UnreadableComments, UnreadableText) as wrong:
        return Look(reading, wrong=wrong)
    broken = sum(isinstance(one, Unfit) for one in first)
    return Look(reading, form, columns, found, first[:SHOWN], len(first), broken)


def _without_text(name: str, beginning: bytes, reading: CommentReading, now: datetime, wrong: NoTextColumn) -> Look:
    """A file of which nobody knows where the text is: shown by its first column, until somebody says it."""
    columns = _columns(beginning, reading)
    if not columns:
        return Look(reading, wrong=wrong)
    tried = replace(reading, columns={**reading.columns, "text": columns[0]})
    return replace(_look(name, beginning, tried, now), reading=reading, wrong=wrong)


def _columns(beginning: bytes, reading: CommentReading) -> tuple[str, ...]:
    """The names in a CSV's first line, or those of the first objects of JSON."""
    with decoded(io.BytesIO(beginning), reading.encoding) as text:
        lines = BoundedLines(text.file)
        if text.begin.lstrip()[:1] not in {b"[", b"{"}:
            return tuple(CsvText(lines).header)
        values = list_values(text.file) if text.begin.lstrip()[:1] == b"[" else json_lines(lines)
        objects = [cast("dict[str, object]", value) for _, value in islice(values, SHOWN) if isinstance(value, dict)]
    return tuple(dict.fromkeys(key for one in objects for key in one))

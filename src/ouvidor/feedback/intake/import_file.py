"""A file of comments brought in at the command line: put on the list, worked off here and by others, watched."""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import Project
from ouvidor.conversations.imported import shown
from ouvidor.feedback.intake.columns import CommentReading
from ouvidor.feedback.intake.reading import CommentFile, open_comments
from ouvidor.feedback.intake.receive import begin_job
from ouvidor.feedback.jobs.batches import batch_job, require_batching
from ouvidor.feedback.jobs.control import OPEN, JobOut, read_job
from ouvidor.feedback.jobs.work import Commenter
from ouvidor.feedback.models import CommentItem, CommentJob, ItemState
from ouvidor.feedback.told import Told, Unfit
from ouvidor.runtime import Runtime

SOURCE = "command"
LOOK_SECONDS = 0.5
TOLD_EVERY = 1_000
LISTED = 1_000
"""So many of those that were left out are named."""

Read = Callable[[int, float], None]
Watch = Callable[[JobOut], None]


@dataclass(frozen=True)
class FileToImport:
    """A file of comments and how it is read.

    `wait` has it worked off before the command ends; `batched` leaves it to the batches of the model's provider, at
    half the price and within a day.
    """

    path: Path
    reading: CommentReading = field(default_factory=CommentReading)
    wait: bool = True
    batched: bool = False


@dataclass(frozen=True)
class LeftOut:
    """A comment that could not be stored: where it stood among those of the file, counted from 1, and why."""

    position: int
    reason: str


@dataclass(frozen=True)
class ImportedFile:
    """What became of a file: its job, whether that had been begun before, the first of those that were left out.

    `seconds` is what this run took and `here` how many comments it saw done.
    """

    job: JobOut
    resumed: bool
    left_out: tuple[LeftOut, ...]
    seconds: float
    here: int

    @property
    def rate(self) -> float:
        """Comments a second of this run."""
        return self.here / self.seconds if self.seconds else 0.0

    def figures(self) -> dict[str, object]:
        """For programs."""
        return {
            "job": self.job.model_dump(mode="json"),
            "resumed": self.resumed,
            "seconds": round(self.seconds, 2),
            "per_second": round(self.rate, 1),
            "left_out": [{"position": one.position, "reason": one.reason} for one in self.left_out],
        }


async def import_file(rt: Runtime, project: Project, wanted: FileToImport, read: Read, watch: Watch) -> ImportedFile:
    """Put the comments of a file on the workers' list, or find the open job of the same file; then work it off.

    `read` is told how many were read and the share of the file, `watch` how far the job has come, twice a second. Cut
    short at any moment it goes on when it is run again: what is stored is found by its id, and nothing is doubled.

    Raises:
        UnreadableComments, UnreadableText: see `ouvidor.feedback.intake.reading`.
        NoComments: there is none in it.
        NoProvider, BatchesUnsupported, ProviderUnreachable, ByNoModel: see `require_batching`.
    """
    begun = time.monotonic()
    if wanted.batched:
        await require_batching(rt, project)
    opening = open_comments(wanted.path, wanted.reading, rt.clock())
    with ExitStack() as stack:
        file = await asyncio.to_thread(stack.enter_context, opening)
        async with rt.db.read() as session:
            known = await open_job_of(session, project.id, file.digest)
        job_id = known or await begin_job(
            rt,
            project,
            _counted(file, read),
            source=SOURCE,
            name=shown(wanted.path.name),
            actor=COMMAND,
            batched=wanted.batched,
            digest=file.digest,
        )
    if wanted.batched:
        await batch_job(rt, project, job_id, COMMAND)
    before = await _look(rt, project, job_id)
    job = await _work_off(rt, project, before, watch) if wanted.wait and not wanted.batched else before
    async with rt.db.read() as session:
        left_out = await _left_out(session, job.id)
    return ImportedFile(job, known is not None, left_out, time.monotonic() - begun, job.done - before.done)


async def open_job_of(session: AsyncSession, project_id: UUID, digest: str) -> UUID | None:
    """The job of the same file, read in the same way, that has not ended; the newest, where there are several."""
    query = (
        select(CommentJob.id)
        .where(CommentJob.project_id == project_id, CommentJob.digest == digest, CommentJob.state.in_(OPEN))
        .order_by(CommentJob.id.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


def _counted(file: CommentFile, read: Read) -> Generator[Told | Unfit]:
    for number, one in enumerate(file.comments, start=1):
        if number % TOLD_EVERY == 0:
            read(number, file.share())
        yield one


async def _work_off(rt: Runtime, project: Project, job: JobOut, watch: Watch) -> JobOut:
    """Take part in the work until the job has ended or stands still."""
    working = asyncio.create_task(Commenter(rt).work())
    try:
        while job.state in {"pending", "running"}:
            watch(job)
            await asyncio.wait([working], timeout=LOOK_SECONDS)
            if working.done():
                await working
            job = await _look(rt, project, job.id)
        watch(job)
        return job
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def _look(rt: Runtime, project: Project, job_id: UUID) -> JobOut:
    async with rt.db.read() as session:
        return await read_job(session, project.id, job_id, rt.clock())


async def _left_out(session: AsyncSession, job_id: UUID) -> tuple[LeftOut, ...]:
    query = (
        select(CommentItem.position, CommentItem.reason)
        .where(CommentItem.job_id == job_id, CommentItem.state == ItemState.FAILED)
        .order_by(CommentItem.position)
        .limit(LISTED)
    )
    return tuple(LeftOut(row.position, row.reason or "") for row in await session.execute(query))

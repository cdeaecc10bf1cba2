"""Comments coming in: a few are classified while the caller waits, many become a job."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.idempotency import note_subject
from ouvidor.accounts.models import Project
from ouvidor.db import driver_of, new_id
from ouvidor.errors import Unavailable, Unprocessable
from ouvidor.feedback.in_use import InUse, in_use
from ouvidor.feedback.judge import Failure, judge, with_stand_ins
from ouvidor.feedback.models import CommentJob, ItemState, JobKind, JobState
from ouvidor.feedback.month import charge, spent_and_reserved
from ouvidor.feedback.read import CommentOut, comment_out, read_comments
from ouvidor.feedback.store import Fresh, Stored, known, store_new
from ouvidor.feedback.told import Told, Unfit
from ouvidor.runtime import Runtime

AT_ONCE = 100
"""So many are classified while the caller waits."""
READ_AT_ONCE = 1_000
WAITING_FOR_NOBODY = "error"

COPY_ITEMS = """
copy comment_item (job_id, position, project_id, external_id, numbered, content, fields, author, written_at, state,
    attempts, losses, due_at, reserved, status, reason) from stdin
"""


class NoComments(Unprocessable):
    """There is no comment in it; send at least one."""


class NotClassified(Unavailable):
    """The language model gave no answer, and nothing may stand in for it; try again soon."""


async def take_in(rt: Runtime, project: Project, items: Sequence[Told | Unfit]) -> list[CommentOut | Unfit]:
    """Classify and store at most AT_ONCE comments; what came of each, in order, duplicates included.

    The same id with the same words gives the comment as it is stored, with other words 409. Where the language model
    fails the local classifier stands in, unless the installation wants an error then; and so it does where the month's
    budget is spent.

    Raises:
        NotClassified: it does.
        EmbeddingFailed: a server of vectors gave none.
    """
    use = await _affordable(rt, project, await in_use(rt, project))
    told = [one for one in items if isinstance(one, Told)]
    async with rt.db.read() as session:
        met = await known(session, project.id, told)
    new = [one for one, there in zip(told, met, strict=True) if there is None]
    fresh = await _judged(rt, project, use, new)
    async with rt.db.begin() as session:
        stored = await store_new(session, project.id, fresh, use.rules, rt.clock())
        came = iter(stored)
        results = [next(came) if there is None else there for there in met]
        rows = await read_comments(session, project.id, [one.id for one in results if isinstance(one, Stored)])
    of_told = iter(results)
    answers = (one if isinstance(one, Unfit) else next(of_told) for one in items)
    return [one if isinstance(one, Unfit) else comment_out(rows[one.id], use.taxonomy) for one in answers]


async def begin_job(
    rt: Runtime,
    project: Project,
    items: Iterable[Told | Unfit] | AsyncIterable[Told | Unfit],
    *,
    source: str,
    name: str = "",
    actor: Actor,
    batched: bool = False,
    digest: str | None = None,
    marked_id: UUID | None = None,
) -> UUID:
    """Put these on the list of the workers, all in one transaction; returns the job's id.

    What cannot be stored is in the job as well, with what is wrong with it. `batched` has a language model do it in the
    provider's batches, at half the price and within a day. `digest` stands for the file that they are of. The resend
    mark `marked_id` remembers the job, so that an attempt that was cut short makes no second one.

    Raises:
        NoComments: there is none.
    """
    now = rt.clock()
    job = CommentJob(
        id=new_id(),
        project_id=project.id,
        kind=JobKind.INTAKE,
        source=source,
        name=name,
        digest=digest,
        ordered_by=actor.name,
        batched=batched,
        created_at=now,
    )
    async with rt.db.begin() as session:
        session.add(job)
        await session.flush()
        total, failed = await _put(session, job, items)
        if not total:
            raise NoComments
        ended = {"state": JobState.DONE, "finished_at": now} if failed == total else {}
        counted = update(CommentJob).where(CommentJob.id == job.id).values(total=total, failed=failed, **ended)
        await session.execute(counted)
        if marked_id:
            await note_subject(session, marked_id, job.id)
        about = Subject("comment_job", job.id)
        await note(session, actor, "comments.sent", at=now, project_id=project.id, subject=about, comments=total)
    return job.id


async def _affordable(rt: Runtime, project: Project, use: InUse) -> InUse:
    """The same, or the local classifier alone where the month's budget is spent: somebody waits."""
    if not use.by_model or use.rules.budget is None:
        return use
    async with rt.db.read() as session:
        spent = await spent_and_reserved(session, project.id, rt.clock())
    return use if spent < use.rules.budget else replace(use, by_model=False)


async def _judged(rt: Runtime, project: Project, use: InUse, told: Sequence[Told]) -> list[Fresh]:
    texts = [one.text for one in told]
    verdicts = await judge(rt, project, use, texts)
    if verdicts.calls:
        async with rt.db.begin() as session:
            await charge(session, project.id, rt.clock(), calls=verdicts.calls, spent=verdicts.spent)
    if rt.settings.llm_when_down != WAITING_FOR_NOBODY:
        verdicts = await with_stand_ins(use, texts, verdicts)
    fresh: list[Fresh] = []
    for one, judged in zip(told, verdicts.judged, strict=True):
        if isinstance(judged, Failure):
            raise NotClassified
        fresh.append(Fresh(one, judged))
    return fresh


async def _put(
    session: AsyncSession, job: CommentJob, items: Iterable[Told | Unfit] | AsyncIterable[Told | Unfit]
) -> tuple[int, int]:
    """Write the items in order; how many there are, and how many cannot be stored."""
    total = failed = 0
    connection = driver_of(session)
    async with connection.cursor() as cursor, cursor.copy(COPY_ITEMS) as copy:
        async for chunk in _chunks(items):
            for item in chunk:
                total += 1
                failed += isinstance(item, Unfit)
                await copy.write_row(_row(job, total, item))
    return total, failed


def _row(job: CommentJob, position: int, item: Told | Unfit) -> tuple[object, ...]:
    where = (job.id, position, job.project_id, item.id, item.numbered)
    if isinstance(item, Unfit):
        what: tuple[object, ...] = (None, "{}", None, None, ItemState.FAILED.value)
        return (*where, *what, 0, 0, job.created_at, 0, item.status, item.reason)
    fields = json.dumps(dict(item.fields), ensure_ascii=False)
    what = (item.text, fields, item.author, item.written_at, ItemState.PENDING.value)
    return (*where, *what, 0, 0, job.created_at, 0, None, None)


async def _chunks(items: Iterable[Told | Unfit] | AsyncIterable[Told | Unfit]) -> AsyncGenerator[list[Told | Unfit]]:
    """A file is read in a thread of its own."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield [item]
        return
    remaining: Iterator[Told | Unfit] = iter(items)
    while chunk := await asyncio.to_thread(lambda: list(islice(remaining, READ_AT_ONCE))):
        yield chunk

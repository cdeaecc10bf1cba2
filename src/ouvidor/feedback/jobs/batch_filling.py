"""How a batch of comments gets its requests: some comments in each, leased to the batch and written to its file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.engines.asking import question_of
from ouvidor.engines.batches import RequestFile, request_line
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.jobs.claim import BEGIN, BUDGET, LOCK, PAUSE, PRICE_UNKNOWN
from ouvidor.feedback.llm.asking import Asking, asking_of
from ouvidor.feedback.llm.costs import Terms, terms_of
from ouvidor.feedback.models import CommentBatch, CommentJob, JobKind, JobState
from ouvidor.feedback.month import spent_and_reserved
from ouvidor.feedback.rules import Rules, read_rules
from ouvidor.feedback.store import known
from ouvidor.feedback.told import Told
from ouvidor.runtime import Runtime

GROUP = 1_200
"""So many comments are read at a time."""
RETRIES = 1
"""What a batch did not get to goes into so many others; what it failed at goes into none."""

BEGIN_ANEW = (
    text("delete from comment_batch_item where batch_id = :batch"),
    text("""
    update comment_item set state = 'pending', lease = null, leased_until = null, reserved = 0
    where job_id = :job and state = 'running' and lease = :batch
    """),
)
WAITING = text("""
select i.position, i.external_id, coalesce(i.content, c.content) as content
from comment_item i left join comment c on c.id = i.comment_id
where i.job_id = :job and i.state = 'pending' and i.due_at <= :now and i.position > :after and i.attempts = 0
    and (select count(*) from comment_batch_item q where q.job_id = i.job_id and q.position = i.position) <= :retries
order by i.position limit :most
""")
FIRST_OF_TWINS = text("""
select external_id, min(position) as first from comment_item
where job_id = :job and state in ('pending', 'running') and position <= :last and external_id = any(:names)
group by external_id
""")
LEASE = text("""
update comment_item i set state = 'running', lease = :batch, leased_until = null, reserved = new.reserved
from unnest(cast(:positions as int[]), cast(:reserved as numeric[])) as new (position, reserved)
where i.job_id = :job and i.position = new.position and i.state = 'pending'
returning i.position
""")
LET_GO = text("""
update comment_item set state = 'pending', lease = null, reserved = 0
where job_id = :job and position = any(:positions) and lease = :batch
""")
WRITE_DOWN = text("""
insert into comment_batch_item (batch_id, request, number, job_id, position, answered)
select :batch, new.request, new.number, :job, new.position, false
from unnest(cast(:requests as int[]), cast(:numbers as int[]), cast(:positions as int[]))
    as new (request, number, position)
""")
RESERVED = text("select coalesce(sum(reserved), 0) from comment_item where project_id = :project and state = 'running'")


@dataclass(frozen=True)
class Request:
    """A request of the file, about the comments at these positions in the order of their numbers; `sizes` are bytes."""

    number: int
    positions: tuple[int, ...]
    sizes: tuple[int, ...]
    line: bytes


@dataclass(frozen=True)
class Leased:
    """The requests of which all comments were leased; `held_up` where there is no more to be had now."""

    requests: list[Request]
    held_up: bool


class Filling:
    """One batch while its file is written; whatever was written before for it is forgotten."""

    def __init__(self, rt: Runtime, batch: CommentBatch, job: CommentJob, project: Project, file: RequestFile) -> None:
        self._rt = rt
        self._batch = batch
        self._job = job
        self._project = project
        self._file = file
        self._mine = {"job": job.id, "batch": batch.id}
        self._numbered = 0

    async def fill(self) -> None:
        """Write as many requests as fit and as the budget allows.

        What needs no model (it is stored already, or stands twice in the job) is left out. Where nothing is left that a
        batch may carry, the rest of the job is done the usual way.
        """
        async with self._rt.db.read() as session:
            rules = await read_rules(session, self._project.id)
            number, taxonomy = await active_taxonomy(session, self._project)
        if not rules.by_model:
            return
        asking = await asking_of(self._rt, self._project, taxonomy)
        terms = await terms_of(self._rt, self._project, taxonomy, batch=True)
        await self._begin_anew(asking, number)
        after = 0
        while self._file.left:
            rows = await self._next(after)
            if not rows:
                break
            after = rows[-1].position
            requests = await asyncio.to_thread(self._requests, asking, await self._new_ones(rows))
            fit = self._file.that_fit([one.line for one in requests])
            leased = await self._lease(terms, rules, requests[:fit])
            for one in leased.requests:
                self._file.add(one.line)
            if leased.held_up or fit < len(requests):
                return
        if not self._file.requests:
            await self._leave_the_rest()

    async def _begin_anew(self, asking: Asking, number: int) -> None:
        """Note with what the requests are made; give back what a process leased that did not come to the end."""
        made_with = {
            "model": self._rt.engine.name,
            "version": asking.brief.label,
            "prompt_version": asking.brief.version,
            "taxonomy": number,
        }
        async with self._rt.db.begin() as session:
            for statement in BEGIN_ANEW:
                await session.execute(statement, self._mine)
            await session.execute(update(CommentBatch).where(CommentBatch.id == self._batch.id).values(**made_with))

    async def _next(self, after: int) -> Sequence[Any]:
        """The next comments that a batch may carry, behind this position."""
        values = {"job": self._job.id, "now": self._rt.clock(), "after": after, "retries": RETRIES, "most": GROUP}
        async with self._rt.db.read() as session:
            return (await session.execute(WAITING, values)).all()

    async def _new_ones(self, rows: Sequence[Any]) -> list[Any]:
        """Those of which a model has to be asked: not gone, not stored already, the first of their id in the job."""
        there = [row for row in rows if row.content is not None]
        if self._job.kind == JobKind.AGAIN:
            return there
        names = [row.external_id for row in there if row.external_id is not None]
        values = {"job": self._job.id, "last": rows[-1].position, "names": names}
        async with self._rt.db.read() as session:
            met = await known(session, self._project.id, [Told(row.content, row.external_id) for row in there])
            first = {row.external_id: row.first for row in await session.execute(FIRST_OF_TWINS, values)}
        return [
            row
            for row, stored in zip(there, met, strict=True)
            if stored is None and first.get(row.external_id, row.position) == row.position
        ]

    def _requests(self, asking: Asking, rows: Sequence[Any]) -> list[Request]:
        """Requests about these comments; no number is given twice, whatever becomes of its request."""
        texts = [row.content for row in rows]
        made: list[Request] = []
        for group in asking.groups(texts):
            self._numbered += 1
            question = question_of(asking.task, asking.given([texts[place] for place in group]), asking.brief)
            line = request_line(
                str(self._numbered), self._rt.engine.name, question, asking.task.name, asking.task.output
            )
            sizes = tuple(len(texts[place].encode()) for place in group)
            made.append(Request(self._numbered, tuple(rows[place].position for place in group), sizes, line))
        return made

    async def _lease(self, terms: Terms, rules: Rules, requests: Sequence[Request]) -> Leased:
        """Lease what these ask about, as far as the month's budget goes; one of which something is gone is left out."""
        async with self._rt.db.begin() as session:
            await session.execute(LOCK)
            job = await waiting_job(session, self._job.id)
            if job is None:
                return Leased([], held_up=True)
            reserves, paused_for = await self._affordable(session, terms, rules, requests)
            if paused_for is not None:
                await session.execute(PAUSE, {"job": job.id, "paused_for": paused_for})
            elif job.state != JobState.RUNNING and reserves:
                await session.execute(BEGIN, {"job": job.id, "now": self._rt.clock()})
            whole = await self._take(session, requests[: len(reserves)], reserves)
            await self._write_down(session, whole)
            return Leased(whole, held_up=len(reserves) < len(requests))

    async def _affordable(
        self, session: AsyncSession, terms: Terms, rules: Rules, requests: Sequence[Request]
    ) -> tuple[list[Decimal], str | None]:
        """What each of the first requests may cost, as far as the money goes; and what holds the job up, if it does."""
        if rules.budget is None:
            return [Decimal(0)] * len(requests), None
        left = rules.budget - await spent_and_reserved(session, self._project.id, self._rt.clock())
        reserves: list[Decimal] = []
        for request in requests:
            cost = terms.dollars(request.sizes)
            if cost is None:
                return [], PRICE_UNKNOWN
            left -= cost
            if left < 0:
                under_way = (await session.execute(RESERVED, {"project": self._project.id})).scalar_one()
                return reserves, None if reserves or under_way else BUDGET
            reserves.append(cost)
        return reserves, None

    async def _take(
        self, session: AsyncSession, requests: Sequence[Request], reserves: Sequence[Decimal]
    ) -> list[Request]:
        """Lease the comments of these; the requests of which all are leased."""
        shares = {
            position: reserve / len(one.positions)
            for one, reserve in zip(requests, reserves, strict=True)
            for position in one.positions
        }
        values = self._mine | {"positions": list(shares), "reserved": list(shares.values())}
        leased = set((await session.execute(LEASE, values)).scalars())
        whole = [one for one in requests if leased.issuperset(one.positions)]
        left = sorted(leased.difference(*(one.positions for one in whole)))
        if left:
            await session.execute(LET_GO, self._mine | {"positions": left})
        return whole

    async def _write_down(self, session: AsyncSession, requests: Sequence[Request]) -> None:
        rows = [(one.number, number, position) for one in requests for number, position in enumerate(one.positions, 1)]
        columns = {
            name: [row[place] for row in rows] for place, name in enumerate(("requests", "numbers", "positions"))
        }
        await session.execute(WRITE_DOWN, self._mine | columns)

    async def _leave_the_rest(self) -> None:
        """Have the job done the usual way from here on."""
        async with self._rt.db.begin() as session:
            await session.execute(update(CommentJob).where(CommentJob.id == self._job.id).values(batched=False))


async def waiting_job(session: AsyncSession, job_id: UUID) -> CommentJob | None:
    """The job, locked, if something new of it may begin in batches: it is not held up, but perhaps for money."""
    may_begin = CommentJob.state.in_((JobState.PENDING, JobState.RUNNING)) | (
        (CommentJob.state == JobState.PAUSED) & CommentJob.paused_for.in_((BUDGET, PRICE_UNKNOWN))
    )
    query = select(CommentJob).where(CommentJob.id == job_id, CommentJob.batched, may_begin)
    return (await session.execute(query.with_for_update())).scalar_one_or_none()

"""Analyses in batches of the provider, at about half the price and within a day: ordered, begun, watched."""

from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import CursorResult, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project
from ouvidor.analysis.batch_costs import batch_terms
from ouvidor.analysis.claim import LOCK
from ouvidor.analysis.due import CHUNK, MEASURED, Size, list_again, list_due, size_of
from ouvidor.analysis.models import AnalysisBatch, AnalysisRun, RunKind, RunState
from ouvidor.analysis.opening import end_if_empty
from ouvidor.analysis.order import AnalysesPaused, Estimate, Order, refuse_unconfirmed
from ouvidor.analysis.runs import RunOut, note_run, own_run, read_run
from ouvidor.db import new_id
from ouvidor.engines.batches import BATCH_JOB, NoProvider, require_batches
from ouvidor.jobs import enqueue
from ouvidor.runtime import Runtime

RETRIES = 2

WAITING = """
from analysis_item i
join analysis_run r on r.id = i.run_id and r.kind <> 'batch' and r.state in ('running', 'paused')
join conversation c on c.id = i.conversation_id
where i.project_id = :project and i.state = 'pending'
    and (cast(:since as timestamptz) is null or c.created_at >= :since)
"""
"""What is on the list already and nobody has begun with: it comes into the batches too, at their price."""
COUNT_WAITING = text(f"select count(*) {WAITING}")
MEASURE_WAITING = text(f"""
select count(distinct m.conversation_id) as conversations, count(*) as lines,
    coalesce(sum(octet_length(m.content)), 0) as bytes
from (select c.id {WAITING} order by c.last_message_at desc limit :most) as newest
join message m on m.conversation_id = newest.id and m.author <> 'system'
""")  # noqa: S608 - our own words
TAKE_OVER = text(f"""
update analysis_item t set run_id = :run, due_at = least(t.due_at, :now), updated_at = :now
from (select i.conversation_id as id {WAITING} order by c.last_message_at desc limit :most for update of i) as taken
where t.conversation_id = taken.id
""")  # noqa: S608 - our own words


class BatchOut(BaseModel):
    """A batch of a run, and how far it has come.

    `state` is ours (filling, uploaded, submitted, ended, closed), `status` the provider's word. `answered` counts
    requests with an answer or an error, `stored` those that gave a verdict. `reason` is why it brought less.
    """

    id: UUID
    run_id: UUID
    state: str
    status: str | None
    model: str
    requests: int
    answered: int
    stored: int
    reason: str | None
    created_at: datetime
    submitted_at: datetime | None
    closed_at: datetime | None


async def estimate_batches(rt: Runtime, project: Project, order: Order) -> Estimate:
    """What this order would take in batches.

    Raises:
        NoProvider: the settings name no model.
    """
    if rt.settings.llm_model is None:
        raise NoProvider
    terms = await batch_terms(rt, project)
    async with rt.db.read() as session:
        waiting = await _size_of_waiting(session, project, order)
        left = None if order.limit is None else order.limit - waiting.conversations
        due = await size_of(session, project, order.wanted, rt.clock(), limit=left)
    parts = [(size.conversations, size) for size in (waiting, due) if size.conversations > 0]
    costs = [terms.dollars(size.lines, size.bytes) for _, size in parts]
    dollars = [count * (cost or 0) for (count, _), cost in zip(parts, costs, strict=True)]
    conversations = sum(count for count, _ in parts)
    return Estimate(
        conversations=conversations,
        input_tokens=sum(count * terms.tokens(size.lines, size.bytes) for count, size in parts),
        output_tokens=conversations * terms.answer_tokens,
        dollars=None if terms.prices is None else round(Decimal(sum(dollars)), 6),
        model=rt.engine.name,
    )


async def _size_of_waiting(session: AsyncSession, project: Project, order: Order) -> Size:
    values = {"project": project.id, "since": order.since}
    count = (await session.execute(COUNT_WAITING, values)).scalar_one()
    row = (await session.execute(MEASURE_WAITING, values | {"most": MEASURED})).one()
    measured = max(1, row.conversations)
    wanted = count if order.limit is None else min(count, order.limit)
    return Size(wanted, lines=row.lines / measured, bytes=float(row.bytes) / measured)


async def order_batches(rt: Runtime, project: Project, order: Order, actor: Actor, *, retries: int = RETRIES) -> RunOut:
    """Have what is ordered analysed in batches, in a run of its own; the job that begins them is left at once.

    What waits on the list of the usual run, and nobody has begun with, goes into the batches as well.
    A conversation without an answer goes into another batch, `retries` times, and is then analysed the usual way.

    Raises:
        NoProvider: the settings name no model.
        BatchesUnsupported: its server has no batches.
        ProviderUnreachable: its server does not say.
        AnalysesPaused: the project's settings say that nothing is to be analysed.
        EstimateFirst: it goes over the past, and was not confirmed, or for fewer conversations than there are.
    """
    if project.analysis_paused:
        raise AnalysesPaused
    await require_batches(rt.settings)
    if order.again:
        refuse_unconfirmed(order, await estimate_batches(rt, project, order))
    run_id = await _list(rt, project, order, actor, retries)
    async with rt.db.begin() as session:
        run = await own_run(session, project.id, run_id, lock=True)
        await end_if_empty(session, run, rt.clock())
        if run.state == RunState.RUNNING:
            await enqueue(session, rt.jobs, BATCH_JOB, once=BATCH_JOB, timestamp=int(rt.clock().timestamp()))
        return await read_run(session, project.id, run_id, rt.clock())


async def list_batches(session: AsyncSession, project_id: UUID, *, run_id: UUID | None = None) -> list[BatchOut]:
    """The newest 100 batches of the project, or of one of its runs."""
    query = select(AnalysisBatch).where(AnalysisBatch.project_id == project_id)
    if run_id is not None:
        query = query.where(AnalysisBatch.run_id == run_id)
    rows = (await session.execute(query.order_by(AnalysisBatch.id.desc()).limit(100))).scalars()
    return [BatchOut.model_validate(row, from_attributes=True) for row in rows]


async def _list(rt: Runtime, project: Project, order: Order, actor: Actor, retries: int) -> UUID:
    """Put what is ordered on the list of a new run: what waits elsewhere, then what is due by and by, or the past."""
    run_id, now = new_id(), rt.clock()
    run = AnalysisRun(
        id=run_id,
        project_id=project.id,
        kind=RunKind.BATCH,
        state=RunState.RUNNING,
        ordered_by=actor.name,
        since=order.since,
        batch_retries=retries,
        created_at=now,
    )
    async with rt.db.begin() as session:
        session.add(run)
        await session.flush()
        since = None if order.since is None else order.since.isoformat()
        told = {"again": order.again, "since": since, "limit": order.limit, "batch": True}
        await note_run(session, actor, "analysis_run.ordered", run, now, **told)
        left = await _take_over(session, project, order, run)
    while left != 0:
        async with rt.db.begin() as session:
            left = await _list_some(session, rt, project, order, run_id, left)
    return run_id


async def _take_over(session: AsyncSession, project: Project, order: Order, run: AnalysisRun) -> int | None:
    """Take what waits on the project's list; how many more are wanted, None where there is no limit.

    Under the lock of those who lease: else one of these might be leased as one of the run where it was.
    """
    values = {"project": project.id, "since": order.since, "run": run.id, "now": run.created_at, "most": order.limit}
    await session.execute(LOCK)
    taken = cast("CursorResult[Any]", await session.execute(TAKE_OVER, values)).rowcount
    return None if order.limit is None else order.limit - taken


async def _list_some(
    session: AsyncSession, rt: Runtime, project: Project, order: Order, run_id: UUID, left: int | None
) -> int | None:
    """List the past, or a chunk of what is due; how many more are wanted, 0 where that is all."""
    run, now = await own_run(session, project.id, run_id, lock=True), rt.clock()
    if run.state == RunState.CANCELLED:
        return 0
    if run.state == RunState.DONE:  # somebody found it empty
        run.state, run.finished_at = RunState.RUNNING, None
    if order.again:
        await list_again(session, project, run_id, order.wanted, now, limit=left)
        return 0
    most = CHUNK if left is None else min(CHUNK, left)
    found = await list_due(session, project, run_id, order.wanted, now, most=most)
    if found.looked_at < most:
        return 0
    return None if left is None else left - found.listed

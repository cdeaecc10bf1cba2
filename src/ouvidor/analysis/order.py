"""Orders to analyse: what they would take, and how they come on the list."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import SYSTEM, Actor
from ouvidor.accounts.models import Project
from ouvidor.analysis.budget import terms_of
from ouvidor.analysis.due import CHUNK, Wanted, list_again, list_due, size_of
from ouvidor.analysis.models import AnalysisRun, RunKind
from ouvidor.analysis.opening import begin_run, end_if_empty
from ouvidor.analysis.runs import RunOut, note_run, read_run
from ouvidor.errors import Conflict, Unprocessable
from ouvidor.runtime import Runtime


class AnalysesPaused(Conflict):
    """Analyses of this project are paused in its settings; switch them on there first."""


class EstimateFirst(Unprocessable):
    """Going over the past again is ordered with the number of conversations that the estimate told."""


class Estimate(BaseModel):
    """What an order would take: rather too much than too little; `dollars` is null where the price is not known."""

    conversations: int
    input_tokens: int
    output_tokens: int
    dollars: Decimal | None
    model: str


@dataclass(frozen=True)
class Order:
    """What is ordered: what is due, or with `again` what was analysed before as well.

    `since` bounds the beginning of the conversations, `limit` their number, the newest first. `confirmed` is the number
    of conversations that an estimate of the same order told.
    """

    again: bool = False
    since: datetime | None = None
    limit: int | None = None
    confirmed: int | None = None

    @property
    def kind(self) -> RunKind:
        """What the run is called."""
        return RunKind.AGAIN if self.again else RunKind.MANUAL

    @property
    def wanted(self) -> Wanted:
        """Which conversations."""
        return Wanted(again=self.again, since=self.since)


async def estimate_run(rt: Runtime, project: Project, order: Order) -> Estimate:
    """What this order would take now."""
    terms = await terms_of(rt, project)
    async with rt.db.read() as session:
        size = await size_of(session, project, order.wanted, rt.clock(), limit=order.limit)
    each = terms.dollars(size.lines, size.bytes)
    read = 0 if terms.free else terms.tokens(size.lines, size.bytes)
    return Estimate(
        conversations=size.conversations,
        input_tokens=size.conversations * read,
        output_tokens=size.conversations * terms.answer_tokens,
        dollars=None if each is None else round(each * size.conversations, 6),
        model=rt.engine.name,
    )


async def order_run(rt: Runtime, project: Project, order: Order, actor: Actor) -> RunOut:
    """Put what is ordered on the list; where a run is open already it joins that one, which is returned.

    Raises:
        AnalysesPaused: the project's settings say that nothing is to be analysed.
        EstimateFirst: it goes over the past, and was not confirmed, or for fewer conversations than there are.
    """
    if project.analysis_paused:
        raise AnalysesPaused
    if order.again:
        refuse_unconfirmed(order, await estimate_run(rt, project, order))
        run_id = await _list_again(rt, project, order, actor)
    else:
        run_id = await list_all_due(rt, project, order, order.kind, actor)
    async with rt.db.read() as session:
        return await read_run(session, project.id, run_id, rt.clock())


def refuse_unconfirmed(order: Order, estimate: Estimate) -> None:
    """Go on where somebody has confirmed as many conversations as there are.

    Raises:
        EstimateFirst: nobody has, or for fewer.
    """
    if order.confirmed is not None and order.confirmed >= estimate.conversations:
        return
    cost = "an unknown amount" if estimate.dollars is None else f"about {estimate.dollars:.2f} dollars"
    raise EstimateFirst(
        f"This goes over {estimate.conversations} conversations for {cost}. "
        f"Confirm it with the number of conversations: {estimate.conversations}."
    )


async def _list_again(rt: Runtime, project: Project, order: Order, actor: Actor) -> UUID:
    """All of it in one transaction: an order that is cut short leaves nothing."""
    now = rt.clock()
    async with rt.db.begin() as session:
        run = await begin_run(session, project.id, order.kind, actor.name, now, since=order.since)
        listed = await list_again(session, project, run.id, order.wanted, now, limit=order.limit)
        await _note_order(session, actor, run, order, now)
        if not listed:
            await end_if_empty(session, run, now)
        return run.id


async def list_all_due(rt: Runtime, project: Project, order: Order, kind: RunKind, actor: Actor) -> UUID:
    """Put what is due on the list of the project's open run, a chunk in each transaction; returns that run.

    What is left by an order that is cut short is still due, and the sweep finds it.
    """
    left, noted = order.limit, False
    while True:
        most, now = CHUNK if left is None else min(CHUNK, left), rt.clock()
        async with rt.db.begin() as session:
            run = await begin_run(session, project.id, kind, actor.name, now, since=order.since)
            found = await list_due(session, project, run.id, order.wanted, now, most=most)
            if not (noted or actor is SYSTEM):
                await _note_order(session, actor, run, order, now)
            if not found.listed:
                await end_if_empty(session, run, now)
        left, noted = None if left is None else left - found.listed, True
        if found.looked_at < most or left == 0:
            return run.id


async def sweep_project(rt: Runtime, project: Project) -> None:
    """Put what is due in the project on the list."""
    await list_all_due(rt, project, Order(), RunKind.SWEEP, SYSTEM)


async def _note_order(session: AsyncSession, actor: Actor, run: AnalysisRun, order: Order, now: datetime) -> None:
    since = None if order.since is None else order.since.isoformat()
    await note_run(session, actor, "analysis_run.ordered", run, now, again=order.again, since=since, limit=order.limit)

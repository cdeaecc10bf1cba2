"""Analyses ordered at the command line: watched until they are done, and worked off here where nobody else does it."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import all_projects, project_named
from ouvidor.analysis.batches import estimate_batches, order_batches
from ouvidor.analysis.claim import workers_alive
from ouvidor.analysis.order import Estimate, Order, estimate_run, order_run
from ouvidor.analysis.runs import RunOut, read_run
from ouvidor.analysis.work import Analyst
from ouvidor.runtime import Runtime

LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Followed:
    """A run and the project that it is of."""

    project: Project
    run: RunOut


Watch = Callable[[Sequence[Followed]], None]
Confirm = Callable[[Sequence[tuple[Project, Estimate]]], None]


async def projects_for(rt: Runtime, name: str | None) -> list[Project]:
    """The project of this name; without one all in which analyses are not paused.

    Raises:
        UnknownProject: there is none of this name.
    """
    async with rt.db.read() as session:
        if name is not None:
            return [await project_named(session, name)]
        return [project for project in await all_projects(session) if not project.analysis_paused]


async def analyse(
    rt: Runtime, projects: Sequence[Project], order: Order, confirm: Confirm, watch: Watch
) -> list[Followed]:
    """Order this in each project and stay until the runs have ended or stand still.

    Before the past is gone over `confirm` is told what it would take, and raises where nobody wants that. `watch` is
    told of the progress twice a second. Where no worker is alive, this process does the work.

    Raises:
        AnalysesPaused: the settings of a project say that nothing is to be analysed.
    """
    orders = await _confirmed(rt, projects, order, confirm, batch=False)
    runs = [Followed(project, await order_run(rt, project, each, COMMAND)) for project, each in orders]
    working: asyncio.Task[None] | None = None
    try:
        while True:
            watch(runs)
            if not any(followed.run.state == "running" for followed in runs):
                return runs
            if working is None and not await _somebody_works(rt):
                working = asyncio.create_task(Analyst(rt).work())
            await asyncio.sleep(LOOK_SECONDS)
            runs = [await _read_again(rt, followed) for followed in runs]
    finally:
        if working is not None:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


async def analyse_in_batches(
    rt: Runtime, projects: Sequence[Project], order: Order, confirm: Confirm
) -> list[Followed]:
    """Order this by the provider's batches in each project, and stay for nothing: workers do the rest within a day.

    Raises:
        AnalysesPaused: the settings of a project say that nothing is to be analysed.
        NoProvider, BatchesUnsupported, ProviderUnreachable: there is nobody who takes batches.
    """
    orders = await _confirmed(rt, projects, order, confirm, batch=True)
    return [Followed(project, await order_batches(rt, project, each, COMMAND)) for project, each in orders]


async def _confirmed(
    rt: Runtime, projects: Sequence[Project], order: Order, confirm: Confirm, *, batch: bool
) -> list[tuple[Project, Order]]:
    if not order.again:
        return [(project, order) for project in projects]
    estimate = estimate_batches if batch else estimate_run
    told = [(project, await estimate(rt, project, order)) for project in projects]
    confirm(told)
    return [(project, replace(order, confirmed=estimate.conversations)) for project, estimate in told]


async def _read_again(rt: Runtime, followed: Followed) -> Followed:
    async with rt.db.read() as session:
        run = await read_run(session, followed.project.id, followed.run.id, rt.clock())
    return Followed(followed.project, run)


async def _somebody_works(rt: Runtime) -> bool:
    async with rt.db.read() as session:
        return await workers_alive(session, rt.settings.stalled_seconds) > 0


@contextmanager
def bars(*, quiet: bool) -> Generator[Watch]:
    """Shows the progress of runs as bars on stderr while the block runs."""
    more = TextColumn("{task.fields[more]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), more)
    tasks: dict[UUID, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True) as progress:

        def show(runs: Sequence[Followed]) -> None:
            for project, run in ((one.project, one.run) for one in runs if one.run.total):
                if run.id not in tasks:
                    tasks[run.id] = progress.add_task(project.name, total=run.total, more="")
                progress.update(tasks[run.id], completed=run.done, total=run.total, more=_more(run))

        yield show


def remaining(run: RunOut) -> str:
    """How long it will take at the present rate, such as 0:02:30; – where that cannot be told."""
    return "–" if run.seconds_left is None else str(timedelta(seconds=round(run.seconds_left)))


def state_of(run: RunOut) -> str:
    """Its state, and what it was paused for."""
    return run.state if run.paused_for is None else f"{run.state} ({run.paused_for})"


def _more(run: RunOut) -> str:
    parts = [f"{run.rate:g} a minute", f"{remaining(run)} remaining", f"{run.cost:.4f} dollars"]
    parts += [f"{run.retrying} tried again"] if run.retrying else []
    parts += [f"{run.parked} parked"] if run.parked else []
    return ", ".join(parts)

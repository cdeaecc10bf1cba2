"""Conversations analysed now: ordered, watched, held up."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from ouvidor.cli.running import AsJson, InProject, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.accounts.models import Project
    from ouvidor.analysis.command import Followed
    from ouvidor.analysis.order import Estimate, Order
    from ouvidor.analysis.runs import RunOut
    from ouvidor.runtime import Runtime

app = typer.Typer(name="analyse", invoke_without_command=True, help="Have conversations analysed.")

OneRun = Annotated[UUID | None, typer.Option("--run", help="Id of a run, such as one of provider batches.")]
PARKED = 2
"""Exit code where a conversation could not be analysed."""


@app.callback()
def analyse(
    context: typer.Context,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Name of the project; without it all of them.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="Only conversations begun since then (UTC).")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the newest first.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Those analysed before as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask what going over the past may cost.")] = False,
    batch: Annotated[
        bool, typer.Option("--batch", help="By the provider's batches: at about half the price, within a day.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Analyse what is due; the work is done here, unless a worker does it elsewhere.

    The exit code is 2 where a conversation could not be analysed.
    """
    if context.invoked_subcommand is not None:
        return
    from datetime import UTC

    from ouvidor.analysis.order import Order

    order = Order(again=again, since=None if since is None else since.replace(tzinfo=UTC), limit=limit)
    confirm = _accept if yes else _ask
    runs = with_runtime(lambda rt: _analyse(rt, project, order, confirm, batch=batch, quiet=as_json))
    told = [{"project": one.project.name} | one.run.model_dump(mode="json") for one in runs]
    show(told, as_json, lambda: _tell([(one.project.name, one.run) for one in runs if one.run.total]))
    if any(one.run.parked for one in runs):
        raise typer.Exit(PARKED)


@app.command("status")
def analyse_status(project: InProject, as_json: AsJson = False) -> None:
    """Show the project's ten newest runs, and what is parked."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.projects import project_named
    from ouvidor.analysis.command import remaining, state_of
    from ouvidor.analysis.runs import ParkedOut, RunOut, list_parked, list_runs

    async def deed(rt: "Runtime") -> tuple[list[RunOut], list[ParkedOut]]:
        async with rt.db.read() as session:
            found = await project_named(session, project)
            return await list_runs(session, found.id, rt.clock(), limit=10), await list_parked(session, found.id)

    runs, parked = with_runtime(deed)

    def plain() -> None:
        table = Table("Begun", "Kind", "State", "Done", "Left", "Parked", "A minute", "Remaining", "Dollars")
        for run in runs:
            counts = (str(run.done), str(run.left), str(run.parked), f"{run.rate:g}", remaining(run))
            table.add_row(f"{run.created_at:%Y-%m-%d %H:%M}", run.kind, state_of(run), *counts, f"{run.cost:.4f}")
        Console().print(table)
        for run in runs:
            if run.finished_at is None:
                typer.echo(f"Open: {run.id} ({run.kind})")
        for row in parked:
            typer.secho(f"Parked: {row.conversation_id} ({row.reason})", fg="yellow")

    value = {
        "runs": [run.model_dump(mode="json") for run in runs],
        "parked": [row.model_dump(mode="json") for row in parked],
    }
    show(value, as_json, plain)


@app.command("pause")
def analyse_pause(project: InProject, run: OneRun = None) -> None:
    """Begin nothing new of the open run, or of another; what is being analysed is finished."""
    from ouvidor.analysis.runs import pause_run

    _change(project, run, pause_run)


@app.command("resume")
def analyse_resume(project: InProject, run: OneRun = None) -> None:
    """Go on with the open run, or with another."""
    from ouvidor.analysis.runs import resume_run

    _change(project, run, resume_run)


@app.command("cancel")
def analyse_cancel(project: InProject, run: OneRun = None) -> None:
    """End the open run, or another; what is done stays, what waited is analysed when it grows, or with --again."""
    from ouvidor.analysis.runs import cancel_run

    _change(project, run, cancel_run)


@app.command("retry")
def analyse_retry(
    project: InProject,
    conversation: Annotated[UUID | None, typer.Option("--conversation", help="Id of one conversation.")] = None,
) -> None:
    """Try again what is parked: all of it, or one conversation."""
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import project_named
    from ouvidor.analysis.runs import RunOut, retry_parked

    async def deed(rt: "Runtime") -> RunOut:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        return await retry_parked(rt, found, COMMAND, conversation_id=conversation)

    _tell([(project, with_runtime(deed))])


async def _analyse(
    rt: "Runtime",
    project: str | None,
    order: "Order",
    confirm: "Callable[[Sequence[tuple[Project, Estimate]]], None]",
    *,
    batch: bool,
    quiet: bool,
) -> "list[Followed]":
    from ouvidor.analysis.command import analyse as order_and_watch
    from ouvidor.analysis.command import analyse_in_batches, bars, projects_for

    projects = await projects_for(rt, project)
    if batch:
        return await analyse_in_batches(rt, projects, order, confirm)
    with bars(quiet=quiet) as watch:
        return await order_and_watch(rt, projects, order, confirm, watch)


def _accept(_: "Sequence[tuple[Project, Estimate]]") -> None:
    """Whatever it takes."""


def _ask(told: "Sequence[tuple[Project, Estimate]]") -> None:
    for project, estimate in told:
        dollars = estimate.dollars
        cost = "at a price that nobody lists" if dollars is None else f"for about {dollars:.2f} dollars"
        tokens = estimate.input_tokens + estimate.output_tokens
        typer.echo(f"{project.name}: {estimate.conversations} conversations, {tokens:,} tokens, {cost}.", err=True)
    typer.confirm("Analyse them once more?", abort=True, err=True)


def _change(project: str, run_id: UUID | None, change: "Callable[..., Awaitable[RunOut]]") -> None:
    """Do this to the run of this id, without one to the project's open run."""
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import project_named
    from ouvidor.analysis.runs import RunOut, UnknownRun, open_run

    async def deed(rt: "Runtime") -> RunOut:
        async with rt.db.read() as session:
            found = await project_named(session, project)
            run = None if run_id is not None else await open_run(session, found.id, rt.clock())
        wanted = run_id if run is None else run.id
        if wanted is None:
            raise UnknownRun("Nothing is being analysed in this project; a run of provider batches needs --run.")
        return await change(rt, found, wanted, COMMAND)

    _tell([(project, with_runtime(deed))])


def _tell(runs: "Sequence[tuple[str, RunOut]]") -> None:
    """The figures of each run."""
    from ouvidor.analysis.command import state_of

    if not runs:
        typer.echo("Nothing is due.")
    for project, run in runs:
        tokens = run.input_tokens + run.output_tokens
        typer.echo(
            f"{project}: {state_of(run)}; {run.done} done, {run.left} left, {run.parked} parked; "
            f"{tokens:,} tokens, {run.cost:.4f} dollars."
        )

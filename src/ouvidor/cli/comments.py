"""Comments of a project: files of them come in, go out, and teach its classifier."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ouvidor.cli.running import (
    ROWS_LEFT_OUT,
    AsJson,
    Encoding,
    InProject,
    Pairs,
    TimeFormat,
    Zone,
    show,
    with_runtime,
)

if TYPE_CHECKING:
    from ouvidor.feedback.intake.import_file import ImportedFile

app = typer.Typer(name="comments", no_args_is_help=True, help="Comments: classified, found, corrected.")

LISTED = 20
Out = Annotated[Path, typer.Option("--out", "-o", help="The CSV to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file that is there.")]


@app.callback()
def comments() -> None:
    """Comments: classified, found, corrected."""


@app.command("import")
def comments_import(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or JSON with a list; `-` is standard input.")],
    project: InProject,
    form: Annotated[
        Literal["csv", "jsonl", "json"] | None,
        typer.Option("--format", help="Where name and beginning do not tell it."),
    ] = None,
    encoding: Encoding = "utf-8",
    columns: Annotated[
        Pairs | None,
        typer.Option(
            "--map",
            help="FIELD=COLUMN: what the file calls text, id, author or written_at; `author=` for none. Repeatable.",
        ),
    ] = None,
    zone: Zone = "UTC",
    time_format: TimeFormat = None,
    wait: Annotated[bool, typer.Option(help="Classify them here and now; else the workers do it.")] = True,
    batch: Annotated[
        bool,
        typer.Option(
            "--batch", help="By the batches of the model's provider: at about half the price, within a day; no waiting."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring comments in and classify them; cut short, it goes on when it is run again, and doubles nothing.

    Every column that is not text, id, author or time is kept as a field. Rows that cannot be stored are listed, the
    rest lands; the exit code is then 2.
    """
    from ouvidor.conversations.import_command import pairs_of, reading_of
    from ouvidor.feedback.command import import_comments
    from ouvidor.feedback.intake.columns import CommentReading, fields_named
    from ouvidor.feedback.intake.import_file import FileToImport

    mapped = fields_named(pairs_of(columns or []))
    reading = CommentReading(form, encoding, mapped, reading_of({}, zone, time_format))
    done = with_runtime(
        lambda rt: import_comments(rt, project, FileToImport(file, reading, wait, batch), quiet=as_json)
    )
    show(done.figures(), as_json, lambda: _tell(done))
    if wait and not batch and done.job.state != "done":
        raise typer.Exit(1)
    if done.job.failed:
        raise typer.Exit(ROWS_LEFT_OUT)


def _tell(done: "ImportedFile") -> None:
    """What became of the file, and the first of what was left out."""
    job = done.job
    again = "Going on with the job of before. " if done.resumed else ""
    state = "" if job.state == "done" else f", {job.left} left, {job.state}"
    held = f" ({job.paused_for})" if job.paused_for else ""
    typer.echo(
        f"{again}{job.done} comments in, {job.failed} left out{state}{held}; "
        f"{done.here} in {done.seconds:.1f} s ({done.rate:,.0f} a second). Job {job.id}."
    )
    for one in done.left_out[:LISTED]:
        typer.secho(f"{one.position}: {one.reason}", fg="yellow", err=True)
    if job.failed > LISTED:
        typer.secho(f"… and {job.failed - LISTED} more; --json lists 1,000.", fg="yellow", err=True)


@app.command("export")
def comments_export(
    project: InProject,
    out: Out,
    search: Annotated[str, typer.Option("--search", "-q", help="Words, or what is meant.")] = "",
    category: Annotated[str | None, typer.Option(help="Its name or code.")] = None,
    tag: Annotated[str | None, typer.Option(help="Its code.")] = None,
    artist: Annotated[str | None, typer.Option(help="As it stands in the field.")] = None,
    album: Annotated[str | None, typer.Option(help="As it stands in the field.")] = None,
    fields: Annotated[
        Pairs | None, typer.Option("--field", help="NAME=TEXT: what stands in a field. Repeatable.")
    ] = None,
    sentiment: Annotated[Literal["positive", "neutral", "negative"] | None, typer.Option()] = None,
    language: Annotated[str | None, typer.Option(help="Such as pt.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Written then (UTC) or later.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Written before then (UTC).")] = None,
    least: Annotated[float | None, typer.Option(min=0, max=1, help="Least confidence.")] = None,
    most: Annotated[float | None, typer.Option(min=0, max=1, help="Most confidence.")] = None,
    waiting: Annotated[
        bool | None, typer.Option("--waiting/--not-waiting", help="Whether a person is to look at it.")
    ] = None,
    corrected: Annotated[
        bool | None, typer.Option("--corrected/--not-corrected", help="Whether a person has corrected it.")
    ] = None,
    form: Annotated[
        Literal["full", "contract"], typer.Option("--columns", help="All of them, or those of /api/comentarios/export.")
    ] = "full",
    force: Force = False,
) -> None:
    """Write the comments that meet all of these as CSV, the newest first."""
    from ouvidor.conversations.import_command import pairs_of
    from ouvidor.feedback.command import FileToExport, export_to_file
    from ouvidor.feedback.finding.wanted import CommentFilter

    wanted = CommentFilter(
        category=category,
        tag=tag,
        artist=artist,
        album=album,
        fields=tuple(pairs_of(fields or []).items()),
        sentiment=sentiment,
        language=language,
        since=_utc(since),
        until=_utc(until),
        least=least,
        most=most,
        waiting=waiting,
        corrected=corrected,
    )
    with_runtime(lambda rt: export_to_file(rt, project, FileToExport(out, wanted, search, form, force)))
    typer.echo(f"{out} is written.")


@app.command("golden")
def comments_golden(project: InProject, out: Out, force: Force = False) -> None:
    """Write what people have said of comments as CSV (texto, categoria), for `ouvidor evals run comments`."""
    from ouvidor.feedback.command import golden_to_file

    with_runtime(lambda rt: golden_to_file(rt, project, out, force=force))
    typer.echo(f"{out} is written.")


@app.command("retrain")
def comments_retrain(project: InProject, as_json: AsJson = False) -> None:
    """Train the project's classifier on its corrections; it is used if it is no worse than the one in use.

    The exit code is 1 where it is not used.
    """
    from ouvidor.feedback.command import figures_of, retrain_now
    from ouvidor.worker import run_queue

    model = with_runtime(lambda rt: retrain_now(rt, project, run_queue))
    figures = figures_of(model)

    def plain() -> None:
        why = f" ({model.reason})" if model.reason else ""
        before, after = (_share(figures[f"macro_f1_{when}"]) for when in ("before", "after"))
        typer.echo(
            f"Model {model.number}: {model.state}{why}; macro-F1 {after}, before {before}; "
            f"{model.corrections} corrections."
        )

    show(figures, as_json, plain)
    if model.state != "promoted":
        raise typer.Exit(1)


def _utc(moment: datetime | None) -> datetime | None:
    from datetime import UTC

    return None if moment is None else moment.replace(tzinfo=UTC)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"

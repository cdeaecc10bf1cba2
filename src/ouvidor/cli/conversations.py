"""Conversations: those that were held elsewhere come in here."""

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
    from ouvidor.conversations.import_command import TimedReport

app = typer.Typer(name="conversations", no_args_is_help=True, help="What customers said, here and elsewhere.")

LISTED = 20

File = Annotated[Path | None, typer.Argument(help="JSONL or CSV; `-` is standard input.")]
FromDatabaseAt = Annotated[
    str | None,
    typer.Option(
        help="Address of a PostgreSQL database in place of a file; better given in the environment, where no "
        "list of processes shows its password.",
        envvar="OUVIDOR_IMPORT_DATABASE",
        show_envvar=True,
    ),
]
Form = Annotated[Literal["jsonl", "csv"] | None, typer.Option("--format", help="Where the name does not tell it.")]
Columns = Annotated[
    Pairs | None,
    typer.Option("--map", help="FIELD=NAME: what a file calls id, unit, turns, role, text or at. Repeatable."),
]
Tables = Annotated[
    Pairs | None,
    typer.Option("--table", help="NAME=THEIRS: the database's own name of motel, session or message. Repeatable."),
]
TableColumns = Annotated[
    Pairs | None, typer.Option("--column", help="TABLE.COLUMN=THEIRS, such as message.content=body. Repeatable.")
]
Roles = Annotated[Pairs | None, typer.Option("--role", help="WORD=customer, bot or person: who spoke. Repeatable.")]


@app.callback()
def conversations() -> None:
    """What customers said, here and elsewhere."""


@app.command("import")
def conversations_import(
    project: InProject,
    file: File = None,
    from_database: FromDatabaseAt = None,
    form: Form = None,
    encoding: Encoding = "utf-8",
    columns: Columns = None,
    tables: Tables = None,
    table_columns: TableColumns = None,
    roles: Roles = None,
    zone: Zone = "UTC",
    time_format: TimeFormat = None,
    as_json: AsJson = False,
) -> None:
    """Import conversations to be analysed; running it again brings only what is new.

    Rows that cannot be read are listed, the rest lands; the exit code is then 2.
    """
    from ouvidor.conversations.import_command import (
        FromDatabase,
        FromFile,
        file_columns,
        import_from,
        layout_of,
        pairs_of,
        reading_of,
    )
    from ouvidor.conversations.import_reading import FileReading
    from ouvidor.errors import Unprocessable

    values = reading_of(pairs_of(roles or []), zone, time_format)
    if file is not None:
        mapped = file_columns(pairs_of(columns or []))
        wanted: FromDatabase | FromFile = FromFile(file, FileReading(form, encoding, mapped, values))
    elif from_database is not None:
        layout = layout_of(pairs_of(tables or []), pairs_of(table_columns or []))
        wanted = FromDatabase(from_database, layout, values)
    else:
        raise Unprocessable("Name a file, or a database with --from-database.")
    done = with_runtime(lambda rt: import_from(rt, project, wanted, quiet=as_json))
    show(done.figures(), as_json, lambda: _tell(done))
    if done.report.failed:
        raise typer.Exit(ROWS_LEFT_OUT)


def _tell(done: "TimedReport") -> None:
    """What came of the import, and the first of what was left out."""
    report = done.report
    typer.echo(
        f"{report.added} added, {report.grown} grown, {report.unchanged} unchanged, {report.empty} without words, "
        f"{report.failed} left out; {report.messages} new messages "
        f"in {done.seconds:.1f} s ({done.rate:,.0f} conversations a second)."
    )
    for fault in report.broken[:LISTED]:
        typer.secho(f"{fault.where} {fault.message}", fg="yellow", err=True)
    if report.failed > LISTED:
        typer.secho(f"… and {report.failed - LISTED} more; --json lists 1,000.", fg="yellow", err=True)

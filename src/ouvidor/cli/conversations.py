"""Conversations: those that were held elsewhere come in here."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ouvidor.cli.running import AsJson, InProject, show, with_runtime

app = typer.Typer(name="conversations", no_args_is_help=True, help="What customers said, here and elsewhere.")

Pairs = list[str]
LISTED = 20


@app.callback()
def conversations() -> None:
    """What customers said, here and elsewhere."""


@app.command("import")
def conversations_import(
    project: InProject,
    file: Annotated[Path | None, typer.Argument(help="JSONL or CSV; `-` is standard input.")] = None,
    from_database: Annotated[
        str | None,
        typer.Option(
            help="Address of a PostgreSQL database in place of a file; better given in the environment, where no "
            "list of processes shows its password.",
            envvar="OUVIDOR_IMPORT_DATABASE",
            show_envvar=True,
        ),
    ] = None,
    form: Annotated[
        Literal["jsonl", "csv"] | None, typer.Option("--format", help="Where the name does not tell it.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of a file; Excel's CSV is often cp1252.")] = "utf-8",
    columns: Annotated[
        Pairs | None,
        typer.Option("--map", help="FIELD=NAME: what a file calls id, unit, turns, role, text or at. Repeatable."),
    ] = None,
    tables: Annotated[
        Pairs | None,
        typer.Option("--table", help="NAME=THEIRS: the database's own name of motel, session or message. Repeatable."),
    ] = None,
    table_columns: Annotated[
        Pairs | None,
        typer.Option("--column", help="TABLE.COLUMN=THEIRS, such as message.content=body. Repeatable."),
    ] = None,
    roles: Annotated[
        Pairs | None, typer.Option("--role", help="WORD=customer, bot or person: who spoke. Repeatable.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Of times that name none, such as America/Sao_Paulo.")] = "UTC",
    time_format: Annotated[
        str | None, typer.Option(help="Of times that are not ISO 8601, such as '%d/%m/%Y %H:%M'.")
    ] = None,
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
    report = done.report

    def plain() -> None:
        typer.echo(
            f"{report.added} added, {report.grown} grown, {report.unchanged} unchanged, {report.empty} without words, "
            f"{report.failed} left out; {report.messages} new messages "
            f"in {done.seconds:.1f} s ({done.rate:,.0f} conversations a second)."
        )
        for fault in report.broken[:LISTED]:
            typer.secho(f"{fault.where} {fault.message}", fg="yellow", err=True)
        if report.failed > LISTED:
            typer.secho(f"… and {report.failed - LISTED} more; --json lists 1,000.", fg="yellow", err=True)

    show(done.figures(), as_json, plain)
    if report.failed:
        raise typer.Exit(2)

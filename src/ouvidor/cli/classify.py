"""A CSV of comments, classified into another."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ouvidor.cli.running import ROWS_LEFT_OUT, Encoding, Pairs, show, with_embedder, with_runtime

app = typer.Typer()


@app.command()
def classify(
    file: Annotated[Path, typer.Argument(help="CSV with a header line; `-` is standard input.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The CSV to write.")],
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Take the taxonomy and the newest model of this project.")
    ] = None,
    columns: Annotated[Pairs | None, typer.Option("--map", help="text=COLUMN: the column of the comments.")] = None,
    encoding: Encoding = "utf-8",
    language: Annotated[
        Literal["pt", "en"] | None, typer.Option(help="Of the new columns; without it that of the taxonomy.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    json_summary: Annotated[bool, typer.Option("--json-summary", help="Print the counts as JSON.")] = False,
) -> None:
    """Classify the comments of a CSV into another with the same columns and order; nothing is stored.

    Without a project this needs no database and no key. Rows that cannot be read say why in the last column; the exit
    code is then 2.
    """
    from ouvidor.conversations.import_command import pairs_of
    from ouvidor.feedback.command import classify_by_default, classify_by_project
    from ouvidor.feedback.intake.classify_file import FileToClassify
    from ouvidor.feedback.intake.columns import CommentReading, fields_named

    reading = CommentReading("csv" if str(file) == "-" else None, encoding, fields_named(pairs_of(columns or [])))
    wanted = FileToClassify(file, out, reading, language, force)
    if project is None:
        done = with_embedder(lambda embedder: classify_by_default(embedder, wanted, quiet=json_summary))
    else:
        done = with_runtime(lambda rt: classify_by_project(rt, project, wanted, quiet=json_summary))

    def plain() -> None:
        counts = ", ".join(f"{count} {name}" for name, count in done.categories.items())
        left = f" {done.failed} rows could not be read; their last column says why." if done.failed else ""
        typer.echo(f"{out}: {counts}; {done.rows} rows in {done.seconds:.1f} s ({done.rate:,.0f} a second).{left}")

    show(done.figures(), json_summary, plain)
    if done.failed:
        raise typer.Exit(ROWS_LEFT_OUT)

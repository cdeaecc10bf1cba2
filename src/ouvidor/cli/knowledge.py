"""What a project answers from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ouvidor.cli.running import AsJson, InProject, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.runtime import Runtime

app = typer.Typer(name="knowledge", no_args_is_help=True, help="What a project answers from.")


@app.command("import")
def knowledge_import(
    file: Annotated[Path, typer.Argument(help="JSONL or CSV in UTF-8.")],
    project: InProject,
    replace: Annotated[bool, typer.Option(help="Remove sections that the file does not name.")] = False,
    vectors: Annotated[bool, typer.Option(help="Make the vectors now instead of leaving them to the worker.")] = True,
    as_json: AsJson = False,
) -> None:
    """Import sections; running it again changes only what changed."""
    from ouvidor.knowledge.command import import_file

    report = with_runtime(lambda rt: import_file(rt, project, file, replace=replace, vectors=vectors, quiet=as_json))
    value = {
        "added": report.added,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "broken": [{"where": fault.where, "message": fault.message} for fault in report.broken],
    }

    def plain() -> None:
        typer.echo(
            f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, {report.removed} removed."
        )
        for fault in report.broken:
            typer.secho(f"{file}, {fault.where} {fault.message}", fg="yellow", err=True)

    show(value, as_json, plain)
    if report.broken:
        raise typer.Exit(2)


@app.command("search")
def knowledge_search(
    query: str,
    project: InProject,
    limit: Annotated[int, typer.Option(min=1, max=50)] = 10,
    as_json: AsJson = False,
) -> None:
    """Show what a question finds, and with what score."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.projects import project_named
    from ouvidor.knowledge.search import SearchResult, search

    async def deed(rt: "Runtime") -> SearchResult:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        return await search(rt, found, query, limit=limit)

    result = with_runtime(deed)
    rows = [
        {"score": s.score, "id": s.key, "tier": s.tier, "heading": s.heading, "content": s.content}
        for s in result.sections
    ]

    def plain() -> None:
        table = Table("Score", "Tier", "Section", "Begins", title=f"Confidence {result.confidence:.2f}")
        for section in result.sections:
            table.add_row(f"{section.score:.2f}", section.tier, section.heading or section.key, section.content[:80])
        Console().print(table)

    show({"confidence": result.confidence, "gate": result.gate, "data": rows}, as_json, plain)

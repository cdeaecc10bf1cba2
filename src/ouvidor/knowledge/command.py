"""An import as a person sees it: progress with the time left, then the vectors."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ouvidor.accounts.projects import project_named
from ouvidor.knowledge.index import index_knowledge
from ouvidor.knowledge.ingest import read_sections
from ouvidor.knowledge.store import ImportReport, import_sections
from ouvidor.knowledge.vectors import vector_progress
from ouvidor.runtime import Runtime


async def import_file(
    rt: Runtime, project_name: str, path: Path, *, replace: bool, vectors: bool, quiet: bool
) -> ImportReport:
    """Import a file with progress on stderr; with `vectors` the index is brought up too, else a job does it.

    Raises:
        UnknownProject: there is no such project.
        UnreadableFile: see `read_sections`.
    """
    async with rt.db.read() as session:
        project = await project_named(session, project_name)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        rows = bar.add_task("Sections", total=_lines(path))
        report = await import_sections(
            rt, project, read_sections(path), progress=lambda done: bar.advance(rows, done), replace=replace
        )
        bar.update(rows, total=report.rows, completed=report.rows)
        if vectors and rt.embedder.available:
            state = await vector_progress(rt, project.id)
            made = bar.add_task("Vectors", total=state.total, completed=state.done)
            await index_knowledge(rt, project.id, lambda now: bar.update(made, total=now.total, completed=now.done))
    return report


def _lines(path: Path) -> int | None:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return None

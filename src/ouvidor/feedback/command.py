"""Comments at the command line, as a person sees them: classified, brought in, written, with their progress."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import project_named
from ouvidor.conversations.imported import shown
from ouvidor.engines.embeddings import Embedder
from ouvidor.errors import Unprocessable
from ouvidor.feedback.classifier import classifier_for
from ouvidor.feedback.finding.export import Form, export_comments
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.in_use import active_taxonomy, in_use
from ouvidor.feedback.intake.classify_file import ClassifiedFile, FileToClassify, classify_file
from ouvidor.feedback.intake.import_file import FileToImport, ImportedFile, import_file
from ouvidor.feedback.intake.writing import whole_file
from ouvidor.feedback.jobs.control import JobOut
from ouvidor.feedback.learning.golden import golden_csv
from ouvidor.feedback.learning.train import order_training
from ouvidor.feedback.learning.trainings import read_model
from ouvidor.feedback.models import CommentModel, ModelState
from ouvidor.feedback.taxonomy import DEFAULT
from ouvidor.runtime import Runtime

LOOK_SECONDS = 0.5


class UnknownCategory(Unprocessable):
    """The project's taxonomy has no such category."""


@dataclass(frozen=True)
class FileToExport:
    """Which comments are written to which file; the category of the filter may be a name or a code."""

    out: Path
    filter: CommentFilter = field(default_factory=CommentFilter)
    search: str = ""
    form: Form = "full"
    force: bool = False


async def classify_by_default(embedder: Embedder, wanted: FileToClassify, *, quiet: bool = False) -> ClassifiedFile:
    """Classify a file by the default taxonomy with what ships, with progress on stderr; no database is needed.

    Raises:
        See `classify_file`.
    """
    classifier = await classifier_for(DEFAULT, embedder)
    with _bars(quiet=quiet) as bars:
        return await classify_file(wanted, classifier, embedder, bars.told("Rows"))


async def classify_by_project(
    rt: Runtime, project_name: str, wanted: FileToClassify, *, quiet: bool = False
) -> ClassifiedFile:
    """The same by the taxonomy of a project and its newest local model; nothing is stored.

    Raises:
        UnknownProject: there is no such project.
        See `classify_file`.
    """
    use = await in_use(rt, await _project(rt, project_name))
    with _bars(quiet=quiet) as bars:
        return await classify_file(wanted, use.classifier, use.embedder, bars.told("Rows"))


async def import_comments(rt: Runtime, project_name: str, wanted: FileToImport, *, quiet: bool = False) -> ImportedFile:
    """Bring the comments of a file in, with progress on stderr.

    Raises:
        UnknownProject: there is no such project.
        See `import_file`.
    """
    project = await _project(rt, project_name)
    with _bars(quiet=quiet) as bars:
        classified = bars.told("Classified")

        def watch(job: JobOut) -> None:
            ended = job.done + job.failed
            classified(ended, ended / job.total)

        return await import_file(rt, project, wanted, bars.told("Read"), watch)


async def export_to_file(rt: Runtime, project_name: str, wanted: FileToExport) -> None:
    """Write comments as CSV; the file is there when it is whole.

    Raises:
        UnknownProject: there is no such project.
        UnknownCategory: the taxonomy has none of this name.
        FileIsThere, Unwritable: see `whole_file`.
    """
    project = await _project(rt, project_name)
    chosen = wanted.filter
    if chosen.category is not None:
        chosen = replace(chosen, category=await _category(rt, project, chosen.category))
    await _write(wanted.out, export_comments(rt, project, chosen, wanted.search, form=wanted.form), force=wanted.force)


async def golden_to_file(rt: Runtime, project_name: str, out: Path, *, force: bool) -> None:
    """Write what people have said of the comments, as `ouvidor evals run comments` takes it.

    Raises:
        UnknownProject: there is no such project.
        FileIsThere, Unwritable: see `whole_file`.
    """
    project = await _project(rt, project_name)
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, project)
    await _write(out, golden_csv(rt, project.id, taxonomy), force=force)


async def retrain_now(rt: Runtime, project_name: str, work: Callable[[Runtime], Awaitable[None]]) -> CommentModel:
    """Have a model trained on the corrections and stay until it is; `work` does what is in the queue.

    Raises:
        UnknownProject: there is no such project.
        NothingToLearn: nobody has corrected anything since the model in use was trained.
    """
    project = await _project(rt, project_name)
    model = await order_training(rt, project, COMMAND)
    await work(rt)
    while True:
        async with rt.db.read() as session:
            model = await read_model(session, project.id, model.number)
        if model.state != ModelState.TRAINING:
            return model
        await asyncio.sleep(LOOK_SECONDS)
        await work(rt)


def figures_of(model: CommentModel) -> dict[str, Any]:
    """A training for programs; macro-F1 of it and of what was in use before, on the same held-out folds."""
    measured: Mapping[str, Any] = model.measured
    return {
        "model": model.number,
        "state": model.state,
        "reason": model.reason,
        "corrections": model.corrections,
        "macro_f1_before": measured.get("before", {}).get("macro_f1"),
        "macro_f1_after": measured.get("after", {}).get("macro_f1"),
    }


async def _project(rt: Runtime, name: str) -> Project:
    async with rt.db.read() as session:
        return await project_named(session, name)


async def _category(rt: Runtime, project: Project, name: str) -> str:
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, project)
    code = taxonomy.code_named(name)
    if code is None:
        known = ", ".join(one.name(taxonomy.language) for one in taxonomy.categories)
        raise UnknownCategory(f"{shown(name)!r} is no category of {project.name}; there are {known}.")
    return code


async def _write(out: Path, pieces: AsyncGenerator[str], *, force: bool) -> None:
    with whole_file(out, force=force) as file:
        async for piece in pieces:
            file.write(piece)


@dataclass(frozen=True)
class _Bars:
    progress: Progress

    def told(self, what: str) -> Callable[[int, float], None]:
        """Shows how many there were so far, the share that is done (0 to 1), the rate and the time left."""
        task = self.progress.add_task(what, total=1.0, more="", visible=False, start=False)
        first: list[int] = []

        def tell(count: int, share: float) -> None:
            if not first:
                first.append(count)
                self.progress.start_task(task)
            seconds = next(one.elapsed for one in self.progress.tasks if one.id == task) or 0
            rate = f", {(count - first[0]) / seconds:,.0f}/s" if seconds > 1 else ""
            self.progress.update(task, completed=min(share, 1.0), more=f"{count:,}{rate}", visible=True)

        return tell


@contextmanager
def _bars(*, quiet: bool) -> Generator[_Bars]:
    """Bars on stderr while the block runs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[more]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as progress:
        yield _Bars(progress)

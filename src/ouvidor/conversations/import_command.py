"""An import of conversations as a person sees it: how many of how many, how fast, how long still; then what it did."""

import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ouvidor.accounts.projects import project_named
from ouvidor.conversations.import_database import COLUMNS, TABLES, Layout, open_database
from ouvidor.conversations.import_files import open_file, open_stream
from ouvidor.conversations.import_reading import FIELDS, Field, FileReading, Source
from ouvidor.conversations.import_report import ImportReport
from ouvidor.conversations.imported import Reading
from ouvidor.conversations.imports import import_conversations
from ouvidor.conversations.models import Author
from ouvidor.errors import Unprocessable
from ouvidor.runtime import Runtime


class UnknownName(Unprocessable):
    """There is no such field; `ouvidor conversations import --help` names them."""


@dataclass(frozen=True)
class FromFile:
    """A file to import, or standard input where the path is `-`."""

    path: Path
    reading: FileReading = field(default_factory=FileReading)


@dataclass(frozen=True)
class FromDatabase:
    """A database to import from; its address holds a password and is never shown."""

    url: str = field(repr=False)
    layout: Layout = field(default_factory=Layout)
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True)
class TimedReport:
    """What an import did, and in how many seconds."""

    report: ImportReport
    seconds: float

    @property
    def rate(self) -> float:
        """Conversations a second."""
        return self.report.rows / self.seconds if self.seconds else 0.0

    def figures(self) -> dict[str, object]:
        """For programs."""
        told = self.report
        return {
            "added": told.added,
            "grown": told.grown,
            "unchanged": told.unchanged,
            "empty": told.empty,
            "failed": told.failed,
            "messages": told.messages,
            "seconds": round(self.seconds, 2),
            "per_second": round(self.rate, 1),
            "broken": [{"where": fault.where, "message": fault.message} for fault in told.broken],
        }


async def import_from(
    rt: Runtime, project_name: str, wanted: FromFile | FromDatabase, *, quiet: bool = False
) -> TimedReport:
    """Import with progress on stderr.

    Raises:
        UnknownProject: there is no such project.
        UnreadableConversations, UnreadableText: see `open_file`.
        SourceUnreachable, SourceUnfit: see `open_database`.
    """
    async with rt.db.read() as session:
        project = await project_named(session, project_name)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    begun = time.monotonic()
    async with AsyncExitStack() as opened:
        source = await opened.enter_async_context(_source(rt, wanted))
        bar = opened.enter_context(Progress(*columns, console=Console(stderr=True), disable=quiet))
        task = bar.add_task("Conversations", total=source.total(), rate="")

        def progress(so_far: ImportReport) -> None:
            rate = so_far.rows / max(time.monotonic() - begun, 0.001)
            bar.update(task, total=source.total(), completed=so_far.rows, rate=f"{rate:,.0f}/s")

        report = await import_conversations(rt, project, source.rows, progress=progress)
        bar.update(task, total=report.rows, completed=report.rows)
    return TimedReport(report, time.monotonic() - begun)


@asynccontextmanager
async def _source(rt: Runtime, wanted: FromFile | FromDatabase) -> AsyncGenerator[Source]:
    now = rt.clock()
    if isinstance(wanted, FromDatabase):
        async with open_database(wanted.url, wanted.layout, wanted.reading, now) as source:
            yield source
    elif str(wanted.path) == "-":
        with open_stream(sys.stdin.buffer, wanted.reading, now) as source:
            yield source
    else:
        with open_file(wanted.path, wanted.reading, now) as source:
            yield source


def file_columns(given: Mapping[str, str]) -> dict[Field, str]:
    """What `--map` names, as the reader takes it.

    Raises:
        UnknownName: a field that files do not have.
    """
    known: dict[str, Field] = {name: name for name in FIELDS}
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise UnknownName(f"A file has no field {unknown!r} to map; there are {', '.join(FIELDS)}.")
    return {known[name]: column for name, column in given.items()}


def layout_of(tables: Mapping[str, str], columns: Mapping[str, str]) -> Layout:
    """What `--table` and `--column` name, as the reader takes it.

    Raises:
        UnknownName: a table or column that is not read.
    """
    for given, known in ((tables, TABLES), (columns, COLUMNS)):
        unknown = next((name for name in given if name not in known), None)
        if unknown is not None:
            raise UnknownName(f"Nothing is called {unknown!r} here; there are {', '.join(known)}.")
    return Layout(tables, columns)


def _roles_of(given: Mapping[str, str]) -> dict[str, Author]:
    known = {author.value: author for author in (Author.CUSTOMER, Author.BOT, Author.PERSON)}
    unknown = next((who for who in given.values() if who not in known), None)
    if unknown is not None:
        raise UnknownName(f"{unknown!r} is nobody who speaks; there are {', '.join(known)}.")
    return {word: known[who] for word, who in given.items()}


def reading_of(roles: Mapping[str, str], zone: str, time_format: str | None) -> Reading:
    """How values are read.

    Raises:
        UnknownName: no such zone, or somebody other than customer, bot and person.
    """
    try:
        return Reading(_roles_of(roles), ZoneInfo(zone), time_format)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownName(f"{zone!r} is no time zone; they are called like America/Sao_Paulo.") from None


def pairs_of(options: list[str]) -> dict[str, str]:
    """Options of the form NAME=VALUE as a mapping.

    Raises:
        UnknownName: one without an equals sign.
    """
    for option in options:
        if "=" not in option:
            raise UnknownName(f"{option!r} is not of the form NAME=VALUE.")
    return {name.strip(): value.strip() for name, _, value in (option.partition("=") for option in options)}

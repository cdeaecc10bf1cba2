"""Comments: the list, one of them, files that bring them in, and the jobs that classify them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from ouvidor.feedback.finding.find import By as FoundBy
from ouvidor.feedback.finding.find import Order
from ouvidor.feedback.finding.menus import Menus
from ouvidor.feedback.jobs.control import JobOut
from ouvidor.feedback.read import ClassificationOut, CommentOut
from ouvidor.web.categories import CategoryView
from ouvidor.web.contexts.frame import Frame


@dataclass(frozen=True)
class Link:
    """A word that leads somewhere, and what it means."""

    label: str
    address: str
    title: str = ""


@dataclass(frozen=True)
class FieldLink:
    """A field that came with a comment; its value leads to all that have the same."""

    name: str
    value: str
    address: str


@dataclass(frozen=True)
class FilterChip:
    """A filter in force: what it says, and the address without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True)
class CommentRow:
    """A comment in a list; `similarity` is the cosine, in whole per cent, to what was looked for by meaning."""

    address: str
    comment: CommentOut
    category: CategoryView
    tags: tuple[Link, ...] = ()
    fields: tuple[FieldLink, ...] = ()
    similarity: int | None = None


@dataclass(frozen=True)
class SavedView:
    """Filters that somebody saved under a name."""

    id: UUID
    name: str
    address: str
    current: bool = False


@dataclass(frozen=True)
class AskedField:
    """A field that may be filtered by: what it must be (empty: anything), and its most frequent values."""

    name: str
    chosen: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class CommentsPage:
    """The project's comments under filters; `told` are those as the form shows them, `query` as an address has them.

    `addresses` lead to the same under another order, category or density, by `name=value`. `least` tells that there
    are more than `total`; `bare` that the project has no comment at all; `waiting` how many wait for a person. `asked`
    are the fields among the filters, `others` the names of those that are not. After a correction of many, `count`
    were corrected and `kept` stay what another person has said.
    """

    template: ClassVar[str] = "comments.html"
    frame: Frame
    told: Mapping[str, str]
    query: str
    addresses: Mapping[str, str]
    categories: tuple[CategoryView, ...]
    menus: Menus
    asked: tuple[AskedField, ...] = ()
    others: tuple[str, ...] = ()
    chips: tuple[FilterChip, ...] = ()
    views: tuple[SavedView, ...] = ()
    rows: tuple[CommentRow, ...] = ()
    total: int = 0
    least: bool = False
    order: Order = "newest"
    by: FoundBy | None = None
    no_words: bool = False
    after: str = ""
    continued: bool = False
    bare: bool = False
    waiting: int | None = None
    done: str = ""
    count: int = 0
    kept: int = 0
    deed: str = ""
    trouble: str = ""

    @property
    def dense(self) -> bool:
        """Whether each comment takes one line."""
        return self.told["rows"] == "dense"

    @property
    def hidden(self) -> int:
        """How many filters are in force that do not stand in the first line of the form."""
        first = {"q", "category", "sentiment", "rows", "mode", "order", "corrected", "waiting", "given_category", "job"}
        told = sum(bool(value) for name, value in self.told.items() if name not in first)
        return told + sum(bool(field.chosen) for field in self.asked)


@dataclass(frozen=True)
class HistoryRow:
    """One classification of a comment's history, its category named."""

    classification: ClassificationOut
    category: CategoryView


@dataclass(frozen=True)
class CommentPage:
    """One comment with its history, the newest classification first, and others that mean nearly the same.

    `given` is what the AI says, where a person says something else; `back` leads to the list that it was found in.
    """

    template: ClassVar[str] = "comment.html"
    frame: Frame
    row: CommentRow
    given: CategoryView
    categories: tuple[CategoryView, ...]
    history: tuple[HistoryRow, ...]
    similar: tuple[CommentRow, ...]
    back: str
    query: str
    waiting: int | None = None
    done: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class JobView:
    """Comments that are or were classified in the background, as a page shows them."""

    job: JobOut
    address: str

    @property
    def share(self) -> int:
        """How much of it is behind us, in whole per cent."""
        job = self.job
        return round(100 * (job.done + job.failed) / job.total) if job.total else 0

    @property
    def left(self) -> timedelta | None:
        """How long it still takes, where that can be told."""
        seconds = self.job.seconds_left
        return None if seconds is None else timedelta(seconds=seconds)


@dataclass(frozen=True)
class FilesPage:
    """Where comments are brought in, and what was brought in before.

    A file may have `most_bytes`; `most_pasted` lines may be pasted. `pasted` is what could not be taken in, for
    `trouble` and its `reason`.
    """

    template: ClassVar[str] = "comment_files.html"
    frame: Frame
    jobs: tuple[JobView, ...]
    most_bytes: int
    most_pasted: int
    after: str = ""
    continued: bool = False
    pasted: str = ""
    trouble: str = ""
    reason: str = ""
    waiting: int | None = None


@dataclass(frozen=True)
class SampleRow:
    """A comment of a file as it would be stored, or what is wrong with it."""

    text: str = ""
    id: str = ""
    author: str = ""
    written_at: datetime | None = None
    fields: tuple[tuple[str, str], ...] = ()
    wrong: str = ""


@dataclass(frozen=True)
class ColumnsPage:
    """Which column of a file is what, before anything of it is stored.

    `columns` are the file's, `chosen` the column of each field (empty: none), `rows` the first comments as they would
    be stored; of the first `looked_at` there are `broken` that cannot be. `nameless`: nobody knows which column holds
    the text. `wrong` tells why the file cannot be read so. It is kept until `expires_at`.
    """

    template: ClassVar[str] = "comment_columns.html"
    frame: Frame
    id: UUID
    name: str
    columns: tuple[str, ...]
    chosen: Mapping[str, str]
    rows: tuple[SampleRow, ...]
    expires_at: datetime
    encoding: str
    times: str
    zone: str
    zones: tuple[str, ...]
    time_formats: tuple[str, ...]
    broken: int = 0
    looked_at: int = 0
    nameless: bool = False
    wrong: str = ""
    batches: bool = False

    @property
    def readable(self) -> bool:
        """Whether the file can be brought in as it is read now."""
        return bool(self.rows) and not self.nameless and not self.wrong


@dataclass(frozen=True)
class BrokenRow:
    """A comment of a job that could not be stored: its place, id and words as far as they are known, and why."""

    place: str
    id: str
    text: str
    reason: str


@dataclass(frozen=True)
class JobPage:
    """One job: how far it is, and the first of what could not be stored; `retriable` where it may be tried again."""

    template: ClassVar[str] = "comment_job.html"
    frame: Frame
    view: JobView
    broken: tuple[BrokenRow, ...] = ()
    retriable: bool = False
    done: str = ""
    trouble: str = ""
    waiting: int | None = None


@dataclass(frozen=True)
class JobFragment:
    """How far a job is, by itself, for a page that stands open."""

    template: ClassVar[str] = "comment_progress.html"
    frame: Frame
    view: JobView

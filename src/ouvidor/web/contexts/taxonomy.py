"""The taxonomy of a project's comments: what is in use, its versions, the form for a new one, what one would move."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from ouvidor.feedback.taxonomies.changes import Changes
from ouvidor.feedback.taxonomies.draft import TroubleKind
from ouvidor.feedback.taxonomies.moves import Preview
from ouvidor.feedback.taxonomy import Tag
from ouvidor.web.categories import CategoryView
from ouvidor.web.contexts.frame import Frame


@dataclass(frozen=True)
class CategoryLine:
    """A category of a version: its mark, its names with their languages, what it is, and examples."""

    mark: CategoryView
    names: tuple[tuple[str, str], ...]
    description: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class TagLine:
    """A tag of the list, and how many comments have it."""

    tag: Tag
    comments: int


@dataclass(frozen=True)
class ProposedLine:
    """A tag that is not in the list: how many comments have it, and the newest of them."""

    code: str
    explanation: str
    comments: int
    text: str
    address: str


@dataclass(frozen=True)
class VersionRow:
    """A version without what it holds; the default (number 0) was saved by nobody."""

    number: int
    active: bool
    saved_by: str
    at: datetime | None
    categories: int
    tags: int


@dataclass(frozen=True)
class TaxonomyPage:
    """The version in use, tags that were proposed, a page of the versions, and the rules as the form shows them.

    `begun` and `after` are the cursors of the page of versions; `wrong` are rules that were refused, `trouble` names
    what could not be done. `model` is the language model that could classify (empty: none is set up).
    """

    template: ClassVar[str] = "taxonomy.html"
    frame: Frame
    version: VersionRow
    categories: tuple[CategoryLine, ...]
    tags: tuple[TagLine, ...]
    proposed: tuple[ProposedLine, ...]
    ignored: tuple[str, ...]
    versions: tuple[VersionRow, ...]
    rules: Mapping[str, str]
    begun: str = ""
    after: str = ""
    wrong: frozenset[str] = frozenset()
    model: str = ""
    done: str = ""
    trouble: str = ""
    waiting: int | None = None


@dataclass(frozen=True)
class TroubleLine:
    """What is wrong with a part of a form, and the word at it; `line` where the part is one (from 1)."""

    kind: TroubleKind
    what: str = ""
    line: int = 0


@dataclass(frozen=True)
class CategoryFields:
    """A category in the form, as it was typed; `open` shows all its fields."""

    code: str
    name_pt: str
    name_en: str
    description: str
    examples: str
    open: bool = False
    troubles: tuple[TroubleLine, ...] = ()


@dataclass(frozen=True)
class TaxonomyEditPage:
    """The form for a new version, begun from version `source`; `based_on` is the newest that was there at the time.

    `newer` is a version that somebody else saved meanwhile (none: nobody did).
    """

    template: ClassVar[str] = "taxonomy_edit.html"
    frame: Frame
    categories: tuple[CategoryFields, ...]
    tags: str
    language: str
    source: int
    based_on: int
    troubles: tuple[TroubleLine, ...] = ()
    tag_troubles: tuple[TroubleLine, ...] = ()
    newer: VersionRow | None = None

    @property
    def wrong(self) -> int:
        """How many things are wrong."""
        return len(self.troubles) + len(self.tag_troubles) + sum(len(one.troubles) for one in self.categories)


@dataclass(frozen=True)
class MovedLine:
    """A comment that would move: its words, what it is and what it would be."""

    address: str
    text: str
    language: str
    was: CategoryView
    becomes: CategoryView
    confidence_was: float
    confidence: float


@dataclass(frozen=True)
class Flow:
    """About how many comments would go from one category to another."""

    was: CategoryView
    becomes: CategoryView
    about: int


@dataclass(frozen=True)
class Balance:
    """About how many comments a category has, and would have; `leave` and `come` are those that move."""

    mark: CategoryView
    before: int
    after: int
    leave: int
    come: int


@dataclass(frozen=True)
class Matrix:
    """From which category (a row) to which (a column); None where none would go."""

    columns: tuple[CategoryView, ...]
    rows: tuple[tuple[CategoryView, tuple[int | None, ...]], ...]


@dataclass(frozen=True)
class MovesView:
    """A preview that is done, as the page shows it; `matrix` is none where it would be too wide."""

    preview: Preview
    moved: int
    share: int
    flows: tuple[Flow, ...]
    balances: tuple[Balance, ...]
    matrix: Matrix | None
    lost: tuple[tuple[CategoryView, int], ...]
    examples: tuple[MovedLine, ...]


@dataclass(frozen=True)
class ProgressView:
    """How far a preview is: none was ordered, it is under way, it failed, or it is done."""

    address: str
    preview: Preview | None = None
    share: int = 0


@dataclass(frozen=True)
class TaxonomyVersionPage:
    """A version: what differs from the one in use (`active`), what it would move, and how to put it to use.

    `comments` is how many there are to classify again; `job` is the one that does so, if it was just begun.
    """

    template: ClassVar[str] = "taxonomy_version.html"
    frame: Frame
    version: VersionRow
    active: int
    changes: Changes
    marks: Mapping[str, CategoryView]
    categories: tuple[CategoryLine, ...]
    tags: tuple[Tag, ...]
    comments: int
    progress: ProgressView
    moves: MovesView | None = None
    done: str = ""
    job: UUID | None = None
    trouble: str = ""
    waiting: int | None = None


@dataclass(frozen=True)
class TaxonomyFragment:
    """How far a preview is, by itself, for a page that stands open."""

    template: ClassVar[str] = "taxonomy_progress.html"
    frame: Frame
    progress: ProgressView

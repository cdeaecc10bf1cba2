"""The prompts of a project: what is in use, its versions, one of them, what changed, and the form for a new one."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ouvidor.prompts.diff import DiffLine
from ouvidor.web.contexts.frame import Frame


@dataclass(frozen=True)
class PromptLink:
    """A prompt and the label of what is in use."""

    name: str
    active: str


@dataclass(frozen=True)
class VersionView:
    """A version without its text; the shipped one has no id, number 0, and nobody who wrote it."""

    id: str
    number: int
    label: str
    digest: str
    note: str = ""
    author: str = ""
    at: datetime | None = None
    active: bool = False


@dataclass(frozen=True)
class PromptsPage:
    """One prompt: the text in use, and a page of the saved versions.

    `model` is what reads prompts (empty: nothing does). `previous` is the label of what going back leads to (empty:
    nowhere). `begun` is the cursor that the page of versions begins after, `after` that of what follows. `done` was
    just done.
    """

    template: ClassVar[str] = "prompts.html"
    frame: Frame
    prompts: tuple[PromptLink, ...]
    name: str
    active: VersionView
    text: str
    model: str
    shipped: VersionView
    versions: tuple[VersionView, ...] = ()
    total: int = 0
    previous: str = ""
    begun: str = ""
    after: str = ""
    done: str = ""


@dataclass(frozen=True)
class Comparison:
    """A text that a version may be compared with, as the address names it."""

    value: str
    label: str


@dataclass(frozen=True)
class PromptVersionPage:
    """One version: its text (filled in where `against` is `reading`), or what changed to it from the text `before`.

    `done` tells what became of a text that was just sent.
    """

    template: ClassVar[str] = "prompt_version.html"
    frame: Frame
    name: str
    version: VersionView
    text: str
    comparisons: tuple[Comparison, ...] = ()
    against: str = ""
    before: str = ""
    lines: tuple[DiffLine, ...] = ()
    done: str = ""


@dataclass(frozen=True)
class TroubleView:
    """What is wrong with a typed text: the line with its words, and what kind of trouble it is."""

    line: int
    excerpt: str
    kind: str
    what: str = ""


@dataclass(frozen=True)
class PromptEditPage:
    """The form for a new version, begun from the one that `source` labels; `troubles` were found in what was typed."""

    template: ClassVar[str] = "prompt_edit.html"
    frame: Frame
    name: str
    source: str
    text: str
    variables: tuple[tuple[str, int], ...]
    filters: tuple[str, ...]
    note: str = ""
    activate: bool = True
    troubles: tuple[TroubleView, ...] = ()
    wrong_note: bool = False

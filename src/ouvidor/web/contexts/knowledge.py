"""The knowledge pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ouvidor.web.contexts.frame import Frame


@dataclass(frozen=True)
class SectionRow:
    """A section in a list; `score` where a search found it, `updated_at` else."""

    id: str
    title: str
    excerpt: str
    tier: str
    language: str
    tags: tuple[str, ...]
    phrasings: int
    updated_at: datetime | None = None
    score: float | None = None


@dataclass(frozen=True)
class KnowledgePage:
    """The project's sections, all or those that a search found; `after` is the cursor of what follows (empty: none)."""

    template: ClassVar[str] = "knowledge.html"
    frame: Frame
    rows: tuple[SectionRow, ...]
    total: int
    query: str = ""
    tier: str = ""
    after: str = ""
    continued: bool = False

    @property
    def filtered(self) -> bool:
        """Whether an empty list means "nothing found" rather than "nothing there"."""
        return bool(self.query or self.tier)


@dataclass(frozen=True)
class SectionPage:
    """One section in full."""

    template: ClassVar[str] = "section.html"
    frame: Frame
    id: str
    key: str
    title: str
    content: str
    tier: str
    language: str
    tags: tuple[str, ...]
    phrasings: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    back: str

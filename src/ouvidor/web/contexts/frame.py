"""What stands round every page, and what a page is to the renderer."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from ouvidor.web.words import Language

Theme = Literal["system", "light", "dark"]
Place = Literal[
    "overview",
    "inbox",
    "conversations",
    "chat",
    "analyses",
    "comments",
    "knowledge",
    "monitoring",
    "settings",
    "reference",
    "none",
]
THEMES: tuple[Theme, ...] = ("system", "light", "dark")


@dataclass(frozen=True)
class ProjectLink:
    """A project that the person may switch to."""

    name: str
    title: str


@dataclass(frozen=True)
class Frame:
    """What stands round every page.

    `address` is the page's own path and query without `lang` and `theme`; `token` the form token of the sign-in
    (empty where nobody is signed in); `now` the moment that relative times count from; `permissions` what the person
    may do in the project shown.
    """

    language: Language
    theme: Theme
    address: str
    now: datetime
    place: Place = "none"
    person: str = ""
    token: str = ""
    project: ProjectLink | None = None
    projects: tuple[ProjectLink, ...] = ()
    permissions: frozenset[str] = frozenset()

    def may(self, permission: str) -> bool:
        """Whether the person's role in the project shown has this permission."""
        return permission in self.permissions

    def with_query(self, name: str, value: str) -> str:
        """The page's own address with one parameter more."""
        return f"{self.address}{'&' if '?' in self.address else '?'}{name}={value}"

    @property
    def next_theme(self) -> Theme:
        """The theme that the switch leads to."""
        return THEMES[(THEMES.index(self.theme) + 1) % len(THEMES)]


class Page(Protocol):
    """One frozen value with everything that its template may name."""

    template: ClassVar[str]

    @property
    def frame(self) -> Frame:
        """What stands round it."""
        ...

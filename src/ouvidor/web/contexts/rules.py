"""The settings of a project."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ouvidor.web.contexts.frame import Frame


@dataclass(frozen=True)
class PhraseField:
    """One phrase in one language: the project's wording (empty: the default) and the default."""

    language: str
    field: str
    own: str
    default: str


@dataclass(frozen=True)
class PhraseFields:
    """One phrase in each language of the project."""

    name: str
    wordings: tuple[PhraseField, ...]


@dataclass(frozen=True)
class RulesPage:
    """The project's rules as text, by field: what holds, or what was typed; `wrong` are the fields that were refused.

    `editable` is false for people who may only read; `saved` after a change.
    """

    template: ClassVar[str] = "rules.html"
    frame: Frame
    values: Mapping[str, str]
    phrases: tuple[PhraseFields, ...]
    editable: bool
    wrong: frozenset[str] = frozenset()
    saved: bool = False

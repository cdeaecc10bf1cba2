"""The API reference."""

from dataclasses import dataclass
from typing import ClassVar

from ouvidor.web.contexts.frame import Frame


@dataclass(frozen=True)
class Span:
    """A stretch of a paragraph; what stood between backquotes is code."""

    text: str
    code: bool


Paragraph = tuple[Span, ...]


@dataclass(frozen=True)
class ApiField:
    """A parameter, or a property of a body; `place` is `path`, `query` or `header` for a parameter."""

    name: str
    kind: str
    required: bool
    place: str
    description: tuple[Paragraph, ...]


@dataclass(frozen=True)
class ApiAnswer:
    """What may come back under a status; fields and example where it is a good one."""

    status: str
    description: tuple[Paragraph, ...]
    fields: tuple[ApiField, ...]
    example: str


@dataclass(frozen=True)
class ApiOperation:
    """One method of one path; `command` calls it from a shell."""

    anchor: str
    method: str
    path: str
    summary: str
    description: tuple[Paragraph, ...]
    protected: bool
    parameters: tuple[ApiField, ...]
    body: tuple[ApiField, ...]
    command: str
    answers: tuple[ApiAnswer, ...]


@dataclass(frozen=True)
class ApiTag:
    """Operations that belong together."""

    name: str
    operations: tuple[ApiOperation, ...]


@dataclass(frozen=True)
class ReferencePage:
    """The API, for people who call it."""

    template: ClassVar[str] = "reference.html"
    frame: Frame
    version: str
    description: tuple[Paragraph, ...]
    tags: tuple[ApiTag, ...]
    shown: str = ""

    @property
    def operations(self) -> tuple[ApiOperation, ...]:
        """The operations of the tag that is shown."""
        return next((tag.operations for tag in self.tags if tag.name == self.shown), ())

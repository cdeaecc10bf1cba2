"""Pages on the way in: the sign-in, a problem, no project yet."""

from dataclasses import dataclass, field
from typing import ClassVar

from ouvidor.web.contexts.frame import Frame
from ouvidor.web.contexts.manage import ProjectDraft


@dataclass(frozen=True)
class SignInPage:
    """The form for name and password; `refused` after a wrong one, `then` is where to go afterwards.

    `minutes` is how long to wait after too many attempts (0: not at all).
    """

    template: ClassVar[str] = "sign_in.html"
    frame: Frame
    then: str = "/"
    username: str = ""
    refused: bool = False
    minutes: int = 0


@dataclass(frozen=True)
class ErrorPage:
    """A problem in words: the status chooses the sentences, `detail` is what the program says of it.

    `by_role`: the person's role in the project does not allow it.
    """

    template: ClassVar[str] = "error.html"
    frame: Frame
    status: int
    detail: str
    request_id: str
    by_role: bool = False


@dataclass(frozen=True)
class NoProjectPage:
    """The person belongs to no project yet; operators get the form for a new one."""

    template: ClassVar[str] = "no_project.html"
    frame: Frame
    operator: bool = False
    draft: ProjectDraft = field(default_factory=ProjectDraft)

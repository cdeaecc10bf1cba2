"""The page of a person's own account."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from ouvidor.web.contexts.frame import Frame

Saved = Literal["", "name", "password", "sign-in"]
Trouble = Literal["", "name", "old-password", "new-password", "repetition", "attempts"]


@dataclass(frozen=True)
class SignInRow:
    """A browser or a program that is signed in; `here` is the one that shows this page."""

    id: str
    kind: Literal["browser", "program"]
    named: str
    since: datetime
    here: bool = False


@dataclass(frozen=True)
class AccountEvent:
    """Something that happened to the account: the audit log's action, and by which way and program."""

    action: str
    at: datetime
    through: str = ""
    program: str = ""


@dataclass(frozen=True)
class AccountPage:
    """Name, password, sign-ins, and what happened last.

    `typed` is the name in the form; a demo person's password cannot be changed; `saved` is what was just done,
    `trouble` what was refused, and `minutes` the wait after too many attempts.
    """

    template: ClassVar[str] = "account.html"
    frame: Frame
    username: str
    typed: str
    demo: bool = False
    sign_ins: tuple[SignInRow, ...] = ()
    events: tuple[AccountEvent, ...] = ()
    saved: Saved = ""
    trouble: Trouble = ""
    minutes: int = 0

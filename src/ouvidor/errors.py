"""Every error that a person or a client may see: status, code and one sentence that says what to do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Fault:
    """One broken part of an input: where it stands (`line 3`, `body.messages.0.role`) and what is wrong with it."""

    where: str
    message: str


class OuvidorError(Exception):
    """Something went wrong on our side. The request id helps us to find it."""

    status: ClassVar[int] = 500
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, detail: str | None = None, *, faults: Sequence[Fault] = ()) -> None:
        self.detail = detail or " ".join((type(self).__doc__ or "").split())
        self.faults = tuple(faults)
        super().__init__(self.detail)

    def response_headers(self) -> dict[str, str]:
        """What the answer's headers say of it."""
        return dict(self.headers)

    @classmethod
    def code(cls) -> str:
        """The class name in snake case; stable, meant for programs."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


class BadRequest(OuvidorError):
    """The request cannot be read."""

    status = 400


class Unauthenticated(OuvidorError):
    """A valid credential is needed: send `Authorization: Bearer <API key>`."""

    status = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}


class Forbidden(OuvidorError):
    """This credential does not allow that."""

    status = 403


class NotFound(OuvidorError):
    """There is nothing here, or it belongs to somebody else."""

    status = 404


class Conflict(OuvidorError):
    """Another request was first."""

    status = 409


class Unprocessable(OuvidorError):
    """The request is well-formed, but a value in it cannot be accepted."""

    status = 422


class TooManyRequests(OuvidorError):
    """That was too often; wait as long as the header `Retry-After` says, then try again."""

    status = 429

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after

    def response_headers(self) -> dict[str, str]:
        """How many seconds to wait."""
        return {**self.headers, "Retry-After": str(self.retry_after)}


class Unavailable(OuvidorError):
    """A part that this needs is not available at the moment; try again soon."""

    status = 503


class Misconfigured(OuvidorError):
    """A setting is wrong."""

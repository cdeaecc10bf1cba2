"""`Idempotency-Key` where the answer holds a secret: the deed is done once, and the secret is not kept to be resent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.idempotency import mark, note_answer
from ouvidor.errors import Conflict


class Issued(Protocol):
    """What was issued has an id by which it can be revoked."""

    @property
    def id(self) -> UUID:
        """Its id."""
        ...


IssuedT = TypeVar("IssuedT", bound=Issued)


class AlreadyIssued(Conflict):
    """This request was done before. Its secret was shown then and is not kept: revoke it and ask for a new one."""


@dataclass(frozen=True)
class MarkedRequest:
    """A request that may come twice: its route, its `Idempotency-Key` (None: unmarked), its body."""

    route: str
    key: str | None
    body: bytes


async def issue_once(
    session: AsyncSession,
    project_id: UUID,
    request: MarkedRequest,
    issue: Callable[[], Awaitable[IssuedT]],
    now: datetime,
) -> IssuedT:
    """Issue, unless a request with the same key and body did within 24 hours.

    Raises:
        AlreadyIssued: it did; the detail names the id.
        KeyReused: the key was sent with another body.
    """
    if request.key is None:
        return await issue()
    marked = await mark(session, project_id, request.route, request.key, request.body, now)
    if marked.answer is not None:
        raise AlreadyIssued(
            f"This request was done before and made {marked.answer['id']}. Its secret was shown then "
            "and is not kept: revoke it and ask for a new one, with a new Idempotency-Key."
        )
    issued = await issue()
    await note_answer(session, marked.id, {"id": str(issued.id)})
    return issued

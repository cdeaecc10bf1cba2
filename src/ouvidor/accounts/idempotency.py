"""`Idempotency-Key`: a request sent twice acts once (IETF draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import IdempotencyKey
from ouvidor.db import new_id
from ouvidor.errors import Conflict, Unprocessable

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)


class KeyReused(Unprocessable):
    """This Idempotency-Key was sent before with another body; use a new key for a new request."""


class StillRunning(Conflict):
    """The first request with this Idempotency-Key is still being answered; ask again shortly."""


@dataclass(frozen=True)
class Marked:
    """What is known of a marked request.

    `answer` is the stored one where it was answered; `subject_id` is what an interrupted attempt already created.
    """

    id: UUID
    answer: dict[str, Any] | None
    subject_id: UUID | None


def clean_key(header: str | None) -> str | None:
    """The key, bare or in quotes; None where none was sent.

    Raises:
        Unprocessable: empty or over 255 characters.
    """
    if header is None:
        return None
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= 255:
        raise Unprocessable("An Idempotency-Key has 1 to 255 characters.")
    return key


async def mark(session: AsyncSession, project_id: UUID, route: str, key: str, body: bytes, now: datetime) -> Marked:
    """Claim this key, or find what came of it. Keys older than 24 hours are forgotten.

    Raises:
        KeyReused: sent before with another body.
        StillRunning: the first attempt is under way (for at most 60 s; then it counts as interrupted).
    """
    scope = (IdempotencyKey.project_id == project_id, IdempotencyKey.route == route, IdempotencyKey.key == key)
    await session.execute(delete(IdempotencyKey).where(*scope, IdempotencyKey.started_at < now - KEPT))
    values = {"id": new_id(), "project_id": project_id, "route": route, "key": key}
    body_digest = hashlib.sha256(body).digest()
    query = insert(IdempotencyKey).values(**values, body_digest=body_digest, started_at=now, running=True)
    added = (await session.execute(query.on_conflict_do_nothing().returning(IdempotencyKey.id))).scalar_one_or_none()
    if added is not None:
        return Marked(id=added, answer=None, subject_id=None)
    row = (await session.execute(select(IdempotencyKey).where(*scope).with_for_update())).scalar_one()
    if row.body_digest != body_digest:
        raise KeyReused
    if row.answer is not None:
        return Marked(id=row.id, answer=row.answer, subject_id=row.subject_id)
    if row.running and row.started_at > now - LEASE:
        raise StillRunning
    row.running, row.started_at = True, now
    return Marked(id=row.id, answer=None, subject_id=row.subject_id)


async def note_subject(session: AsyncSession, marked_id: UUID, subject_id: UUID) -> None:
    """Remember what the running attempt created, in the transaction that created it."""
    await session.execute(update(IdempotencyKey).where(IdempotencyKey.id == marked_id).values(subject_id=subject_id))


async def note_answer(session: AsyncSession, marked_id: UUID, answer: Mapping[str, Any]) -> None:
    """Store the answer for whoever sends the request again."""
    values = {"answer": dict(answer), "running": False}
    await session.execute(update(IdempotencyKey).where(IdempotencyKey.id == marked_id).values(**values))


async def note_failure(session: AsyncSession, marked_id: UUID) -> None:
    """The attempt ended without an answer: the next one with this key may go on."""
    await session.execute(update(IdempotencyKey).where(IdempotencyKey.id == marked_id).values(running=False))


async def sweep_old_keys(session: AsyncSession, now: datetime) -> int:
    """Forget all keys over 24 hours old; how many there were."""
    result = await session.execute(
        delete(IdempotencyKey).where(IdempotencyKey.started_at < now - KEPT).returning(IdempotencyKey.id)
    )
    return len(result.all())

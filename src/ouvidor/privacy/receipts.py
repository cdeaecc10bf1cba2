"""Receipts of erasures: what was erased when, read by the page and by whoever must prove it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.errors import NotFound
from ouvidor.privacy.counts import ErasedCounts
from ouvidor.privacy.models import Erasure
from ouvidor.privacy.subjects import Kind, digest_of

State = Literal["pending", "running", "done", "failed"]
MOST_MATCHES = 100


class Receipt(BaseModel):
    """An order to erase and what became of it. It names nobody; who knows the id can check that it is meant."""

    id: UUID
    kind: Literal["conversation", "customer", "retention"] = Field(description="`retention`: by age, ordered by nobody")
    state: State
    counts: ErasedCounts
    requested_by: str
    requested_at: datetime
    done_at: datetime | None


class ReceiptPage(BaseModel):
    """One page of receipts, the newest first."""

    object: Literal["list"] = "list"
    data: list[Receipt]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool


async def list_receipts(session: AsyncSession, project_id: UUID, *, after: UUID | None, limit: int) -> ReceiptPage:
    """A page of the project's receipts, the newest first, from the one after `after`."""
    query = select(Erasure).where(Erasure.project_id == project_id)
    if after is not None:
        query = query.where(Erasure.id < after)
    return await _page(session, query, limit)


async def read_receipt(session: AsyncSession, project_id: UUID, erasure_id: UUID) -> Receipt:
    """One receipt of the project.

    Raises:
        NotFound: the project has no such receipt.
    """
    query = select(Erasure).where(Erasure.project_id == project_id, Erasure.id == erasure_id)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound("This project has no receipt with that id.")
    return Receipt.model_validate(found, from_attributes=True)


async def receipts_of(session: AsyncSession, secret: bytes, project_id: UUID, kind: Kind, subject: str) -> ReceiptPage:
    """The receipts that are about this id, the newest first, at most 100; nothing but the id tells them apart."""
    digest = digest_of(secret, project_id, kind, subject)
    query = select(Erasure).where(Erasure.project_id == project_id, Erasure.subject_digest == digest)
    return await _page(session, query, MOST_MATCHES)


async def _page(session: AsyncSession, query: Select[Erasure], limit: int) -> ReceiptPage:
    rows = (await session.execute(query.order_by(Erasure.id.desc()).limit(limit + 1))).scalars().all()
    data = [Receipt.model_validate(row, from_attributes=True) for row in rows[:limit]]
    return ReceiptPage(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(rows) > limit,
    )

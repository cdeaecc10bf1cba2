"""What a provider's batch carries, for whoever takes it there and back: the seam between batches and their work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.db import Database
from ouvidor.engines.batch_rows import ProviderBatch
from ouvidor.engines.batches import BatchLimits, BatchRow, RequestFile

if TYPE_CHECKING:
    from ouvidor.engines.provider_batches import ProviderBatches

LOST = "lost"
MISSING = "missing"
UNSUPPORTED = "batches_unsupported"


class Cargo(Protocol):
    """What one batch carries, as it stands in the database now. Each method may be cut short and begun again."""

    @property
    def batch(self) -> ProviderBatch:
        """The batch."""
        ...

    @property
    def cancelled(self) -> bool:
        """Whether somebody has ended what it was ordered for."""
        ...

    async def fill(self, file: RequestFile) -> None:
        """Lease what waits to this batch and write it into the file; what was written before for it is forgotten."""
        ...

    async def store(self, rows: Sequence[BatchRow]) -> int:
        """Store what these rows tell, once; how many of them answer no request that waits."""
        ...

    async def release(self, session: AsyncSession, reason: str, due_at: datetime, *, paid: bool) -> None:
        """Give back what has no answer, due again then; with `paid` it counts as paid for."""
        ...

    async def refuse(self) -> None:
        """The server has no batches: close this one, and have what it carries done in another way or not at all."""
        ...


class Carrier(Protocol):
    """A kind of work that is carried in batches."""

    @property
    def table(self) -> type[ProviderBatch]:
        """Its batches."""
        ...

    async def load(self, batch_id: UUID) -> Cargo | None:
        """What this batch carries; None where there is no such batch."""
        ...

    async def ready(self) -> Sequence[UUID]:
        """The orders that wait for a batch now."""
        ...

    async def begin(self, order_id: UUID) -> UUID | None:
        """A new batch for this order, if it still waits for one; what it carries is leased when it is filled."""
        ...


@dataclass(frozen=True)
class Shipping:
    """What batches of one kind are taken further with.

    `clock` is the product's; `stalled_seconds` is how long a process that works on a batch may be silent before another
    one takes it up.
    """

    db: Database
    clock: Callable[[], datetime]
    stalled_seconds: int
    provider: "ProviderBatches"
    limits: BatchLimits
    carrier: Carrier

    async def note(self, batch_id: UUID, **values: object) -> None:
        """Write down how far we have come with it: these columns, at once."""
        table = self.carrier.table
        async with self.db.begin() as session:
            await session.execute(update(table).where(table.id == batch_id).values(**values))

"""What a provider's batch has brought is fetched: its files of results are read, stored, and deleted over there."""

import asyncio
import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import islice
from os import SEEK_END
from typing import IO, TYPE_CHECKING

from ouvidor.engines.batch_cargo import LOST, Cargo, Shipping
from ouvidor.engines.batch_rows import BatchState, ProviderBatch
from ouvidor.engines.batches import BatchRow, scratch_file
from ouvidor.engines.call_fault import CallFault

if TYPE_CHECKING:
    from ouvidor.engines.provider_batches import ProviderBatches

MOST_FAILURES = 3
"""So often a batch, a file or rows that are not there are asked for again before they are given up."""
MOST_DELETIONS = 5
GROUP = 100

log = logging.getLogger(__name__)


class Collecting:
    """One batch that has ended, while its results are fetched; may be cut short and begun again at any point."""

    def __init__(self, shipping: Shipping, cargo: Cargo) -> None:
        self._shipping = shipping
        self._provider = shipping.provider
        self._cargo = cargo
        self._batch = cargo.batch

    async def collect(self) -> None:
        """Store what both files tell, and have them deleted.

        Raises:
            CallFault: the server does not give them, or not all of what it counts.
        """
        batch = self._batch
        if batch.output_file_id is not None:
            await self._store_answers(batch.output_file_id)
            await delete_file(self._provider, batch, batch.output_file_id)
            await self._shipping.note(batch.id, output_file_id=None)
        if batch.error_file_id is not None:
            with _unless_missing():
                await self._store_file(batch.error_file_id)
            await delete_file(self._provider, batch, batch.error_file_id)
            await self._shipping.note(batch.id, error_file_id=None)

    async def _store_answers(self, file_id: str) -> None:
        """Store all answers; a file that is not there, or that tells less than the provider counts, is asked for again.

        What was stored and deleted by a process that could not write that down is no loss.
        """
        batch = self._batch
        if batch.answered >= batch.completed > 0:
            with _unless_missing():
                await self._store_file(file_id)
            return
        try:
            rows = await self._store_file(file_id)
        except CallFault as fault:
            if fault.status != 404 or batch.failures < MOST_FAILURES:
                raise
            log.warning("A file of results is gone; what was asked is asked again.")
            await self._shipping.note(batch.id, reason=LOST)
            return
        if rows < batch.completed and batch.failures < MOST_FAILURES:
            raise CallFault("connection", retryable=True)

    async def _store_file(self, file_id: str) -> int:
        """Store what a file of results tells; how many whole lines it has."""
        rows = ignored = 0
        with scratch_file() as scratch:
            await self._provider.download(file_id, scratch)
            while group := await asyncio.to_thread(_next_rows, scratch):
                told = [row for row in group if row is not None]
                ignored += len(group) - len(told) + await self._cargo.store(told)
                rows += len(group)
            broken_off = rows and not _ends_with_line(scratch)
        if ignored:
            log.warning("%s lines of a file of results answer no request that waits; they are ignored.", ignored)
        return rows - bool(broken_off)


async def delete_file(provider: "ProviderBatches", batch: ProviderBatch, file_id: str) -> None:
    """Have a file of the batch deleted at the provider; what cannot be deleted after some attempts is told in the log.

    Raises:
        CallFault: it is to be tried again.
    """
    try:
        await provider.delete_file(file_id)
    except CallFault:
        if batch.failures < MOST_DELETIONS and batch.state == BatchState.ENDED:
            raise
        log.warning("A file of a batch could not be deleted; the provider keeps it: %s.", file_id)


def _next_rows(file: IO[bytes]) -> Sequence[BatchRow | None]:
    from ouvidor.engines.provider_batches import read_rows  # noqa: PLC0415 - an SDK that takes .6 s to import

    return list(islice(read_rows(file), GROUP))


def _ends_with_line(file: IO[bytes]) -> bool:
    file.seek(-1, SEEK_END)
    return file.read(1) == b"\n"


@contextmanager
def _unless_missing() -> Generator[None]:
    """Go on where what was asked for is not there."""
    try:
        yield
    except CallFault as fault:
        if fault.status != 404:
            raise

"""What is done about a provider's batch, one step after another, each of which may be cut short and begun again.

filling (its requests are written and uploaded) → uploaded (the batch is begun) → submitted (it is watched) → ended
(what came of it is stored) → closed. Whoever is at work on a batch holds it; who dies over it lets go by time.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.functions import Function

from ouvidor.engines.batch_cargo import LOST, MISSING, Cargo, Shipping
from ouvidor.engines.batch_collecting import MOST_DELETIONS, MOST_FAILURES, Collecting, delete_file
from ouvidor.engines.batch_rows import BatchState
from ouvidor.engines.batches import BatchesUnsupported, BatchStatus, RequestFile, scratch_file
from ouvidor.engines.call_fault import CallFault

FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 600.0
BETWEEN_LOOKS = timedelta(seconds=30)
LONGEST_LIFE = timedelta(hours=48)
"""Twice the window within which a provider answers or says that it will not."""
WAIT_AFTER_FAILURE = timedelta(minutes=10)
SIGNS_OF_LIFE = 4

log = logging.getLogger(__name__)


async def advance_all(shipping: Shipping) -> None:
    """Take every batch of this kind as far as it goes now, and begin those that are waited for.

    Any number of processes may do so at once, and each may die at any point.
    """
    table = shipping.carrier.table
    due = (table.state != BatchState.CLOSED, table.next_at <= shipping.clock())
    async with shipping.db.read() as session:
        found = (await session.execute(select(table.id).where(*due).order_by(table.created_at, table.id))).scalars()
    for batch_id in found:
        await _advance(shipping, batch_id)
    for order_id in await shipping.carrier.ready():
        while (batch_id := await shipping.carrier.begin(order_id)) is not None:
            await _advance(shipping, batch_id)
            if await _state_of(shipping, batch_id) not in {BatchState.SUBMITTED, BatchState.CLOSED}:
                break


async def _advance(shipping: Shipping, batch_id: UUID) -> None:
    """What goes wrong with one batch keeps no other from going on."""
    try:
        await BatchWork(shipping, batch_id).advance()
    except Exception:
        log.exception("A batch could not be taken further; it is tried again.")


async def _state_of(shipping: Shipping, batch_id: UUID) -> str | None:
    """The batch's state, or None where there was nothing for it."""
    table = shipping.carrier.table
    async with shipping.db.read() as session:
        return (await session.execute(select(table.state).where(table.id == batch_id))).scalar_one_or_none()


class BatchWork:
    """Takes one batch as far as it goes now."""

    def __init__(self, shipping: Shipping, batch_id: UUID) -> None:
        self._shipping = shipping
        self._provider = shipping.provider
        self._db = shipping.db
        self._clock = shipping.clock
        self._table = shipping.carrier.table
        self._id = batch_id

    async def advance(self) -> None:
        """Take the steps that can be taken; where another process holds the batch, nothing is done.

        What a server refuses or fails to do is tried again, later each time.
        """
        if not await self._hold():
            return
        holding = asyncio.create_task(self._keep_holding())
        try:
            await self._steps()
        finally:
            holding.cancel()
            await asyncio.shield(self._let_go())

    async def _steps(self) -> None:
        resumed = True
        while True:
            now = await self._shipping.carrier.load(self._id)
            if now is None or now.batch.state == BatchState.CLOSED:
                return
            try:
                goes_on = await self._step(now, resumed=resumed)
            except CallFault as fault:
                goes_on = await self._after(fault, now)
            if not goes_on:
                return
            resumed = False

    async def _step(self, now: Cargo, *, resumed: bool) -> bool:
        """Whether the next step can be taken at once; `resumed` where another process may have begun with this one."""
        match now.batch.state:
            case BatchState.FILLING:
                return await self._fill(now, resumed=resumed)
            case BatchState.UPLOADED:
                return await self._submit(now, resumed=resumed)
            case BatchState.SUBMITTED:
                return await self._look(now)
            case _:
                return await self._collect(now)

    async def _fill(self, now: Cargo, *, resumed: bool) -> bool:
        failures, name = now.batch.failures, f"ouvidor-{self._id}.jsonl"
        if resumed and failures:
            await self._delete_uploads(name)
        if now.cancelled:
            return await self._close(now, reason="cancelled")
        with scratch_file() as scratch:
            file = RequestFile(self._shipping.limits, scratch)
            await now.fill(file)
            if not file.requests:
                await self._forget()
                return False
            await self._note(requests=file.requests, failures=failures + 1)
            sent = await self._provider.upload(name, scratch)
        await self._note(state=BatchState.UPLOADED, file_id=sent)
        return True

    async def _delete_uploads(self, name: str) -> None:
        """What was uploaded by a process that could not write down that it was."""
        for left in await self._provider.files_named(name):
            await self._provider.delete_file(left)

    async def _submit(self, now: Cargo, *, resumed: bool) -> bool:
        batch = now.batch
        begun = await self._provider.find(str(batch.id)) if resumed else None
        if begun is None and now.cancelled:
            return await self._close(now, reason="cancelled")
        if begun is None:
            begun = await self._provider.create(batch.file_id or "", str(batch.id))
        await self._note(
            state=BatchState.SUBMITTED,
            provider_id=begun.id,
            status=begun.status,
            submitted_at=self._clock(),
            next_at=self._clock() + BETWEEN_LOOKS,
            failures=0,
        )
        log.info("A batch of %s requests was begun.", batch.requests)
        return now.cancelled

    async def _look(self, now: Cargo) -> bool:
        batch = now.batch
        told = await self._provider.read(batch.provider_id or "")
        if now.cancelled and not told.final and told.status != "cancelling":
            told = await self._provider.cancel(told.id)
        if told.completed and told.output_file_id is None and told.final and batch.failures < MOST_FAILURES:
            raise CallFault("server_error", retryable=True)
        if told.final:
            await self._note(state=BatchState.ENDED, failures=0, reason=_reason(told), **_told(told))
            return True
        if self._clock() - batch.created_at > LONGEST_LIFE:
            return await self._close(now, reason=LOST, paid=True)
        await self._note(next_at=self._clock() + BETWEEN_LOOKS, failures=0, **_told(told))
        return False

    async def _collect(self, now: Cargo) -> bool:
        await Collecting(self._shipping, now).collect()
        return await self._close(now, reason=now.batch.reason)

    async def _after(self, fault: CallFault, now: Cargo) -> bool:
        """What a fault of the server means; whether a next step can be taken at once."""
        batch, failures = now.batch, now.batch.failures + 1
        old = self._clock() - batch.created_at > LONGEST_LIFE
        submitted = batch.state == BatchState.SUBMITTED
        if batch.state != BatchState.ENDED and now.cancelled and failures > MOST_DELETIONS:
            return await self._close(now, reason="cancelled", paid=submitted)
        if batch.state in {BatchState.FILLING, BatchState.UPLOADED}:
            goes_on = await self._after_refusal(fault, now)
            if goes_on is not None:
                return goes_on
        if submitted and (old or (fault.status == 404 and failures > MOST_FAILURES)):
            return await self._close(now, reason=LOST, paid=True)
        wait = min(FIRST_WAIT_SECONDS * 2 ** min(failures - 1, 10), LONGEST_WAIT_SECONDS)
        wait = max(wait, min(fault.retry_after or 0.0, LONGEST_LIFE.total_seconds()))
        await self._note(failures=failures, next_at=self._clock() + timedelta(seconds=wait))
        return False

    async def _after_refusal(self, fault: CallFault, now: Cargo) -> bool | None:
        """What it means that the server does not take a file or a batch; None where it may take it later."""
        uploaded = now.batch.state == BatchState.UPLOADED
        if fault.status in {404, 405} and not (uploaded and await self._offers_batches()):
            log.error("%s", BatchesUnsupported().detail)
            await now.refuse()
            return False
        if uploaded and fault.status in {400, 404}:
            return await self._upload_again(now)
        return await self._close(now, reason=fault.kind) if fault.kind in {"refused", "too_large"} else None

    async def _offers_batches(self) -> bool:
        """False where the server knows no batches; whatever else is wrong, it may."""
        with suppress(CallFault):
            try:
                await self._provider.require()
            except BatchesUnsupported:
                return False
        return True

    async def _upload_again(self, now: Cargo) -> bool:
        """The file is not there any more, or was not accepted: once more from the beginning, not for ever."""
        failures = now.batch.failures + 1
        if failures > MOST_FAILURES:
            return await self._close(now, reason="refused")
        again = self._clock() + timedelta(seconds=FIRST_WAIT_SECONDS)
        await self._note(state=BatchState.FILLING, failures=failures, next_at=again)
        return False

    async def _close(self, now: Cargo, *, reason: str | None, paid: bool = False) -> bool:
        """Have what the provider keeps deleted, and give back what has no answer; with `paid` it counts as paid for."""
        if now.batch.file_id is not None:
            await delete_file(self._provider, now.batch, now.batch.file_id)
        at = self._clock()
        async with self._db.begin() as session:
            found = (await session.execute(select(self._table).where(self._table.id == self._id))).scalar_one()
            failed = found.status == "failed" or reason in {"refused", "too_large"}
            due_at = at + (WAIT_AFTER_FAILURE if failed else timedelta())
            why = reason or found.reason or MISSING
            await now.release(session, why, due_at, paid=paid or found.reason == LOST)
            found.reason = why if found.requests > found.answered else None
            found.state, found.closed_at = BatchState.CLOSED, at
        return False

    async def _forget(self) -> None:
        """A batch for which there was nothing, or no money."""
        async with self._db.begin() as session:
            await session.execute(delete(self._table).where(self._table.id == self._id))

    async def _note(self, **values: object) -> None:
        await self._shipping.note(self._id, **values)

    async def _hold(self) -> bool:
        """Whether the batch is this process's to work on."""
        free = or_(self._table.held_until.is_(None), self._table.held_until <= func.clock_timestamp())
        mine = (self._table.id == self._id, self._table.state != BatchState.CLOSED, free)
        query = update(self._table).where(*mine).values(held_until=self._held_until()).returning(self._table.id)
        async with self._db.begin() as session:
            return (await session.execute(query)).first() is not None

    async def _keep_holding(self) -> None:
        while True:
            await asyncio.sleep(self._shipping.stalled_seconds / SIGNS_OF_LIFE)
            with suppress(SQLAlchemyError, OSError):
                await self._note(held_until=self._held_until())

    async def _let_go(self) -> None:
        with suppress(SQLAlchemyError, OSError):
            await self._note(held_until=None)

    def _held_until(self) -> Function[object]:
        span = func.make_interval(0, 0, 0, 0, 0, 0, self._shipping.stalled_seconds)
        return func.clock_timestamp() + span  # pyright: ignore[reportReturnType] - SQLAlchemy types sums of functions as anything


def _told(told: BatchStatus) -> dict[str, object]:
    return {
        "status": told.status,
        "output_file_id": told.output_file_id,
        "error_file_id": told.error_file_id,
        "completed": told.completed,
    }


def _reason(told: BatchStatus) -> str | None:
    """Why it brings less than was asked, if it does: `expired`, `cancelled`, or how its validation failed."""
    if told.status == "completed":
        return None
    return f"failed: {', '.join(told.codes)}" if told.codes and told.status == "failed" else told.status

"""What is done about a provider's batch, one step after another, each of which may be cut short and begun again.

filling (its requests are written and uploaded) → uploaded (the batch is begun) → submitted (it is watched) → ended
(what came of it is stored) → closed. Whoever is at work on a batch holds it; who dies over it lets go by time.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.exc import SQLAlchemyError

from ouvidor.accounts.models import Project
from ouvidor.analysis.batch_closing import LOST, Standing, change_batch, close, refuse
from ouvidor.analysis.batch_collecting import MOST_DELETIONS, MOST_FAILURES, Collecting, delete_file
from ouvidor.analysis.batch_filling import Filling
from ouvidor.analysis.models import AnalysisBatch, AnalysisRun, BatchState
from ouvidor.engines.batches import BatchesUnsupported, BatchLimits, BatchStatus, RequestFile, scratch_file
from ouvidor.engines.call_fault import CallFault
from ouvidor.runtime import Runtime

if TYPE_CHECKING:
    from ouvidor.engines.provider_batches import ProviderBatches

FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 600.0
BETWEEN_LOOKS = timedelta(seconds=30)
LONGEST_LIFE = timedelta(hours=48)
"""Twice the window within which a provider answers or says that it will not."""
SIGNS_OF_LIFE = 4
HOLD = text("""
update analysis_batch set held_until = clock_timestamp() + make_interval(secs => :seconds)
where id = :id and state <> 'closed' and (held_until is null or held_until <= clock_timestamp())
returning id
""")
RENEW = text("""
update analysis_batch set held_until = clock_timestamp() + make_interval(secs => :seconds) where id = :id
""")
LET_GO = text("update analysis_batch set held_until = null where id = :id")
log = logging.getLogger(__name__)


class BatchWork:
    """Takes one batch as far as it goes now."""

    def __init__(self, rt: Runtime, provider: "ProviderBatches", limits: BatchLimits, batch_id: UUID) -> None:
        self._rt = rt
        self._provider = provider
        self._limits = limits
        self._id = batch_id

    async def advance(self) -> None:
        """Take the steps that can be taken; where another process holds the batch, nothing is done.

        What a server refuses or fails to do is tried again, later each time.
        """
        seconds = self._rt.settings.stalled_seconds
        async with self._rt.db.begin() as session:
            held = (await session.execute(HOLD, {"id": self._id, "seconds": seconds})).scalar_one_or_none()
        if held is None:
            return
        holding = asyncio.create_task(self._keep_holding(seconds))
        try:
            await self._steps()
        finally:
            holding.cancel()
            await asyncio.shield(self._let_go())

    async def _steps(self) -> None:
        resumed = True
        while True:
            now = await self._standing()
            if now is None or now.batch.state == BatchState.CLOSED:
                return
            try:
                goes_on = await self._step(now, resumed=resumed)
            except CallFault as fault:
                goes_on = await self._after(fault, now)
            if not goes_on:
                return
            resumed = False

    async def _step(self, now: Standing, *, resumed: bool) -> bool:
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

    async def _fill(self, now: Standing, *, resumed: bool) -> bool:
        batch, name = now.batch, f"ouvidor-{self._id}.jsonl"
        if resumed and batch.failures:
            await self._delete_uploads(name)
        if now.cancelled:
            return await self._close(now, reason="cancelled")
        with scratch_file() as scratch:
            file = RequestFile(self._limits, scratch)
            await Filling(self._rt, batch, now.project, file).fill()
            if not file.requests:
                await self._forget(now)
                return False
            await change_batch(self._rt, self._id, requests=file.requests, failures=batch.failures + 1)
            sent = await self._provider.upload(name, scratch)
        await change_batch(self._rt, self._id, state=BatchState.UPLOADED, file_id=sent)
        return True

    async def _delete_uploads(self, name: str) -> None:
        """What was uploaded by a process that could not write down that it was."""
        for left in await self._provider.files_named(name):
            await self._provider.delete_file(left)

    async def _submit(self, now: Standing, *, resumed: bool) -> bool:
        batch = now.batch
        begun = await self._provider.find(str(batch.id)) if resumed else None
        if begun is None and now.cancelled:
            return await self._close(now, reason="cancelled")
        if begun is None:
            begun = await self._provider.create(batch.file_id or "", str(batch.id))
        later = self._rt.clock() + BETWEEN_LOOKS
        await change_batch(
            self._rt,
            self._id,
            state=BatchState.SUBMITTED,
            provider_id=begun.id,
            status=begun.status,
            submitted_at=self._rt.clock(),
            next_at=later,
            failures=0,
        )
        log.info("A batch of %s requests was begun.", batch.requests)
        return now.cancelled

    async def _look(self, now: Standing) -> bool:
        batch = now.batch
        told = await self._provider.read(batch.provider_id or "")
        if now.cancelled and not told.final and told.status != "cancelling":
            told = await self._provider.cancel(told.id)
        if told.completed and told.output_file_id is None and told.final and batch.failures < MOST_FAILURES:
            raise CallFault("server_error", retryable=True)
        if told.final:
            await change_batch(
                self._rt, self._id, state=BatchState.ENDED, failures=0, reason=_reason(told), **_told(told)
            )
            return True
        if self._rt.clock() - batch.created_at > LONGEST_LIFE:
            return await self._close(now, reason=LOST, paid=True)
        await change_batch(self._rt, self._id, next_at=self._rt.clock() + BETWEEN_LOOKS, failures=0, **_told(told))
        return False

    async def _collect(self, now: Standing) -> bool:
        await Collecting(self._rt, self._provider, now).collect()
        return await self._close(now, reason=now.batch.reason)

    async def _after(self, fault: CallFault, now: Standing) -> bool:
        """What a fault of the server means; whether a next step can be taken at once."""
        batch, failures = now.batch, now.batch.failures + 1
        old = self._rt.clock() - batch.created_at > LONGEST_LIFE
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
        await change_batch(self._rt, self._id, failures=failures, next_at=self._rt.clock() + timedelta(seconds=wait))
        return False

    async def _after_refusal(self, fault: CallFault, now: Standing) -> bool | None:
        """What it means that the server does not take a file or a batch; None where it may take it later."""
        uploaded = now.batch.state == BatchState.UPLOADED
        if fault.status in {404, 405} and not (uploaded and await self._offers_batches()):
            await refuse(self._rt, now)
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

    async def _upload_again(self, now: Standing) -> bool:
        """The file is not there any more, or was not accepted: once more from the beginning, not for ever."""
        failures = now.batch.failures + 1
        if failures > MOST_FAILURES:
            return await self._close(now, reason="refused")
        again = self._rt.clock() + timedelta(seconds=FIRST_WAIT_SECONDS)
        await change_batch(self._rt, self._id, state=BatchState.FILLING, failures=failures, next_at=again)
        return False

    async def _close(self, now: Standing, *, reason: str | None, paid: bool = False) -> bool:
        """Have what the provider keeps deleted, and give back what has no answer."""
        if now.batch.file_id is not None:
            await delete_file(self._provider, now.batch, now.batch.file_id)
        await close(self._rt, now, reason=reason, paid=paid)
        return False

    async def _forget(self, now: Standing) -> None:
        """A batch for which there was nothing, or no money."""
        async with self._rt.db.begin() as session:
            await session.execute(delete(AnalysisBatch).where(AnalysisBatch.id == now.batch.id))

    async def _standing(self) -> Standing | None:
        query = (
            select(AnalysisBatch, AnalysisRun, Project)
            .join(AnalysisRun, AnalysisRun.id == AnalysisBatch.run_id)
            .join(Project, Project.id == AnalysisBatch.project_id)
            .where(AnalysisBatch.id == self._id)
        )
        async with self._rt.db.read() as session:
            found = (await session.execute(query)).one_or_none()
        return None if found is None else Standing(*found)

    async def _keep_holding(self, seconds: int) -> None:
        while True:
            await asyncio.sleep(seconds / SIGNS_OF_LIFE)
            with suppress(SQLAlchemyError, OSError):
                async with self._rt.db.begin() as session:
                    await session.execute(RENEW, {"id": self._id, "seconds": seconds})

    async def _let_go(self) -> None:
        with suppress(SQLAlchemyError, OSError):
            async with self._rt.db.begin() as session:
                await session.execute(LET_GO, {"id": self._id})


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

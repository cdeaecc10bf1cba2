"""The OpenAI Batch API: files up and down, batches begun, watched and cancelled, results read line by line."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import IO, Any, TypeVar, cast

import httpx2
from openai.types import Batch

from ouvidor.engines.base import FaultKind
from ouvidor.engines.batches import ENDPOINT, BatchesUnsupported, BatchRow, BatchStatus
from ouvidor.engines.faults import TIMED_OUT, TOO_LONG, CallFault, fault_of
from ouvidor.engines.provider import CONNECT_SECONDS, open_client, usage_of, whole_answer
from ouvidor.settings import Settings

KEY = "ouvidor_batch"
"""The metadata by which a batch of ours is found again."""
WINDOW = "24h"
PURPOSE = "batch"
JSONL = "application/jsonl"
MISSING = frozenset({404, 405})
TRANSFER_SECONDS = 1800.0
PAUSE_SECONDS = 120.0
"""The longest silence in a transfer."""
MOST_RESULT_BYTES = 2_000_000_000
MOST_LINE_BYTES = 4_000_000
PIECE = 1 << 16
PAGE = 100
MOST_LISTED = 2000
UNANSWERED = frozenset({"batch_expired", "batch_cancelled"})
LONGEST_CODE = 60

T = TypeVar("T")

log = logging.getLogger(__name__)


class ProviderBatches:
    """The batches of one server, by the settings' key.

    Every method raises CallFault where the server did not do what was asked; its own words go nowhere.
    """

    def __init__(self, settings: Settings) -> None:
        self._client = open_client(settings, most_bytes=MOST_RESULT_BYTES)
        self._timeout = httpx2.Timeout(PAUSE_SECONDS, connect=CONNECT_SECONDS)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def require(self) -> None:
        """Find out whether the server offers batches.

        Raises:
            BatchesUnsupported: it knows no such address.
        """
        try:
            await self._asked("look for batches", self._newest)
        except CallFault as fault:
            if fault.status not in MISSING:
                raise
        else:
            return
        raise BatchesUnsupported

    async def upload(self, name: str, file: IO[bytes]) -> str:
        """Send a file of requests; its id there."""

        async def send() -> str:
            file.seek(0)
            async with asyncio.timeout(TRANSFER_SECONDS):
                sent = await self._client.files.create(file=(name, file, JSONL), purpose=PURPOSE, timeout=self._timeout)
            return _id(sent.id)

        return await self._asked("upload requests", send)

    async def files_named(self, name: str) -> list[str]:
        """The ids of the files of that name that the server keeps, among its newest 2,000."""

        async def look() -> list[str]:
            found: list[str] = []
            count = 0
            async for file in self._client.files.list(purpose=PURPOSE, limit=PAGE):
                count += 1
                if file.filename == name:
                    found.append(_id(file.id))
                if count >= MOST_LISTED:
                    break
            return found

        return await self._asked("list files", look)

    async def delete_file(self, file_id: str) -> None:
        """Have a file deleted; one that is not there is none."""
        try:
            await self._asked("delete a file", lambda: self._client.files.delete(file_id))
        except CallFault as fault:
            if fault.status != 404:
                raise

    async def create(self, file_id: str, key: str) -> BatchStatus:
        """Begin a batch of this file; `key` marks it, so that it is found again."""

        async def begin() -> BatchStatus:
            return _status(
                await self._client.batches.create(
                    input_file_id=file_id, endpoint=ENDPOINT, completion_window=WINDOW, metadata={KEY: key}
                )
            )

        return await self._asked("begin a batch", begin)

    async def find(self, key: str) -> BatchStatus | None:
        """The batch that is marked so, among the newest 2,000."""

        async def look() -> BatchStatus | None:
            count = 0
            async for batch in self._client.batches.list(limit=PAGE):
                count += 1
                if (batch.metadata or {}).get(KEY) == key:
                    return _status(batch)
                if count >= MOST_LISTED:
                    break
            return None

        return await self._asked("look for a batch", look)

    async def read(self, batch_id: str) -> BatchStatus:
        """How far a batch has come."""

        async def look() -> BatchStatus:
            return _status(await self._client.batches.retrieve(batch_id))

        return await self._asked("ask after a batch", look)

    async def cancel(self, batch_id: str) -> BatchStatus:
        """Ask for a batch to be ended; what is done of it remains."""

        async def end() -> BatchStatus:
            return _status(await self._client.batches.cancel(batch_id))

        return await self._asked("cancel a batch", end)

    async def download(self, file_id: str, into: IO[bytes]) -> None:
        """Write a file of results to `into`, from its beginning."""

        async def fetch() -> None:
            into.seek(0)
            into.truncate()
            content = self._client.files.with_streaming_response.content(file_id, timeout=self._timeout)
            async with asyncio.timeout(TRANSFER_SECONDS), content as response:
                async for piece in response.iter_bytes(PIECE):
                    into.write(piece)
            into.seek(0)

        await self._asked("download results", fetch)

    async def _newest(self) -> None:
        async for _ in self._client.batches.list(limit=1):
            return

    async def _asked(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """What the call gives; whatever an SDK raises becomes a fault of ours, without its text."""
        try:
            return await call()
        except Exception as error:  # noqa: BLE001 - an SDK raises what it likes
            fault = fault_of(error)
        if fault.status not in MISSING:
            log.warning("Could not %s: %s (HTTP status %s).", what, fault.kind, fault.status or "none")
        raise fault


def read_rows(file: IO[bytes]) -> Iterator[BatchRow | None]:
    """What each line of a file of results tells, in its order; None for a line that tells nothing."""
    while line := file.readline(MOST_LINE_BYTES):
        if len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := file.readline(MOST_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield None
        elif line.strip():
            yield read_row(line)


def read_row(line: bytes) -> BatchRow | None:
    """What one line tells of the request that it names; None where it names none."""
    try:
        told = _object(json.loads(line))
    except (ValueError, RecursionError):
        return None
    custom_id = told.get("custom_id")
    if not isinstance(custom_id, str):
        return None
    response, fault = _object(told.get("response")), _object(told.get("error"))
    body, status = _object(response.get("body")), response.get("status_code")
    fault = fault or _object(body.get("error"))
    if fault or status != 200:
        code = str(fault.get("code"))
        if code in UNANSWERED:
            return BatchRow(custom_id, unanswered=True)
        return BatchRow(custom_id, fault=_kind(code, status if isinstance(status, int) else 0))
    try:
        said = whole_answer(body)
    except Exception as error:  # noqa: BLE001 - nobody checks what servers send
        return BatchRow(custom_id, fault=fault_of(error).kind, usage=usage_of(_object(body.get("usage"))))
    return BatchRow(custom_id, text=said.text, model=said.model, usage=said.usage)


def _kind(code: str, status: int) -> FaultKind:
    if code in TOO_LONG or status == 413:
        return "too_large"
    if code == "request_timeout" or status in TIMED_OUT:
        return "timeout"
    if status == 429:
        return "rate_limited"
    return "refused" if 400 <= status < 500 else "server_error"


def _status(batch: Batch) -> BatchStatus:
    """What the server told; an SDK leaves out what it did not tell, and checks nothing."""
    told = batch.model_dump(warnings=False)
    counts, errors = _object(told.get("request_counts")), _object(told.get("errors")).get("data")
    rows = [_object(row) for row in cast("list[object]", errors)] if isinstance(errors, list) else []
    return BatchStatus(
        id=_id(told.get("id")),
        status=str(told.get("status")),
        input_file_id=str(told.get("input_file_id") or ""),
        output_file_id=told.get("output_file_id") or None,
        error_file_id=told.get("error_file_id") or None,
        completed=int(counts.get("completed") or 0),
        failed=int(counts.get("failed") or 0),
        codes=tuple(sorted({str(row["code"])[:LONGEST_CODE] for row in rows if row.get("code")})),
    )


def _id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no id")
    return value


def _object(told: object) -> dict[str, Any]:
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}

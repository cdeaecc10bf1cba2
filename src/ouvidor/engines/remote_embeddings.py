"""Vectors of texts from the OpenAI-compatible server that the settings name."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from openai.types import CreateEmbeddingResponse

from ouvidor.db import Database
from ouvidor.engines.base import Usage, sum_of_usage
from ouvidor.engines.breaker import Breaker, Circuit
from ouvidor.engines.calls import CallLog, CallRecord, Ending
from ouvidor.engines.embeddings import EmbeddingFailed
from ouvidor.engines.faults import CallFault, fault_of
from ouvidor.engines.limits import limits_of
from ouvidor.engines.provider import open_client
from ouvidor.engines.retries import Retries
from ouvidor.engines.tokens import BYTES_PER_TOKEN, estimate_tokens
from ouvidor.settings import OPENAI, Settings

TASK = "embed"
MOST_NUMBERS = 4_000
"""Length of the longest vector that pgvector indexes as `halfvec`."""
MOST_TEXTS = 128
MOST_CHARACTERS = 200_000
"""Of one request: about 60,000 tokens; OpenAI takes 300,000."""
SHORTEST_CUT = 400
QUERY_SECONDS = 4.0
"""For one text: somebody waits for it."""
REQUEST_SECONDS = 60.0
BATCH_ATTEMPTS = 5
QUERY_ATTEMPTS = 2
TOO_MUCH = frozenset({400, 413, 422})
"""How servers refuse a request that holds too many texts, or too long a one."""

Vectors = NDArray[np.float32]

log = logging.getLogger(__name__)


@dataclass
class _Taken:
    """What a run has taken so far."""

    requests: int = 0
    retries: int = 0
    usage: Usage | None = None


class RemoteEmbedder:
    """The embedding model of a server. One for each process, closed at its end.

    Its dimension is known once it has answered. `db` holds the limits, which are its own: a model that writes is
    limited apart. `now` tells the time of day, `clock` gives seconds that only grow, `pause` waits so many seconds,
    `chance` gives a number from 0 to 1.
    """

    def __init__(
        self,
        settings: Settings,
        db: Database,
        calls: CallLog,
        now: Callable[[], datetime],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._db = db
        self._calls = calls
        self._now = now
        self._model = settings.embedding_model or ""
        self._server = urlsplit(settings.llm_base_url or OPENAI).netloc.rpartition("@")[2]
        self._client = open_client(settings)
        self._clock = clock
        self._pause = pause
        self._chance = chance
        self._breaker = Breaker(clock)
        self._dimension = 0
        self._texts_at_once = MOST_TEXTS
        self._limits = limits_of(settings, "embedding")
        burst = MOST_CHARACTERS if self._limits.tokens is None else self._limits.tokens.burst * BYTES_PER_TOKEN
        self._characters_at_once = min(MOST_CHARACTERS, burst)

    @property
    def name(self) -> str:
        """The server, its model and the dimension, e.g. `api.openai.com text-embedding-3-large 3072`."""
        return f"{self._server} {self._model} {self._dimension or '(not yet reached)'}"

    @property
    def dimension(self) -> int:
        """Length of a vector; 0 until the server has answered."""
        return self._dimension

    @property
    def available(self) -> bool:
        """True."""
        return True

    @property
    def english_only(self) -> bool:
        """False: of the model nothing is assumed."""
        return False

    @property
    def remote(self) -> bool:
        """True."""
        return True

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._client.close()

    async def embed(self, texts: Sequence[str], *, project_id: UUID | None = None) -> Vectors:
        """Vectors of length 1, shape (texts, dimension), in order; one text within four seconds or not at all.

        What it took is recorded for the project, where one is named.

        Raises:
            EmbeddingFailed: the server gave none that can be used, or vectors of another dimension than before.
        """
        if not texts and not self._dimension:
            return (await self.embed(["."], project_id=project_id))[:0]
        with self._recorded(project_id) as taken:
            parts = [await self._embed(batch, taken) for batch in self._batches(texts)]
        return np.concatenate(parts) if parts else np.empty((0, self._dimension), np.float32)

    @contextmanager
    def _recorded(self, project_id: UUID | None) -> Generator[_Taken]:
        """What the block takes, recorded at its end, however it ends."""
        taken, begun = _Taken(), time.perf_counter()
        fault: Ending | None = "error"
        try:
            yield taken
            fault = None
        except EmbeddingFailed as failed:
            fault = failed.kind
            raise
        except asyncio.CancelledError:
            fault = "cancelled"
            raise
        finally:
            if project_id is not None and (taken.requests or fault is not None):
                self._record(project_id, taken, time.perf_counter() - begun, fault)

    def _record(self, project_id: UUID, taken: _Taken, latency: float, fault: Ending | None) -> None:
        record = CallRecord(
            project_id=project_id,
            conversation_id=None,
            turn_id=None,
            task=TASK,
            model=self._model,
            prompt_version=None,
            prompt_label="",
            at=self._now(),
            latency=latency,
            retries=taken.retries,
            fault=fault,
            usage=taken.usage,
        )
        self._calls.add(record)

    def _batches(self, texts: Sequence[str]) -> list[list[str]]:
        """The texts in order, as many in one request as are well received and as the limits let through at once."""
        batches: list[list[str]] = []
        size = 0
        for text in (text[:MOST_CHARACTERS] or " " for text in texts):
            if not batches or len(batches[-1]) >= self._texts_at_once or size + len(text) > self._characters_at_once:
                batches.append([])
                size = 0
            batches[-1].append(text)
            size += len(text)
        return batches

    async def _embed(self, texts: Sequence[str], taken: _Taken) -> Vectors:
        """Vectors of one request's texts; where that is too much for the server, of less and less."""
        try:
            return await self._ask(texts, taken)
        except CallFault as caught:
            fault = caught
        if fault.status in TOO_MUCH and len(texts) > 1:
            half = len(texts) // 2
            self._texts_at_once = min(self._texts_at_once, len(texts) - half)
            return np.concatenate([await self._embed(texts[:half], taken), await self._embed(texts[half:], taken)])
        if fault.status in TOO_MUCH and len(texts[0]) >= 2 * SHORTEST_CUT:
            return await self._embed([texts[0][: len(texts[0]) // 2]], taken)
        raise EmbeddingFailed(fault.kind)

    async def _ask(self, texts: Sequence[str], taken: _Taken) -> Vectors:
        """Vectors of one request's texts, after as many attempts as there is time for."""
        seconds, attempts = (QUERY_SECONDS, QUERY_ATTEMPTS) if len(texts) == 1 else (REQUEST_SECONDS, BATCH_ATTEMPTS)
        retries = Retries(attempts, self._clock() + seconds)
        failures = 0
        while True:
            try:
                return await self._attempt(texts, retries, failures, taken)
            except CallFault as caught:
                fault = caught
            failures += 1
            wait = retries.wait_after(fault, failures, self._clock(), self._chance())
            if wait is None:
                log.warning("The embedding model gave no vectors: %s (HTTP status %s).", fault.kind, fault.status)
                raise fault
            taken.retries += 1
            await self._pause(wait)

    async def _attempt(self, texts: Sequence[str], retries: Retries, failures: int, taken: _Taken) -> Vectors:
        """One request, when the limits let it through."""
        if self._breaker.circuit is Circuit.OPEN:
            raise CallFault("circuit_open")
        reserved = sum(map(estimate_tokens, texts))
        wait = await self._limits.reserve(self._db, reserved, retries.deadline - self._clock())
        if wait > 0:
            await self._pause(wait)
        answer = await self._call(texts, retries.patience(failures, self._clock()), taken)
        if answer.usage is not None:
            await self._limits.correct(self._db, reserved, answer.usage.input)
        return answer.vectors

    async def _call(self, texts: Sequence[str], patience: float, taken: _Taken) -> "_Answer":
        """One request; the breaker hears how it went."""
        if not self._breaker.admits():
            raise CallFault("circuit_open")
        taken.requests += 1
        try:
            async with asyncio.timeout(patience):
                told = await self._client.embeddings.create(model=self._model, input=list(texts))
            usage = _usage_of(told)
            taken.usage = sum_of_usage(taken.usage, usage)
            answer = _Answer(_vectors_of(told, len(texts)), usage)
            self._note_dimension(answer.vectors.shape[1])
        except Exception as error:  # noqa: BLE001 - whatever an SDK raises becomes a fault of ours, without its text
            fault = fault_of(error)
        except BaseException:
            self._breaker.gave_up()
            raise
        else:
            self._breaker.succeeded()
            return answer
        (self._breaker.succeeded if fault.status in TOO_MUCH else self._breaker.failed)()
        raise fault

    def _note_dimension(self, dimension: int) -> None:
        """Another dimension than before is another model behind the same name: what is under way must begin anew."""
        before, self._dimension = self._dimension, dimension
        if before not in {0, dimension}:
            raise CallFault("bad_output")


@dataclass(frozen=True)
class _Answer:
    """What one request brought; `usage` is None where the server did not tell."""

    vectors: Vectors
    usage: Usage | None


def _usage_of(answer: CreateEmbeddingResponse) -> Usage | None:
    """The tokens that were read, where the server tells: nobody checks what servers send."""
    told: object = getattr(getattr(answer, "usage", None), "prompt_tokens", None)
    return Usage(input=max(0, told)) if isinstance(told, int) else None


def _vectors_of(answer: CreateEmbeddingResponse, count: int) -> Vectors:
    """The vectors in the order of the texts, made one long.

    Raises:
        CallFault: too few, too many, of several lengths, too long, without direction, or no numbers.
    """
    found = sorted(answer.data or (), key=lambda one: one.index)
    if [one.index for one in found] != list(range(count)):
        raise CallFault("bad_output")
    try:
        vectors = np.array([one.embedding for one in found], dtype=np.float64)
    except (TypeError, ValueError):
        raise CallFault("bad_output") from None
    if vectors.ndim != 2 or not 1 <= vectors.shape[1] <= MOST_NUMBERS or not np.isfinite(vectors).all():
        raise CallFault("bad_output")
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    if not (largest > 0).all():
        raise CallFault("bad_output")
    vectors /= largest
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

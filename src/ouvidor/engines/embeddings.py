"""Vectors of texts, from the local model, from a server's or, where there is none, from nobody."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ouvidor.db import Database
from ouvidor.engines.base import FaultKind
from ouvidor.engines.build import BuiltModel, build
from ouvidor.engines.calls import CallLog
from ouvidor.engines.checkpoint import ModelUnusable
from ouvidor.engines.encoder import Encoder
from ouvidor.engines.models import MINILM, find_model
from ouvidor.errors import Unavailable
from ouvidor.settings import Settings

INLINE_CHARS = 200  # about 50 tokens, 2 ms: a thread's hand-over and its tail latency cost more than waiting
NOT_INSTALLED = "No embedding model is installed: run `ouvidor model install`."

logger = logging.getLogger(__name__)


class EmbeddingFailed(Unavailable):
    """The embedding model of the server gave no usable vectors; they are tried again soon."""

    def __init__(self, kind: FaultKind) -> None:
        super().__init__()
        self.kind: FaultKind = kind


class Embedder(Protocol):
    """Turns texts into vectors whose dot product tells how near in meaning they are."""

    @property
    def name(self) -> str:
        """Identifies the vectors in the database: vectors of another name are no match for them."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector; 0 where there is no model, and where a server's has not yet answered."""
        ...

    @property
    def available(self) -> bool:
        """Whether there is a model."""
        ...

    @property
    def english_only(self) -> bool:
        """Whether the model knows no other language."""
        ...

    @property
    def remote(self) -> bool:
        """Whether texts leave this machine."""
        ...

    async def embed(self, texts: Sequence[str], *, project_id: UUID | None = None) -> NDArray[np.float32]:
        """Vectors of length 1, shape (texts, dimension), in the order of the texts.

        What a server took is recorded for the project, where one is named.

        Raises:
            EmbeddingFailed: a server gave none.
        """
        ...


class LocalEmbedder:
    """The model on this machine; loaded when it is first needed, and safe to share between threads and tasks.

    Texts beyond `model.facts.max_tokens` tokens (256) are cut. `threads` runs go side by side on large input.
    """

    def __init__(self, model: BuiltModel, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._encoder: Encoder | None = None
        self._loading = threading.Lock()

    @property
    def name(self) -> str:
        """The model, its quantisation and the first 12 digits of its hash."""
        return self._model.name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._model.facts.dimension

    @property
    def available(self) -> bool:
        """True."""
        return True

    @property
    def english_only(self) -> bool:
        """Whether this is the model that Ouvidor installs; of a model of one's own nothing is assumed."""
        return self.name.startswith(MINILM.model)

    @property
    def remote(self) -> bool:
        """False."""
        return False

    async def embed(self, texts: Sequence[str], *, project_id: UUID | None = None) -> NDArray[np.float32]:  # noqa: ARG002 - no server's work
        """Vectors of length 1, shape (texts, dimension), in order; the event loop waits for one short text only."""
        if self._encoder is not None and len(texts) == 1 and len(texts[0]) <= INLINE_CHARS:
            return self._encoder.encode(texts)
        return await asyncio.to_thread(self.embed_now, texts)

    def embed_now(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same for callers outside the event loop."""
        return self._load().encode(texts) if texts else np.empty((0, self.dimension), np.float32)

    def _load(self) -> Encoder:
        with self._loading:
            if self._encoder is None:
                self._encoder = Encoder(
                    self._model.graph.read_bytes(),
                    self._model.tokenizer.read_bytes(),
                    max_tokens=self._model.facts.max_tokens,
                    threads=self._threads,
                )
            return self._encoder


@dataclass(frozen=True)
class NoEmbedder:
    """Stands in where no model can be used; search goes by words (BM25) alone.

    Args:
        reason: one sentence for people: why, and what to do.
    """

    reason: str = NOT_INSTALLED

    @property
    def name(self) -> str:
        """Of no vectors."""
        return "none"

    @property
    def dimension(self) -> int:
        """0."""
        return 0

    @property
    def available(self) -> bool:
        """False."""
        return False

    @property
    def english_only(self) -> bool:
        """False."""
        return False

    @property
    def remote(self) -> bool:
        """False."""
        return False

    async def embed(self, texts: Sequence[str], *, project_id: UUID | None = None) -> NDArray[np.float32]:  # noqa: ARG002 - no server's work
        """Vectors without any number in them, shape (texts, 0)."""
        return self.embed_now(texts)

    def embed_now(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same for callers outside the event loop."""
        return np.empty((len(texts), 0), np.float32)


@asynccontextmanager
async def open_embedder(
    settings: Settings, db: Database, calls: CallLog, now: Callable[[], datetime], embedder: Embedder | None = None
) -> AsyncGenerator[Embedder]:
    """`embedder` where there is one; else that of the server in the settings, closed at the end; else the local one.

    `db` holds the limits that processes share; what a server took is added to `calls`, at the time that `now` tells.
    """
    if embedder is not None or settings.embedding_model is None:
        yield embedder or load_embedder(settings.data_dir, settings.model_dir, settings.embedding_threads)
        return
    from ouvidor.engines.remote_embeddings import (  # noqa: PLC0415 - .6 s of import that most installations save
        RemoteEmbedder,
    )

    remote = RemoteEmbedder(settings, db, calls, now)
    try:
        yield remote
    finally:
        await remote.close()


def load_embedder(data_dir: Path, model_dir: Path | None, threads: int) -> LocalEmbedder | NoEmbedder:
    """The embedder of this installation; where no model can be used that is logged once, here, as a warning.

    A model's first use builds its graph (about two seconds, see `build`): call this before the event loop is busy.
    """
    try:
        files = find_model(model_dir, data_dir)
        if files is not None:
            return LocalEmbedder(build(files, data_dir), threads)
        reason = NOT_INSTALLED
    except ModelUnusable as error:
        reason = error.detail
    logger.warning("%s Search goes by words (BM25) alone.", reason)
    return NoEmbedder(reason)

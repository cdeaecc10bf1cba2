"""Provider batches as values: the lines of a request file, the state of a batch, and what came of each request.

The conventions are those of the OpenAI Batch API; nothing here talks to a server.
"""

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any

from ouvidor.engines.asking import Question
from ouvidor.engines.base import FaultKind, Usage
from ouvidor.engines.structured import Mode, response_format
from ouvidor.errors import Unprocessable
from ouvidor.settings import Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ouvidor.engines.provider_batches import ProviderBatches

ENDPOINT = "/v1/chat/completions"
IN_MEMORY = 8_000_000
"""Bytes of a file that are kept in memory; beyond, it is on disk."""
FINAL = frozenset({"completed", "failed", "expired", "cancelled"})
SEPARATORS = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"})
"""Some servers take these for the end of a line."""


class NoProvider(Unprocessable):
    """Provider batches need a language model: set OUVIDOR_LLM_MODEL, and restart."""


class BatchesUnsupported(Unprocessable):
    """The server of the language model offers no batches (there is no /batches); order the analysis without them."""


@dataclass(frozen=True)
class BatchLimits:
    """How much one file may hold: requests, and bytes (`size`)."""

    requests: int = 50_000
    size: int = 200_000_000


@dataclass(frozen=True)
class BatchStatus:
    """A batch as its server tells of it; `codes` say why it failed its validation, and hold nobody's words."""

    id: str
    status: str
    input_file_id: str = ""
    output_file_id: str | None = None
    error_file_id: str | None = None
    completed: int = 0
    failed: int = 0
    codes: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in FINAL


@dataclass(frozen=True)
class BatchRow:
    """What came of one request: the answer's text, or the fault in its place.

    `unanswered` where the request was never carried out, because the batch expired or was cancelled.
    """

    custom_id: str
    text: str = ""
    model: str = ""
    usage: Usage | None = None
    fault: FaultKind | None = None
    unanswered: bool = False


@dataclass
class RequestFile:
    """The requests of one batch as JSON lines."""

    limits: BatchLimits
    file: IO[bytes]
    requests: int = 0
    size: int = 0

    @property
    def left(self) -> int:
        """How many more requests it may hold."""
        return self.limits.requests - self.requests

    def fits(self, line: bytes) -> bool:
        """Whether there is room for it."""
        return self.left > 0 and self.size + len(line) <= self.limits.size

    def add(self, line: bytes) -> None:
        """Write this line, which fits."""
        self.file.write(line)
        self.requests += 1
        self.size += len(line)


def request_line(custom_id: str, model: str, question: Question, name: str, output: "type[BaseModel]") -> bytes:
    """The line that asks `model` this question for an answer of this schema, as a single call would."""
    body: dict[str, Any] = {
        "model": model,
        "messages": question.messages,
        "response_format": response_format(Mode.JSON_SCHEMA, name, output),
    }
    line = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body}
    written = json.dumps(line, ensure_ascii=False, separators=(",", ":")).translate(SEPARATORS)
    return written.encode("utf-8", "replace") + b"\n"


@contextmanager
def scratch_file() -> Generator[IO[bytes]]:
    """A file for requests or results, on disk when it is large, that is gone when the block ends."""
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        yield file


@asynccontextmanager
async def open_batches(settings: Settings) -> "AsyncGenerator[ProviderBatches]":
    """The batches of the server that the settings name; its connections are closed at the end of the block.

    Raises:
        NoProvider: the settings name no model.
    """
    if settings.llm_model is None:
        raise NoProvider
    from ouvidor.engines.provider_batches import ProviderBatches  # noqa: PLC0415 - an SDK that takes .6 s to import

    batches = ProviderBatches(settings)
    try:
        yield batches
    finally:
        await batches.close()

"""Provider batches as values: the lines of a request file, the state of a batch, and what came of each request.

The conventions are those of the OpenAI Batch API; nothing here talks to a server.
"""

import json
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from ouvidor.engines.asking import Question
from ouvidor.engines.base import Brief, FaultKind, Usage
from ouvidor.engines.call_fault import CallFault
from ouvidor.engines.calls import CallRecord
from ouvidor.engines.local import LOCAL
from ouvidor.engines.structured import Mode, response_format
from ouvidor.errors import Unavailable, Unprocessable
from ouvidor.settings import Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ouvidor.engines.provider_batches import ProviderBatches

BATCH_JOB = "engines.batches"
"""The job that takes all batches as far as they go; once left in the queue it need not be left again."""
ENDPOINT = "/v1/chat/completions"
IN_MEMORY = 8_000_000
"""Bytes of a file that are kept in memory; beyond, it is on disk."""
FINAL = frozenset({"completed", "failed", "expired", "cancelled"})
SEPARATORS = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"})
"""Some servers take these for the end of a line."""


class NoProvider(Unprocessable):
    """Provider batches need a language model: set OUVIDOR_LLM_MODEL, and restart."""


class BatchesUnsupported(Unprocessable):
    """The server of the language model offers no batches (there is no /batches); order it without them."""


class ProviderUnreachable(Unavailable):
    """The server of the language model does not say whether it takes batches; look at its key, or try again soon."""


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

    def made_by(self, asked: str) -> str:
        """The model that answered, as far as the server tells; else the one that was `asked`."""
        return self.model if self.model not in {"", LOCAL} else asked

    def record(
        self,
        task: str,
        brief: Brief,
        asked: str,
        *,
        project_id: UUID,
        at: datetime,
        fault: FaultKind | None,
        conversation_id: UUID | None = None,
    ) -> CallRecord:
        """The request as a call of the model that was `asked`, for whoever counts those; how long it took nobody knows.

        `fault` is that of the answer, where it could not be used.
        """
        return CallRecord(
            project_id=project_id,
            conversation_id=conversation_id,
            turn_id=None,
            task=task,
            model=self.made_by(asked),
            prompt_version=brief.version,
            prompt_label=brief.label,
            at=at,
            latency=0.0,
            fault=self.fault or fault,
            usage=self.usage,
            batch=True,
        )


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

    def that_fit(self, lines: Sequence[bytes]) -> int:
        """For how many of the first of these there is room."""
        size, most = self.size, self.left
        for count, line in enumerate(lines):
            size += len(line)
            if size > self.limits.size or count >= most:
                return count
        return len(lines)

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


async def require_batches(settings: Settings) -> None:
    """Find out whether there is a server that takes batches.

    Raises:
        NoProvider: the settings name no model.
        BatchesUnsupported: its server has no batches.
        ProviderUnreachable: its server does not say.
    """
    async with open_batches(settings) as provider:
        try:
            await provider.require()
        except CallFault:
            raise ProviderUnreachable from None


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

"""What stands before every engine: it watches over how engines are called, and records what they took."""

import logging
import time
from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import BaseModel

from ouvidor.db import in_transaction
from ouvidor.engines.base import NO_BRIEF, Brief, Effort, Engine, EngineFailed, G, O, Outcome, Task
from ouvidor.engines.calls import CallLog, CallRecord, Ending
from ouvidor.engines.genai import facts_of, span_name
from ouvidor.engines.local import LOCAL
from ouvidor.engines.masking import mask
from ouvidor.tracing.base import NoTracing, Span, Tracing

log = logging.getLogger(__name__)


class EngineInsideTransaction(RuntimeError):
    """An engine was called while a database transaction was open: a slow model would hold rows and a connection."""


@dataclass(frozen=True)
class RecordedEngine:
    """Passes each task on to `inner`, outside any transaction, and adds what it took to `calls`.

    With `content` the prompt, what was given and the answer are recorded too. `provider` names the server in traces.
    """

    inner: Engine
    calls: CallLog
    clock: Callable[[], datetime]
    content: bool = False
    tracing: Tracing = field(default_factory=NoTracing)
    provider: str = "openai"

    @property
    def name(self) -> str:
        """The inner engine's name."""
        return self.inner.name

    async def run(self, task: Task[G, O], given: G, brief: Brief = NO_BRIEF) -> Outcome[O]:
        """The inner engine's outcome.

        Raises:
            EngineInsideTransaction: the caller holds a transaction open.
            EngineFailed: a language model gave no usable answer.
        """
        if in_transaction():
            raise EngineInsideTransaction(task.name)
        name = f"{LOCAL} {task.name}" if self.name == LOCAL else span_name(self.name)
        with self.tracing.span(name, "internal" if self.name == LOCAL else "client") as span:
            begun = time.perf_counter()
            try:
                outcome = await self.inner.run(task, given, brief)
            except BaseException as error:
                effort, ending = _how_it_ended(error)
                effort = replace(effort, latency=time.perf_counter() - begun)
                self._record(task, given, brief, self.name, effort, span, ending)
                raise
            effort = replace(outcome.effort, latency=time.perf_counter() - begun)
            asked = self.name if outcome.degraded else outcome.model
            self._record(task, given, brief, asked, effort, span, outcome.degraded, outcome.output)
            return replace(outcome, effort=effort)

    def _record(
        self,
        task: Task[G, O],
        given: G,
        brief: Brief,
        model: str,
        effort: Effort,
        span: Span,
        fault: Ending | None,
        output: BaseModel | None = None,
    ) -> None:
        """Keep what the call took; whatever goes wrong here, the reply goes on."""
        if brief.project_id is None:
            return
        try:
            read_it = model != LOCAL
            content = _content(task, given, brief, output) if self.content else _Content()
            record = CallRecord(
                project_id=brief.project_id,
                conversation_id=brief.conversation_id,
                turn_id=brief.turn_id,
                task=task.name,
                model=model,
                prompt_version=brief.version if read_it else None,
                prompt_label=brief.label if read_it else "",
                at=self.clock(),
                latency=effort.latency,
                first_token=effort.first_token,
                retries=effort.retries,
                fault=fault,
                degraded=fault is not None and output is not None,
                usage=effort.usage,
                prompt=content.prompt,
                answer=content.answer,
            )
            self.calls.add(record)
            if read_it:
                span.tell(facts_of(record, self.provider, self.name))
            if fault is not None:
                span.fail(fault)
        except Exception:
            log.exception("An engine call could not be recorded.")


@dataclass(frozen=True)
class _Content:
    """What was told and answered, where it is recorded."""

    prompt: str | None = None
    answer: str | None = None


def _content(task: Task[G, O], given: G, brief: Brief, output: BaseModel | None) -> _Content:
    """Prompt and answer as they passed the wire: without personal data, unless the project opted out."""
    shown, answer = task.present(given), output.model_dump_json() if output is not None else None
    if brief.mask:
        masked = mask(shown)
        shown, answer = masked.text, None if answer is None else masked.conceal(answer)
    return _Content(f"{brief.prompt}\n\n{shown}", answer)


def _how_it_ended(error: BaseException) -> tuple[Effort, Ending]:
    if isinstance(error, EngineFailed):
        return error.effort, error.kind
    return Effort(), "cancelled" if isinstance(error, CancelledError) else "error"

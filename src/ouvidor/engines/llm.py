"""The engine behind an OpenAI-compatible server: it asks, reads, asks once more, and knows when to stop."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ouvidor.db import Database
from ouvidor.engines.asking import ChatMessage, question_of
from ouvidor.engines.base import (
    NO_BRIEF,
    Brief,
    Effort,
    EngineFailed,
    FaultKind,
    G,
    O,
    Outcome,
    Task,
    Usage,
    sum_of_usage,
)
from ouvidor.engines.breaker import Breaker, Circuit
from ouvidor.engines.call_fault import CallFault
from ouvidor.engines.limits import limits_of
from ouvidor.engines.local import LOCAL
from ouvidor.engines.provider import Provider, Spoken
from ouvidor.engines.retries import Retries
from ouvidor.engines.structured import Formats, Mode, Unusable, parse, response_format, schema_in_words
from ouvidor.engines.tokens import TOKENS_PER_MESSAGE, estimate_tokens
from ouvidor.settings import Settings

ANSWER_TOKENS = 400
"""What an answer is taken to need when tokens are reserved; put right when it is there."""
QUOTED_CHARACTERS = 4000
"""How much of its own unusable answer a model is shown."""
FAILURES = frozenset[FaultKind]({"timeout", "connection", "server_error", "rate_limited", "misconfigured"})
"""What speaks against the server; anything else it said in good health."""


@dataclass
class _Tally:
    """What a run has taken so far."""

    model: str
    requests: int = 0
    failures: int = 0
    usage: Usage | None = None
    first_token: float | None = None

    def add(self, said: Spoken) -> None:
        self.model = said.model if said.model not in {"", LOCAL} else self.model  # nobody vouches for a namesake
        self.first_token = said.first_token
        if said.usage is not None:
            self.usage = sum_of_usage(self.usage, said.usage)

    def effort(self) -> Effort:
        retries, asked = max(0, self.requests - 1), self.requests > 0
        return Effort(usage=self.usage, retries=retries, first_token=self.first_token, asked=asked)


class LlmEngine:
    """Sends tasks to the model that the settings name; the answer holds to the task's schema.

    One for each process, closed at its end. `clock` gives seconds that only grow, `pause` waits so many seconds,
    `chance` gives a number from 0 to 1.
    """

    def __init__(
        self,
        settings: Settings,
        db: Database,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._pause = pause
        self._chance = chance
        self._provider = Provider(settings, clock)
        self._limits = limits_of(settings, "llm")
        self.breaker = Breaker(clock)
        self.formats = Formats(clock)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._settings.llm_model or ""

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._provider.close()

    async def run(self, task: Task[G, O], given: G, brief: Brief = NO_BRIEF) -> Outcome[O]:
        """The model's answer, within the deadline of the settings.

        Raises:
            EngineFailed: it gave none that can be used.
        """
        tally = _Tally(self.name)
        seconds = self._settings.llm_deadline_seconds * task.patience
        retries = Retries(self._settings.llm_attempts, self._clock() + seconds)
        try:
            async with asyncio.timeout(seconds):
                output = await self._answer(task, given, brief, _Run(tally, retries))
        except CallFault as fault:
            kind = fault.kind
        except TimeoutError:
            self.breaker.failed()
            kind = "timeout"
        else:
            return Outcome(output, model=tally.model, effort=tally.effort())
        raise EngineFailed(kind, model=tally.model, effort=tally.effort())

    async def _answer(self, task: Task[G, O], given: G, brief: Brief, run: "_Run") -> O:
        """What the model says, or says when it is told what was wrong with it."""
        question = question_of(task, given, brief)
        messages, unmask = question.messages, question.unmask
        said = await self._say(task, messages, run)
        try:
            return parse(task.output, said.text, unmask)
        except Unusable as unusable:
            problem = "It was cut off: be much briefer." if said.cut_off else str(unusable)
        if not said.cut_off:
            self.formats.ignored(run.mode)
        repaired = await self._say(task, [*messages, *_repair(task, said, problem)], run)
        try:
            return parse(task.output, repaired.text, unmask)
        except Unusable:
            fault = CallFault("bad_output")
        raise fault

    async def _say(self, task: Task[G, O], messages: Sequence[ChatMessage], run: "_Run") -> Spoken:
        """One answer, in whatever format the server takes, after as many attempts as are allowed."""
        run.mode = self.formats.mode
        while True:
            try:
                said = await self._attempt(task, messages, run)
            except CallFault as caught:
                fault = caught
            else:
                self.formats.took(run.mode)
                return said
            if fault.format_refused and run.mode is not Mode.PLAIN:
                run.mode = Mode(run.mode + 1)
                continue
            run.tally.failures += 1
            if fault.doubtful_format:
                run.mode = self.formats.after_doubt(run.mode)
            wait = run.retries.wait_after(fault, run.tally.failures, self._clock(), self._chance())
            if wait is None or self.breaker.circuit is Circuit.OPEN:
                raise fault
            await self._pause(wait)

    async def _attempt(self, task: Task[G, O], messages: Sequence[ChatMessage], run: "_Run") -> Spoken:
        told = _with_schema(task, messages) if self.formats.spelled_out(run.mode) else messages
        tokens = sum(estimate_tokens(message["content"]) + TOKENS_PER_MESSAGE for message in told)
        if tokens > self._settings.llm_context_tokens:
            raise CallFault("too_large")
        if self.breaker.circuit is Circuit.OPEN:
            raise CallFault("circuit_open")
        reserved = tokens + ANSWER_TOKENS
        wait = await self._limits.reserve(self._db, reserved, run.retries.deadline - self._clock())
        if wait > 0:
            await self._pause(wait)
        said = await self._call(task, told, run)
        if said.usage is not None:
            await self._limits.correct(self._db, reserved, _total(said.usage))
        return said

    async def _call(self, task: Task[G, O], messages: Sequence[ChatMessage], run: "_Run") -> Spoken:
        """One request; the breaker hears how it went."""
        if not self.breaker.admits():
            raise CallFault("circuit_open")
        run.tally.requests += 1
        wanted = response_format(run.mode, task.name, task.output)
        patience = run.retries.patience(run.tally.failures, self._clock())
        try:
            said = await self._provider.say(messages, wanted, seconds_to_first_token=patience)
        except CallFault as fault:
            (self.breaker.failed if fault.kind in FAILURES else self.breaker.succeeded)()
            raise
        except BaseException:
            self.breaker.gave_up()
            raise
        self.breaker.succeeded()
        run.tally.add(said)
        return said


@dataclass
class _Run:
    """One run under way: what it has taken, how long it may take, in which format it asks."""

    tally: _Tally
    retries: Retries
    mode: Mode = Mode.JSON_SCHEMA


def _with_schema(task: Task[G, O], messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    first, *others = messages
    words = schema_in_words(task.name, task.output)
    return [{"role": first["role"], "content": f"{first['content']}\n\n{words}"}, *others]


def _repair(task: Task[G, O], said: Spoken, problem: str) -> list[ChatMessage]:
    """The model's own answer and what is wrong with it."""
    words = schema_in_words(task.name, task.output)
    return [
        {"role": "assistant", "content": said.text[:QUOTED_CHARACTERS] or "(nothing)"},
        {"role": "user", "content": f"This answer cannot be used. {problem} {words}"},
    ]


def _total(usage: Usage) -> int:
    return usage.input + usage.cache_read + usage.cache_write + usage.output + usage.reasoning

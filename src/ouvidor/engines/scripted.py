"""The double of an engine for tests: it answers only what it was told to, and remembers what it was asked."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import BaseModel

from ouvidor.engines.base import NO_BRIEF, Brief, G, O, Outcome, Task


class UnscriptedCall(Exception):
    """A task was run for which no answer of its type is scripted."""


@dataclass(frozen=True)
class Call:
    """One run: the task's name, what was given, what went along."""

    task: str
    given: Any
    brief: Brief


@dataclass(frozen=True)
class Held:
    """An answer that waits for `release`; `reached` is set when the engine has begun to wait."""

    output: BaseModel
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)


Answer: TypeAlias = BaseModel | Exception | Held


class ScriptedEngine:
    """Gives scripted answers: those of `next` first, each once and in order, then that of `always`.

    An exception is raised instead of returned; a `Held` answer waits until the test releases it.
    """

    name = "scripted"

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._always: dict[str, Answer] = {}
        self._next: defaultdict[str, deque[Answer]] = defaultdict(deque)

    def always(self, task_name: str, answer: Answer) -> None:
        """Answer every run of the task so, when no answer of `next` is left."""
        self._always[task_name] = answer

    def next(self, task_name: str, answer: Answer) -> None:
        """Answer one run of the task so, after those already queued."""
        self._next[task_name].append(answer)

    async def run(self, task: Task[G, O], given: G, brief: Brief = NO_BRIEF) -> Outcome[O]:
        """The scripted answer; `UnscriptedCall` where there is none or where it is not of the task's type."""
        self.calls.append(Call(task.name, given, brief))
        answer = self._answer_for(task.name)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Held):
            answer.reached.set()
            await answer.release.wait()
            answer = answer.output
        if not isinstance(answer, task.output):
            raise UnscriptedCall(f"{task.name} needs {task.output.__name__}, got {type(answer).__name__}")
        return Outcome(answer, model=self.name)

    def _answer_for(self, task_name: str) -> Answer:
        queued = self._next[task_name]
        if queued:
            return queued.popleft()
        if task_name in self._always:
            return self._always[task_name]
        raise UnscriptedCall(f"no answer is scripted for {task_name}")

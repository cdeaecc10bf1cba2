"""The seam between the product and whatever writes its sentences."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

G = TypeVar("G")
O = TypeVar("O", bound=BaseModel)  # noqa: E741 — the output's type, beside G for what is given


@dataclass(frozen=True)
class Task(Generic[G, O]):
    """What is asked of an engine: a name, the schema of its answer, and the rule that answers without a model."""

    name: str
    output: type[O]
    local: Callable[[G], O]


@dataclass(frozen=True)
class Outcome(Generic[O]):
    """An engine's answer and the model that gave it ("local" for the task's own rule)."""

    output: O
    model: str


class Engine(Protocol):
    """Runs tasks; never called inside a database transaction."""

    @property
    def name(self) -> str:
        """The engine's name in logs and records."""
        ...

    async def run(self, task: Task[G, O], given: G, prompt: str = "") -> Outcome[O]:
        """Answer `task` for `given`; `prompt` is the rendered active prompt, of use to a language model only."""
        ...

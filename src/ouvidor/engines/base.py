"""The seam between the product and whatever writes its sentences."""

from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import Generic, Literal, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

from ouvidor.errors import Unavailable

G = TypeVar("G")
O = TypeVar("O", bound=BaseModel)  # noqa: E741 — the output's type, beside G for what is given

FaultKind = Literal[
    "timeout",
    "connection",
    "rate_limited",
    "server_error",
    "refused",
    "bad_output",
    "too_large",
    "circuit_open",
    "misconfigured",
]
"""Why a language model gave no usable answer; stored, counted, and never shown to customers."""


@dataclass(frozen=True)
class Task(Generic[G, O]):
    """What is asked of an engine: a name, the schema of its answer, and the rule that answers without a model.

    `present` writes what is given as a language model reads it: data as JSON, never instructions. `patience` is the
    share of the deadline that it may take where another task waits for it. `degrades` tells whether the local rule may
    stand in for a model that fails; `heavy` that it takes so long that it must not hold up what else the process does.
    """

    name: str
    output: type[O]
    local: Callable[[G], O]
    present: Callable[[G], str]
    patience: float = 1.0
    degrades: bool = True
    heavy: bool = False


@dataclass(frozen=True)
class Brief:
    """What goes along with a task: for whom it is run, and the rendered active prompt that a model reads first.

    `version` is that of the prompt, `label` names it for people (`reply 3`). `mask` replaces personal data before
    anything leaves this process. `conversation_id` and `turn_id` join the record of the call with what it was about.
    """

    project_id: UUID | None = None
    prompt: str = ""
    version: UUID | None = None
    label: str = ""
    mask: bool = True
    conversation_id: UUID | None = None
    turn_id: UUID | None = None


NO_BRIEF = Brief()


@dataclass(frozen=True)
class Usage:
    """Tokens of a call, each counted once: `input` is what no cache served; `output` is without `reasoning`."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


def sum_of_usage(*parts: Usage | None) -> Usage | None:
    """The tokens of several calls together; None where none of them told."""
    told = [astuple(part) for part in parts if part is not None]
    return Usage(*map(sum, zip(*told, strict=True))) if told else None


@dataclass(frozen=True)
class Effort:
    """What a run took of a language model, over all its attempts.

    `first_token` and `latency` are seconds; `retries` counts attempts beyond the first; `usage` is None where the
    server did not tell. Where the circuit breaker or a limit of ours kept every call back it was not even `asked`.
    """

    usage: Usage | None = None
    retries: int = 0
    latency: float = 0.0
    first_token: float | None = None
    asked: bool = True


@dataclass(frozen=True)
class Outcome(Generic[O]):
    """An engine's answer and the model that gave it ("local" for the task's own rule).

    `degraded` is the fault of the language model in whose place the local rule answered.
    """

    output: O
    model: str
    effort: Effort = field(default_factory=Effort)
    degraded: FaultKind | None = None


class EngineFailed(Unavailable):
    """The language model gave no usable answer; try again soon."""

    def __init__(self, kind: FaultKind, *, model: str, effort: Effort) -> None:
        super().__init__()
        self.kind: FaultKind = kind
        self.model = model
        self.effort = effort


class Engine(Protocol):
    """Runs tasks; never called inside a database transaction."""

    @property
    def name(self) -> str:
        """The engine's name in logs and records."""
        ...

    async def run(self, task: Task[G, O], given: G, brief: Brief = NO_BRIEF) -> Outcome[O]:
        """Answer `task` for `given`.

        Raises:
            EngineFailed: a language model gave no usable answer.
        """
        ...

"""What stands before every engine: it watches over how engines are called."""

from dataclasses import dataclass

from ouvidor.db import in_transaction
from ouvidor.engines.base import Engine, G, O, Outcome, Task


class EngineInsideTransaction(RuntimeError):
    """An engine was called while a database transaction was open: a slow model would hold rows and a connection."""


@dataclass(frozen=True)
class RecordedEngine:
    """Passes each task on to `inner`, outside any transaction."""

    inner: Engine

    @property
    def name(self) -> str:
        """The inner engine's name."""
        return self.inner.name

    async def run(self, task: Task[G, O], given: G, prompt: str = "") -> Outcome[O]:
        """The inner engine's outcome.

        Raises:
            EngineInsideTransaction: the caller holds a transaction open.
        """
        if in_transaction():
            raise EngineInsideTransaction(task.name)
        return await self.inner.run(task, given, prompt)

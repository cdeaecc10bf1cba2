"""What stands in for a language model that fails: the task's own rule."""

from dataclasses import dataclass

from ouvidor.engines.base import NO_BRIEF, Brief, Engine, EngineFailed, G, O, Outcome, Task
from ouvidor.engines.local import LOCAL


@dataclass(frozen=True)
class DegradingEngine:
    """Passes each task on to `inner`; where it fails, the task's local rule answers, and the outcome says so.

    A task that does not degrade fails instead.
    """

    inner: Engine

    @property
    def name(self) -> str:
        """The inner engine's name."""
        return self.inner.name

    async def run(self, task: Task[G, O], given: G, brief: Brief = NO_BRIEF) -> Outcome[O]:
        """The inner engine's answer, else that of the local rule with the fault beside it.

        Raises:
            EngineFailed: the inner engine gave no usable answer, and the task's local rule may not stand in for it.
        """
        try:
            return await self.inner.run(task, given, brief)
        except EngineFailed as failed:
            if not task.degrades:
                raise
            return Outcome(task.local(given), model=LOCAL, effort=failed.effort, degraded=failed.kind)

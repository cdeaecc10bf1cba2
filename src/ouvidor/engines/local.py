"""The engine that needs no server and no key: each task's own rule."""

from ouvidor.engines.base import G, O, Outcome, Task


class LocalEngine:
    """Runs the local rule of a task; the same input gives the same output."""

    name = "local"

    async def run(self, task: Task[G, O], given: G, prompt: str = "") -> Outcome[O]:  # noqa: ARG002 — no model reads it
        """The task's own rule applied to `given`."""
        return Outcome(task.local(given), model=self.name)

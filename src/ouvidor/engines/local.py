"""The engine that needs no server and no key: each task's own rule."""

from ouvidor.engines.base import NO_BRIEF, Brief, G, O, Outcome, Task

LOCAL = "local"
"""The model's name in what the local rules wrote."""


class LocalEngine:
    """Runs the local rule of a task; the same input gives the same output."""

    name = LOCAL

    async def run(self, task: Task[G, O], given: G, brief: Brief = NO_BRIEF) -> Outcome[O]:  # noqa: ARG002 — no model reads it
        """The task's own rule applied to `given`."""
        return Outcome(task.local(given), model=self.name)

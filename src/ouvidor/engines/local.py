"""The engine that needs no server and no key: each task's own rule."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ouvidor.engines.base import NO_BRIEF, Brief, G, O, Outcome, Task

LOCAL = "local"
"""The model's name in what the local rules wrote."""


class LocalEngine:
    """Runs the local rule of a task; the same input gives the same output.

    Heavy rules run one at a time in a thread beside the event loop, so that whoever waits for an answer gets it.
    """

    name = LOCAL

    def __init__(self) -> None:
        self._aside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="heavy")

    async def run(self, task: Task[G, O], given: G, brief: Brief = NO_BRIEF) -> Outcome[O]:  # noqa: ARG002 — no model reads it
        """The task's own rule applied to `given`."""
        if task.heavy:
            output = await asyncio.get_running_loop().run_in_executor(self._aside, task.local, given)
        else:
            output = task.local(given)
        return Outcome(output, model=self.name)

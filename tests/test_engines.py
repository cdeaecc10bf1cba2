import asyncio

import pytest
from pydantic import BaseModel

from ouvidor.engines.base import Brief, Engine, Task
from ouvidor.engines.local import LocalEngine
from ouvidor.engines.scripted import Held, ScriptedEngine, UnscriptedCall

pytestmark = pytest.mark.anyio


class Length(BaseModel):
    value: int


class Other(BaseModel):
    value: int


MEASURE = Task(name="measure", output=Length, local=lambda text: Length(value=len(str(text))), present=str)
BRIEF = Brief(prompt="p")


async def test_the_local_engine_runs_the_tasks_own_rule() -> None:
    engine: Engine = LocalEngine()
    outcome = await engine.run(MEASURE, "four", BRIEF)
    assert (outcome.output, outcome.model) == (Length(value=4), "local")


async def test_scripted_answers_come_in_order_then_always() -> None:
    engine = ScriptedEngine()
    engine.always("measure", Length(value=9))
    engine.next("measure", Length(value=1))
    engine.next("measure", Length(value=2))
    assert [(await engine.run(MEASURE, text, BRIEF)).output.value for text in "abc"] == [1, 2, 9]
    assert [(call.task, call.given, call.brief) for call in engine.calls] == [
        ("measure", text, BRIEF) for text in "abc"
    ]


async def test_what_is_not_scripted_is_refused() -> None:
    engine = ScriptedEngine()
    with pytest.raises(UnscriptedCall, match="measure"):
        await engine.run(MEASURE, "a")
    engine.always("measure", Other(value=1))
    with pytest.raises(UnscriptedCall, match="Length"):
        await engine.run(MEASURE, "a")


async def test_a_scripted_failure_is_raised() -> None:
    engine = ScriptedEngine()
    engine.next("measure", TimeoutError("too slow"))
    with pytest.raises(TimeoutError, match="too slow"):
        await engine.run(MEASURE, "a")


async def test_a_held_answer_waits_for_its_release() -> None:
    engine, held = ScriptedEngine(), Held(Length(value=3))
    engine.next("measure", held)
    running = asyncio.create_task(engine.run(MEASURE, "a"))
    await held.reached.wait()
    assert not running.done()
    held.release.set()
    assert (await running).output == Length(value=3)

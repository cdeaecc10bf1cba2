"""Whether the language model that the settings name answers, and how it is held to a schema."""

import time
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from ouvidor.db import Database
from ouvidor.engines.base import Brief, EngineFailed, FaultKind, Task
from ouvidor.engines.llm import LlmEngine
from ouvidor.engines.structured import Mode
from ouvidor.settings import Settings

LONGEST_SECONDS = 20.0


class Ready(BaseModel):
    """The answer to a trial."""

    word: Literal["ready"]


TRIAL: Task[str, Ready] = Task(name="trial", output=Ready, local=lambda _: Ready(word="ready"), present=str)
BRIEF = Brief(prompt="You are asked whether you can answer. Give the word: ready.", mask=False)


@dataclass(frozen=True)
class Trial:
    """How a trial went: `fault` is None where the model answered, after so many `seconds`.

    `enforced` tells that the server itself holds the model to a schema.
    """

    model: str
    seconds: float
    mode: Mode
    enforced: bool
    fault: FaultKind | None = None


async def try_model(settings: Settings, db: Database) -> Trial:
    """Ask the model for one word, within 20 seconds; the same limits hold as for every call."""
    seconds = min(LONGEST_SECONDS, settings.llm_deadline_seconds)
    engine = LlmEngine(settings.model_copy(update={"llm_deadline_seconds": seconds}), db)
    begun = time.perf_counter()
    fault: FaultKind | None = None
    model = engine.name
    try:
        model = (await engine.run(TRIAL, '{"question": "Are you there?"}', BRIEF)).model
    except EngineFailed as failed:
        fault = failed.kind
    finally:
        await engine.close()
    mode = engine.formats.mode
    enforced = mode is Mode.JSON_SCHEMA and engine.formats.enforced
    return Trial(model, time.perf_counter() - begun, mode, enforced, fault)

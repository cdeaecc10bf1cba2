"""Which engine an installation works with."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ouvidor.db import Database
from ouvidor.engines.base import Engine
from ouvidor.engines.degrading import DegradingEngine
from ouvidor.engines.local import LocalEngine
from ouvidor.settings import Settings


@asynccontextmanager
async def open_engine(settings: Settings, db: Database, engine: Engine | None = None) -> AsyncGenerator[Engine]:
    """`engine` where there is one; else the language model that the settings name, with what stands in for it; else
    the local engine. Connections to the model are closed at the end of the block.

    `db` holds what the processes share: the limits of requests and tokens a minute.
    """
    if engine is not None or settings.llm_model is None:
        yield engine or LocalEngine()
        return
    from ouvidor.engines.llm import LlmEngine  # noqa: PLC0415 - .6 s of import that an installation without a model saves

    llm = LlmEngine(settings, db)
    try:
        yield DegradingEngine(llm) if settings.llm_when_down == "local" else llm
    finally:
        await llm.close()

"""What analyses cost within a provider's batch."""

import asyncio
from dataclasses import replace

from ouvidor.accounts.models import Project
from ouvidor.analysis.budget import Terms, terms_of
from ouvidor.engines.spending import prices_of
from ouvidor.runtime import Runtime


async def batch_terms(rt: Runtime, project: Project) -> Terms:
    """What an analysis takes in this project, by the prices of batches."""
    prices = await asyncio.to_thread(prices_of, rt.engine.name, rt.settings.llm_base_url, batch=True)
    return replace(await terms_of(rt, project), prices=prices)

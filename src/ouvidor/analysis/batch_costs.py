"""What analyses cost within a provider's batch."""

import asyncio
from dataclasses import replace

from ouvidor.accounts.models import Project
from ouvidor.analysis.analyse import Spent
from ouvidor.analysis.budget import Terms, prices_of, terms_of
from ouvidor.engines.base import Usage
from ouvidor.engines.prices import cost_of
from ouvidor.runtime import Runtime


async def batch_terms(rt: Runtime, project: Project) -> Terms:
    """What an analysis takes in this project, by the prices of batches."""
    prices = await asyncio.to_thread(prices_of, rt.engine.name, rt.settings.llm_base_url, batch=True)
    return replace(await terms_of(rt, project), prices=prices)


def spent_in_batch(rt: Runtime, model: str, usage: Usage | None) -> Spent:
    """What a request of a batch took, by the list prices of the day; the first call takes up to a second."""
    told, address = usage or Usage(), rt.settings.llm_base_url
    return Spent(
        input_tokens=told.input + told.cache_read + told.cache_write,
        output_tokens=told.output + told.reasoning,
        cost=cost_of(model, usage, address, batch=True),
        prices=prices_of(model, address, batch=True),
    )

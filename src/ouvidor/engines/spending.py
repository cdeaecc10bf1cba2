"""What a model is listed for and what a call of it took, in the month that counts it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from ouvidor.engines.base import Usage
from ouvidor.engines.local import LOCAL
from ouvidor.engines.prices import cost_of
from ouvidor.settings import Settings

MILLION = Decimal(1_000_000)
PRICED_TOKENS = 1000


@dataclass(frozen=True)
class Prices:
    """US dollars for a million tokens read, and for a million written."""

    input: Decimal
    output: Decimal

    def dollars(self, read: int, written: int) -> Decimal:
        """What so many tokens cost."""
        return (read * self.input + written * self.output) / MILLION


@dataclass(frozen=True)
class Spent:
    """What a call took: tokens, and dollars where the price is known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None
    prices: Prices | None = None


@lru_cache(maxsize=64)
def prices_of(model: str, base_url: str | None, *, batch: bool = False) -> Prices | None:
    """The list prices of this model, or within a batch; None where nobody lists it. The first call takes up to 1 s."""
    read = cost_of(model, Usage(input=PRICED_TOKENS), base_url, batch=batch)
    written = cost_of(model, Usage(output=PRICED_TOKENS), base_url, batch=batch)
    if read is None or written is None:
        return None
    return Prices(input=read * MILLION / PRICED_TOKENS, output=written * MILLION / PRICED_TOKENS)


def spent_on(model: str, usage: Usage | None, settings: Settings, *, batch: bool = False) -> Spent:
    """What this usage of this model took, by the list prices of the day or those of a provider's batch.

    Nothing and no price where it is local. The first call takes up to a second.
    """
    if model == LOCAL:
        return Spent(cost=Decimal(0), prices=Prices(Decimal(0), Decimal(0)))
    told, address = usage or Usage(), settings.llm_base_url
    return Spent(
        input_tokens=told.input + told.cache_read + told.cache_write,
        output_tokens=told.output + told.reasoning,
        cost=cost_of(model, usage, address, batch=batch),
        prices=prices_of(model, address, batch=batch),
    )


def month_of(now: datetime) -> date:
    """The calendar month (UTC) that a cost counts in, as its first day."""
    return now.date().replace(day=1)

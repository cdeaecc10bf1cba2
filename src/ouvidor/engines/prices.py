"""What a call cost, by published prices; a model that nobody lists has no known cost."""

from decimal import Decimal

from ouvidor.engines.base import Usage
from ouvidor.engines.local import LOCAL
from ouvidor.settings import OPENAI

BATCH = {"processing": "batch"}


def cost_of(model: str, usage: Usage | None, base_url: str | None = None, *, batch: bool = False) -> Decimal | None:
    """US dollars by the list prices of genai-prices, or None where usage or the model's price is unknown.

    `base_url` tells whose price it is, OpenAI's where there is none; of a server that has no list the model's name
    alone decides. `batch` asks for the price within a provider's batch; where none is listed, that is the usual one.
    The first call loads the lists, for up to a second: keep it off the event loop.
    """
    if usage is None or model == LOCAL:
        return None
    from genai_prices import Usage as Counted  # noqa: PLC0415 - .2 s of import that an installation without a model saves
    from genai_prices import calc_price  # noqa: PLC0415

    context = BATCH if batch else None
    for address in (base_url or OPENAI, None):
        try:
            counted = Counted(
                input_tokens=usage.input + usage.cache_read + usage.cache_write,
                cache_read_tokens=usage.cache_read,
                cache_write_tokens=usage.cache_write,
                output_tokens=usage.output + usage.reasoning,
            )
            return calc_price(counted, model_ref=model, provider_api_url=address, price_context=context).total_price
        except (LookupError, ValueError):
            continue
    return None

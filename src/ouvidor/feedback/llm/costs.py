"""What it takes to have comments classified by a language model, told ahead."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ouvidor.accounts.models import Project
from ouvidor.engines.local import LOCAL
from ouvidor.engines.spending import Prices, prices_of
from ouvidor.feedback.llm.asking import asking_of
from ouvidor.feedback.llm.fitting import Room, group_sizes, tokens_of
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.runtime import Runtime

ANSWER_TOKENS = 80
"""What the answer to one comment is taken to need."""


@dataclass(frozen=True)
class Terms:
    """What calls about comments take in a project: tokens that each reads, and prices (None: nobody lists them).

    `room` is how much comments may take in each; `free` where the local classifier does the work. Sizes are bytes of
    UTF-8, one for each comment, in order.
    """

    fixed_tokens: int
    prices: Prices | None
    room: Room
    free: bool

    def group_sizes(self, sizes: Sequence[int]) -> list[int]:
        """How many of these comments go into each call."""
        return group_sizes(sizes, self.room)

    def tokens(self, sizes: Sequence[int]) -> int:
        """About how many tokens are read for these comments, in all their calls, rather too many."""
        if self.free:
            return 0
        return len(self.group_sizes(sizes)) * self.fixed_tokens + sum(tokens_of(size, self.room) for size in sizes)

    def answer_tokens(self, sizes: Sequence[int]) -> int:
        """About how many tokens the answers take."""
        return 0 if self.free else len(sizes) * ANSWER_TOKENS

    def dollars(self, sizes: Sequence[int]) -> Decimal | None:
        """About what these comments cost, or None where the model's price is not known."""
        if self.free:
            return Decimal(0)
        return None if self.prices is None else self.prices.dollars(self.tokens(sizes), self.answer_tokens(sizes))


async def terms_of(rt: Runtime, project: Project, taxonomy: Taxonomy, *, batch: bool = False) -> Terms:
    """What comments take in this project by its prompt, this taxonomy and the settings' model, or within a batch."""
    asking = await asking_of(rt, project, taxonomy)
    if rt.engine.name == LOCAL:
        return Terms(0, None, asking.room, free=True)
    prices = await asyncio.to_thread(prices_of, rt.engine.name, rt.settings.llm_base_url, batch=batch)
    return Terms(asking.fixed_tokens, prices, asking.room, free=False)

"""What analyses cost, and what a project has left of its budget for the month."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.analysis.task import ANALYSE
from ouvidor.engines.local import LOCAL
from ouvidor.engines.spending import Prices, month_of, prices_of
from ouvidor.engines.structured import schema_in_words
from ouvidor.engines.tokens import BYTES_PER_TOKEN, TOKENS_PER_MESSAGE, estimate_tokens
from ouvidor.prompts.active import brief
from ouvidor.runtime import Runtime

LINE_TOKENS = 16
"""What a message takes beside its words: position, speaker, marks."""
ANSWER_TOKENS = 700
"""What a verdict is taken to need."""

BUDGET = "budget"
PRICE_UNKNOWN = "price_unknown"

SPENT = text("""
select
    coalesce((select cost from analysis_month where project_id = :project and month = :month), 0)
    + coalesce((select sum(reserved) from analysis_item where project_id = :project and state = 'running'), 0)
""")
RESERVED = text(
    "select coalesce(sum(reserved), 0) from analysis_item where project_id = :project and state = 'running'"
)
SIZES = text("""
select conversation_id, count(*) as lines, sum(octet_length(content)) as bytes
from message where conversation_id = any(:ids) and author <> 'system' group by conversation_id
""")


@dataclass(frozen=True)
class Terms:
    """What one analysis takes in a project: tokens that every call reads, and prices (None: nobody lists them).

    `free` where the local analyst judges.
    """

    project: Project
    fixed_tokens: int
    prices: Prices | None
    window: int
    free: bool

    @property
    def answer_tokens(self) -> int:
        """About how many tokens a verdict takes."""
        return 0 if self.free else ANSWER_TOKENS

    def tokens(self, lines: float, size: float) -> int:
        """About how many tokens are read for a conversation of so many messages and bytes, rather too many."""
        return min(self.window, int(self.fixed_tokens + lines * LINE_TOKENS + size / BYTES_PER_TOKEN))

    def dollars(self, lines: float, size: float) -> Decimal | None:
        """About what such a conversation costs, or None where the model's price is not known."""
        if self.free:
            return Decimal(0)
        if self.prices is None:
            return None
        return self.prices.dollars(self.tokens(lines, size), ANSWER_TOKENS)


@dataclass(frozen=True)
class Affordable:
    """What each of these may cost, in dollars, as far as the budget goes; `paused_for` is what holds the rest up."""

    reserves: Mapping[UUID, Decimal]
    paused_for: str | None = None


async def terms_of(rt: Runtime, project: Project) -> Terms:
    """What an analysis takes in this project by its prompt and the settings' model."""
    settings, free = rt.settings, rt.engine.name == LOCAL
    if free:
        return Terms(project, 0, None, settings.llm_context_tokens, free=True)
    known = await brief(rt, project, ANALYSE.name, {"company": project.title})
    schema = schema_in_words(ANALYSE.name, ANALYSE.output)
    fixed = estimate_tokens(known.prompt) + estimate_tokens(schema) + 2 * TOKENS_PER_MESSAGE
    prices = await asyncio.to_thread(prices_of, rt.engine.name, settings.llm_base_url)
    return Terms(project, fixed, prices, settings.llm_context_tokens, free=False)


async def spent_and_reserved(session: AsyncSession, project_id: UUID, now: datetime) -> Decimal:
    """What the project's analyses have cost this month, and what those under way may cost, in dollars."""
    values = {"project": project_id, "month": month_of(now)}
    return Decimal((await session.execute(SPENT, values)).scalar_one())


async def reserved(session: AsyncSession, project_id: UUID) -> Decimal:
    """What the project's analyses that are under way may cost, in dollars."""
    return Decimal((await session.execute(RESERVED, {"project": project_id})).scalar_one())


async def affordable(session: AsyncSession, terms: Terms, ids: Sequence[UUID], now: datetime) -> Affordable:
    """The first of these conversations for which the month's budget suffices, whatever those under way may cost."""
    sizes = {row.conversation_id: row for row in await session.execute(SIZES, {"ids": list(ids)})}
    costs = {one: terms.dollars(row.lines, float(row.bytes)) if (row := sizes.get(one)) else None for one in ids}
    budget = terms.project.analysis_budget
    if budget is None:
        return Affordable({one: cost or Decimal(0) for one, cost in costs.items()})
    if terms.prices is None:
        return Affordable({}, PRICE_UNKNOWN)
    left = budget - await spent_and_reserved(session, terms.project.id, now)
    reserves: dict[UUID, Decimal] = {}
    for one, cost in costs.items():
        left -= cost or 0
        if left < 0:
            waits = bool(reserves) or await reserved(session, terms.project.id) > 0
            return Affordable(reserves, None if waits else BUDGET)
        reserves[one] = cost or Decimal(0)
    return Affordable(reserves)

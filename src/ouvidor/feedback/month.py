"""What the classifications of a project have cost a language model this month."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.engines.spending import Spent, month_of

CHARGE = text("""
insert into comment_month as spent (project_id, month, calls, input_tokens, output_tokens, cost)
select p.id, cast(:month as date), cast(:calls as int), cast(:input as bigint), cast(:output as bigint),
    cast(:cost as numeric)
from project p where p.id = :project
on conflict (project_id, month) do update set
    calls = spent.calls + excluded.calls, input_tokens = spent.input_tokens + excluded.input_tokens,
    output_tokens = spent.output_tokens + excluded.output_tokens, cost = spent.cost + excluded.cost
""")
SPENT = text("""
select
    coalesce((select cost from comment_month where project_id = :project and month = :month), 0)
    + coalesce((select sum(reserved) from comment_item where project_id = :project and state = 'running'), 0)
""")


async def charge(session: AsyncSession, project_id: UUID, now: datetime, *, calls: int, spent: Spent) -> None:
    """Add to what the project's classifications took this month; nothing where the project is gone."""
    values = {"project": project_id, "month": month_of(now), "calls": calls, "cost": spent.cost or Decimal(0)}
    await session.execute(CHARGE, values | {"input": spent.input_tokens, "output": spent.output_tokens})


async def spent_and_reserved(session: AsyncSession, project_id: UUID, now: datetime) -> Decimal:
    """What the project's classifications have cost this month, and what those under way may cost, in dollars."""
    values = {"project": project_id, "month": month_of(now)}
    return Decimal((await session.execute(SPENT, values)).scalar_one())

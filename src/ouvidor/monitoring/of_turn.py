"""What the engine calls of one turn took together."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

QUERY = text(
    """
    select count(*) as calls, sum(latency) as seconds, sum(retries) as retries, sum(cost) as cost,
        sum(input_tokens + cache_read_tokens + cache_write_tokens) as read,
        sum(output_tokens + reasoning_tokens) as written
    from engine_call where project_id = :project and turn_id = :turn and model <> 'local'
    """
)


@dataclass(frozen=True)
class TurnCalls:
    """A turn's calls of language models: tokens `read` and `written`, `seconds`, US dollars; None where unknown."""

    calls: int
    seconds: float
    retries: int
    read: int | None
    written: int | None
    cost: float | None


async def calls_of_turn(session: AsyncSession, project_id: UUID, turn_id: UUID) -> TurnCalls | None:
    """What was recorded of this turn so far; None where no language model was called."""
    row = (await session.execute(QUERY, {"project": project_id, "turn": turn_id})).one()
    if not row.calls:
        return None
    cost = None if row.cost is None else float(row.cost)
    return TurnCalls(row.calls, row.seconds, row.retries, row.read, row.written, cost)

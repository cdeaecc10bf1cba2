"""How far a job has come, and its end: whoever finishes comments of it counts them here, last in the transaction."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.engines.spending import Spent

RATE_SECONDS = 60.0
"""The rate of a job is that of about the last minute: what lies so many seconds back counts 1/e."""

COUNT = text("""
update comment_job j set
    done = j.done + :done, failed = j.failed + :failed, input_tokens = j.input_tokens + :input,
    output_tokens = j.output_tokens + :output, cost = j.cost + :cost,
    rate = case
        when passed.seconds <= 0 then j.rate
        when j.rate is null then (:done + :failed) / passed.seconds
        else j.rate * passed.keeps + (:done + :failed) / passed.seconds * (1 - passed.keeps)
    end,
    counted_at = :now, state = case when passed.ends then 'done' else j.state end,
    paused_for = case when not passed.ends then j.paused_for end,
    finished_at = case when passed.ends then :now else j.finished_at end
from (
    select id, seconds, exp(-greatest(seconds, 0) / :window) as keeps, ends
    from (
        select id, cast(extract(epoch from :now - coalesce(counted_at, started_at, created_at)) as float8) as seconds,
            state in ('pending', 'running', 'paused') and done + failed + :done + :failed >= total as ends
        from comment_job where id = :job for no key update
    ) as held
) as passed
where j.id = passed.id
returning case when passed.ends then j.total else 0 end
""")
END_EMPTY = text("""
update comment_job j set state = 'done', paused_for = null, finished_at = :now
where j.id = any(:jobs) and j.state in ('pending', 'running')
    and not exists (select from comment_item i where i.job_id = j.id and i.state in ('pending', 'running'))
""")
"""Of what is counted something may have been erased meanwhile."""


async def count(
    session: AsyncSession, job_id: UUID, now: datetime, *, done: int = 0, failed: int = 0, spent: Spent | None = None
) -> int:
    """Add to what has become of the job's comments and to what it took.

    Of how many comments that was the last; 0 where more are to come.
    """
    took = spent or Spent()
    values = {
        "job": job_id,
        "done": done,
        "failed": failed,
        "input": took.input_tokens,
        "output": took.output_tokens,
        "cost": took.cost or Decimal(0),
        "window": RATE_SECONDS,
        "now": now,
    }
    return (await session.execute(COUNT, values)).scalar_one_or_none() or 0


async def end_empty(session: AsyncSession, job_ids: list[UUID], now: datetime) -> None:
    """End those of these jobs of which nothing waits or is under way, whatever was counted."""
    await session.execute(END_EMPTY, {"jobs": job_ids, "now": now})

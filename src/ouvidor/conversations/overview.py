"""How the answering goes in a project: how much, with what outcome, who waits, and who answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.accounts.presence import Presence, answering_members

MESSAGES = """
select (message.created_at at time zone 'utc')::date as day, count(*) as messages
from message join conversation on conversation.id = message.conversation_id and conversation.origin = 'live'
where message.project_id = :project and message.created_at >= :since and verified and author <> 'system'
group by day
"""
TURNS = """
select (started_at at time zone 'utc')::date as day,
    count(*) filter (where move = 'answer') as answer, count(*) filter (where move = 'clarify') as clarify,
    count(*) filter (where move = 'handover') as handover, count(*) filter (where state = 'silent') as silent,
    count(distinct conversation_id) as conversations
from turn
where project_id = :project and started_at >= :since
group by day
"""
REASONS = """
select reason, count(*) as turns
from turn
where project_id = :project and started_at >= :since and move = 'handover'
group by reason
order by turns desc, reason
"""
ALONE = """
with active as (
    select conversation_id, bool_or(move = 'handover' or state = 'silent') as handed
    from turn
    where project_id = :project and started_at >= :since
    group by conversation_id
), answered as (
    select distinct conversation_id
    from message
    where project_id = :project and created_at >= :since and author = 'person'
)
select count(*) as conversations,
    count(*) filter (where active.handed is not true and answered.conversation_id is null) as alone
from active left join answered using (conversation_id)
"""
WAITING = """
select count(*) as waiting, min(waiting_since) as since
from conversation
where project_id = :project and status = 'waiting'
"""
FIRST_REPLIES = """
with handed as (
    select conversation_id, answered_at as asked
    from turn
    where project_id = :project and started_at >= :since and move = 'handover'
), said as (
    select conversation_id, created_at as at,
        lag(created_at) over (partition by conversation_id order by position) as before
    from message
    where project_id = :project and created_at >= :since and author = 'person'
), replied as (
    select said.at, min(handed.asked) as asked
    from said join handed on handed.conversation_id = said.conversation_id
        and handed.asked <= said.at and (said.before is null or handed.asked > said.before)
    group by said.conversation_id, said.at
)
select count(*) as replies,
    percentile_cont(0.5) within group (order by extract(epoch from at - asked)) as median,
    percentile_cont(0.9) within group (order by extract(epoch from at - asked)) as slow
from replied
"""
HOLDERS = """
select holder_id, holder_name, count(*) as conversations
from conversation
where project_id = :project and status = 'person'
group by holder_id, holder_name
order by conversations desc, holder_name
"""


@dataclass(frozen=True)
class Outcomes:
    """Turns by what came of them; `silent` ones left the word to a person."""

    answer: int = 0
    clarify: int = 0
    handover: int = 0
    silent: int = 0


@dataclass(frozen=True)
class Day:
    """One day (UTC): conversations in which the customer wrote, messages without notices, turns by outcome."""

    day: date
    conversations: int
    messages: int
    turns: Outcomes


@dataclass(frozen=True)
class ReasonCount:
    """How many hand-overs had this reason."""

    reason: str
    turns: int


@dataclass(frozen=True)
class Holder:
    """A user or key that holds conversations now."""

    id: UUID
    name: str
    conversations: int


@dataclass(frozen=True)
class FirstReplies:
    """From a hand-over to a person's first reply to it, in seconds; None where nobody has replied."""

    replies: int
    median: float | None
    ninetieth: float | None


@dataclass(frozen=True)
class Overview:
    """A project over the days from `since` to today, and what is now.

    `conversations` are those in which the customer wrote; `alone` those of them without hand-over and person.
    `longest_wait` is since when the first in the queue waits.
    """

    since: datetime
    conversations: int
    alone: int
    messages: int
    turns: Outcomes
    reasons: tuple[ReasonCount, ...]
    days: tuple[Day, ...]
    first_replies: FirstReplies
    waiting: int
    longest_wait: timedelta | None
    holders: tuple[Holder, ...]
    members: tuple[Presence, ...]

    @property
    def share_alone(self) -> float | None:
        """The share of conversations that were answered without a person, 0 to 1; None where there was none."""
        return self.alone / self.conversations if self.conversations else None

    @property
    def there(self) -> tuple[Presence, ...]:
        """The members who are there to answer now."""
        return tuple(member for member in self.members if member.there)


async def read_overview(session: AsyncSession, project: Project, now: datetime, *, days: int = 7) -> Overview:
    """The project over the last `days` days (UTC, today included), and its queue now."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=days - 1)
    given = {"project": project.id, "since": since}
    each = await _days(session, given, [since.date() + timedelta(days=number) for number in range(days)])
    reasons = await session.execute(text(REASONS), given)
    alone = (await session.execute(text(ALONE), given)).one()
    waiting = (await session.execute(text(WAITING), given)).one()
    replies = (await session.execute(text(FIRST_REPLIES), given)).one()
    holders = await session.execute(text(HOLDERS), given)
    return Overview(
        since=since,
        conversations=alone.conversations,
        alone=alone.alone,
        messages=sum(day.messages for day in each),
        turns=_sum([day.turns for day in each]),
        reasons=tuple(ReasonCount(row.reason, row.turns) for row in reasons),
        days=tuple(each),
        first_replies=FirstReplies(replies.replies, replies.median, replies.slow),
        waiting=waiting.waiting,
        longest_wait=None if waiting.since is None else now - waiting.since,
        holders=tuple(Holder(row.holder_id, row.holder_name, row.conversations) for row in holders),
        members=tuple(await answering_members(session, project.id, now)),
    )


async def _days(session: AsyncSession, given: Mapping[str, Any], wanted: list[date]) -> list[Day]:
    said = {row.day: row for row in await session.execute(text(MESSAGES), given)}
    turns = {row.day: row for row in await session.execute(text(TURNS), given)}
    return [
        Day(
            day=day,
            conversations=turns[day].conversations if day in turns else 0,
            messages=said[day].messages if day in said else 0,
            turns=_outcomes(turns.get(day)),
        )
        for day in wanted
    ]


def _outcomes(row: Any) -> Outcomes:
    return Outcomes() if row is None else Outcomes(row.answer, row.clarify, row.handover, row.silent)


def _sum(each: list[Outcomes]) -> Outcomes:
    return Outcomes(
        answer=sum(turns.answer for turns in each),
        clarify=sum(turns.clarify for turns in each),
        handover=sum(turns.handover for turns in each),
        silent=sum(turns.silent for turns in each),
    )

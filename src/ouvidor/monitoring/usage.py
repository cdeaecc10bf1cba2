"""How the answering went in a project: calls of engines and what they took, decisions and why, over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

Period = Literal["24h", "7d", "30d"]
Step = Literal["hour", "day"]

PERIODS: dict[Period, tuple[Step, int]] = {"24h": ("hour", 24), "7d": ("day", 7), "30d": ("day", 30)}
STEPS: dict[Step, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}

CHOSEN = """
    project_id = :project and {at} >= :since and {at} < :until
    and (cast(:model as text) is null or model = :model)
    and (cast(:prompt as text) is null or prompt_label = :prompt)
"""
CALLS = """
with chosen as (
    select date_bin(:step, at, :since) as moment, engine_call.* from engine_call where {chosen}
)
select grouping(moment, model, task) as part, moment, model, task, prompt_label as prompt, count(*) as calls,
    count(*) filter (where fault is not null) as faults, count(*) filter (where degraded) as degraded,
    sum(retries) as retries,
    coalesce(sum(input_tokens), 0) as input, coalesce(sum(cache_read_tokens), 0) as cache_read,
    coalesce(sum(cache_write_tokens), 0) as cache_write, coalesce(sum(output_tokens), 0) as output,
    coalesce(sum(reasoning_tokens), 0) as reasoning,
    coalesce(sum(cost), 0) as cost,
    count(*) filter (where cost is null and model <> 'local' and (fault is null or input_tokens is not null))
        as unpriced,
    percentile_cont(array[0.5, 0.95, 0.99]) within group (order by latency) filter (where latency > 0) as latency,
    percentile_cont(array[0.5, 0.95, 0.99]) within group (order by first_token) as first_token
from chosen
group by grouping sets ((), (moment), (model), (task, prompt_label))
order by calls desc, model, task, prompt_label
""".format(chosen=CHOSEN.format(at="at"))  # noqa: S608 - our own text
TURNS = """
with chosen as (
    select date_bin(:step, started_at, :since) as moment, turn.* from turn
    where state in ('answered', 'failed') and {chosen}
)
select grouping(moment, model) as part, moment, coalesce(model, '') as model, coalesce(prompt_label, '') as prompt,
    count(*) filter (where move = 'answer') as answer, count(*) filter (where move = 'clarify') as clarify,
    count(*) filter (where move = 'handover') as handover, count(*) filter (where state = 'failed') as failed,
    count(*) filter (where withheld is not null) as withheld, count(*) filter (where degraded is not null) as degraded
from chosen
group by grouping sets ((), (moment), (model, prompt_label))
order by count(*) desc, model, prompt_label
""".format(chosen=CHOSEN.format(at="started_at"))  # noqa: S608 - our own text
FAULTS = f"""
select fault as name, count(*) from engine_call where fault is not null and {CHOSEN.format(at="at")}
group by fault order by count desc, fault
"""  # noqa: S608 - our own text
REASONS = f"""
select reason as name, count(*) from turn where move = 'handover' and {CHOSEN.format(at="started_at")}
group by reason order by count desc, reason
"""  # noqa: S608 - our own text
FINDINGS = f"""
select finding ->> 'kind' as name, count(distinct turn.id)
from turn, jsonb_array_elements(findings) as finding
where {CHOSEN.format(at="started_at")}
group by name order by count desc, name
"""  # noqa: S608 - our own text
NAMES = """
select distinct model, prompt_label as prompt from engine_call
where project_id = :project and at >= :since and at < :until
"""
ALL, MOMENT, MODEL, TASK = 7, 3, 5, 6
"""What a row of `CALLS` is about, by `grouping`."""

ALL_TURNS, TURN_MOMENT, TURN_MODEL = 3, 1, 2


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True)


class Tokens(_Figures):
    """Tokens, each counted once: `input` is what no cache served, `output` is without `reasoning`."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


class Seconds(_Figures):
    """The times within which half, 95 and 99 of a hundred were done; null where there was none."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class CallFigures(_Figures):
    """Runs of engines; `cost` in US dollars by list prices, without the `unpriced` calls, whose cost is unknown."""

    calls: int = 0
    faults: int = 0
    degraded: int = Field(default=0, description="Answered by the local rule in the model's place.")
    retries: int = 0
    tokens: Tokens = Tokens()
    cost: float = 0.0
    unpriced: int = 0
    latency: Seconds = Seconds()
    first_token: Seconds = Seconds()


class TurnFigures(_Figures):
    """Turns by what came of them; `withheld` and `degraded` ones are among those."""

    answer: int = 0
    clarify: int = 0
    handover: int = 0
    failed: int = 0
    withheld: int = Field(default=0, description="A model's draft was not sent: its sources did not bear it out.")
    degraded: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.answer + self.clarify + self.handover + self.failed


class Moment(_Figures):
    """One hour or day (UTC), from `at`."""

    at: datetime
    calls: CallFigures = CallFigures()
    turns: TurnFigures = TurnFigures()


class CallsOfModel(_Figures):
    """The calls of one model; `local` is the engine without a model."""

    model: str
    calls: CallFigures


class CallsOfTask(_Figures):
    """The calls for one task with one version of its prompt (empty: none was read)."""

    task: str
    prompt: str
    calls: CallFigures


class TurnsOfPrompt(_Figures):
    """What came of the turns that one model drafted with one version of the prompt (empty: none was read)."""

    model: str
    prompt: str
    turns: TurnFigures


class Counted(_Figures):
    """How often something was the case."""

    name: str
    count: int


class UsageReport(_Figures):
    """A project's engine calls and decisions from `since` until `until`, the newest hour or day not yet over."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "period": "24h",
                "step": "hour",
                "since": "2026-11-20T13:00:00Z",
                "until": "2026-11-21T12:30:00Z",
                "calls": {"calls": 1290, "faults": 3, "degraded": 3, "cost": 0.8214, "unpriced": 0},
                "turns": {"answer": 903, "clarify": 121, "handover": 88, "failed": 0, "withheld": 17, "degraded": 3},
                "moments": [],
                "models": [],
                "tasks": [],
                "prompts": [],
                "faults": [{"name": "timeout", "count": 3}],
                "reasons": [{"name": "outside_content", "count": 51}],
                "findings": [{"name": "number", "count": 9}],
            }
        }
    )

    period: Period
    step: Step
    since: datetime
    until: datetime
    calls: CallFigures
    turns: TurnFigures
    moments: list[Moment]
    models: list[CallsOfModel]
    tasks: list[CallsOfTask]
    prompts: list[TurnsOfPrompt]
    faults: list[Counted]
    reasons: list[Counted] = Field(description="Why turns were handed over.")
    findings: list[Counted] = Field(description="What was wrong with drafts that were withheld.")


@dataclass(frozen=True)
class Names:
    """Models and prompts that calls of a period name."""

    models: tuple[str, ...]
    prompts: tuple[str, ...]


async def read_usage(
    session: AsyncSession,
    project_id: UUID,
    now: datetime,
    *,
    period: Period = "24h",
    model: str | None = None,
    prompt: str | None = None,
) -> UsageReport:
    """The project's usage over the last 24 hours, 7 or 30 days (UTC, this hour or today included).

    `model` and `prompt` (a label such as `reply 3`) narrow it to calls of and turns drafted with them.
    """
    step, since = _begins(period, now)
    given = {"project": project_id, "since": since, "until": now, "step": STEPS[step], "model": model, "prompt": prompt}
    calls = (await session.execute(text(CALLS), given)).all()
    turns = (await session.execute(text(TURNS), given)).all()
    narrow = {name: value for name, value in given.items() if name != "step"}
    return UsageReport(
        period=period,
        step=step,
        since=since,
        until=now,
        calls=_one_of(calls, ALL),
        turns=next((_turn_figures(row) for row in turns if row.part == ALL_TURNS), TurnFigures()),
        moments=_moments(calls, turns, since, STEPS[step], PERIODS[period][1]),
        models=[CallsOfModel(model=row.model, calls=_call_figures(row)) for row in calls if row.part == MODEL],
        tasks=[
            CallsOfTask(task=row.task, prompt=row.prompt, calls=_call_figures(row)) for row in calls if row.part == TASK
        ],
        prompts=[
            TurnsOfPrompt(model=row.model, prompt=row.prompt, turns=_turn_figures(row))
            for row in turns
            if row.part == TURN_MODEL
        ],
        faults=await _counted(session, FAULTS, narrow),
        reasons=await _counted(session, REASONS, narrow),
        findings=await _counted(session, FINDINGS, narrow),
    )


async def names_in(session: AsyncSession, project_id: UUID, now: datetime, period: Period) -> Names:
    """What a report of this period may be narrowed to."""
    given = {"project": project_id, "since": _begins(period, now)[1], "until": now}
    rows = (await session.execute(text(NAMES), given)).all()
    return Names(
        models=tuple(sorted({row.model for row in rows})), prompts=tuple(sorted({row.prompt for row in rows} - {""}))
    )


def _begins(period: Period, now: datetime) -> tuple[Step, datetime]:
    step, count = PERIODS[period]
    start = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    start = start if step == "hour" else start.replace(hour=0)
    return step, start - (count - 1) * STEPS[step]


def _moments(
    calls: Sequence[Row[Any]], turns: Sequence[Row[Any]], since: datetime, step: timedelta, count: int
) -> list[Moment]:
    called = {row.moment: _call_figures(row) for row in calls if row.part == MOMENT}
    decided = {row.moment: _turn_figures(row) for row in turns if row.part == TURN_MOMENT}
    every = (since + number * step for number in range(count))
    return [Moment(at=at, calls=called.get(at, CallFigures()), turns=decided.get(at, TurnFigures())) for at in every]


def _one_of(rows: Sequence[Row[Any]], part: int) -> CallFigures:
    return next((_call_figures(row) for row in rows if row.part == part and row.calls), CallFigures())


def _call_figures(row: Row[Any]) -> CallFigures:
    return CallFigures(
        calls=row.calls,
        faults=row.faults,
        degraded=row.degraded,
        retries=row.retries,
        tokens=Tokens.model_validate({name: getattr(row, name) for name in Tokens.model_fields}),
        cost=float(row.cost),
        unpriced=row.unpriced,
        latency=_seconds(row.latency),
        first_token=_seconds(row.first_token),
    )


def _turn_figures(row: Row[Any]) -> TurnFigures:
    return TurnFigures.model_validate({name: getattr(row, name) for name in TurnFigures.model_fields})


def _seconds(percentiles: list[float | None] | None) -> Seconds:
    p50, p95, p99 = percentiles or (None, None, None)
    return Seconds(p50=p50, p95=p95, p99=p99)


async def _counted(session: AsyncSession, query: str, given: dict[str, Any]) -> list[Counted]:
    return [Counted(name=row.name or "", count=row[1]) for row in await session.execute(text(query), given)]

"""What the analyses of a project add up to: satisfaction, what was resolved, what it cost; over time, by topic, unit.

One query goes once through the index `ix_analysis_newest`, which holds all that is counted (docs/adr/0026). It counts
by day and unit, by topics, and by rating and faults, and then adds those few rows up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from math import sqrt
from operator import add
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, computed_field
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.analysis.wanted import AnalysisFilter
from ouvidor.runtime import Runtime

Step = Literal["day", "week", "month"]

LONGEST_BY_DAY = timedelta(days=92)
LONGEST_BY_WEEK = timedelta(weeks=160)
MOST_GROUPS = 100
Z95 = 1.96

SUMS = (
    "sessions",
    "satisfaction",
    "squares",
    "resolved_yes",
    "resolved_no",
    "goal_yes",
    "goal_no",
    "handed_over",
    "input_tokens",
    "output_tokens",
    "cost",
    "unpriced",
)
COUNTED = """
    count(*) as sessions, sum(satisfaction) as satisfaction, sum(satisfaction * satisfaction) as squares,
    count(*) filter (where resolved = 'yes') as resolved_yes, count(*) filter (where resolved = 'no') as resolved_no,
    count(*) filter (where goal_reached = 'yes') as goal_yes, count(*) filter (where goal_reached = 'no') as goal_no,
    count(*) filter (where handed_over) as handed_over,
    sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
    sum(cost) as cost, count(*) filter (where cost is null) as unpriced
"""
ADDED = ", ".join(f"coalesce(sum({name}), 0) as {name}" for name in SUMS)
FIGURES = """
with chosen as materialized (
    select (began_at at time zone 'utc')::date as day, unit, topics, fault_kinds, satisfaction, resolved, goal_reached,
        handed_over, input_tokens, output_tokens, cost
    from analysis where {chosen}
), of_units as materialized (
    select day, unit, {counted} from chosen group by day, unit
), of_topics as (
    select topics, {counted} from chosen group by topics
), of_ratings as materialized (
    select satisfaction as rating, fault_kinds, count(*) as sessions from chosen group by satisfaction, fault_kinds
)
select (array['', 'day', 'unit', 'all'])[1 + grouping(day, unit)] as part, day, unit as name,
    null::smallint as rating, {added}
from of_units group by grouping sets ((), (day), (unit))
union all (
    select 'topic', null, topic as name, null, {added} from of_topics, unnest(topics) as topic
    group by topic order by sessions desc, name limit {most}
)
union all
select 'rating', null, null, rating, sum(sessions){nothing} from of_ratings group by rating
union all
select 'fault', null, fault, rating, sum(sessions){nothing} from of_ratings, unnest(fault_kinds) as fault
group by fault, rating
"""
ROOM = "set local work_mem = '64MB'"
"""So that 100,000 narrow rows (about 10 MB) stay in memory while they are counted."""
STATE = "select max(created_at) as newest, count(*) as analyses from analysis where project_id = :project"
"""What every analysis that comes, is replaced or is erased changes; the index `ix_analysis_made` has it."""
NEWEST = "select max(created_at) from analysis where project_id = :project"
NAMES = """
select distinct unit, language, version, model from analysis where project_id = :project and current
"""


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True)


class Judged(_Figures):
    """How often it was so, was not, and could not be told."""

    yes: int = 0
    no: int = 0
    unknown: int = 0

    @computed_field(description="yes / (yes + no), 0 to 1; null where nothing could be told.")
    @property
    def rate(self) -> float | None:
        """The share of those of which it could be told."""
        known = self.yes + self.no
        return self.yes / known if known else None


class Interval(_Figures):
    """Between which the mean lies in 95 of 100 cases, by the normal approximation, cut to 0 and 10."""

    low: float
    high: float


class Measures(_Figures):
    """What a number of analysed conversations add up to.

    `satisfaction` is the mean, 0 to 10; `cost` US dollars, without the `unpriced` ones, whose cost is unknown.
    """

    sessions: int = 0
    satisfaction: float | None = None
    interval: Interval | None = Field(default=None, description="Of the mean satisfaction; null below two sessions.")
    resolved: Judged = Judged()
    goal: Judged = Judged()
    handed_over: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = Field(default=0.0, description="US dollars, without those of unknown cost.")
    unpriced: int = Field(default=0, description="Sessions whose analysis has an unknown cost.")

    @computed_field(description="0 to 1; null without sessions.")
    @property
    def handover_rate(self) -> float | None:
        """The share in which a person was called."""
        return self.handed_over / self.sessions if self.sessions else None

    @computed_field(description="Tokens that an analysis read and wrote in the mean; null without sessions.")
    @property
    def mean_tokens(self) -> float | None:
        """Tokens of one analysis, read and written."""
        return (self.input_tokens + self.output_tokens) / self.sessions if self.sessions else None


class Moment(_Figures):
    """One day, week (from Monday) or month (UTC), from `at`; conversations count where they began."""

    at: date
    measures: Measures = Measures()


class OfUnit(_Figures):
    """The conversations of one unit; null: of none."""

    unit: str | None
    measures: Measures


class OfTopic(_Figures):
    """The conversations about one topic; one may be about several."""

    topic: str
    measures: Measures


class OfFault(_Figures):
    """The conversations in which the bot made this fault; `satisfaction` is their mean."""

    kind: str
    sessions: int
    satisfaction: float


class FiguresReport(_Figures):
    """What a project's analyses add up to under a filter, newest analysis of each conversation."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "step": "day",
                "total": {
                    "sessions": 120,
                    "satisfaction": 6.8,
                    "interval": {"low": 6.3, "high": 7.3},
                    "resolved": {"yes": 74, "no": 31, "unknown": 15, "rate": 0.705},
                    "goal": {"yes": 40, "no": 52, "unknown": 28, "rate": 0.435},
                    "handed_over": 19,
                    "input_tokens": 131000,
                    "output_tokens": 31000,
                    "cost": 0.0951,
                    "unpriced": 0,
                    "handover_rate": 0.158,
                    "mean_tokens": 1350.0,
                },
                "moments": [],
                "units": [],
                "topics": [],
                "ratings": [4, 3, 6, 8, 7, 9, 13, 18, 22, 19, 11],
                "faults": [{"kind": "unanswered_question", "sessions": 14, "satisfaction": 3.9}],
            }
        }
    )

    step: Step
    total: Measures
    moments: list[Moment]
    units: list[OfUnit] = Field(description="The 100 with the most sessions.")
    topics: list[OfTopic] = Field(description="The 100 with the most sessions.")
    ratings: list[int] = Field(description="Sessions by satisfaction, from 0 to 10.")
    faults: list[OfFault]


@dataclass(frozen=True)
class Names:
    """What a project's current analyses can be narrowed to."""

    units: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    some_without_unit: bool = False


async def read_figures(
    session: AsyncSession, project_id: UUID, wanted: AnalysisFilter, *, step: Step | None = None
) -> FiguresReport:
    """The figures of the project's current analyses; without a step, one that suits the time from first to last."""
    chosen = wanted.condition()
    parts = {"counted": COUNTED, "added": ADDED, "chosen": chosen.text, "most": MOST_GROUPS, "nothing": ", 0" * 11}
    await session.execute(text(ROOM))
    rows = (await session.execute(text(FIGURES.format(**parts)), {"project": project_id, **chosen.values})).all()
    of = {part: list(found) for part, found in groupby(sorted(rows, key=lambda row: row.part), lambda row: row.part)}
    days = sorted(of.get("day", ()), key=lambda row: row.day)
    units = sorted(of.get("unit", ()), key=lambda row: (-row.sessions, row.name is None, row.name))
    ratings = {row.rating: int(row.sessions) for row in of.get("rating", ())}
    step = step or _suits(days)
    return FiguresReport(
        step=step,
        total=_measures(of["all"]),
        moments=_moments(days, step),
        units=[OfUnit(unit=row.name, measures=_measures([row])) for row in units[:MOST_GROUPS]],
        topics=[OfTopic(topic=row.name, measures=_measures([row])) for row in of.get("topic", ())],
        ratings=[ratings.get(rating, 0) for rating in range(11)],
        faults=_faults(of.get("fault", ())),
    )


async def known_figures(
    rt: Runtime, session: AsyncSession, project_id: UUID, wanted: AnalysisFilter, *, step: Step | None = None
) -> FiguresReport:
    """The figures, as `read_figures` has them; those of everything are remembered until an analysis comes or goes."""
    if step is not None or wanted != AnalysisFilter():
        return await read_figures(session, project_id, wanted, step=step)
    found = (await session.execute(text(STATE), {"project": project_id})).one()
    key, revision = ("analysis-figures", project_id), hash((found.newest, found.analyses))
    known = rt.memory.get(key, revision)
    if isinstance(known, FiguresReport):
        return known
    return rt.memory.put(key, revision, await read_figures(session, project_id, wanted))


async def read_names(rt: Runtime, session: AsyncSession, project_id: UUID) -> Names:
    """What there is to filter by; what analyses of the last minute bring may be missing still."""
    newest = (await session.execute(text(NEWEST), {"project": project_id})).scalar_one()
    key, minute = ("analysis-names", project_id), int(newest.timestamp() // 60) if newest else 0
    known = rt.memory.get(key, minute)
    if isinstance(known, Names):
        return known
    rows = (await session.execute(text(NAMES), {"project": project_id})).all()
    found = Names(
        units=tuple(sorted({row.unit for row in rows if row.unit is not None})),
        languages=tuple(sorted({row.language for row in rows})),
        versions=tuple(sorted({row.version for row in rows})),
        models=tuple(sorted({row.model for row in rows})),
        some_without_unit=any(row.unit is None for row in rows),
    )
    over = minute < rt.clock().timestamp() // 60
    return rt.memory.put(key, minute, found) if over else found


def _suits(days: Sequence[Row[Any]]) -> Step:
    span = days[-1].day - days[0].day if days else timedelta()
    return "day" if span <= LONGEST_BY_DAY else "week" if span <= LONGEST_BY_WEEK else "month"


def _begins(day: date, step: Step) -> date:
    """The first day of the step that this day is in."""
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def following(at: date, step: Step) -> date:
    """The first day of the step after the one that begins at `at`."""
    if step == "month":
        return (at + timedelta(days=31)).replace(day=1)
    return at + timedelta(days=7 if step == "week" else 1)


def _moments(days: Sequence[Row[Any]], step: Step) -> list[Moment]:
    """Each step from the first to the last, those without conversations too."""
    found = {at: _measures(list(rows)) for at, rows in groupby(days, lambda row: _begins(row.day, step))}
    moments: list[Moment] = []
    at = min(found, default=None)
    while at is not None and at <= max(found):
        moments.append(Moment(at=at, measures=found.get(at, Measures())))
        at = following(at, step)
    return moments


def _measures(rows: Iterable[Row[Any]]) -> Measures:
    """What the rows add up to."""
    sums = dict.fromkeys(SUMS, 0)
    for row in rows:
        sums = {name: add(value, getattr(row, name)) for name, value in sums.items()}
    sessions = int(sums["sessions"])
    if not sessions:
        return Measures()
    mean = float(sums["satisfaction"]) / sessions
    return Measures(
        sessions=sessions,
        satisfaction=mean,
        interval=_interval(sessions, mean, float(sums["squares"])),
        resolved=_judged(sessions, sums["resolved_yes"], sums["resolved_no"]),
        goal=_judged(sessions, sums["goal_yes"], sums["goal_no"]),
        handed_over=sums["handed_over"],
        input_tokens=sums["input_tokens"],
        output_tokens=sums["output_tokens"],
        cost=float(sums["cost"]),
        unpriced=sums["unpriced"],
    )


def _judged(sessions: int, yes: int, no: int) -> Judged:
    return Judged(yes=yes, no=no, unknown=sessions - int(yes) - int(no))


def _interval(count: int, mean: float, squares: float) -> Interval | None:
    """Mean ± 1.96 standard errors, from the sum of squares."""
    if count < 2:
        return None
    variance = max(0.0, squares - count * mean * mean) / (count - 1)
    reach = Z95 * sqrt(variance / count)
    return Interval(low=max(0.0, mean - reach), high=min(10.0, mean + reach))


def _faults(rows: Sequence[Row[Any]]) -> list[OfFault]:
    by_kind: dict[str, list[Row[Any]]] = {}
    for row in rows:
        by_kind.setdefault(row.name, []).append(row)
    found: list[OfFault] = []
    for kind, each in by_kind.items():
        sessions = sum(int(row.sessions) for row in each)
        mean = sum(row.rating * int(row.sessions) for row in each) / sessions
        found.append(OfFault(kind=kind, sessions=sessions, satisfaction=mean))
    return sorted(found, key=lambda fault: (-fault.sessions, fault.kind))

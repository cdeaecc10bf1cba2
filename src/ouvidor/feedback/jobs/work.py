"""A process's part in the comments: it leases groups of a job, has them classified, stores what came of it."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.engines.embeddings import EmbeddingFailed
from ouvidor.engines.local import LOCAL
from ouvidor.engines.spending import Spent
from ouvidor.feedback.in_use import InUse, active_taxonomy, in_use
from ouvidor.feedback.jobs.claim import LOCAL_AT_ONCE, Group, Held, Item, Means, claim, slots
from ouvidor.feedback.jobs.settle import MOST_ATTEMPTS, Result, Settled, Troubled, gone, settle
from ouvidor.feedback.jobs.upkeep import leave_index_job
from ouvidor.feedback.judge import Failure, Judged, judge, judge_locally
from ouvidor.feedback.llm.costs import terms_of
from ouvidor.feedback.models import CommentJob, JobKind, JobState
from ouvidor.feedback.rules import read_rules
from ouvidor.feedback.store import known
from ouvidor.pool import Holding, Pool
from ouvidor.runtime import Runtime

MEANS_SECONDS = 1.0
MANY = 1_000
"""A job of so many comments has their index looked after at its end."""

OUR_ERROR = "could not be classified for an error of ours"
NO_VECTORS = "could not be classified: the server of vectors gave none"
NO_ANSWER = "could not be classified: the language model gave no answer ({fault})"

MAY_GO_ON = (
    select(CommentJob.id, CommentJob.batched, Project)
    .join(Project, Project.id == CommentJob.project_id)
    .where(
        CommentJob.state.in_((JobState.PENDING, JobState.RUNNING, JobState.PAUSED)),
        (CommentJob.state != JobState.PAUSED) | CommentJob.paused_for.in_(("budget", "price_unknown")),
    )
)
CONTENTS = text("select id, content from comment where project_id = :project and id = any(:ids)")
RENEW = text("""
update comment_item i set leased_until = clock_timestamp() + make_interval(secs => :seconds)
from (
    select job_id, position from comment_item
    where state = 'running' and lease = any(:leases)
        and leased_until < clock_timestamp() + make_interval(secs => :seconds * 0.8)
    for update skip locked
) as mine
where i.job_id = mine.job_id and i.position = mine.position
""")
"""What is being stored at this moment needs no lease any more, and what was leased just now has one."""

HAND_BACK = text("""
update comment_item set state = 'pending', lease = null, leased_until = null, reserved = 0
where state = 'running' and lease = any(:leases)
""")


@dataclass(frozen=True)
class Begun:
    """A leased group as it was read: the words of those to judge, and what is known already of the others."""

    group: Group
    texts: tuple[str | None, ...]
    results: tuple[Result | None, ...]


class Commenter(Pool[Begun, Settled]):
    """One process that takes part; all of them together keep to `settings.comments_concurrency` calls of a model."""

    def __init__(self, rt: Runtime) -> None:
        at_once = LOCAL_AT_ONCE + (0 if rt.engine.name == LOCAL else slots(rt.settings))
        stalled = rt.settings.stalled_seconds
        super().__init__(rt.db, Comments(rt), name="comments", at_once=at_once, stalled_seconds=stalled, together=1)


class Comments:
    """Groups of comments as the trade of a pool."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._means: dict[UUID, Means] = {}
        self._means_until = 0.0
        self._preparing: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, holding: Holding[Begun, Settled], most: int) -> Sequence[Begun]:
        """Lease groups of the jobs that may go on, and read them."""
        new = monotonic() >= self._means_until
        means = await self._known_means()
        if not means:
            return []
        held = _held(holding)
        groups = await claim(self._rt, means, held, most=most, give_back=new)
        if not groups:
            return []
        async with self._rt.db.read() as session:
            return [await self._read(session, group) for group in groups]

    async def carry_out(self, unit: Begun) -> Settled:
        """What came of each of the group, as far as it is not known already."""
        places = [place for place, one in enumerate(unit.results) if one is None]
        if not places:
            return _settled(unit, {})
        project, group = unit.group.project, unit.group
        texts = [unit.texts[place] or "" for place in places]
        items = [group.items[place] for place in places]
        try:
            async with self._preparing[project.id]:
                use = await in_use(self._rt, project)
            use = replace(use, by_model=use.by_model and group.by_model)
            verdicts = await judge(self._rt, project, use, texts)
        except EmbeddingFailed:
            return _settled(unit, dict.fromkeys(places, Troubled(NO_VECTORS)))
        results = await self._results(use, items, texts, verdicts.judged)
        found = dict(zip(places, results, strict=True))
        return replace(_settled(unit, found), use=use, spent=verdicts.spent, calls=verdicts.calls)

    def failed(self, unit: Begun) -> Settled:
        """An error of ours, which is tried again."""
        return _settled(unit, {place: Troubled(OUR_ERROR) for place, one in enumerate(unit.results) if one is None})

    async def store(self, session: AsyncSession, finished: Sequence[Settled]) -> None:
        """Store what came of these groups."""
        for one in finished:
            if await settle(session, one, self._rt.clock()) >= MANY:
                await leave_index_job(session, self._rt.jobs, one.group.project.id)

    def apart(self, finished: Settled) -> Sequence[Settled]:
        """Each comment alone; what the call took counts with the first."""
        return [
            replace(
                finished,
                group=replace(finished.group, items=(item,)),
                results=(result,),
                spent=finished.spent if place == 0 else Spent(),
                calls=0 if place else finished.calls,
            )
            for place, (item, result) in enumerate(zip(finished.group.items, finished.results, strict=True))
        ]

    def refused(self, part: Settled) -> Settled:
        """An error of ours, which is tried again; what was spent counts."""
        return replace(part, results=tuple(Troubled(OUR_ERROR) for _ in part.results))

    async def renew(self, session: AsyncSession, holding: Holding[Begun, Settled]) -> None:
        """Renew the leases of these; they are what shows life."""
        groups = [one.group for one in (*holding.under_way, *holding.finished)]
        if groups:
            values = {"leases": [group.lease for group in groups], "seconds": self._rt.settings.stalled_seconds}
            await session.execute(RENEW, values)

    async def leave(self, session: AsyncSession, given_up: Sequence[Begun]) -> None:
        """Hand these back, as if they had never been taken."""
        if given_up:
            await session.execute(HAND_BACK, {"leases": [one.group.lease for one in given_up]})

    async def _known_means(self) -> dict[UUID, Means]:
        """The means of each job that may go on, at most a second old; a provider's batches are not ours."""
        if monotonic() < self._means_until:
            return self._means
        async with self._rt.db.read() as session:
            rows = (await session.execute(MAY_GO_ON)).all()
        projects = {project.id: project for _, _, project in rows}
        means = {project_id: await self._means_of(project) for project_id, project in projects.items()}
        self._means = {
            job_id: means[project.id]
            for job_id, batched, project in rows
            if not (batched and means[project.id].by_model)
        }
        self._means_until = monotonic() + MEANS_SECONDS
        return self._means

    async def _means_of(self, project: Project) -> Means:
        if self._rt.engine.name == LOCAL:
            return Means(project)
        async with self._rt.db.read() as session:
            rules = await read_rules(session, project.id)
            _, taxonomy = await active_taxonomy(session, project)
        if not rules.by_model:
            return Means(project)
        return Means(project, await terms_of(self._rt, project, taxonomy), rules.budget)

    async def _read(self, session: AsyncSession, group: Group) -> Begun:
        """The words of the group, and what is known already: comments that are there, and those that are gone."""
        if group.kind == JobKind.AGAIN:
            ids = [item.comment_id for item in group.items if item.comment_id]
            values = {"project": group.project.id, "ids": ids}
            contents = {row.id: row.content for row in await session.execute(CONTENTS, values)}
            texts = tuple(contents.get(item.comment_id) for item in group.items)
            return Begun(group, texts, tuple(gone(None) if one is None else None for one in texts))
        told = [item.told for item in group.items if item.told]
        met = iter(await known(session, group.project.id, told))
        results = tuple(next(met) if item.told else gone(None) for item in group.items)
        return Begun(group, tuple(item.told.text if item.told else None for item in group.items), results)

    async def _results(
        self, use: InUse, items: Sequence[Item], texts: Sequence[str], judged: Sequence[Judged | Failure]
    ) -> list[Result]:
        """What was judged; what has failed for the last time, by the local classifier where it may stand in."""
        last = [
            place
            for place, (item, one) in enumerate(zip(items, judged, strict=True))
            if isinstance(one, Failure) and one.asked and item.attempts + 1 >= MOST_ATTEMPTS
        ]
        stand_ins: dict[int, Judged] = {}
        if last and self._rt.settings.llm_when_down == "local":
            with suppress(EmbeddingFailed):
                stood_in = await judge_locally(use, [texts[place] for place in last])
                stand_ins = dict(zip(last, stood_in, strict=True))
        return [
            stand_ins.get(place) or Troubled(NO_ANSWER.format(fault=one.reason), one.asked)
            if isinstance(one, Failure)
            else one
            for place, one in enumerate(judged)
        ]


def _held(holding: Holding[Begun, Settled]) -> Held:
    asked = sum(one.group.by_model for one in holding.under_way)
    stored = sum(one.group.by_model for one in holding.finished)
    return Held(asked, len(holding.under_way) - asked, len(holding.finished), stored)


def _settled(unit: Begun, found: Mapping[int, Result]) -> Settled:
    results = (one if one is not None else found[place] for place, one in enumerate(unit.results))
    return Settled(unit.group, tuple(results))


async def work_off(rt: Runtime) -> None:
    """Classify whatever can be taken now."""
    await Commenter(rt).work(once=True)

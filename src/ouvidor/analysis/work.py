"""A process's part in the analyses: it leases conversations of the list, judges them, stores what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.analysis.analyse import Conversation, judge, read_conversations
from ouvidor.analysis.budget import Terms, terms_of
from ouvidor.analysis.claim import Held, Taken, claim
from ouvidor.analysis.models import AnalysisRun, RunKind, RunState
from ouvidor.analysis.store import EMPTY, Done, Failed, Finished, hand_back, store
from ouvidor.db import new_id
from ouvidor.engines.base import EngineFailed
from ouvidor.engines.local import LOCAL
from ouvidor.engines.spending import Spent, spent_on
from ouvidor.pool import Holding, Pool
from ouvidor.runtime import Runtime

TERMS_SECONDS = 1.0
LOCAL_AT_ONCE = 8
"""The local analyst works on one conversation at a time; the others are read and stored meanwhile."""

MAY_GO_ON = (
    select(AnalysisRun.id, Project)
    .join(Project, Project.id == AnalysisRun.project_id)
    .where(
        AnalysisRun.state.in_((RunState.RUNNING, RunState.PAUSED)),
        (AnalysisRun.state == RunState.RUNNING) | AnalysisRun.paused_for.in_(("budget", "price_unknown")),
        AnalysisRun.kind != RunKind.BATCH,
        ~Project.analysis_paused,
    )
)
ALIVE = text("""
insert into analysis_worker (id, seen_at) values (:id, clock_timestamp())
on conflict (id) do update set seen_at = excluded.seen_at
""")
RENEW = text("""
update analysis_item i set leased_until = clock_timestamp() + make_interval(secs => :seconds)
from (
    select conversation_id from analysis_item where state = 'running' and lease = any(:leases) for update skip locked
) as mine
where i.conversation_id = mine.conversation_id
""")
"""What is being stored at this moment needs no lease any more."""
GONE = text("""
delete from analysis_worker where id = :id or seen_at < clock_timestamp() - interval '1 day'
""")

OUR_ERROR = "error"


@dataclass(frozen=True)
class Begun:
    """A leased conversation as it was read to be judged; None where it has no words or is gone."""

    taken: Taken
    project: Project
    conversation: Conversation | None


class Analyst(Pool[Begun, Finished]):
    """One process that takes part; all of them together keep to `settings.analysis_concurrency`."""

    def __init__(self, rt: Runtime) -> None:
        at_once = LOCAL_AT_ONCE if rt.engine.name == LOCAL else rt.settings.analysis_concurrency
        stalled = rt.settings.stalled_seconds
        super().__init__(rt.db, Analyses(rt), name="analyses", at_once=at_once, stalled_seconds=stalled)


class Analyses:
    """Conversations as the trade of a pool."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._id = new_id()
        self._terms: dict[UUID, Terms] = {}
        self._terms_until = 0.0

    async def take(self, holding: Holding[Begun, Finished], most: int) -> Sequence[Begun]:
        """Lease conversations of the runs that may go on, and read them."""
        new = monotonic() >= self._terms_until
        terms = await self._known_terms()
        if not terms:
            return []
        held = Held(self._id, len(holding.under_way), len(holding.finished))
        taken = await claim(self._rt, terms, held, most=most, give_back=new)
        return await self._read(taken, {one.project_id: terms[one.run_id].project for one in taken})

    async def _read(self, taken: Sequence[Taken], projects: Mapping[UUID, Project]) -> list[Begun]:
        if not taken:
            return []
        goals = {project.id: project.analysis_goal for project in projects.values()}
        async with self._rt.db.read() as session:
            found = await read_conversations(session, [one.conversation_id for one in taken], goals)
        return [Begun(one, projects[one.project_id], found.get(one.conversation_id)) for one in taken]

    async def carry_out(self, unit: Begun) -> Finished:
        """The verdict on it, or why there is none."""
        if unit.conversation is None:
            return Failed(unit.taken, EMPTY, Spent(), called=False, hopeless=True)
        try:
            return Done(unit.taken, await judge(self._rt, unit.project, unit.conversation))
        except EngineFailed as failed:
            asked = failed.effort.asked
            spent = spent_on(failed.model, failed.effort.usage, self._rt.settings)
            return Failed(unit.taken, failed.kind, spent, called=asked, counts=asked)

    def failed(self, unit: Begun) -> Finished:
        """An error of ours, which is tried again."""
        return Failed(unit.taken, OUR_ERROR, Spent(), called=False)

    async def store(self, session: AsyncSession, finished: Sequence[Finished]) -> None:
        """Store verdicts and failures."""
        await store(session, finished, self._rt.clock())

    def apart(self, finished: Finished) -> Sequence[Finished]:
        """A conversation has no parts."""
        return [finished]

    def refused(self, part: Finished) -> Finished:
        """An error of ours, which is tried again; what was spent counts."""
        return Failed(part.taken, OUR_ERROR, part.spent, called=part.called)

    async def renew(self, session: AsyncSession, holding: Holding[Begun, Finished]) -> None:
        """Show life, and renew the leases of these."""
        await session.execute(ALIVE, {"id": self._id})
        leases = [one.taken.lease for one in (*holding.under_way, *holding.finished)]
        if leases:
            await session.execute(RENEW, {"leases": leases, "seconds": self._rt.settings.stalled_seconds})

    async def leave(self, session: AsyncSession, given_up: Sequence[Begun]) -> None:
        """Hand these back, as if they had never been taken."""
        await hand_back(session, [one.taken for one in given_up], self._rt.clock())
        await session.execute(GONE, {"id": self._id})

    async def _known_terms(self) -> dict[UUID, Terms]:
        """The terms of each run that may go on, at most a second old."""
        if monotonic() >= self._terms_until:
            async with self._rt.db.read() as session:
                rows = (await session.execute(MAY_GO_ON)).all()
            self._terms = {run_id: await terms_of(self._rt, project) for run_id, project in rows}
            self._terms_until = monotonic() + TERMS_SECONDS
        return self._terms


async def work_off(rt: Runtime) -> None:
    """Analyse whatever can be taken now."""
    await Analyst(rt).work(once=True)

"""A process's part in the analyses: it takes conversations as slots come free, judges them, stores what came of it."""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from time import monotonic
from traceback import extract_tb
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from ouvidor.accounts.models import Project
from ouvidor.analysis.analyse import Conversation, Spent, judge, read_conversations, spent_on
from ouvidor.analysis.budget import Terms, terms_of
from ouvidor.analysis.claim import Held, Taken, claim
from ouvidor.analysis.models import AnalysisRun, RunKind, RunState
from ouvidor.analysis.store import EMPTY, Done, Failed, Finished, hand_back, store
from ouvidor.db import new_id
from ouvidor.engines.base import EngineFailed
from ouvidor.engines.local import LOCAL
from ouvidor.runtime import Runtime

IDLE_SECONDS = 1.0
LOCAL_AT_ONCE = 8
"""The local analyst works on one conversation at a time; the others are read and stored meanwhile."""
GRACE_SECONDS = 3.0
GROUP = 32
SIGNS_OF_LIFE = 4
"""So many within the time after which a worker counts as dead."""

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
LOST = (SQLAlchemyError, OSError)
REFUSED = (DataError, IntegrityError, ValueError)
"""What the database says to a value that it does not take."""

log = logging.getLogger(__name__)


class Analyst:
    """One process that takes part; all of them together keep to `settings.analysis_concurrency`.

    Whatever it holds is leased; while it lives it renews the leases, and when it dies they run out.
    """

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._id = new_id()
        self._terms: dict[UUID, Terms] = {}
        self._terms_until = 0.0
        self._under_way: dict[asyncio.Task[Finished], Taken] = {}
        self._finished: list[Finished] = []
        self._given_up: list[Taken] = []
        self._news = asyncio.Event()
        self._storing: asyncio.Task[None] | None = None
        self._most = LOCAL_AT_ONCE if rt.engine.name == LOCAL else rt.settings.analysis_concurrency

    async def work(self, *, once: bool = False) -> None:
        """Analyse until cancelled, with `once` until nothing is to be taken now; a lost database is waited for."""
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                try:
                    busy = await self._turn()
                except LOST as error:  # whose message may hold a customer's words
                    log.warning(
                        "The analyses lost their database and go on when it is there: %s.", type(error).__name__
                    )
                    busy = False
                if once and not busy:
                    return
                if not busy:
                    await asyncio.sleep(IDLE_SECONDS)
        finally:
            beating.cancel()
            await asyncio.shield(self._leave())

    async def _turn(self) -> bool:
        """Take what is free, meanwhile store what is finished, wait for the next to finish; whether there was any."""
        self._news.clear()
        storing = bool(self._finished)
        if storing and (self._storing is None or self._storing.done()):
            self._storing = asyncio.create_task(self._store())
        await self._take()
        if not (self._under_way or storing or self._finished):
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), IDLE_SECONDS)
        return True

    async def _take(self) -> None:
        """Lease what is free and begin with it."""
        most = self._most - len(self._under_way)
        new = monotonic() >= self._terms_until
        terms = await self._known_terms()
        if most < 1 or not terms:
            return
        held = Held(self._id, len(self._under_way), len(self._finished))
        taken = await claim(self._rt, terms, held, most=most, give_back=new)
        if not taken:
            return
        projects = {one.project_id: terms[one.run_id].project for one in taken}
        goals = {project.id: project.analysis_goal for project in projects.values()}
        async with self._rt.db.read() as session:
            found = await read_conversations(session, [one.conversation_id for one in taken], goals)
        for one in taken:
            task = asyncio.create_task(self._judged(one, projects[one.project_id], found.get(one.conversation_id)))
            self._under_way[task] = one
            task.add_done_callback(self._ended)

    async def _judged(self, taken: Taken, project: Project, conversation: Conversation | None) -> Finished:
        """What comes of it; whatever goes wrong concerns this conversation alone."""
        if conversation is None:
            return Failed(taken, EMPTY, Spent(), called=False, hopeless=True)
        try:
            return Done(taken, await judge(self._rt, project, conversation))
        except EngineFailed as failed:
            asked = failed.effort.asked
            spent = spent_on(failed.model, failed.effort, self._rt)
            return Failed(taken, failed.kind, spent, called=asked, counts=asked)
        except Exception as error:  # noqa: BLE001 - one failure touches one conversation; its message may hold words of it
            log.warning("A conversation could not be analysed: %s at %s.", type(error).__name__, _place_of(error))
            return Failed(taken, OUR_ERROR, Spent(), called=False)

    def _ended(self, task: asyncio.Task[Finished]) -> None:
        taken = self._under_way.pop(task)
        if task.cancelled():
            self._given_up.append(taken)
        else:
            self._finished.append(task.result())
        self._news.set()

    async def _store(self) -> None:
        """Store what is finished, some in each transaction; one that the database refuses harms no other.

        Where the database is lost it waits and is tried again.
        """
        try:
            while self._finished:
                group = self._finished[:GROUP]
                try:
                    await self._store_together(group)
                    del self._finished[: len(group)]
                except REFUSED:
                    for one in group:
                        await self._store_alone(one)
                        del self._finished[0]
        except LOST as error:
            log.warning("Verdicts could not be stored; they are kept and tried again: %s.", type(error).__name__)
            await asyncio.sleep(IDLE_SECONDS)
        self._news.set()

    async def _store_together(self, group: list[Finished]) -> None:
        async with self._rt.db.begin() as session:
            await store(session, group, self._rt.clock())

    async def _store_alone(self, one: Finished) -> None:
        try:
            await self._store_together([one])
        except REFUSED as error:
            log.warning("A verdict could not be stored: %s.", type(error).__name__)
            await self._store_together([Failed(one.taken, OUR_ERROR, one.spent, called=one.called)])

    async def _known_terms(self) -> dict[UUID, Terms]:
        """The terms of each run that may go on, at most a second old."""
        if monotonic() >= self._terms_until:
            async with self._rt.db.read() as session:
                rows = (await session.execute(MAY_GO_ON)).all()
            self._terms = {run_id: await terms_of(self._rt, project) for run_id, project in rows}
            self._terms_until = monotonic() + IDLE_SECONDS
        return self._terms

    async def _beat(self) -> None:
        """Show life again and again, also while the database is away for a moment."""
        while True:
            with suppress(*LOST):
                await self.show_life()
            await asyncio.sleep(self._rt.settings.stalled_seconds / SIGNS_OF_LIFE)

    async def show_life(self) -> None:
        """Tell the others that this process takes part, and renew what it has leased."""
        leases = [taken.lease for taken in (*self._under_way.values(), *(one.taken for one in self._finished))]
        async with self._rt.db.begin() as session:
            await session.execute(ALIVE, {"id": self._id})
            if leases:
                values = {"leases": leases, "seconds": self._rt.settings.stalled_seconds}
                await session.execute(RENEW, values)

    async def _leave(self) -> None:
        """End what is under way within three seconds, store it, and hand the rest back for others to take at once."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=GRACE_SECONDS)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._storing is not None:
            await self._storing
        await self._store()
        with suppress(*LOST):
            async with self._rt.db.begin() as session:
                await hand_back(session, self._given_up, self._rt.clock())
                await session.execute(GONE, {"id": self._id})


async def work_off(rt: Runtime) -> None:
    """Analyse whatever can be taken now."""
    await Analyst(rt).work(once=True)


def _place_of(error: BaseException) -> str:
    """File and line that raised it."""
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"

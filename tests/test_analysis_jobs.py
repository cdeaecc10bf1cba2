"""Conversations are analysed in the background: which are due, once each, with retries, and held up by people."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from analyses import add_talks, analyses, grow, items
from conftest import MovedClock
from factories import Site
from sqlalchemy import text as sql
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import Project
from ouvidor.analysis.budget import terms_of
from ouvidor.analysis.claim import Held, Taken, claim, tidy
from ouvidor.analysis.jobs import sweep
from ouvidor.analysis.local.rate import VERSION
from ouvidor.analysis.order import AnalysesPaused, EstimateFirst, Order, estimate_run, order_run
from ouvidor.analysis.runs import (
    NothingParked,
    RunEnded,
    cancel_run,
    list_parked,
    list_runs,
    open_run,
    pause_run,
    resume_run,
    retry_parked,
)
from ouvidor.analysis.store import hand_back
from ouvidor.analysis.work import Analyst, work_off
from ouvidor.db import new_id
from ouvidor.runtime import Runtime
from ouvidor.worker import work

pytestmark = pytest.mark.anyio


async def runs_of(rt: Runtime, project: Project) -> list[Any]:
    async with rt.db.read() as session:
        return await list_runs(session, project.id, rt.clock())


async def sweep_and_work(rt: Runtime) -> None:
    await sweep(rt)
    await work_off(rt)


@pytest.mark.parametrize(
    ("changed", "due"),
    [
        ({"origin": "imported", "status": "closed", "minutes_ago": 0}, True),
        ({"origin": "live", "status": "bot", "minutes_ago": 30}, True),
        ({"origin": "live", "status": "bot", "minutes_ago": 29}, False),
        ({"origin": "live", "status": "closed", "minutes_ago": 0}, True),
        ({"origin": "live", "status": "waiting", "minutes_ago": 5}, False),
        ({"lines": (("system", "You are talking to a person now."),)}, False),
        ({"lines": ()}, False),
    ],
)
async def test_what_is_due(rt: Runtime, site: Site, changed: dict[str, Any], due: bool) -> None:
    await add_talks(rt, site.own.project, **changed)
    await sweep_and_work(rt)
    assert len(await analyses(rt, site.own.project)) == due
    assert await analyses(rt, site.other.project) == []


async def test_a_worker_sweeps_and_analyses(rt: Runtime, site: Site) -> None:
    ids = await add_talks(rt, site.own.project, 25)
    await sweep(rt)
    await work(rt, once=True)
    found = await analyses(rt, site.own.project)
    assert {one.conversation_id for one in found} == set(ids)
    assert {(one.version, one.model, one.covers, one.current, one.cost) for one in found} == {
        (VERSION, "local", 4, True, 0)
    }
    (run,) = await runs_of(rt, site.own.project)
    assert (run.kind, run.state, run.total, run.done, run.left, run.parked) == ("sweep", "done", 25, 25, 0, 0)
    await sweep(rt)
    assert {item.state for item in await items(rt, site.own.project)} == {"done"}


async def test_what_has_grown_is_analysed_again_and_a_notice_does_not_count(
    rt: Runtime, site: Site, clock: MovedClock
) -> None:
    (talk,) = await add_talks(rt, site.own.project)
    await sweep_and_work(rt)
    await grow(rt, talk, "system", "The conversation is closed.")
    await sweep_and_work(rt)
    assert [one.covers for one in await analyses(rt, site.own.project)] == [4]
    clock.advance(minutes=1)
    await grow(rt, talk)
    await sweep_and_work(rt)
    assert [(one.covers, one.current) for one in await analyses(rt, site.own.project)] == [(4, False), (6, True)]
    assert [run.done for run in await runs_of(rt, site.own.project)] == [2]


async def test_what_grows_while_it_waits_is_analysed_once(rt: Runtime, site: Site) -> None:
    (talk,) = await add_talks(rt, site.own.project)
    await sweep(rt)
    await grow(rt, talk)
    await sweep(rt)
    await work_off(rt)
    await sweep_and_work(rt)
    assert [one.covers for one in await analyses(rt, site.own.project)] == [5]


async def test_an_order_takes_what_is_due_since_and_up_to(rt: Runtime, site: Site) -> None:
    old = await add_talks(rt, site.own.project, 2, minutes_ago=3 * 24 * 60)
    new = await add_talks(rt, site.own.project, 3)
    since = rt.clock() - timedelta(days=1)
    run = await order_run(rt, site.own.project, Order(since=since, limit=2), COMMAND)
    assert (run.kind, run.total, run.left, run.ordered_by) == ("manual", 2, 2, "command line")
    await work_off(rt)
    assert {one.conversation_id for one in await analyses(rt, site.own.project)} < set(new)
    await sweep_and_work(rt)
    assert {one.conversation_id for one in await analyses(rt, site.own.project)} == {*old, *new}


async def test_an_order_without_work_is_done_at_once(rt: Runtime, site: Site) -> None:
    run = await order_run(rt, site.own.project, Order(), COMMAND)
    assert (run.state, run.total) == ("done", 0)


async def test_a_sweep_and_an_order_join_the_open_run(rt: Runtime, site: Site) -> None:
    await add_talks(rt, site.own.project, 2)
    first = await order_run(rt, site.own.project, Order(limit=1), COMMAND)
    await sweep(rt)
    await add_talks(rt, site.own.project, 3)
    joined = await order_run(rt, site.own.project, Order(), COMMAND)
    assert (joined.id, joined.total) == (first.id, 5)


async def test_the_past_is_gone_over_only_when_confirmed(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await add_talks(rt, project, 4)
    await sweep_and_work(rt)
    estimate = await estimate_run(rt, project, Order(again=True))
    assert (estimate.conversations, estimate.dollars, estimate.model) == (4, 0, "local")
    for confirmed in (None, 3):
        with pytest.raises(EstimateFirst, match="4 conversations"):
            await order_run(rt, project, Order(again=True, confirmed=confirmed), COMMAND)
    before = await analyses(rt, project)
    run = await order_run(rt, project, Order(again=True, confirmed=4, limit=4), COMMAND)
    assert (run.kind, run.left) == ("again", 4)
    await work_off(rt)
    after = await analyses(rt, project)
    assert [one.id for one in after] == [one.id for one in before]
    assert {one.run_id for one in after} == {run.id}
    assert await estimate_run(rt, project, Order()) == estimate.model_copy(update={"conversations": 0})


async def test_paused_resumed_cancelled(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await add_talks(rt, project, 3)
    run = await order_run(rt, project, Order(), COMMAND)
    paused = await pause_run(rt, project, run.id, COMMAND)
    assert (paused.state, paused.paused_for) == ("paused", "command line")
    await work_off(rt)
    assert await analyses(rt, project) == []
    resumed = await resume_run(rt, project, run.id, COMMAND)
    assert (resumed.state, resumed.paused_for, resumed.left) == ("running", None, 3)
    cancelled = await cancel_run(rt, project, run.id, COMMAND)
    assert (cancelled.state, cancelled.left, cancelled.total) == ("cancelled", 0, 3)
    await sweep_and_work(rt)
    assert await analyses(rt, project) == []
    for deed in (pause_run, resume_run, cancel_run):
        with pytest.raises(RunEnded):
            await deed(rt, project, run.id, COMMAND)
    async with rt.db.read() as session:
        assert await open_run(session, project.id, rt.clock()) is None
        actions = (await session.execute(sql("select action from audit_entry order by id"))).scalars().all()
    assert [name for name in actions if name.startswith("analysis_run.")] == [
        "analysis_run.ordered",
        "analysis_run.paused",
        "analysis_run.resumed",
        "analysis_run.cancelled",
    ]


async def test_a_project_may_switch_analyses_off(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await add_talks(rt, project)
    async with rt.db.begin() as session:
        await session.execute(update(Project).where(Project.id == project.id).values(analysis_paused=True))
        project = await session.get_one(Project, project.id)
    await sweep_and_work(rt)
    assert await runs_of(rt, project) == []
    with pytest.raises(AnalysesPaused):
        await order_run(rt, project, Order(), COMMAND)


async def test_nothing_is_parked_where_nothing_failed(rt: Runtime, site: Site) -> None:
    with pytest.raises(NothingParked):
        await retry_parked(rt, site.own.project, COMMAND)
    assert await runs_of(rt, site.own.project) == []


async def test_a_worker_that_starts_looks_at_once_and_ends_in_order(rt: Runtime, site: Site) -> None:
    await add_talks(rt, site.own.project, 3)
    task = asyncio.create_task(work(rt))
    async with asyncio.timeout(60):
        while len(await analyses(rt, site.own.project)) < 3:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait({task})
    async with rt.db.read() as session:
        assert (await session.execute(sql("select count(*) from analysis_worker"))).scalar_one() == 0


async def test_what_a_worker_holds_when_it_ends_is_free_at_once(rt: Runtime, site: Site) -> None:
    """A hand-back counts neither as an attempt nor as a loss."""
    (talk,) = await add_talks(rt, site.own.project)
    await sweep(rt)
    held = await taken(rt, site.own.project)
    async with rt.db.begin() as session:
        await hand_back(session, held, rt.clock())
    (item,) = await items(rt, site.own.project)
    assert (item.conversation_id, item.state, item.attempts, item.losses, item.lease) == (talk, "pending", 0, 0, None)
    await work_off(rt)
    assert len(await analyses(rt, site.own.project)) == 1


async def test_what_kills_ten_workers_is_parked(rt: Runtime, site: Site) -> None:
    await add_talks(rt, site.own.project)
    await sweep(rt)
    for _ in range(10):
        assert len(await taken(rt, site.own.project)) == 1
        async with rt.db.begin() as session:
            await session.execute(sql("update analysis_item set leased_until = now() - interval '1 second'"))
            await tidy(session, rt.clock())
    await work_off(rt)
    async with rt.db.read() as session:
        (parked,) = await list_parked(session, site.own.project.id)
    assert parked.reason == "worker_lost"
    assert [run.state for run in await runs_of(rt, site.own.project)] == ["done"]


async def test_projects_take_turns(rt: Runtime, site: Site) -> None:
    """A large backlog of one keeps the other waiting for no more than its share of the slots."""
    await add_talks(rt, site.own.project, 50)
    await sweep(rt)
    await add_talks(rt, site.other.project, 5)
    await sweep(rt)
    taken_now = await taken(rt, site.own.project, site.other.project, most=10)
    assert Counter(one.project_id for one in taken_now) == {site.own.project.id: 5, site.other.project.id: 5}


async def test_workers_share_the_slots(rt: Runtime, site: Site) -> None:
    """Sixteen slots and two workers: eight for each, however many it wants, and none for a third."""
    await add_talks(rt, site.own.project, 50)
    await sweep(rt)
    for _ in range(2):
        await Analyst(rt).show_life()
    shares = [len(await taken(rt, site.own.project, most=64, me=me)) for me in await worker_ids(rt)]
    assert shares == [8, 8]
    assert await taken(rt, site.own.project, most=64) == []


async def worker_ids(rt: Runtime) -> list[UUID]:
    async with rt.db.read() as session:
        return list((await session.execute(sql("select id from analysis_worker"))).scalars())


async def taken(rt: Runtime, *projects: Project, most: int = 10, me: UUID | None = None) -> list[Taken]:
    """What a worker leases that then does nothing with it."""
    async with rt.db.read() as session:
        runs = [await open_run(session, project.id, rt.clock()) for project in projects]
    terms = {run.id: await terms_of(rt, project) for run, project in zip(runs, projects, strict=True) if run}
    return await claim(rt, terms, Held(me or new_id(), 0, 0), most=most)


@pytest.mark.parametrize(
    "wrong",
    [
        "satisfaction = 11",
        "satisfaction = -1",
        "effort = 11",
        "confidence = 1.01",
        "sentiment = 'angry'",
        "resolved = 'maybe'",
        "goal_reached = ''",
        "language = 'por'",
        "summary = '[]'",
        "covers = 0",
        "fault_kinds = array['rude']",
    ],
)
async def test_the_database_refuses_what_no_verdict_can_be(rt: Runtime, site: Site, wrong: str) -> None:
    await add_talks(rt, site.own.project)
    await sweep(rt)
    await work_off(rt)
    with pytest.raises(IntegrityError, match="violates check constraint"):
        async with rt.db.begin() as session:
            await session.execute(sql(f"update analysis set {wrong}"))

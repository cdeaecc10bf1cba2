"""Comments are classified in the background: each once, in order, with retries, within a budget, held up by people."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import pytest
from conftest import MovedClock
from factories import Site, build_site, build_tenant
from llm_server import Answer, Asked, LlmServer, Says, Status, Usage
from sqlalchemy import select, update
from sqlalchemy import text as sql

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import AuditEntry, Project
from ouvidor.engines.embeddings import EmbeddingFailed, NoEmbedder
from ouvidor.feedback.again import begin_again
from ouvidor.feedback.classifier import shipped
from ouvidor.feedback.intake.receive import begin_job
from ouvidor.feedback.jobs.claim import LOCAL_TOGETHER, MOST_LOSSES, slots
from ouvidor.feedback.jobs.control import (
    JobEnded,
    JobOut,
    NothingFailed,
    cancel_job,
    go_on,
    list_jobs,
    pause_job,
    read_job,
    retry_failed,
)
from ouvidor.feedback.jobs.items import UnknownJob
from ouvidor.feedback.jobs.upkeep import begin_night, give_back
from ouvidor.feedback.jobs.work import Begun, Comments, work_off
from ouvidor.feedback.models import Comment, CommentClassification, CommentItem, CommentMonth
from ouvidor.feedback.remove import remove_comment
from ouvidor.feedback.rules import Rules, change_rules
from ouvidor.feedback.told import Told, Unfit
from ouvidor.pool import Holding
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

PRICED = "gpt-4o-mini"
"""0.15 dollars for a million tokens read, 0.60 for a million written."""
ONE_CALL = Decimal("0.00021")
WAITS = (10, 30, 90, 270)
NOTHING = Holding[Begun, Any]()


def told(count: int, words: str = "Adorei o atendimento") -> list[Told]:
    return [Told(f"{words} {number}", id=f"c{number}") for number in range(count)]


async def begin(rt: Runtime, project: Project, items: Sequence[Told | Unfit]) -> UUID:
    return await begin_job(rt, project, items, source="api", actor=COMMAND)


async def job_of(rt: Runtime, project: Project, job: UUID) -> JobOut:
    async with rt.db.read() as session:
        return await read_job(session, project.id, job, rt.clock())


async def items_of(rt: Runtime, job: UUID) -> list[CommentItem]:
    async with rt.db.read() as session:
        query = select(CommentItem).where(CommentItem.job_id == job).order_by(CommentItem.position)
        return list((await session.execute(query)).scalars())


async def comments_of(rt: Runtime, project: Project) -> dict[str, Comment]:
    async with rt.db.read() as session:
        rows = (await session.execute(select(Comment).where(Comment.project_id == project.id))).scalars()
        return {row.external_id: row for row in rows}


async def entries(rt: Runtime) -> list[CommentClassification]:
    async with rt.db.read() as session:
        return list((await session.execute(select(CommentClassification))).scalars())


async def deeds(rt: Runtime, project: Project) -> list[str]:
    async with rt.db.read() as session:
        query = select(AuditEntry.action).where(AuditEntry.project_id == project.id).order_by(AuditEntry.id)
        return [action for action in (await session.execute(query)).scalars() if action.startswith("comment")]


async def carry_out(rt: Runtime, trade: Comments, units: Sequence[Begun]) -> None:
    """What the pool does with units."""
    for unit in units:
        settled = await trade.carry_out(unit)
        async with rt.db.begin() as session:
            await trade.store(session, [settled])


async def test_each_has_its_own_result_in_order_with_duplicates(rt: Runtime, site: Site) -> None:
    given: list[Told | Unfit] = [
        *told(600),
        Unfit("bad", 422, "has no text"),
        Told("Sem identificação"),
        Told("Sem identificação"),
        Told("Adorei o atendimento 7", id="c7"),
        Told("Outra coisa", id="c8"),
        Told("Detestei", id="z", fields={"artista": "Marina"}, author="ana", written_at=rt.clock() - timedelta(days=3)),
    ]
    job = await begin(rt, site.own.project, given)
    assert (await job_of(rt, site.own.project, job)).state == "pending"
    await work_off(rt)
    found, items, stored = (
        await job_of(rt, site.own.project, job),
        await items_of(rt, job),
        await comments_of(rt, site.own.project),
    )
    assert (found.state, found.total, found.done, found.failed, found.left) == ("done", 606, 604, 2, 0)
    assert found.started_at == found.finished_at == rt.clock()
    assert [item.position for item in items] == list(range(1, 607))
    assert [items[place].comment_id for place in range(600)] == [stored[f"c{number}"].id for number in range(600)]
    assert items[603].comment_id == items[7].comment_id
    assert items[601].comment_id != items[602].comment_id
    assert [(item.position, item.status) for item in items if item.state == "failed"] == [(601, 422), (605, 409)]
    assert all((item.content, item.fields, item.author) == (None, {}, None) for item in items if item.state == "done")
    last = stored["z"]
    assert (last.fields, last.author, last.written_at) == ({"artista": "Marina"}, "ana", rt.clock() - timedelta(days=3))
    assert len(await entries(rt)) == len(stored) == 603


async def test_of_the_same_id_the_first_counts_whoever_is_quicker(rt: Runtime, site: Site) -> None:
    """The two stand in groups of different workers: the second waits for the first."""
    others = told(LOCAL_TOGETHER + 10)
    job = await begin(rt, site.own.project, [Told("primeiro", id="x"), *others, Told("segundo", id="x")])
    slow, quick = Comments(rt), Comments(rt)
    first = await slow.take(NOTHING, 1)
    second = await quick.take(NOTHING, 1)
    assert [len(unit.group.items) for unit in (*first, *second)] == [LOCAL_TOGETHER, 11]
    await carry_out(rt, quick, second)
    await carry_out(rt, slow, first)
    await work_off(rt)
    assert (await comments_of(rt, site.own.project))["x"].content == "primeiro"
    assert (await items_of(rt, job))[-1].status == 409


async def test_of_the_same_id_the_first_counts_though_it_was_lost(rt: Runtime, site: Site) -> None:
    """Of a group the lease of the first has run out before that of the others was renewed."""
    job, trade = await begin(rt, site.own.project, [Told("primeiro", id="x"), Told("segundo", id="x")]), Comments(rt)
    held = await trade.take(NOTHING, 1)
    async with rt.db.begin() as session:
        await session.execute(sql("update comment_item set leased_until = now() where position = 1"))
    await give_back(rt)
    await carry_out(rt, trade, held)
    assert [item.state for item in await items_of(rt, job)] == ["pending", "pending"]
    await work_off(rt)
    assert (await comments_of(rt, site.own.project))["x"].content == "primeiro"
    assert [item.status for item in await items_of(rt, job)] == [None, 409]


async def test_projects_and_jobs_take_turns(rt: Runtime, site: Site) -> None:
    large = await begin(rt, site.own.project, told(3 * LOCAL_TOGETHER))
    small = await begin(rt, site.other.project, told(200))
    trade = Comments(rt)
    first = await trade.take(NOTHING, 2)
    assert {unit.group.job_id for unit in first} == {large, small}
    await carry_out(rt, trade, first)
    later = await begin(rt, site.own.project, [Told("Cheguei depois", id="later")])
    assert (await job_of(rt, site.other.project, small)).state == "done"
    second = await Comments(rt).take(NOTHING, 2)
    assert [unit.group.job_id for unit in second] == [later, large]


async def test_what_another_project_has_under_the_same_id_is_not_touched(rt: Runtime, site: Site) -> None:
    own = await begin(rt, site.own.project, [Told("nosso", id="1")])
    other = await begin(rt, site.other.project, [Told("deles", id="1")])
    await work_off(rt)
    assert [row.content for row in (await comments_of(rt, site.own.project)).values()] == ["nosso"]
    assert [row.content for row in (await comments_of(rt, site.other.project)).values()] == ["deles"]
    for deed in (pause_job, go_on, cancel_job, retry_failed):
        with pytest.raises(UnknownJob):
            await deed(rt, site.own.project, other, COMMAND)
    async with rt.db.read() as session:
        assert [job.id for job in await list_jobs(session, site.own.project.id, rt.clock())] == [own]


async def test_jobs_are_listed_from_the_newest(rt: Runtime, site: Site) -> None:
    jobs = [await begin(rt, site.own.project, [Told(str(number))]) for number in range(3)]
    async with rt.db.read() as session:
        first = await list_jobs(session, site.own.project.id, rt.clock(), limit=2)
        rest = await list_jobs(session, site.own.project.id, rt.clock(), after=first[-1].id)
    assert [job.id for job in (*first, *rest)] == jobs[::-1]


async def test_a_job_is_paused_and_goes_on(rt: Runtime, site: Site) -> None:
    job = await begin(rt, site.own.project, told(3))
    paused = await pause_job(rt, site.own.project, job, COMMAND)
    assert (paused.state, paused.paused_for) == ("paused", "command line")
    await work_off(rt)
    assert (await job_of(rt, site.own.project, job)).done == 0
    assert (await go_on(rt, site.own.project, job, COMMAND)).state == "running"
    await work_off(rt)
    found = await job_of(rt, site.own.project, job)
    assert (found.state, found.done, found.paused_for) == ("done", 3, None)
    with pytest.raises(JobEnded):
        await pause_job(rt, site.own.project, job, COMMAND)
    assert await deeds(rt, site.own.project) == ["comments.sent", "comment_job.paused", "comment_job.resumed"]


async def test_a_cancelled_job_finishes_what_is_under_way_and_forgets_the_rest(rt: Runtime, site: Site) -> None:
    job, trade = await begin(rt, site.own.project, told(LOCAL_TOGETHER + 100)), Comments(rt)
    under_way = await trade.take(NOTHING, 1)
    await cancel_job(rt, site.own.project, job, COMMAND)
    await carry_out(rt, trade, under_way)
    await work_off(rt)
    found = await job_of(rt, site.own.project, job)
    assert (found.state, found.done, found.left) == ("cancelled", LOCAL_TOGETHER, 0)
    assert len(await items_of(rt, job)) == len(await comments_of(rt, site.own.project)) == LOCAL_TOGETHER
    with pytest.raises(JobEnded):
        await retry_failed(rt, site.own.project, job, COMMAND)


async def test_a_cancelled_job_forgets_what_a_dead_worker_held(rt: Runtime, site: Site) -> None:
    job = await begin(rt, site.own.project, told(5))
    await Comments(rt).take(NOTHING, 1)
    await cancel_job(rt, site.own.project, job, COMMAND)
    await let_leases_run_out(rt)
    await give_back(rt)
    assert await items_of(rt, job) == []


async def let_leases_run_out(rt: Runtime) -> None:
    async with rt.db.begin() as session:
        await session.execute(sql("update comment_item set leased_until = now() where state = 'running'"))


async def test_a_worker_that_lost_its_lease_stores_nothing(rt: Runtime, site: Site) -> None:
    job, slow = await begin(rt, site.own.project, told(40)), Comments(rt)
    held = await slow.take(NOTHING, 1)
    await let_leases_run_out(rt)
    await work_off(rt)
    assert (await job_of(rt, site.own.project, job)).state == "done"
    await carry_out(rt, slow, held)
    found = await job_of(rt, site.own.project, job)
    assert (found.done, found.failed) == (40, 0)
    assert len(await entries(rt)) == 40


async def test_what_is_renewed_is_not_given_to_others(rt: Runtime, site: Site) -> None:
    await begin(rt, site.own.project, told(5))
    trade = Comments(rt)
    units = await trade.take(NOTHING, 1)
    await let_leases_run_out(rt)
    async with rt.db.begin() as session:
        await trade.renew(session, Holding(tuple(units)))
    assert await Comments(rt).take(NOTHING, 1) == []
    async with rt.db.begin() as session:
        await trade.leave(session, units)
    assert len(await Comments(rt).take(NOTHING, 1)) == 1


async def test_what_kills_workers_fails_alone(rt: Runtime, site: Site) -> None:
    """A worker dies over one comment again and again: the others, taken up in smaller groups, are stored."""
    job, trade = (
        await begin(rt, site.own.project, [*told(70), Told("veneno", id="poison"), *told(90)[70:]]),
        Comments(rt),
    )
    for _ in range(200):
        units = await Comments(rt).take(NOTHING, 1)
        if not units:
            break
        if any(item.told and item.told.id == "poison" for item in units[0].group.items):
            await let_leases_run_out(rt)
        else:
            await carry_out(rt, trade, units)
    found = await job_of(rt, site.own.project, job)
    assert (found.state, found.done, found.failed) == ("done", 90, 1)
    (failed,) = [item for item in await items_of(rt, job) if item.state == "failed"]
    assert (failed.external_id, failed.status, failed.losses) == ("poison", 500, MOST_LOSSES)
    assert (await retry_failed(rt, site.own.project, job, COMMAND)).left == 1
    await work_off(rt)
    assert (await job_of(rt, site.own.project, job)).done == 91


async def test_what_is_there_is_gone_over_again(rt: Runtime, site: Site) -> None:
    await begin(rt, site.own.project, told(4))
    await work_off(rt)
    before = await comments_of(rt, site.own.project)
    async with rt.db.begin() as session:
        again = await begin_again(session, site.own.project, source="again", actor=COMMAND, now=rt.clock())
    assert again is not None
    await remove_comment(rt, site.own.project, before["c2"].id, COMMAND)
    await work_off(rt)
    found = await job_of(rt, site.own.project, again)
    assert (found.kind, found.state, found.done, found.failed) == ("again", "done", 3, 1)
    assert [item.status for item in await items_of(rt, again) if item.state == "failed"] == [404]
    assert sorted(entry.comment_id for entry in await entries(rt)) == sorted(
        before[f"c{number}"].id for number in (0, 1, 3) for _ in range(2)
    )
    with pytest.raises(NothingFailed):
        await retry_failed(rt, site.own.project, again, COMMAND)


async def test_the_rate_is_that_of_late(rt: Runtime, clock: MovedClock, site: Site) -> None:
    job, trade = await begin(rt, site.own.project, told(2 * LOCAL_TOGETHER)), Comments(rt)
    units = await trade.take(NOTHING, 2)
    assert (await job_of(rt, site.own.project, job)).rate is None
    clock.advance(seconds=4)
    await carry_out(rt, trade, units[:1])
    found = await job_of(rt, site.own.project, job)
    assert (found.rate, found.seconds_left) == (LOCAL_TOGETHER / 4, 4.0)
    clock.advance(seconds=60)
    slower = (await job_of(rt, site.own.project, job)).rate
    assert slower is not None
    assert slower < LOCAL_TOGETHER / 8


async def test_items_are_forgotten_after_thirty_days_and_comments_stay(
    rt: Runtime, clock: MovedClock, site: Site
) -> None:
    job = await begin(rt, site.own.project, told(3))
    await work_off(rt)
    clock.advance(days=29)
    await begin_night(rt)
    assert len(await items_of(rt, job)) == 3
    clock.advance(days=2)
    await begin_night(rt)
    assert await items_of(rt, job) == []
    assert len(await comments_of(rt, site.own.project)) == 3


async def test_a_worker_that_runs_once_does_it(rt: Runtime, site: Site) -> None:
    job = await begin(rt, site.own.project, told(1_200))
    await work(rt, once=True)
    assert (await job_of(rt, site.own.project, job)).done == 1_200
    async with rt.db.read() as session:
        assert (
            await session.execute(
                sql("select count(*) from jobs.procrastinate_jobs where task_name = 'comments.index'")
            )
        ).scalar_one() == 0


class NoVectorsNow(NoEmbedder):
    """A server of the vectors that the shipped classifier knows, which is away."""

    @property
    def name(self) -> str:
        return shipped().vectors

    @property
    def available(self) -> bool:
        return True

    async def embed(self, texts: Sequence[str], *, project_id: UUID | None = None) -> Any:  # noqa: ARG002 - an embedder's
        raise EmbeddingFailed


async def test_without_the_server_of_vectors_comments_wait_then_fail_and_are_tried_again(
    settings: Settings, database: DatabaseAddress, clock: MovedClock
) -> None:
    async with open_runtime(settings, database, embedder=NoVectorsNow("test"), clock=clock) as rt:
        project = (await build_tenant(rt, "shop")).project
        job = await begin(rt, project, told(3))
        for wait in (*WAITS, 0):
            await work_off(rt)
            clock.advance(seconds=wait)
        found = await job_of(rt, project, job)
        assert (found.state, found.failed) == ("done", 3)
        assert {(item.status, item.attempts) for item in await items_of(rt, job)} == {(503, 5)}
    async with open_runtime(settings, database, embedder=NoEmbedder("test"), clock=clock) as rt:
        await retry_failed(rt, project, job, COMMAND)
        await work_off(rt)
        found = await job_of(rt, project, job)
        assert (found.state, found.done, found.failed) == ("done", 3, 0)


class OpenOn(Protocol):
    def __call__(self, server: LlmServer, **changed: Any) -> AbstractAsyncContextManager[Runtime]: ...


@pytest.fixture
def open_on(database: DatabaseAddress, clock: MovedClock, tmp_path: Path) -> OpenOn:
    """A process whose model is on this server; opened twice there are two."""

    @asynccontextmanager
    async def open_one(server: LlmServer, **changed: Any) -> AsyncGenerator[Runtime]:
        known = {"llm_base_url": server.url, "llm_model": PRICED, "llm_attempts": 1, "database_pool": 10}
        settings = Settings(data_dir=tmp_path, _env_file=None, **known | changed)  # pyright: ignore[reportCallIssue]
        async with open_runtime(settings, database, embedder=NoEmbedder("test"), clock=clock) as rt:
            yield rt

    return open_one


def sorted_by_model(asked: Asked) -> Says:
    """Praise for every comment, at 1,000 tokens read and 100 written."""
    given = json.loads(asked.body["messages"][1]["content"])["comments"]
    known = {"category": "praise", "tags": [], "confidence": 0.9, "sentiment": "positive", "language": "pt"}
    said = {"comments": [{"n": one["n"], **known} for one in given]}
    return Says(json.dumps(said), usage=Usage(prompt=1000, completion=100), model=PRICED)


async def spent_by(rt: Runtime, project: Project) -> CommentMonth:
    async with rt.db.read() as session:
        query = select(CommentMonth).where(CommentMonth.project_id == project.id)
        return (await session.execute(query)).scalar_one()


async def rule(rt: Runtime, project: Project, rules: Rules) -> None:
    async with rt.db.begin() as session:
        await change_rules(session, project.id, rules, COMMAND, rt.clock())


async def test_a_model_classifies_and_what_it_took_is_counted(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(sorted_by_model)
        async with open_on(server) as rt:
            project = (await build_site(rt)).own.project
            job = await begin(rt, project, told(30))
            await work_off(rt)
            found, spent = await job_of(rt, project, job), await spent_by(rt, project)
            assert {entry.by for entry in await entries(rt)} == {"model"}
            assert len(await entries(rt)) == 30
    assert (found.state, found.done, found.input_tokens, found.output_tokens) == ("done", 30, 3000, 300)
    assert found.cost == spent.cost == 3 * ONE_CALL
    assert (spent.calls, len(server.requests)) == (3, 3)


async def test_what_is_stored_already_is_asked_of_nobody(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(sorted_by_model)
        async with open_on(server) as rt:
            project = (await build_site(rt)).own.project
            for _ in range(2):
                job = await begin(rt, project, told(12))
                await work_off(rt)
            assert (await job_of(rt, project, job)).done == 12
    assert len(server.requests) == 1


async def test_a_project_that_wants_no_model_has_none(open_on: OpenOn) -> None:
    with LlmServer() as server:
        async with open_on(server) as rt:
            project = (await build_site(rt)).own.project
            await rule(rt, project, Rules(by_model=False))
            await begin(rt, project, told(30))
            await work_off(rt)
            assert {entry.by for entry in await entries(rt)} == {"local"}
    assert server.requests == []


async def test_the_month_holds_a_job_up_until_there_is_money(open_on: OpenOn, clock: MovedClock) -> None:
    with LlmServer() as server:
        server.always(sorted_by_model)
        async with open_on(server) as rt:
            project = (await build_site(rt)).own.project
            await rule(rt, project, Rules(budget=Decimal("0.0010")))
            job = await begin(rt, project, told(60))
            await work_off(rt)
            held = await job_of(rt, project, job)
            spent = await spent_by(rt, project)
            assert (held.state, held.paused_for) == ("paused", "budget")
            assert 0 < held.done < 60
            assert spent.cost <= Decimal("0.0010")
            await work_off(rt)
            assert (await job_of(rt, project, job)).done == held.done
            clock.advance(days=31)
            await work_off(rt)
            assert (await job_of(rt, project, job)).done > held.done
            await rule(rt, project, Rules(budget=Decimal(1)))
            await work_off(rt)
            found = await job_of(rt, project, job)
            assert (found.state, found.done, found.paused_for) == ("done", 60, None)


async def test_a_budget_needs_a_price(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(sorted_by_model)
        async with open_on(server, llm_model="our-own") as rt:
            project = (await build_site(rt)).own.project
            await rule(rt, project, Rules(budget=Decimal(1)))
            job = await begin(rt, project, told(3))
            await work_off(rt)
            held = await job_of(rt, project, job)
            assert (held.state, held.paused_for, server.requests) == ("paused", "price_unknown", [])
            await rule(rt, project, Rules())
            await work_off(rt)
            assert (await job_of(rt, project, job)).done == 3


async def test_a_model_that_fails_is_tried_again_then_the_local_classifier_stands_in(
    open_on: OpenOn, clock: MovedClock
) -> None:
    with LlmServer() as server:
        server.always(Status(500))
        async with open_on(server) as rt:
            project = (await build_site(rt)).own.project
            job = await begin(rt, project, told(3))
            for attempt, wait in enumerate((*WAITS, 0), start=1):
                await work_off(rt)
                assert len(server.requests) == attempt
                assert (await job_of(rt, project, job)).done == (3 if wait == 0 else 0)
                clock.advance(seconds=wait - 1)
                await work_off(rt)
                assert len(server.requests) == attempt
                clock.advance(seconds=1)
            assert {entry.by for entry in await entries(rt)} == {"local"}


async def test_where_nothing_may_stand_in_it_fails_and_can_be_tried_again(open_on: OpenOn, clock: MovedClock) -> None:
    with LlmServer() as server:
        server.always(Status(500))
        async with open_on(server, llm_when_down="error") as rt:
            project = (await build_site(rt)).own.project
            job = await begin(rt, project, told(3))
            for wait in (*WAITS, 0):
                await work_off(rt)
                clock.advance(seconds=wait)
            found = await job_of(rt, project, job)
            assert (found.state, found.done, found.failed) == ("done", 0, 3)
            (failed, *_) = await items_of(rt, job)
            assert (failed.status, failed.content) == (503, "Adorei o atendimento 0")
            assert "server_error" in (failed.reason or "")
            assert (await retry_failed(rt, project, job, COMMAND)).state == "pending"
        server.always(sorted_by_model)
        async with open_on(server, llm_when_down="error") as rt:
            await work_off(rt)
            found = await job_of(rt, project, job)
            assert (found.state, found.done, found.failed) == ("done", 3, 0)
            assert (await deeds(rt, project))[-1] == "comment_job.retried"


async def test_of_the_same_id_the_first_counts_though_the_model_leaves_it_out(
    open_on: OpenOn, clock: MovedClock
) -> None:
    def all_but_the_first(asked: Asked) -> Answer:
        said = sorted_by_model(asked)
        texts = [one["text"] for one in json.loads(asked.body["messages"][1]["content"])["comments"]]
        left = [one for one in json.loads(said.content)["comments"] if texts[one["n"] - 1] != "primeiro"]
        return replace(said, content=json.dumps({"comments": left}))

    with LlmServer() as server:
        server.always(all_but_the_first)
        async with open_on(server) as rt:
            project = (await build_site(rt)).own.project
            job = await begin(rt, project, [Told("primeiro", id="x"), Told("outro", id="y"), Told("segundo", id="x")])
            await work_off(rt)
            assert [item.state for item in await items_of(rt, job)] == ["pending", "done", "pending"]
            server.always(sorted_by_model)
            clock.advance(seconds=10)
            await work_off(rt)
            assert (await comments_of(rt, project))["x"].content == "primeiro"
            assert [item.status for item in await items_of(rt, job)] == [None, None, 409]


async def test_two_workers_share_the_calls_and_double_nothing(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(sorted_by_model)
        async with open_on(server, comments_concurrency=3) as one, open_on(server, comments_concurrency=3) as other:
            project = (await build_site(one)).own.project
            job, trade = await begin(one, project, told(400)), Comments(one)
            held = await trade.take(NOTHING, 50)
            assert (len(held), await Comments(other).take(NOTHING, 50)) == (3, [])
            async with one.db.begin() as session:
                await trade.leave(session, held)
            await asyncio.gather(work_off(one), work_off(other))
            found = await job_of(one, project, job)
            assert (found.state, found.done) == ("done", 400)
            assert len(await entries(one)) == 400
    assert server.at_once <= 3
    assert len(server.requests) == 34


async def test_what_a_dead_worker_may_have_spent_counts(open_on: OpenOn) -> None:
    with LlmServer() as server:
        async with open_on(server) as rt:
            project = (await build_site(rt)).own.project
            await rule(rt, project, Rules(budget=Decimal(1)))
            job = await begin(rt, project, told(12))
            assert len(await Comments(rt).take(NOTHING, 1)) == 1
            reserved = sum((item.reserved for item in await items_of(rt, job)), Decimal(0))
            await let_leases_run_out(rt)
            await give_back(rt)
            assert (await spent_by(rt, project)).cost == (await job_of(rt, project, job)).cost == reserved > 0


async def test_a_providers_batch_is_not_ours_unless_there_is_no_model(
    open_on: OpenOn, database: DatabaseAddress, settings: Settings, clock: MovedClock
) -> None:
    with LlmServer() as server:
        async with open_on(server) as rt:
            project = (await build_site(rt)).own.project
            job = await begin_job(rt, project, told(3), source="api", actor=COMMAND, batched=True)
            await work_off(rt)
            assert (await job_of(rt, project, job)).state == "pending"
    async with open_runtime(settings, database, embedder=NoEmbedder("test"), clock=clock) as rt:
        await work_off(rt)
        assert (await job_of(rt, project, job)).state == "done"


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({}, 8),
        ({"comments_concurrency": 2}, 2),
        ({"llm_requests_per_minute": 12}, 3),
        ({"llm_tokens_per_minute": 40_000}, 4),
        ({"llm_requests_per_minute": 1}, 1),
    ],
)
def test_no_more_calls_at_once_than_the_limits_feed(limits: dict[str, int], most: int) -> None:
    settings = Settings(llm_model="m", _env_file=None, **limits)  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert slots(settings) == most


async def test_comments_erased_meanwhile_end_a_job(rt: Runtime, site: Site) -> None:
    job = await begin(rt, site.own.project, told(3))
    await pause_job(rt, site.own.project, job, COMMAND)
    async with rt.db.begin() as session:
        await session.execute(update(CommentItem).where(CommentItem.position == 2).values(content=None))
        await session.execute(sql("delete from comment_item where position = 3"))
    await go_on(rt, site.own.project, job, COMMAND)
    await work_off(rt)
    found = await job_of(rt, site.own.project, job)
    assert (found.state, found.done, found.failed) == ("done", 1, 1)

"""What a language model may do to the analyses: odd answers, failures, costs, two workers at once, lost leases."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest
from analyses import add_talks, analyses, items, month, verdict
from conftest import MovedClock
from factories import build_site
from llm_server import Answer, Asked, LlmServer, Says, Status, Usage, fenced, truncated
from sqlalchemy import text as sql
from sqlalchemy import update

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import Project
from ouvidor.analysis.claim import slots
from ouvidor.analysis.jobs import sweep
from ouvidor.analysis.order import Order, estimate_run, order_run
from ouvidor.analysis.runs import RunOut, list_parked, list_runs, retry_parked
from ouvidor.analysis.work import Analyst, work_off
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.prompts.store import save_prompt
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

pytestmark = pytest.mark.anyio

PRICED = "gpt-4o-mini"
"""0.15 dollars for a million tokens read, 0.60 for a million written."""
WAITS = (10, 30, 90, 270)


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


def said(content: Any = None, **changed: Any) -> Says:
    """A whole verdict, by a model whose price is known, for 1,000 tokens read and 100 written."""
    usage = Usage(prompt=1000, completion=100)
    return Says(json.dumps(content or verdict(**changed)), usage=usage, model=PRICED)


async def the_run(rt: Runtime, project: Project) -> RunOut:
    async with rt.db.read() as session:
        return (await list_runs(session, project.id, rt.clock()))[0]


async def change(rt: Runtime, project: Project, **values: Any) -> None:
    async with rt.db.begin() as session:
        await session.execute(update(Project).where(Project.id == project.id).values(**values))


async def test_a_models_verdict_is_kept_with_its_version_tokens_and_price(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(said())
        async with open_on(server) as rt:
            site = await build_site(rt)
            await change(rt, site.own.project, analysis_goal="The room was booked.")
            await add_talks(rt, site.own.project, unit="Pousada Sol")
            await sweep(rt)
            await work_off(rt)
            (found,) = await analyses(rt, site.own.project)
            spent = await month(rt, site.own.project)
    assert found.version.startswith("analysis default ")
    assert (found.model, found.input_tokens, found.output_tokens, found.unit) == (PRICED, 1000, 100, "Pousada Sol")
    assert (found.input_price, found.output_price) == (Decimal("0.15"), Decimal("0.60"))
    assert found.cost == Decimal("0.00021")
    assert spent is not None
    assert (spent.calls, spent.input_tokens, spent.output_tokens, spent.cost) == (1, 1000, 100, found.cost)
    assert (found.satisfaction, found.resolved, found.goal_reached, found.topics) == (8, "yes", "yes", ["reserva"])
    assert found.improvements == [{"text": "Confirmar a data.", "at": [2]}]
    assert found.evidence["satisfaction"] == [3]
    asked = json.loads(server.requests[0].said("user"))
    assert asked["goal"] == "The room was booked."
    assert [line["from"] for line in asked["messages"]] == ["customer", "bot", "customer", "bot"]


@pytest.mark.parametrize(
    ("answers", "stored", "requests"),
    [
        ((fenced(verdict()),), True, 1),
        ((truncated(verdict()), said()), True, 2),
        ((said(satisfaction=11), said()), True, 2),
        ((said(confidence=1.5), said(language="Portuguese")), False, 2),
        ((Says('{"rating": "great"}'), Says("I would say 9 of 10.")), False, 2),
        ((said(summary=[]), said(faults=[{"kind": "rude", "at": [1]}])), False, 2),
    ],
)
async def test_odd_answers(open_on: OpenOn, answers: tuple[Answer, ...], stored: bool, requests: int) -> None:
    """Fenced, truncated, out of range, of another shape: asked once more, then counted as a failure."""
    with LlmServer() as server:
        server.next(*answers)
        async with open_on(server) as rt:
            site = await build_site(rt)
            await add_talks(rt, site.own.project)
            await sweep(rt)
            await work_off(rt)
            found, (item,) = await analyses(rt, site.own.project), await items(rt, site.own.project)
    assert len(found) == stored
    assert len(server.requests) == requests
    assert (item.state, item.attempts, item.reason) == (("done", 0, None) if stored else ("pending", 1, "bad_output"))


async def test_after_five_failures_it_is_parked_and_may_be_tried_again(open_on: OpenOn, clock: MovedClock) -> None:
    """What it cost counts; others go on; a person has it tried again."""

    def answer(asked: Asked) -> Answer:
        return (
            Says("no", usage=Usage(prompt=500, completion=1), model=PRICED)
            if "cursed" in asked.said("user")
            else said()
        )

    with LlmServer() as server:
        server.always(answer)
        async with open_on(server) as rt:
            site = await build_site(rt)
            project = site.own.project
            (bad,) = await add_talks(rt, project, lines=(("customer", "cursed"),))
            await add_talks(rt, project, 3)
            await sweep(rt)
            await work_off(rt)
            for wait in WAITS:
                run = await the_run(rt, project)
                assert (run.done, run.retrying, run.state) == (3, 1, "running")
                clock.advance(seconds=wait - 1)
                await work_off(rt)
                before = len(server.requests)
                clock.advance(seconds=1)
                await work_off(rt)
                assert len(server.requests) == before + 2
            run = await the_run(rt, project)
            assert (run.state, run.done, run.parked, run.left, run.total) == ("done", 3, 1, 0, 4)
            async with rt.db.read() as session:
                (parked,) = await list_parked(session, project.id)
            assert (parked.conversation_id, parked.reason) == (bad, "bad_output")
            spent = await month(rt, project)
            assert spent is not None
            assert (spent.calls, spent.input_tokens) == (8, 3 * 1000 + 5 * 2 * 500)
            clock.advance(days=1)
            await sweep(rt)
            await work_off(rt)
            assert (await items(rt, project))[0].attempts == 5
            server.always(said())
            again = await retry_parked(rt, project, COMMAND, conversation_id=bad)
            assert (again.state, again.left) == ("running", 1)
            await work_off(rt)
            assert len(await analyses(rt, project)) == 4


async def test_an_open_circuit_counts_against_no_conversation(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(Status(500))
        async with open_on(server, analysis_concurrency=1) as rt:
            site = await build_site(rt)
            await add_talks(rt, site.own.project, 30)
            await sweep(rt)
            await work_off(rt)
            kept = await items(rt, site.own.project)
            assert len(server.requests) <= 6
            assert sum(item.attempts for item in kept) == len(server.requests)
            assert {item.reason for item in kept} == {"server_error", "circuit_open"}
            assert {item.state for item in kept} == {"pending"}


async def test_a_budget_pauses_and_more_money_or_a_new_month_resumes(open_on: OpenOn, clock: MovedClock) -> None:
    """Each is begun only while what was spent and what it may cost are within the budget."""
    cost = Decimal("0.00021")
    with LlmServer() as server:
        server.always(said())
        async with open_on(server, analysis_concurrency=1) as rt:
            site = await build_site(rt)
            project = site.own.project
            await add_talks(rt, project, 30)
            estimated = (await estimate_run(rt, project, Order(limit=1))).dollars
            assert estimated is not None
            assert cost < estimated < 10 * cost
            done = 0
            for more, days in ((5, 0), (9, 0), (9, 8), (9, 2)):
                await change(rt, project, analysis_budget=estimated + more * cost)
                clock.advance(days=days)
                if not done:
                    await sweep(rt)
                await work_off(rt)
                run = await the_run(rt, project)
                done = {(5, 0): 6, (9, 0): 10, (9, 8): 10, (9, 2): 20}[more, days]
                assert (run.done, run.state, run.paused_for) == (done, "paused", "budget")
            await change(rt, project, analysis_budget=None)
            await work_off(rt)
            run = await the_run(rt, project)
            assert (run.state, run.done, run.cost) == ("done", 30, 30 * cost)


async def test_with_a_budget_a_price_must_be_known(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(said())
        async with open_on(server, llm_model="our-own-model-7b") as rt:
            site = await build_site(rt)
            await add_talks(rt, site.own.project)
            assert (await estimate_run(rt, site.own.project, Order())).dollars is None
            await change(rt, site.own.project, analysis_budget=Decimal(5))
            await sweep(rt)
            await work_off(rt)
            run = await the_run(rt, site.own.project)
    assert (run.state, run.paused_for, server.requests) == ("paused", "price_unknown", [])


async def test_concurrency_holds_over_two_workers_and_both_take_part(open_on: OpenOn) -> None:
    """Twelve slots, two processes on one server, told apart by their model: never more than twelve calls at once."""
    with LlmServer() as server:
        server.always(said())
        shared = {"analysis_concurrency": 12}
        async with open_on(server, **shared) as one, open_on(server, llm_model="gpt-4o", **shared) as two:
            site = await build_site(one)
            await add_talks(one, site.own.project, 120)
            workers = [Analyst(rt) for rt in (one, two)]
            for worker in workers:
                await worker.show_life()
            await sweep(one)
            await asyncio.gather(*(worker.work(once=True) for worker in workers))
            await work_off(one)
            assert len(await analyses(one, site.own.project)) == 120
    assert len(server.requests) == 120
    assert {asked.body["model"] for asked in server.requests} == {PRICED, "gpt-4o"}
    assert server.at_once <= 12


async def test_a_lost_lease_stores_nothing(open_on: OpenOn) -> None:
    """The lease of the first runs out during its call, another worker does it; the first comes too late."""
    loop = asyncio.get_running_loop()
    with LlmServer() as slow, LlmServer() as quick:
        quick.always(said(satisfaction=3))
        async with open_on(slow) as one, open_on(quick) as two:
            site = await build_site(one)
            project = site.own.project
            await add_talks(one, project)

            async def meanwhile() -> None:
                async with two.db.begin() as session:
                    await session.execute(sql("update analysis_item set leased_until = now() - interval '1 second'"))
                    await session.execute(sql("delete from analysis_worker"))
                await work_off(two)

            def late(_: Asked) -> Answer:
                asyncio.run_coroutine_threadsafe(meanwhile(), loop).result(20)
                return said(satisfaction=9)

            slow.always(late)
            await sweep(one)
            await work_off(one)
            (found,), (item,), spent = (
                await analyses(one, project),
                await items(one, project),
                await month(one, project),
            )
            run = await the_run(one, project)
    assert (found.satisfaction, item.state, item.losses) == (3, "done", 0)
    assert spent is not None
    assert (spent.calls, run.done, run.state) == (2, 1, "done")


async def test_a_new_prompt_version_serves_what_falls_due_after_it(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(said())
        async with open_on(server) as rt:
            site = await build_site(rt)
            project = site.own.project
            await add_talks(rt, project, 2)
            await sweep(rt)
            await work_off(rt)
            await save_prompt(rt, project, "analysis", "Judge it for {{ company }}.", activate=True, actor=COMMAND)
            await add_talks(rt, project)
            await sweep(rt)
            await work_off(rt)
            versions = [one.version for one in await analyses(rt, project)]
            assert [version.partition(" default")[0] for version in versions] == ["analysis", "analysis", "analysis 1"]
            await order_run(rt, project, Order(again=True, confirmed=3), COMMAND)
            await work_off(rt)
            found = await analyses(rt, project)
    assert [one.version for one in found if one.current] == ["analysis 1"] * 3
    assert len(found) == 5


async def test_our_own_limit_keeps_the_slots_few_and_parks_nothing(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(said())
        async with open_on(server, llm_requests_per_minute=8) as rt:
            site = await build_site(rt)
            await add_talks(rt, site.own.project, 6)
            assert slots(rt.settings, rt.engine.name) == 2
            assert slots(rt.settings, "local") == rt.settings.analysis_concurrency


async def test_a_long_conversation_keeps_its_beginning_and_its_end(open_on: OpenOn) -> None:
    lines = [("customer" if n % 2 else "bot", f"linha {n} " + "palavra " * 40) for n in range(1, 301)]
    with LlmServer() as server:
        server.always(said())
        async with open_on(server, llm_context_tokens=8000) as rt:
            site = await build_site(rt)
            await add_talks(rt, site.own.project, lines=lines)
            await sweep(rt)
            await work_off(rt)
            (found,) = await analyses(rt, site.own.project)
    positions = [line["position"] for line in json.loads(server.requests[0].said("user"))["messages"]]
    assert (positions[0], positions[-1]) == (1, 300)
    assert found.trimmed_messages == 300 - len(positions) > 200
    assert found.covers == 300


async def test_what_was_erased_meanwhile_stops_nothing(open_on: OpenOn) -> None:
    loop = asyncio.get_running_loop()
    with LlmServer() as server:
        async with open_on(server) as rt:
            site = await build_site(rt)
            ids = await add_talks(rt, site.own.project, 3)

            async def erase() -> None:
                async with rt.db.begin() as session:
                    await session.execute(sql("delete from conversation where id = :id"), {"id": ids[0]})

            def answer(_: Asked) -> Answer:
                asyncio.run_coroutine_threadsafe(erase(), loop).result(20)
                return said()

            server.always(answer)
            await sweep(rt)
            await work_off(rt)
            assert {one.conversation_id for one in await analyses(rt, site.own.project)} == set(ids[1:])
            assert (await the_run(rt, site.own.project)).state == "done"


async def test_a_project_that_is_gone_meanwhile_stops_no_other(open_on: OpenOn) -> None:
    loop = asyncio.get_running_loop()
    with LlmServer() as server:
        async with open_on(server, analysis_concurrency=4) as rt:
            site = await build_site(rt)
            own, other = site.own.project, site.other.project
            await add_talks(rt, own, 2)
            await add_talks(rt, other, 2)

            async def remove() -> None:
                async with rt.db.begin() as session:
                    await session.execute(sql("delete from project where id = :id"), {"id": other.id})

            def answer(_: Asked) -> Answer:
                asyncio.run_coroutine_threadsafe(remove(), loop).result(20)
                return said()

            server.always(answer)
            await sweep(rt)
            await asyncio.wait_for(work_off(rt), 60)
            kept, run, spent = await analyses(rt, own), await the_run(rt, own), await month(rt, own)
    assert spent is not None
    assert (len(kept), run.done, run.state, spent.calls, run.input_tokens) == (2, 2, "done", 2, 2000)


async def test_a_month_of_billions_of_tokens_is_counted(open_on: OpenOn) -> None:
    with LlmServer() as server:
        async with open_on(server) as rt:
            project = (await build_site(rt)).own.project
            server.always(Says(json.dumps(verdict()), usage=Usage(prompt=2_000_000_000, completion=100), model=PRICED))
            await add_talks(rt, project, 2)
            await sweep(rt)
            await asyncio.wait_for(work_off(rt), 60)
            run, spent = await the_run(rt, project), await month(rt, project)
    assert spent is not None
    assert (run.done, run.input_tokens, spent.input_tokens) == (2, 4_000_000_000, 4_000_000_000)

"""Vectors from a server: of any dimension, made again when the model changes; a failing server costs no reply.

What it took is recorded, and its requests keep to the limits.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import client_of
from factories import HOTEL, Tenant, add_sections, build_site, build_tenant
from llm_server import VENDOR_TEXT, Answer, Asked, Hang, LlmServer, NotHttp, Reset, Status, vector_of
from sqlalchemy import Row
from sqlalchemy import text as sql

from ouvidor.db import Database
from ouvidor.doctor import Finding, examine
from ouvidor.engines.calls import CallLog
from ouvidor.engines.embeddings import EmbeddingFailed, NoEmbedder
from ouvidor.engines.limits import Rate
from ouvidor.engines.local import LocalEngine
from ouvidor.engines.remote_embeddings import MOST_CHARACTERS, MOST_TEXTS, RemoteEmbedder
from ouvidor.feedback.intake.receive import take_in
from ouvidor.feedback.jobs.vectors import embed_comments
from ouvidor.feedback.told import Told
from ouvidor.knowledge import vectors
from ouvidor.knowledge.catch_up import leave_index_jobs
from ouvidor.knowledge.index import index_knowledge
from ouvidor.knowledge.search import search
from ouvidor.knowledge.vector_index import SECTION_VECTORS
from ouvidor.knowledge.vectors import Progress, embed_sections, vector_progress
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime, utc_now
from ouvidor.settings import Settings
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

OpenOn = Callable[..., AbstractAsyncContextManager[Runtime]]
LARGE = 200
DIMENSIONS = "select distinct vector_dims(embedding) from section_vector where project_id = :project"
NOWHERE = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
CALLS = "select * from engine_call where project_id = :project order by id"
JOBS = "select status::text from jobs.procrastinate_jobs where task_name = 'knowledge.index' order by id"


@pytest.fixture
def open_on(settings: Settings, database: DatabaseAddress, clock: Any) -> OpenOn:
    """Opens a runtime whose vectors come from this server; opening a second one is a restart of the process."""

    @asynccontextmanager
    async def open_one(server: LlmServer, model: str = "vectors-1", **limits: int) -> AsyncGenerator[Runtime]:
        changed = settings.model_copy(update={"llm_base_url": server.url, "embedding_model": model, **limits})
        async with open_runtime(changed, database, engine=LocalEngine(), clock=clock) as rt:
            yield rt

    return open_one


def embedder_of(server: LlmServer, **doubles: Any) -> RemoteEmbedder:
    """An embedder that waits for nothing and needs no database."""
    settings = Settings(llm_base_url=server.url, embedding_model="vectors-1", _env_file=None)  # pyright: ignore[reportCallIssue]
    return RemoteEmbedder(
        settings, NOWHERE, CallLog(NOWHERE), utc_now, **({"pause": _no_pause, "chance": lambda: 0.0} | doubles)
    )


async def _no_pause(seconds: float) -> None: ...


def rows_of(asked: Asked) -> list[dict[str, Any]]:
    """What a well-behaved server of dimension 8 says."""
    return [
        {"object": "embedding", "index": number, "embedding": vector_of(text, 8)}
        for number, text in enumerate(asked.body["input"])
    ]


def says(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": rows, "model": "vectors-1", "usage": {"prompt_tokens": 1, "total_tokens": 1}}


async def dimensions(rt: Runtime, tenant: Tenant) -> list[int]:
    async with rt.db.read() as session:
        return list((await session.execute(sql(DIMENSIONS), {"project": tenant.project.id})).scalars())


async def test_vectors_come_in_the_order_of_the_texts_and_of_length_one() -> None:
    def shuffled(asked: Asked) -> Answer:
        rows = rows_of(asked)
        return says([row | {"embedding": [9 * value for value in row["embedding"]]} for row in rows[::-1]])

    with LlmServer() as server:
        server.always(shuffled, task="embeddings")
        embedder = embedder_of(server)
        assert embedder.dimension == 0
        vectors = await embedder.embed(["the pool", "the bar"])
        assert (await embedder.embed([])).shape == (0, 8)
        await embedder.close()
    np.testing.assert_allclose(vectors, [vector_of("the pool", 8), vector_of("the bar", 8)], atol=1e-6)
    assert embedder.dimension == 8
    assert embedder.name == f"{server.url.split('/')[2]} vectors-1 8"


async def test_many_texts_go_in_several_requests() -> None:
    with LlmServer(dimension=8) as server:
        embedder = embedder_of(server)
        texts = [f"room {number}" for number in range(2 * MOST_TEXTS + 1)]
        vectors = await embedder.embed(texts)
        await embedder.embed(["a" * (MOST_CHARACTERS - 5), "b" * 10])
        await embedder.close()
    assert [len(asked.body["input"]) for asked in server.requests] == [MOST_TEXTS, MOST_TEXTS, 1, 1, 1]
    np.testing.assert_allclose(vectors, [vector_of(text, 8) for text in texts], atol=1e-6)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_server_that_takes_few_texts_gets_few_from_then_on(status: int) -> None:
    def at_most_40(asked: Asked) -> Answer:
        return Status(status) if len(asked.body["input"]) > 40 else says(rows_of(asked))

    with LlmServer() as server:
        server.always(at_most_40, task="embeddings")
        embedder = embedder_of(server)
        texts = [f"room {number}" for number in range(MOST_TEXTS)]
        np.testing.assert_allclose(await embedder.embed(texts), [vector_of(text, 8) for text in texts], atol=1e-6)
        before = len(server.requests)
        await embedder.embed(texts)
        await embedder.close()
    assert [len(asked.body["input"]) for asked in server.requests[before:]] == [32] * 4


async def test_a_text_too_long_for_the_model_is_cut() -> None:
    def short_ones(asked: Asked) -> Answer:
        return Status(400) if max(map(len, asked.body["input"])) > 2000 else says(rows_of(asked))

    with LlmServer() as server:
        server.always(short_ones, task="embeddings")
        embedder = embedder_of(server)
        assert (await embedder.embed(["word " * 2000, "the pool"])).shape == (2, 8)
        await embedder.close()


def wrong(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Answer:
    return lambda asked: says(change(rows_of(asked)))


UNUSABLE: dict[str, Answer] = {
    "too few": wrong(lambda rows: rows[1:]),
    "too many": wrong(lambda rows: [*rows, rows[0]]),
    "none": wrong(lambda _: []),
    "the same place twice": wrong(lambda rows: [row | {"index": 0} for row in rows]),
    "not a number": wrong(lambda rows: [row | {"embedding": [float("nan")] * 8} for row in rows]),
    "infinite": wrong(lambda rows: [row | {"embedding": [float("inf")] * 8} for row in rows]),
    "words": wrong(lambda rows: [row | {"embedding": ["far"] * 8} for row in rows]),
    "nothing long": wrong(lambda rows: [row | {"embedding": [0.0] * 8} for row in rows]),
    "empty vectors": wrong(lambda rows: [row | {"embedding": []} for row in rows]),
    "several lengths": wrong(lambda rows: [row | {"embedding": [1.0] * (1 + row["index"])} for row in rows]),
    "too long for the database": wrong(lambda rows: [row | {"embedding": [1.0] * 4001} for row in rows]),
    "no list": lambda _: {"data": 7, "model": "m", "object": "list"},
    "refused": Status(403),
    "failing": Status(500),
    "busy": Status(429),
    "reset": Reset(),
    "not HTTP": NotHttp(),
}


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_what_cannot_be_used_is_a_fault_of_ours_after_few_attempts(
    answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    with LlmServer() as server:
        server.always(answer, task="embeddings")
        embedder = embedder_of(server)
        with pytest.raises(EmbeddingFailed) as failed:
            await embedder.embed(["the pool", "the bar"])
        await embedder.close()
    assert 1 <= len(server.requests) <= 5
    assert embedder.dimension == 0
    assert VENDOR_TEXT not in failed.value.detail + caplog.text
    assert "the pool" not in caplog.text


async def test_a_change_between_two_requests_is_a_fault() -> None:
    def other(asked: Asked) -> Answer:
        return says([row | {"embedding": [*row["embedding"], 1.0]} for row in rows_of(asked)])

    with LlmServer() as server:
        server.next(lambda asked: says(rows_of(asked)), other, task="embeddings")
        embedder = embedder_of(server)
        with pytest.raises(EmbeddingFailed):
            await embedder.embed(["a"] * (MOST_TEXTS + 1))
        assert embedder.dimension == 9
        await embedder.close()


async def test_a_passing_failure_is_tried_again() -> None:
    with LlmServer(dimension=8) as server:
        server.next(Status(500), Status(429), task="embeddings")
        embedder = embedder_of(server)
        assert (await embedder.embed(["a", "b"])).shape == (2, 8)
        await embedder.close()
    assert len(server.requests) == 3


async def test_a_dead_server_is_left_alone() -> None:
    with LlmServer() as server:
        server.always(Status(500), task="embeddings")
        embedder = embedder_of(server)
        for _ in range(10):
            with pytest.raises(EmbeddingFailed):
                await embedder.embed(["the pool"])
        await embedder.close()
    assert len(server.requests) == 5


async def test_a_silent_server_holds_a_query_up_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ouvidor.engines.remote_embeddings.QUERY_SECONDS", 0.2)
    with LlmServer() as server:
        server.always(Hang(), task="embeddings")
        embedder = embedder_of(server)
        with pytest.raises(EmbeddingFailed) as failed:
            await embedder.embed(["the pool"])
        await embedder.close()
    assert failed.value.kind == "timeout"
    assert len(server.requests) <= 2


async def test_search_goes_by_the_servers_vectors(open_on: OpenOn) -> None:
    with LlmServer() as server:
        async with open_on(server) as rt:
            site = await build_site(rt)
            assert not (await search(rt, site.own.project, "pets")).by_vectors
            await work(rt, once=True)
            found = await search(rt, site.own.project, "when is breakfast")
            assert found.by_vectors
            assert found.sections[0].key == "breakfast"
            assert await dimensions(rt, site.own) == [server.dimension]
        async with open_on(server) as rt:
            assert await vector_progress(rt, site.own.project.id) == Progress(len(HOTEL), len(HOTEL))
            await search(rt, site.own.project, "when is breakfast")
            assert server.requests[-1].body["input"] == ["when is breakfast"]


async def test_another_dimension_makes_all_anew_by_itself(open_on: OpenOn) -> None:
    with LlmServer(dimension=64) as before, LlmServer(dimension=3072) as after:
        async with open_on(before) as rt:
            site = await build_site(rt)
            await work(rt, once=True)
            assert await dimensions(rt, site.own) == [64]
        async with open_on(after) as rt:
            found = await search(rt, site.own.project, "breakfast")
            assert (found.sections[0].key, found.by_vectors) == ("breakfast", False)
            assert "wait for its vectors" in (await finding(rt)).says
            await work(rt, once=True)
            assert (await search(rt, site.own.project, "breakfast")).by_vectors
            assert await dimensions(rt, site.own) == [3072]
            assert (await finding(rt)).health == "good"


async def test_a_server_that_changes_its_model_under_way_is_followed(open_on: OpenOn) -> None:
    with LlmServer(dimension=64) as server:
        async with open_on(server) as rt:
            site = await build_site(rt)
            await work(rt, once=True)
            server.dimension = 32
            assert not (await search(rt, site.own.project, "breakfast")).by_vectors
            assert (await search(rt, site.own.project, "breakfast")).sections[0].key == "breakfast"
            assert await leave_index_jobs(rt) == 1
            await work(rt, once=True)
            assert (await search(rt, site.own.project, "breakfast")).by_vectors
            assert await dimensions(rt, site.own) == [32]


async def test_a_change_between_two_batches_stores_nothing_mixed(open_on: OpenOn) -> None:
    with LlmServer(dimension=64) as server:
        async with open_on(server) as rt:
            tenant = await build_tenant(rt, "hotel")
            await add_sections(rt, tenant.project, [{"id": f"s{n}", "answer": f"room {n}"} for n in range(200)])

            def change(asked: Asked) -> Answer:
                server.dimension = 32
                return server._vectors(asked)

            await rt.embedder.embed([])
            server.next(server._vectors, change, task="embeddings")
            with pytest.raises(EmbeddingFailed):
                await embed_sections(rt, tenant.project.id)
            assert await dimensions(rt, tenant) == [64]
            assert await embed_sections(rt, tenant.project.id) == 200
            assert await dimensions(rt, tenant) == [32]


async def test_a_large_project_of_long_vectors_has_an_index(open_on: OpenOn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "SECTION_VECTORS", replace(SECTION_VECTORS, large=LARGE))
    with LlmServer(dimension=1536) as server:
        server.always(lambda asked: says([_short(number, text) for number, text in enumerate(asked.body["input"])]))

        def _short(number: int, text: str) -> dict[str, Any]:
            return {"index": number, "object": "embedding", "embedding": vector_of(text, 1536)}

        async with open_on(server) as rt:
            tenant = await build_tenant(rt, "large")
            phrasings = [f"room {number} is late" for number in range(LARGE + 10)]
            rows = [{"id": f"s{one}", "answer": f"floor {one}", "phrasings": phrasings[one::10]} for one in range(10)]
            await add_sections(rt, tenant.project, rows)
            await embed_sections(rt, tenant.project.id)
            async with rt.db.read() as session:
                names = await session.execute(
                    sql("select relname from pg_class where starts_with(relname, 'ix_section_vector_')")
                )
                assert list(names.scalars()) == [f"ix_section_vector_{tenant.project.id.hex}_1536"]
            assert (await search(rt, tenant.project, "room 77 is late")).by_vectors


async def test_the_classifier_of_another_model_is_not_asked(open_on: OpenOn) -> None:
    """It was trained on vectors of another length."""
    topics = ("breakfast", "parking", "pool", "pets")
    ways = ("when is", "where is", "how much is", "tell me about", "is there", "what about", "i want", "any", "the")
    rows = [
        {
            "id": topic,
            "answer": f"About {topic}.",
            "phrasings": [f"{way} {topic} {n}" for way in ways for n in range(4)],
        }
        for topic in topics
    ]
    with LlmServer(dimension=64) as before, LlmServer(dimension=48) as after:
        async with open_on(before) as rt:
            tenant = await build_tenant(rt, "hotel")
            await add_sections(rt, tenant.project, rows)
            await work(rt, once=True)
            assert await has_profile(rt, tenant)
            await search(rt, tenant.project, "where is the pool")
        async with open_on(after) as rt:
            assert (await search(rt, tenant.project, "where is the pool")).sections[0].key == "pool"
            await embed_sections(rt, tenant.project.id)
            assert not await has_profile(rt, tenant)
            assert (await search(rt, tenant.project, "where is the pool")).sections[0].key == "pool"
            await index_knowledge(rt, tenant.project.id)
            assert await has_profile(rt, tenant)
            assert (await search(rt, tenant.project, "where is the pool")).sections[0].key == "pool"


async def has_profile(rt: Runtime, tenant: Tenant) -> bool:
    query = "select profile is not null from knowledge_state where project_id = :project"
    async with rt.db.read() as session:
        return (await session.execute(sql(query), {"project": tenant.project.id})).scalar_one()


DOWN: dict[str, Answer] = {name: UNUSABLE[name] for name in ("failing", "too few", "not a number", "reset", "not HTTP")}


@pytest.mark.parametrize("answer", DOWN.values(), ids=DOWN.keys())
async def test_a_failing_server_costs_no_reply(open_on: OpenOn, answer: Answer) -> None:
    with LlmServer() as server:
        async with open_on(server) as rt:
            site = await build_site(rt)
            await work(rt, once=True)
            server.always(answer, task="embeddings")
            async with client_of(rt) as http:
                reply = await http.post(
                    "/conversations/completions",
                    headers=site.own.headers,
                    json={
                        "helpdeskId": 1,
                        "projectName": site.own.project.name,
                        "messages": [{"role": "USER", "content": "What time is breakfast?"}],
                    },
                )
    assert reply.status_code == 200
    assert "6:30" in reply.json()["messages"][-1]["content"]
    assert VENDOR_TEXT not in reply.text


async def test_what_an_outage_left_undone_is_done_after_it(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(Status(401), task="embeddings")
        async with open_on(server) as rt:
            site = await build_site(rt)
            assert await leave_index_jobs(rt) == 0
            with pytest.raises(EmbeddingFailed):
                await embed_sections(rt, site.own.project.id)
            found = await finding(rt)
            assert (found.health, "OUVIDOR_EMBEDDING_MODEL" in found.advice) == ("attention", True)
            assert "misconfigured" in found.says
            async with rt.db.begin() as session:
                await session.execute(sql("delete from jobs.procrastinate_jobs"))
            server.always(lambda asked: says(rows_of(asked)), task="embeddings")
            assert await leave_index_jobs(rt) == 1
            assert await leave_index_jobs(rt) == 0
            await work(rt, once=True)
            assert await vector_progress(rt, site.own.project.id) == Progress(len(HOTEL), len(HOTEL))
            assert await leave_index_jobs(rt) == 0


async def test_a_failed_job_waits_for_its_next_attempt(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(Status(401), task="embeddings")
        async with open_on(server) as rt:
            await build_site(rt)
            await work(rt, once=True)
            async with rt.db.read() as session:
                assert list((await session.execute(sql(JOBS))).scalars()) == ["todo"]


@pytest.mark.usefixtures("site")
async def test_without_a_model_no_jobs_are_left(rt: Runtime) -> None:
    assert await leave_index_jobs(replace(rt, embedder=NoEmbedder("test"))) == 0


@pytest.mark.parametrize("masks", [True, False])
async def test_a_customers_data_leave_masked_where_the_project_masks(open_on: OpenOn, *, masks: bool) -> None:
    with LlmServer() as server:
        async with open_on(server) as rt:
            tenant = await build_tenant(rt, "hotel", mask_personal_data=masks)
            await add_sections(rt, tenant.project, HOTEL)
            await search(rt, tenant.project, "I am ana@example.com, where is my breakfast?")
    (given,) = server.requests[-1].body["input"]
    assert ("ana@example.com" in given) is not masks
    assert "where is my breakfast?" in given


@pytest.mark.parametrize("masks", [True, False])
async def test_comments_leave_masked_where_the_project_masks(open_on: OpenOn, *, masks: bool) -> None:
    with LlmServer() as server:
        async with open_on(server) as rt:
            tenant = await build_tenant(rt, "hotel", mask_personal_data=masks)
            server.requests.clear()
            await take_in(rt, tenant.project, [Told("Write to ana@example.com, the breakfast was lovely!")])
            await embed_comments(rt, tenant.project.id)
    given = [text for request in server.requests for text in request.body["input"] if "lovely" in text]
    assert given
    assert all(("ana@example.com" in text) is not masks for text in given)


async def test_what_it_took_is_recorded_for_the_project(open_on: OpenOn) -> None:
    with LlmServer() as server:
        async with open_on(server) as rt:
            site = await build_site(rt)
            await work(rt, once=True)
            server.next(Status(500), task="embeddings")
            await search(rt, site.own.project, "when is breakfast")
            told = [server._vectors(asked)["usage"]["prompt_tokens"] for asked in server.requests]
            indexed, asked = await calls_of(rt, site.own)
            assert not await calls_of(rt, site.other)
    assert {(row.task, row.model, row.fault, row.degraded) for row in (indexed, asked)} == {
        ("embed", "vectors-1", None, False)
    }
    assert indexed.input_tokens in told
    assert (asked.input_tokens, asked.output_tokens) == (len("when is breakfast") // 4, 0)
    assert (indexed.retries, asked.retries) == (0, 1)
    assert asked.latency > 0
    assert (asked.at, asked.conversation_id, asked.prompt, asked.cost) == (rt.clock(), None, None, None)


@pytest.mark.parametrize(
    ("answer", "fault", "tokens"), [(Status(401), "misconfigured", None), (UNUSABLE["not a number"], "bad_output", 1)]
)
async def test_what_failed_is_recorded_with_its_fault(
    open_on: OpenOn, answer: Answer, fault: str, tokens: int | None
) -> None:
    with LlmServer() as server:
        server.always(answer, task="embeddings")
        async with open_on(server) as rt:
            tenant = await build_tenant(rt, "hotel")
            await search(rt, tenant.project, "when is breakfast")
            (failed,) = await calls_of(rt, tenant)
    assert (failed.task, failed.fault, failed.input_tokens) == ("embed", fault, tokens)


async def test_what_nobody_waited_for_is_recorded(open_on: OpenOn) -> None:
    with LlmServer() as server:
        server.always(Hang(), task="embeddings")
        async with open_on(server) as rt:
            tenant = await build_tenant(rt, "hotel")
            asking = asyncio.create_task(search(rt, tenant.project, "when is breakfast"))
            assert await asyncio.to_thread(server.wait_until_asked)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            (left,) = await calls_of(rt, tenant)
    assert left.fault == "cancelled"


@pytest.mark.parametrize("usage", [None, 7, {}, {"prompt_tokens": "many"}])
async def test_a_server_that_tells_no_usage_has_none(open_on: OpenOn, usage: object) -> None:
    with LlmServer() as server:
        server.always(lambda asked: says(rows_of(asked)) | {"usage": usage}, task="embeddings")
        async with open_on(server, llm_tokens_per_minute=10_000) as rt:
            tenant = await build_tenant(rt, "hotel")
            await search(rt, tenant.project, "when is breakfast")
            (call,) = await calls_of(rt, tenant)
    assert (call.fault, call.input_tokens) == (None, None)


async def test_a_question_waits_for_its_turn_and_not_longer_than_four_seconds(open_on: OpenOn) -> None:
    """Two a minute, and the model that writes is counted apart."""
    with LlmServer() as server:
        async with open_on(server, llm_requests_per_minute=2) as rt:
            site = await build_site(rt)
            await search(rt, site.own.project, "when is breakfast")
            found = await search(rt, site.own.project, "when is breakfast")
            assert (found.sections[0].key, found.by_vectors) == ("breakfast", False)
            assert [row.fault for row in await calls_of(rt, site.own)] == [None, "rate_limited"]
            async with rt.db.read() as session:
                names = await session.execute(sql("select name from rate_allowance"))
                assert set(names.scalars()) == {"embedding requests"}
    assert len(server.requests) == 1


async def test_tokens_are_put_right_by_what_the_server_tells(open_on: OpenOn) -> None:
    def much(asked: Asked) -> Answer:
        return says(rows_of(asked)) | {"usage": {"prompt_tokens": 8000, "total_tokens": 8000}}

    query = sql("select extract(epoch from ready_at - clock_timestamp()) from rate_allowance where name = :name")
    with LlmServer() as server:
        server.always(much, task="embeddings")
        async with open_on(server, llm_tokens_per_minute=10_000) as rt:
            await rt.embedder.embed(["the pool"])
            async with rt.db.read() as session:
                ready_in = float((await session.execute(query, {"name": "embedding tokens"})).scalar_one())
    rate = Rate("embedding tokens", 10_000)
    expected = (8000 - rate.burst + 1) * rate.interval
    assert expected - 10 < ready_in <= expected


async def test_a_request_holds_no_more_than_the_limit_lets_through_at_once() -> None:
    """A tenth of 1,000 tokens, at three bytes each: longer requests would keep questions waiting for minutes."""
    with LlmServer(dimension=8) as server:
        settings = Settings(llm_base_url=server.url, embedding_model="v", llm_tokens_per_minute=1000, _env_file=None)  # pyright: ignore[reportCallIssue]
        embedder = RemoteEmbedder(settings, NOWHERE, CallLog(NOWHERE), utc_now)
        batches = embedder._batches(["a" * 100] * 7)
        await embedder.close()
    assert [len(batch) for batch in batches] == [3, 3, 1]


async def calls_of(rt: Runtime, tenant: Tenant) -> Sequence[Row[Any]]:
    """The records of the tenant's calls, the oldest first."""
    await rt.calls.flush()
    async with rt.db.read() as session:
        return (await session.execute(sql(CALLS), {"project": tenant.project.id})).all()


async def test_the_name_holds_no_secret(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, llm_api_key="sk-x", embedding_model="v", _env_file=None)  # pyright: ignore[reportCallIssue]
    with LlmServer(dimension=8) as server:
        address = server.url.replace("://", "://user:secret@")
        changed = settings.model_copy(update={"llm_base_url": address})
        embedder = RemoteEmbedder(changed, NOWHERE, CallLog(NOWHERE), utc_now)
        await embedder.embed(["a"])
        await embedder.close()
    assert "secret" not in embedder.name
    assert "sk-x" not in embedder.name


async def finding(rt: Runtime) -> Finding:
    (found,) = [found async for found in examine(rt) if found.name == "Embedding model"]
    return found

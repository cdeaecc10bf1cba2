"""Records of engine calls: nothing is lost up to the cap, no reply fails, no word stays without its conversation."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from conftest import MovedClock
from factories import Site
from pydantic import BaseModel
from sqlalchemy import delete, select, text

from ouvidor.conversations.models import Conversation
from ouvidor.db import Database
from ouvidor.engines import calls as call_log
from ouvidor.engines.base import Brief, Effort, Engine, EngineFailed, FaultKind, Outcome, Task, Usage
from ouvidor.engines.calls import MOST_KEPT, CallLog, CallRecord
from ouvidor.engines.local import LocalEngine
from ouvidor.engines.prices import cost_of
from ouvidor.engines.recorded import RecordedEngine
from ouvidor.engines.scripted import Held, ScriptedEngine
from ouvidor.monitoring.keep import KEPT, delete_old_calls
from ouvidor.monitoring.models import EngineCall
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.privacy.purge import purge
from ouvidor.runtime import DatabaseAddress, Runtime

pytestmark = pytest.mark.anyio

MILLION = 1_000_000


class Word(BaseModel):
    value: str


class Refusing:
    """A model that is down, or whose place the local rule takes."""

    name = "gpt-4o-mini"

    def __init__(self, *, kind: FaultKind = "timeout", degraded: bool = False) -> None:
        self.kind: FaultKind = kind
        self.degraded = degraded

    async def run(self, task: Task[Any, Any], given: object, brief: Brief) -> Outcome[Any]:  # noqa: ARG002 - the engine's form
        effort = Effort(usage=Usage(input=10, output=2), retries=2)
        if self.degraded:
            return Outcome(Word(value="local"), "local", effort, degraded=self.kind)
        raise EngineFailed(self.kind, model=self.name, effort=effort)


SAY = Task(name="say", output=Word, local=lambda given: Word(value=given), present=str)


@pytest.fixture
def engine() -> Engine:
    scripted = ScriptedEngine()
    scripted.always("say", Word(value="an answer of a zebrafish"))
    return scripted


@pytest.fixture
async def elsewhere(database: DatabaseAddress) -> AsyncGenerator[CallLog]:
    """A log with connections of its own."""
    db = Database(database.url, pool_size=2)
    yield CallLog(db)
    await db.close()


@contextmanager
def away(server: EmbeddedPostgres, database: DatabaseAddress) -> Generator[None]:
    """The test's database refuses whoever connects anew while the block runs."""
    name = psycopg.conninfo.conninfo_to_dict(database.conninfo)["dbname"]
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as operator:
        operator.execute(f'alter database "{name}" allow_connections false')
        yield
        operator.execute(f'alter database "{name}" allow_connections true')


def record(site: Site, **told: Any) -> CallRecord:
    given = {"conversation_id": None, "turn_id": None, "task": "say", "model": "gpt-4o-mini", "prompt_version": None}
    at = site.own.project.created_at
    return CallRecord(
        **{"project_id": site.own.project.id, "prompt_label": "", "at": at, "latency": 0.5, **given, **told}
    )


async def rows(rt: Runtime) -> list[EngineCall]:
    async with rt.db.read() as session:
        return list((await session.execute(select(EngineCall).order_by(EngineCall.id))).scalars())


async def talk(rt: Runtime, site: Site) -> UUID:
    now = rt.clock()
    async with rt.db.begin() as session:
        row = Conversation(project_id=site.own.project.id, helpdesk_id=uuid4().hex, created_at=now, last_message_at=now)
        session.add(row)
        await session.flush()
        return row.id


async def test_a_call_is_stored_with_all_that_it_took(rt: Runtime, site: Site) -> None:
    conversation, turn, version = await talk(rt, site), uuid4(), uuid4()
    usage = Usage(input=MILLION, cache_read=2 * MILLION, cache_write=0, output=MILLION // 2, reasoning=MILLION // 2)
    told = {"prompt_version": version, "prompt_label": "reply 3", "first_token": 0.2, "retries": 1, "usage": usage}
    rt.calls.add(record(site, conversation_id=conversation, turn_id=turn, **told))
    await rt.calls.flush()
    (row,) = await rows(rt)
    assert (row.conversation_id, row.turn_id, row.prompt_version) == (conversation, turn, version)
    assert (row.task, row.model, row.prompt_label, row.retries) == ("say", "gpt-4o-mini", "reply 3", 1)
    assert (row.latency, row.first_token, row.fault, row.degraded) == (0.5, 0.2, None, False)
    assert (row.input_tokens, row.cache_read_tokens, row.cache_write_tokens) == (MILLION, 2 * MILLION, 0)
    assert (row.output_tokens, row.reasoning_tokens) == (MILLION // 2, MILLION // 2)
    assert row.cost == Decimal("0.15") + 2 * Decimal("0.075") + Decimal("0.60")
    assert (row.prompt, row.answer) == (None, None)


def test_cached_tokens_are_priced_once_and_as_cached() -> None:
    usage = Usage(input=700_000, cache_read=200_000, cache_write=100_000, output=40_000, reasoning=10_000)
    dear = Decimal("2.10") + Decimal("0.06") + Decimal("0.375") + Decimal("0.75")
    assert cost_of("claude-sonnet-4-5", Usage(input=70_000, cache_read=20_000, cache_write=10_000, output=5_000)) == (
        dear / 10
    )
    assert cost_of("gpt-4o-mini", usage) == Decimal("0.7") * Decimal("0.15") + Decimal("0.2") * Decimal("0.075") + (
        Decimal("0.1") * Decimal("0.15") + Decimal("0.05") * Decimal("0.6")
    )


@pytest.mark.parametrize(
    ("model", "usage"),
    [("nobody-7b-instruct", Usage(input=1)), ("local", Usage(input=1)), ("gpt-4o-mini", None), ("", Usage(input=1))],
)
def test_what_is_not_known_has_no_cost(model: str, usage: Usage | None) -> None:
    assert cost_of(model, usage) is None


def test_usage_that_makes_no_sense_has_no_cost() -> None:
    assert cost_of("gpt-4o-mini", Usage(input=-5)) is None


def test_the_servers_own_prices_come_first() -> None:
    assert cost_of("gpt-4o-mini", Usage(input=MILLION), "https://api.openai.com/v1") == Decimal("0.15")
    assert cost_of("gpt-4o-mini", Usage(input=MILLION), "http://127.0.0.1:11434/v1") == Decimal("0.15")


def test_without_an_address_the_prices_are_those_of_openai() -> None:
    """Of models that make vectors the name alone tells nobody's price."""
    assert cost_of("text-embedding-3-small", Usage(input=MILLION)) == Decimal("0.02")
    assert cost_of("claude-sonnet-4-5", Usage(input=MILLION)) is not None


async def test_while_the_database_is_away_nothing_is_lost(
    rt: Runtime, site: Site, server: EmbeddedPostgres, database: DatabaseAddress, elsewhere: CallLog
) -> None:
    with away(server, database):
        for _ in range(3):
            elsewhere.add(record(site))
            await elsewhere.flush()
        assert (elsewhere.waiting, elsewhere.dropped) == (3, 0)
    await elsewhere.flush()
    assert (elsewhere.waiting, len(await rows(rt))) == (0, 3)


async def test_beyond_the_cap_the_oldest_go_and_are_counted(
    rt: Runtime, site: Site, server: EmbeddedPostgres, database: DatabaseAddress, elsewhere: CallLog
) -> None:
    with away(server, database):
        for number in range(MOST_KEPT + 5):
            elsewhere.add(record(site, task=f"{number:05}"))
        await elsewhere.flush()
        assert (elsewhere.waiting, elsewhere.dropped) == (MOST_KEPT, 5)
    await elsewhere.close()
    tasks = [row.task for row in await rows(rt)]
    assert (len(tasks), tasks[0], tasks[-1]) == (MOST_KEPT, "00005", f"{MOST_KEPT + 4:05}")


async def test_a_reply_is_given_while_records_cannot_be_written(
    rt: Runtime,
    site: Site,
    server: EmbeddedPostgres,
    database: DatabaseAddress,
    elsewhere: CallLog,
    engine: Engine,
) -> None:
    recorded = RecordedEngine(engine, elsewhere, rt.clock)
    with away(server, database):
        outcome = await recorded.run(SAY, "hello", Brief(project_id=site.own.project.id))
        await elsewhere.flush()
    assert outcome.output.value == "an answer of a zebrafish"
    await elsewhere.flush()
    assert len(await rows(rt)) == 1


async def test_records_are_written_by_themselves(rt: Runtime, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "FLUSH_SECONDS", 0.0)
    rt.calls.add(record(site))
    async with asyncio.timeout(20):
        while not await rows(rt):  # noqa: ASYNC110 - nothing tells when it is written
            await asyncio.sleep(0)
    assert rt.calls.waiting == 0


async def test_one_record_that_cannot_be_stored_holds_up_no_other(rt: Runtime, site: Site) -> None:
    rt.calls.add(record(site, task="before"))
    rt.calls.add(record(site, task="too many", usage=Usage(input=1 << 40)))
    rt.calls.add(record(site, task="nul\0"))
    rt.calls.add(record(site, task="half \ud83d"))
    rt.calls.add(record(site, task="stranger", project_id=uuid4()))
    rt.calls.add(record(site, task="after", model="half \ud83d"))
    await rt.calls.flush()
    assert [row.task for row in await rows(rt)] == ["before", "after"]
    assert (rt.calls.waiting, rt.calls.dropped) == (0, 3)


async def test_content_is_kept_where_the_operator_asked_for_it(rt: Runtime, site: Site, engine: Engine) -> None:
    conversation = await talk(rt, site)
    brief = Brief(project_id=site.own.project.id, prompt="Be brief.", conversation_id=conversation)
    plain = RecordedEngine(engine, rt.calls, rt.clock)
    telling = RecordedEngine(engine, rt.calls, rt.clock, content=True)
    await plain.run(SAY, "quokka \0\ud83d", brief)
    await telling.run(SAY, "quokka \0\ud83d", brief)
    await rt.calls.flush()
    without, with_content = await rows(rt)
    assert (without.prompt, without.answer) == (None, None)
    assert with_content.prompt == "Be brief.\n\nquokka ?"
    assert with_content.answer == '{"value":"an answer of a zebrafish"}'


async def test_content_is_kept_as_it_left(rt: Runtime, site: Site) -> None:
    conversation = await talk(rt, site)
    brief = Brief(project_id=site.own.project.id, prompt="Be brief.", conversation_id=conversation)
    said = Task(
        name="say", output=Word, local=lambda given: Word(value=f"Sent to {given}."), present=lambda given: given
    )
    telling = RecordedEngine(LocalEngine(), rt.calls, rt.clock, content=True)
    outcome = await telling.run(said, "marina@example.com", brief)
    assert outcome.output.value == "Sent to marina@example.com."
    await telling.run(said, "marina@example.com", replace(brief, mask=False))
    await rt.calls.flush()
    masked, plain = await rows(rt)
    assert (masked.prompt, masked.answer) == ("Be brief.\n\n[EMAIL_1]", '{"value":"Sent to [EMAIL_1]."}')
    assert plain.answer == '{"value":"Sent to marina@example.com."}'


@pytest.mark.parametrize("known", [False, True])
async def test_no_word_is_kept_of_what_is_no_conversation(rt: Runtime, site: Site, engine: Engine, known: bool) -> None:
    """One that was erased while the record waited, and calls that belong to none."""
    conversation = await talk(rt, site) if known else None
    telling = RecordedEngine(engine, rt.calls, rt.clock, content=True)
    brief = Brief(project_id=site.own.project.id, conversation_id=conversation, turn_id=uuid4())
    await telling.run(SAY, "quokka", brief)
    if conversation:
        async with rt.db.begin() as session:
            await session.execute(delete(Conversation).where(Conversation.id == conversation))
    await rt.calls.flush()
    (row,) = await rows(rt)
    assert (row.conversation_id, row.turn_id, row.prompt, row.answer) == (None, None, None, None)
    assert row.task == "say"


async def test_writing_waits_for_an_erasure_that_runs(rt: Runtime, site: Site) -> None:
    conversation = await talk(rt, site)
    rt.calls.add(record(site, conversation_id=conversation, turn_id=uuid4(), prompt="quokka", answer="zebrafish"))
    async with rt.db.begin() as session:
        await purge(session, site.own.project.id, [conversation])
        writing = asyncio.create_task(rt.calls.flush())
        await waits_for_a_lock(rt)
    await writing
    (row,) = await rows(rt)
    assert (row.conversation_id, row.turn_id, row.prompt, row.answer) == (None, None, None, None)


async def waits_for_a_lock(rt: Runtime) -> None:
    waiting = text(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    async with asyncio.timeout(20):
        while True:
            async with rt.db.read() as session:
                if await session.scalar(waiting):
                    return


async def test_a_failure_is_recorded_with_its_kind_and_raised(rt: Runtime, site: Site) -> None:
    recorded = RecordedEngine(Refusing(kind="rate_limited"), rt.calls, rt.clock)
    with pytest.raises(EngineFailed):
        await recorded.run(SAY, "hello", Brief(project_id=site.own.project.id, label="say 1"))
    await rt.calls.flush()
    (row,) = await rows(rt)
    assert (row.model, row.fault, row.degraded, row.retries) == ("gpt-4o-mini", "rate_limited", False, 2)
    assert (row.input_tokens, row.output_tokens, row.prompt_label) == (10, 2, "say 1")
    assert row.cost is not None


async def test_a_degraded_call_counts_for_the_model_that_failed(rt: Runtime, site: Site) -> None:
    recorded = RecordedEngine(Refusing(degraded=True), rt.calls, rt.clock)
    outcome = await recorded.run(SAY, "hello", Brief(project_id=site.own.project.id))
    assert outcome.model == "local"
    await rt.calls.flush()
    (row,) = await rows(rt)
    assert (row.model, row.fault, row.degraded) == ("gpt-4o-mini", "timeout", True)


async def test_whoever_leaves_and_what_breaks_is_recorded(rt: Runtime, site: Site, engine: ScriptedEngine) -> None:
    brief, held = Brief(project_id=site.own.project.id), Held(Word(value="late"))
    engine.next("say", held)
    running = asyncio.create_task(rt.engine.run(SAY, "hello", brief))
    await held.reached.wait()
    running.cancel()
    engine.next("say", RuntimeError("quokka"))
    with pytest.raises(RuntimeError):
        await rt.engine.run(SAY, "hello", brief)
    await asyncio.wait([running])
    await rt.calls.flush()
    assert {row.fault for row in await rows(rt)} == {"cancelled", "error"}


async def test_what_breaks_while_recording_breaks_no_reply(
    rt: Runtime, site: Site, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def unreadable(given: object) -> str:
        raise RuntimeError(given)

    task = Task(name="say", output=Word, local=SAY.local, present=unreadable)
    telling = RecordedEngine(engine, rt.calls, rt.clock, content=True)
    outcome = await telling.run(task, "quokka", Brief(project_id=site.own.project.id))
    assert outcome.output.value == "an answer of a zebrafish"
    assert "could not be recorded" in caplog.text


async def test_the_local_engine_reads_no_prompt(rt: Runtime, site: Site) -> None:
    brief = Brief(project_id=site.own.project.id, version=uuid4(), label="say 3")
    await RecordedEngine(LocalEngine(), rt.calls, rt.clock).run(SAY, "hello", brief)
    await rt.calls.flush()
    (row,) = await rows(rt)
    assert (row.model, row.prompt_version, row.prompt_label, row.cost) == ("local", None, "", None)


async def test_old_records_are_deleted(rt: Runtime, site: Site, clock: MovedClock) -> None:
    rt.calls.add(record(site, at=clock.now, task="old"))
    clock.advance(days=KEPT.days)
    rt.calls.add(record(site, at=clock.now, task="new"))
    await rt.calls.flush()
    assert await delete_old_calls(rt) == 0
    clock.advance(seconds=1)
    assert await delete_old_calls(rt) == 1
    assert [row.task for row in await rows(rt)] == ["new"]

"""Races, resends, leavers and killed processes: no message is lost or doubled, positions stay unique."""

import asyncio
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import MovedClock, OpenRuntime, client_of
from factories import Site, build_site
from sqlalchemy import delete, select, text

from ouvidor.accounts.models import IdempotencyKey
from ouvidor.agent.reply import REPLY, Draft, Given
from ouvidor.conversations.abandoned import return_abandoned
from ouvidor.conversations.models import Conversation, Message, ShownSection, Turn
from ouvidor.engines.base import Engine
from ouvidor.engines.recorded import EngineInsideTransaction, RecordedEngine
from ouvidor.engines.scripted import Held, ScriptedEngine
from ouvidor.knowledge.models import Section
from ouvidor.privacy.purge import purge
from ouvidor.runtime import DatabaseAddress, Runtime

pytestmark = pytest.mark.anyio

ANSWER = Draft(kind="smalltalk", text="Hello!", confidence=1.0, language="en")
URL = "/conversations/completions"
JOINED = "test has joined the conversation and will help you from here."


@pytest.fixture
def engine() -> Engine:
    return ScriptedEngine()


def script(rt: Runtime) -> ScriptedEngine:
    assert isinstance(rt.engine, RecordedEngine)
    assert isinstance(rt.engine.inner, ScriptedEngine)
    return rt.engine.inner


def body(text: str) -> dict[str, Any]:
    return {"helpdeskId": 1, "projectName": "seaside", "messages": [{"role": "USER", "content": text}]}


async def stored(rt: Runtime) -> list[tuple[int, str, str]]:
    async with rt.db.read() as session:
        rows = await session.execute(select(Message.position, Message.role, Message.content).order_by(Message.position))
        return [(row.position, row.role, row.content) for row in rows]


async def act(rt: Runtime, site: Site, client: httpx.AsyncClient, deed: str) -> httpx.Response:
    """What a person does with the only conversation there is."""
    async with rt.db.read() as session:
        talk = (await session.execute(select(Conversation.id))).scalar_one()
    said = {"text": "A person's word."} if deed == "reply" else None
    return await client.post(f"/api/v1/conversations/{talk}/{deed}", json=said, headers=site.own.headers)


async def states(rt: Runtime) -> list[str]:
    async with rt.db.read() as session:
        return list((await session.execute(select(Turn.state).order_by(Turn.number))).scalars())


async def test_a_newer_message_wins_and_the_older_request_is_told(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    script(rt).next("reply", ANSWER)
    older = asyncio.create_task(client.post(URL, json=body("hello"), headers=site.own.headers))
    await slow.reached.wait()
    newer = await client.post(URL, json=body("hi"), headers=site.own.headers)
    slow.release.set()
    lost = await older
    assert newer.status_code == 200
    assert lost.status_code == 409
    assert lost.json()["type"] == "urn:ouvidor:newer_message"
    assert await stored(rt) == [(1, "USER", "hello"), (2, "USER", "hi"), (3, "AGENT", "Hello!")]
    assert await states(rt) == ["lost", "answered"]


async def test_a_section_that_goes_while_the_reply_is_written_is_shown_as_it_was(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    running = asyncio.create_task(client.post(URL, json=body("When is breakfast?"), headers=site.own.headers))
    await slow.reached.wait()
    async with rt.db.begin() as session:
        await session.execute(delete(Section).where(Section.project_id == site.own.project.id))
    slow.release.set()
    assert (await running).status_code == 200
    async with rt.db.read() as session:
        shown = (await session.execute(select(ShownSection).order_by(ShownSection.rank))).scalars().all()
    assert shown[0].content.startswith("Breakfast is served")
    assert {section.section_id for section in shown} == {None}


async def test_many_at_once_lose_nothing(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    script(rt).always("reply", ANSWER)
    sent = [client.post(URL, json=body(f"message {n}"), headers=site.own.headers) for n in range(12)]
    codes = [response.status_code for response in await asyncio.gather(*sent)]
    assert set(codes) <= {200, 409}
    messages = await stored(rt)
    assert [position for position, _, _ in messages] == list(range(1, len(messages) + 1))
    said = {content for _, role, content in messages if role == "USER"}
    assert said == {f"message {n}" for n in range(12)}
    assert sum(role == "AGENT" for _, role, _ in messages) == codes.count(200) >= 1


async def test_a_person_who_takes_over_silences_the_running_reply(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    running = asyncio.create_task(client.post(URL, json=body("hello"), headers=site.own.headers))
    await slow.reached.wait()
    assert (await act(rt, site, client, "claim")).json()["waiting_since"]
    slow.release.set()
    response = await running
    assert response.json()["type"] == "urn:ouvidor:conversation_held"
    assert [content for _, _, content in await stored(rt)] == ["hello", JOINED]
    assert await states(rt) == ["lost"]


@pytest.mark.parametrize(
    "deeds", [("claim", "release"), ("claim", "close", "reopen", "release"), ("close",), ("close", "reopen", "release")]
)
async def test_a_reply_begun_before_a_person_came_is_never_said(
    rt: Runtime, site: Site, client: httpx.AsyncClient, deeds: tuple[str, ...]
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    running = asyncio.create_task(client.post(URL, json=body("hello"), headers=site.own.headers))
    await slow.reached.wait()
    for deed in deeds:
        assert (await act(rt, site, client, deed)).status_code == 200
    slow.release.set()
    assert (await running).json()["type"] == "urn:ouvidor:conversation_held"
    assert "Hello!" not in [content for _, _, content in await stored(rt)]
    assert await states(rt) == ["lost"]


async def test_a_reply_begun_before_the_queue_got_the_conversation_back_is_never_said(
    rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    running = asyncio.create_task(client.post(URL, json=body("hello"), headers=site.own.headers))
    await slow.reached.wait()
    await act(rt, site, client, "claim")
    clock.advance(minutes=30)
    assert await return_abandoned(rt) == 1
    slow.release.set()
    assert (await running).json()["type"] == "urn:ouvidor:conversation_held"


async def test_a_message_after_a_person_came_and_went_is_the_one_answered(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    script(rt).next("reply", ANSWER)
    running = asyncio.create_task(client.post(URL, json=body("hello"), headers=site.own.headers))
    await slow.reached.wait()
    await act(rt, site, client, "claim")
    await act(rt, site, client, "release")
    assert (await client.post(URL, json=body("hi"), headers=site.own.headers)).status_code == 200
    slow.release.set()
    assert (await running).json()["type"] == "urn:ouvidor:newer_message"
    assert await states(rt) == ["lost", "answered"]


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
async def test_a_conversation_erased_meanwhile_gets_no_reply(
    rt: Runtime, site: Site, client: httpx.AsyncClient, key: dict[str, str]
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    running = asyncio.create_task(client.post(URL, json=body("hello"), headers=site.own.headers | key))
    await slow.reached.wait()
    async with rt.db.begin() as session:
        await session.execute(delete(Conversation))
    slow.release.set()
    response = await running
    assert (response.status_code, response.json()["type"]) == (409, "urn:ouvidor:conversation_erased")
    assert await stored(rt) == []


async def test_a_resend_to_an_erased_conversation_is_told_so(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    script(rt).next("reply", RuntimeError("vendor's words"))
    headers = site.own.headers | {"Idempotency-Key": "k"}
    assert (await client.post(URL, json=body("hello"), headers=headers)).status_code == 500
    async with rt.db.begin() as session:
        await session.execute(delete(Conversation))
    again = await client.post(URL, json=body("hello"), headers=headers)
    assert (again.status_code, again.json()["type"]) == (409, "urn:ouvidor:conversation_erased")


async def somebody_waits(rt: Runtime) -> None:
    """Until a transaction of this database waits for another one."""
    waits = text("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
    while True:
        async with rt.db.read() as session:
            if (await session.execute(waits)).all():
                return


async def test_a_resend_while_the_conversation_is_erased_begins_a_new_one(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    script(rt).next("reply", RuntimeError("vendor's words"))
    script(rt).next("reply", ANSWER)
    headers = site.own.headers | {"Idempotency-Key": "k"}
    assert (await client.post(URL, json=body("one"), headers=headers)).status_code == 500
    outside = copy_context()
    async with rt.db.begin() as session:
        talk = (await session.execute(select(Conversation.id).with_for_update())).scalar_one()
        again = asyncio.create_task(client.post(URL, json=body("one"), headers=headers), context=outside)
        await somebody_waits(rt)
        assert (await purge(session, site.own.project.id, [talk])).answers == 1
    assert (await again).status_code == 200
    assert await stored(rt) == [(1, "USER", "one"), (2, "AGENT", "Hello!")]


async def test_an_attempt_that_ends_while_the_conversation_is_erased_leaves_nothing(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    headers = site.own.headers | {"Idempotency-Key": "k"}
    left = asyncio.create_task(client.post(URL, json=body("one"), headers=headers))
    await slow.reached.wait()
    async with rt.db.begin() as session:
        talk = (await session.execute(select(Conversation.id).with_for_update())).scalar_one()
        await session.execute(delete(IdempotencyKey))
        left.cancel()
        await somebody_waits(rt)
        await purge(session, site.own.project.id, [talk])
    with pytest.raises(asyncio.CancelledError):
        await left
    assert await stored(rt) == []


async def test_notices_are_no_part_of_what_the_engine_is_told(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    script(rt).always("reply", ANSWER)
    await client.post(URL, json=body("hello"), headers=site.own.headers)
    for deed in ("claim", "reply", "release"):
        await act(rt, site, client, deed)
    await client.post(URL, json=body("hi"), headers=site.own.headers)
    told = script(rt).calls[-1].given.history
    assert [(said.role, said.content) for said in told] == [
        ("USER", "hello"),
        ("AGENT", "Hello!"),
        ("AGENT", "A person's word."),
    ]


async def test_the_bot_is_silent_while_a_person_holds_the_conversation(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    script(rt).next("reply", ANSWER)
    await client.post(URL, json=body("hello"), headers=site.own.headers)
    await act(rt, site, client, "claim")
    answer = (await client.post(URL, json=body("hi"), headers=site.own.headers)).json()
    assert answer["messages"] == [{"role": "USER", "content": "hi"}]
    assert answer["handoverReason"] == "held_by_person"
    assert len(script(rt).calls) == 1
    assert await states(rt) == ["answered", "silent"]


async def test_a_failed_engine_is_an_honest_500_and_the_message_stays(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    script(rt).next("reply", RuntimeError("vendor's words"))
    script(rt).next("reply", ANSWER)
    headers = site.own.headers | {"Idempotency-Key": "once"}
    failed = await client.post(URL, json=body("hello"), headers=headers)
    assert failed.status_code == 500
    assert "vendor" not in failed.text
    assert failed.json()["customerMessage"]
    again = await client.post(URL, json=body("hello"), headers=headers)
    assert again.status_code == 200
    assert await stored(rt) == [(1, "USER", "hello"), (2, "AGENT", "Hello!")]
    assert await states(rt) == ["answered"]


async def test_a_resend_while_the_first_runs_is_told_to_wait(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    headers = site.own.headers | {"Idempotency-Key": "k"}
    first = asyncio.create_task(client.post(URL, json=body("hello"), headers=headers))
    await slow.reached.wait()
    second = await client.post(URL, json=body("hello"), headers=headers)
    slow.release.set()
    assert second.json()["type"] == "urn:ouvidor:still_running"
    assert (await first).status_code == 200
    third = await client.post(URL, json=body("hello"), headers=headers)
    assert third.json() == (await first).json()
    assert len(await stored(rt)) == 2


async def test_a_resend_to_another_project_is_another_request(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    script(rt).always("reply", ANSWER)
    key = {"Idempotency-Key": "k"}
    first = await client.post(URL, json=body("hello"), headers=site.own.headers | key)
    elsewhere = body("hello") | {"projectName": "elsewhere"}
    second = await client.post(URL, json=elsewhere, headers=site.other.headers | key)
    assert second.status_code == 200
    assert second.json()["conversationId"] != first.json()["conversationId"]


async def test_a_lost_request_sent_again_stores_nothing_twice(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    script(rt).always("reply", ANSWER)
    headers = site.own.headers | {"Idempotency-Key": "k"}
    older = asyncio.create_task(client.post(URL, json=body("hello"), headers=headers))
    await slow.reached.wait()
    await client.post(URL, json=body("hi"), headers=site.own.headers)
    slow.release.set()
    assert (await older).status_code == 409
    assert (await client.post(URL, json=body("hello"), headers=headers)).status_code == 409
    assert [content for _, role, content in await stored(rt) if role == "USER"] == ["hello", "hi"]


KILLED = """
import asyncio, sys
from pathlib import Path
import httpx
from ouvidor.app import create_app
from ouvidor.engines.recorded import EngineInsideTransaction, RecordedEngine
from ouvidor.engines.scripted import Held, ScriptedEngine
from ouvidor.agent.reply import REPLY, Draft, Given
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings

async def main(url, conninfo, key, folder):
    engine, held = ScriptedEngine(), Held(Draft(kind="smalltalk", text="never"))
    engine.always("reply", held)
    settings = Settings(data_dir=Path(folder))
    address = DatabaseAddress(url, conninfo)
    async with open_runtime(settings, address, engine=engine, embedder=NoEmbedder("test")) as rt:
        transport = httpx.ASGITransport(create_app(rt))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            asked = asyncio.create_task(http.post("/conversations/completions",
                json={"helpdeskId": 1, "projectName": "seaside", "messages": [{"role": "USER", "content": "hello"}]},
                headers={"Authorization": "Bearer " + key, "Idempotency-Key": "k"}))
            await held.reached.wait()
            print("reached", flush=True)
            await asked

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_a_process_killed_between_the_two_transactions(
    opened: OpenRuntime, database: DatabaseAddress, clock: MovedClock, tmp_path: Path
) -> None:
    async with opened() as rt:
        site = await build_site(rt)
    program = [sys.executable, "-c", KILLED, database.url, database.conninfo, site.own.key, str(tmp_path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"reached\n"
        process.kill()
    async with opened() as rt, client_of(rt) as http:
        headers = site.own.headers | {"Idempotency-Key": "k"}
        script(rt).always("reply", ANSWER)
        clock.now = await started_at(rt)
        clock.advance(seconds=30)
        waiting = await http.post(URL, json=body("hello"), headers=headers)
        assert waiting.json()["type"] == "urn:ouvidor:still_running"
        clock.advance(seconds=31)
        answered = await http.post(URL, json=body("hello"), headers=headers)
        assert answered.status_code == 200
        assert await stored(rt) == [(1, "USER", "hello"), (2, "AGENT", "Hello!")]


async def started_at(rt: Runtime) -> Any:
    async with rt.db.read() as session:
        return (await session.execute(select(Turn.started_at))).scalar_one()


async def test_a_request_that_is_cut_off_keeps_the_message(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    left = asyncio.create_task(client.post(URL, json=body("hello"), headers=site.own.headers))
    await slow.reached.wait()
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    assert [content for _, _, content in await stored(rt)] == ["hello"]
    assert await states(rt) == ["failed"]


async def test_an_attempt_slower_than_its_lease_says_nothing(
    rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
) -> None:
    slow = Held(ANSWER)
    script(rt).next("reply", slow)
    script(rt).next("reply", ANSWER)
    headers = site.own.headers | {"Idempotency-Key": "k"}
    first = asyncio.create_task(client.post(URL, json=body("hello"), headers=headers))
    await slow.reached.wait()
    clock.advance(seconds=61)
    second = await client.post(URL, json=body("hello"), headers=headers)
    slow.release.set()
    assert second.status_code == 200
    assert (await first).json()["type"] == "urn:ouvidor:sent_again"
    assert await stored(rt) == [(1, "USER", "hello"), (2, "AGENT", "Hello!")]
    assert (await client.post(URL, json=body("hello"), headers=headers)).json() == second.json()


async def test_a_history_told_again_is_stored_once(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    script(rt).always("reply", ANSWER)
    told: list[dict[str, str]] = [{"role": "AGENT", "content": "everything is free"}]
    for word in ("hello", "hi", "hey"):
        told.append({"role": "USER", "content": word})
        answer = await client.post(URL, json=body("") | {"messages": told}, headers=site.own.headers)
        told = answer.json()["messages"]
    contents = [content for _, _, content in await stored(rt)]
    assert contents.count("everything is free") == 1
    assert len(contents) == 7


async def test_no_engine_runs_inside_a_transaction(rt: Runtime) -> None:
    script(rt).always("reply", ANSWER)
    given = Given(question="x", history=(), sources=(), language="en", confidence=0, threshold=1)
    async with rt.db.begin():
        with pytest.raises(EngineInsideTransaction):
            await rt.engine.run(REPLY, given)
    assert (await rt.engine.run(REPLY, given)).output == ANSWER

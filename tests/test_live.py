"""What changes is told at once to whoever looks, in whichever process; what may have been missed is said to be."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from access_cases import add_person, bearer_of, cookie_of
from conftest import OpenRuntime
from factories import Site, Tenant
from sqlalchemy import delete, text
from sqlalchemy.pool import QueuePool

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.keys import issue_key
from ouvidor.accounts.login import sign_out_everywhere
from ouvidor.accounts.members import change_role, remove_member
from ouvidor.accounts.models import ApiKey, Project, User
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.presence import answering_members
from ouvidor.accounts.signins import COOKIE
from ouvidor.app import create_app
from ouvidor.conversations import stream
from ouvidor.live import MISSED, MOST_WAITING, Change, announce
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

EVENTS = "/api/v1/inbox/events"
PATIENCE = 60.0
Loss = Callable[[Runtime, Project, User], Awaitable[None]]
CUT = """
select pg_terminate_backend(pid) from pg_stat_activity
where query = 'listen ouvidor_changes' and datname = current_database()
"""


@pytest.fixture(autouse=True)
async def in_time() -> AsyncGenerator[None]:
    """A stream that stays silent fails its test instead of holding it up."""
    async with asyncio.timeout(PATIENCE):
        yield


@dataclass(frozen=True)
class Server:
    """The app on a real port: a transport in memory would hold a stream back until it ends."""

    http: httpx.AsyncClient
    running: asyncio.Task[None]
    uvicorn: uvicorn.Server


@asynccontextmanager
async def served(rt: Runtime) -> AsyncGenerator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(uvicorn.Config(create_app(rt), log_level="warning", timeout_graceful_shutdown=5))
        running = asyncio.create_task(server.serve(sockets=[door]))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.getsockname()[1]}", timeout=PATIENCE) as http:
            yield Server(http, running, server)
        rt.changes.end()
        server.should_exit = True
        await running


@pytest.fixture
async def elsewhere(rt: Runtime, opened: OpenRuntime) -> AsyncGenerator[Server]:  # noqa: ARG001 - the first process
    """A second process on the same database."""
    async with opened() as other, served(other) as server:
        yield server


class Listener:
    """One open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event and what it tells."""
        event = ""
        async for line in self._lines:
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            if line.startswith("data: "):
                return event, json.loads(line.removeprefix("data: "))
        pytest.fail("the stream ended")

    async def begins(self) -> None:
        """The first beat: from here on nothing is missed."""
        assert await anext(self._lines) == ": beat"

    async def rest(self) -> list[str]:
        """All that comes until the stream ends."""
        return [line async for line in self._lines]


@asynccontextmanager
async def listening(http: httpx.AsyncClient, headers: dict[str, str], address: str = EVENTS) -> AsyncIterator[Listener]:
    async with http.stream("GET", address, headers=headers) as response:
        listener = Listener(response)
        await listener.begins()
        yield listener


async def ask(http: httpx.AsyncClient, tenant: Tenant, words: str = "I want to speak to a person") -> str:
    message = {"role": "USER", "content": words}
    body = {"helpdeskId": 1, "projectName": tenant.project.name, "messages": [message]}
    response = await http.post("/conversations/completions", json=body, headers=tenant.headers)
    return response.json()["conversationId"]


async def test_a_change_in_one_process_reaches_a_stream_in_another(
    site: Site, client: httpx.AsyncClient, elsewhere: Server
) -> None:
    async with listening(elsewhere.http, site.own.headers) as listener:
        assert listener.response.headers["content-type"].startswith("text/event-stream")
        assert listener.response.headers["cache-control"] == "no-cache"
        assert listener.response.headers["x-accel-buffering"] == "no"
        talk = await ask(client, site.own)
        told = [await listener.next() for _ in range(3)]
        assert [(event, change["status"], change["messages"]) for event, change in told] == [
            ("message", "bot", 1),
            ("message", "waiting", 2),
            ("status", "waiting", 2),
        ]
        assert {change["conversation_id"] for _, change in told} == {talk}
        claimed = await client.post(f"/api/v1/conversations/{talk}/claim", headers=site.own.headers)
        assert (await listener.next())[1]["messages"] == 3
        event, change = await listener.next()
        assert (event, change["status"], change["holder_id"]) == ("status", "person", claimed.json()["holder_id"])


async def test_every_step_is_told(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    talk = await ask(client, site.own)
    async with rt.changes.follow(site.own.project.id) as queue:
        for deed in ("claim", "reply", "release", "close", "reopen", "close"):
            said = {"text": "Hello."} if deed == "reply" else None
            await client.post(f"/api/v1/conversations/{talk}/{deed}", json=said, headers=site.own.headers)
        await ask(client, site.own, "What time is breakfast?")
        told = [await queue.get() for _ in range(14)]
        assert queue.empty()
    assert [(change.kind, change.status) for change in told if change] == [
        ("message", "person"),
        ("status", "person"),
        ("message", "person"),
        ("message", "bot"),
        ("status", "bot"),
        ("message", "closed"),
        ("status", "closed"),
        ("message", "person"),
        ("status", "person"),
        ("message", "closed"),
        ("status", "closed"),
        ("message", "bot"),
        ("status", "bot"),
        ("message", "bot"),
    ]


async def test_a_stream_tells_of_its_own_project_only(site: Site, client: httpx.AsyncClient, elsewhere: Server) -> None:
    async with listening(elsewhere.http, site.other.headers) as listener:
        await ask(client, site.own)
        foreign = await ask(client, site.other)
        assert (await listener.next())[1]["conversation_id"] == foreign


async def test_what_a_lost_connection_may_have_hidden_is_said_to_be_missed(
    rt: Runtime, site: Site, client: httpx.AsyncClient, elsewhere: Server
) -> None:
    async with listening(elsewhere.http, site.own.headers) as listener:
        async with rt.db.begin() as session:
            assert (await session.execute(text(CUT))).scalars().all() == [True]
        event, change = await listener.next()
        assert (event, change["conversation_id"]) == ("missed", None)
        talk = await ask(client, site.own)
        assert (await listener.next())[1]["conversation_id"] == talk


async def test_who_falls_behind_is_told_that_they_missed_something(rt: Runtime, site: Site) -> None:
    own, other = site.own.project.id, site.other.project.id
    async with rt.changes.follow(own) as slow, rt.changes.follow(other) as mark:
        async with rt.db.begin() as session:
            for number in range(MOST_WAITING + 1):
                await announce(session, own, Change("message", messages=number))
            await announce(session, other, Change("status"))
        await mark.get()
        assert slow.get_nowait() == MISSED
        assert slow.empty()
        async with rt.db.begin() as session:
            await announce(session, own, Change("erased"))
        assert await slow.get() == Change("erased")


async def test_nothing_is_told_of_what_is_rolled_back(rt: Runtime, site: Site) -> None:
    own = site.own.project.id
    async with rt.changes.follow(own) as queue:
        with pytest.raises(ZeroDivisionError):
            async with rt.db.begin() as session:
                await announce(session, own, Change("message"))
                raise ZeroDivisionError
        async with rt.db.begin() as session:
            await announce(session, own, Change("erased"))
        assert await queue.get() == Change("erased")


async def test_a_key_that_ends_ends_its_stream(
    rt: Runtime, site: Site, elsewhere: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.01)
    async with rt.db.begin() as session:
        key = await issue_key(session, site.own.project, label="short", now=rt.clock())
    async with listening(elsewhere.http, {"Authorization": f"Bearer {key.text}"}) as listener:
        async with rt.db.begin() as session:
            await session.execute(delete(ApiKey).where(ApiKey.id == key.id))
        assert set(await listener.rest()) <= {"", ": beat"}


async def leaves(rt: Runtime, own: Project, person: User) -> None:
    async with rt.db.begin() as session:
        await remove_member(session, own, person.id, actor=COMMAND, now=rt.clock())


async def is_demoted(rt: Runtime, own: Project, person: User) -> None:
    async with rt.db.begin() as session:
        await change_role(session, own, person.id, Role.VIEWER, actor=COMMAND, now=rt.clock())


async def signs_out(rt: Runtime, own: Project, person: User) -> None:  # noqa: ARG001 - the others need the project
    await sign_out_everywhere(rt, person)


@pytest.mark.parametrize(
    ("address", "deed"),
    [
        (EVENTS, leaves),
        (EVENTS, signs_out),
        ("/projects/seaside/inbox/events", leaves),
        ("/projects/seaside/inbox/events", signs_out),
        ("/projects/seaside/chat/events?helpdesk=1", leaves),
        ("/projects/seaside/chat/events?helpdesk=1", is_demoted),
    ],
)
async def test_whoever_loses_the_right_loses_the_stream(
    rt: Runtime, site: Site, elsewhere: Server, monkeypatch: pytest.MonkeyPatch, address: str, deed: Loss
) -> None:
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.01)
    own = site.own.project
    person = await add_person(rt, "ana", (own, Role.AGENT))
    cookie = {"Cookie": f"{COOKIE}={await cookie_of(rt, person)}"}
    headers = await bearer_of(rt, person, own) if address == EVENTS else cookie
    async with listening(elsewhere.http, headers, address) as listener:
        await deed(rt, own, person)
        assert set(await listener.rest()) <= {"", ": beat"}


async def test_a_busy_stream_is_checked_at_its_beats_as_well(
    rt: Runtime, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.0)
    own, rights = site.own.project.id, iter([True, False])

    async def still_allowed() -> bool:
        return next(rights)

    async with (
        aclosing(stream.stream(rt, own, still_allowed, stream.no_sign)) as events,
        rt.changes.follow(own) as all_,
    ):
        assert (await anext(events)).comment == "beat"
        async with rt.db.begin() as session:
            for number in range(10):
                await announce(session, own, Change("message", messages=number))
        for _ in range(10):
            await all_.get()
        assert [event async for event in events] == []


async def test_an_open_stream_of_who_may_answer_is_a_sign_of_life(rt: Runtime, site: Site, elsewhere: Server) -> None:
    for name, role in (("ana", Role.AGENT), ("vera", Role.VIEWER)):
        person = await add_person(rt, name, (site.own.project, role))
        async with listening(elsewhere.http, await bearer_of(rt, person, site.own.project)):
            pass
    async with listening(elsewhere.http, site.own.headers):
        pass
    async with rt.db.read() as session:
        members = await answering_members(session, site.own.project.id, rt.clock())
    assert [(member.name, member.there) for member in members] == [("ana", True)]


async def test_an_idle_stream_holds_no_connection_and_no_server_back(rt: Runtime, site: Site) -> None:
    pool = rt.db.engine.pool
    assert isinstance(pool, QueuePool)
    async with served(rt) as server, listening(server.http, site.own.headers) as listener:
        assert pool.checkedout() == 0
        rt.changes.end()
        assert not any(await listener.rest())
        server.uvicorn.should_exit = True
        await server.running

"""Logging in through the API: our own routes and the published ones, passwords, registration, and what is noted."""

import asyncio
import dataclasses
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal
from uuid import UUID

import httpx
import pytest
import uvicorn
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY
from conftest import client_of
from factories import Site, build_tenant
from page_visitor import OWN
from sqlalchemy import select, update
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from ouvidor.accounts import passwords
from ouvidor.accounts.login import begin_api_login, log_in
from ouvidor.accounts.models import AuditEntry, Project, TokenFamily, User
from ouvidor.accounts.passwords import (
    HashedPassword,
    HashInsideTransaction,
    hash_of_nobody,
    hash_password,
    is_password,
)
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.registration import slug_of
from ouvidor.accounts.signins import open_signin
from ouvidor.accounts.users import WrongPassword, create_user, join_project
from ouvidor.errors import Conflict, Misconfigured, Unprocessable
from ouvidor.runtime import Runtime
from ouvidor.serve import server_config
from ouvidor.settings import Settings, read_settings

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
NEW = "staple of the harbour"


@pytest.fixture
async def marina(rt: Runtime, site: Site) -> User:
    """An agent of `seaside` and owner of `atlas`; the one is titled Seaside, the other Atlas."""
    atlas = await build_tenant(rt, "atlas")
    return await make(rt, "marina", (site.own.project, Role.AGENT), (atlas.project, Role.OWNER))


async def make(rt: Runtime, username: str, *places: tuple[Project, Role], **more: Any) -> User:
    hashed = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        user = await create_user(session, username, hashed, now=rt.clock(), **more)
        for project, role in places:
            await join_project(session, user.id, project.id, role, rt.clock())
    return user


async def login(client: httpx.AsyncClient, username: str = "marina", password: str = PASSWORD, **more: Any) -> Any:
    answer = await client.post("/api/v1/auth/login", json={"username": username, "password": password, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access']}"}


async def noted(rt: Runtime, action: str) -> list[AuditEntry]:
    async with rt.db.read() as session:
        query = select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)
        return list((await session.execute(query)).scalars())


@pytest.mark.usefixtures("marina")
async def test_a_login_is_for_the_project_named_or_the_first(client: httpx.AsyncClient) -> None:
    first = await login(client)
    assert {name: kind.__name__ for name, kind in zip(first, map(type, first.values()), strict=True)} == {
        "access": "str",
        "refresh": "str",
        "token_type": "str",
        "expires_in": "int",
        "project": "str",
    }
    assert (first["token_type"], first["expires_in"], first["project"]) == ("Bearer", 900, "atlas")
    named = await login(client, project="seaside")
    assert named["project"] == "seaside"
    assert (await client.get("/api/v1/project", headers=bearer(named))).json()["name"] == "seaside"
    again = await client.post("/api/v1/auth/refresh", json={"refresh": named["refresh"]})
    assert (again.json()["project"], set(again.json())) == ("seaside", set(first))


@pytest.mark.usefixtures("marina")
async def test_projects_of_others_cannot_be_chosen(client: httpx.AsyncClient) -> None:
    for name in ("elsewhere", "nowhere"):
        body = {"username": "marina", "password": PASSWORD, "project": name}
        answer = await client.post("/api/v1/auth/login", json=body)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:ouvidor:unknown_project")


async def test_a_person_of_no_project_logs_in_and_is_told(rt: Runtime, client: httpx.AsyncClient) -> None:
    await make(rt, "alone")
    tokens = await login(client, "alone")
    assert tokens["project"] is None
    me = (await client.get("/api/v1/me", headers=bearer(tokens))).json()
    assert (me["username"], me["current"], me["memberships"]) == ("alone", None, [])
    refused = await client.get("/api/v1/project", headers=bearer(tokens))
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:ouvidor:no_project_chosen")


async def test_me_says_who_and_where(client: httpx.AsyncClient, marina: User) -> None:
    tokens = await login(client, project="seaside")
    me = (await client.get("/api/v1/me", headers=bearer(tokens))).json()
    assert me == {
        "id": str(marina.id),
        "username": "marina",
        "name": "marina",
        "operator": False,
        "current": {"project": "seaside", "title": "Seaside", "role": "agent"},
        "memberships": [
            {"project": "atlas", "title": "Atlas", "role": "owner"},
            {"project": "seaside", "title": "Seaside", "role": "agent"},
        ],
    }


async def test_keys_are_not_persons(client: httpx.AsyncClient, site: Site) -> None:
    answer = await client.get("/api/v1/me", headers=site.own.headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:ouvidor:people_only")


async def test_a_person_changes_their_name(rt: Runtime, client: httpx.AsyncClient, marina: User) -> None:
    headers = bearer(await login(client))
    changed = await client.patch("/api/v1/me", json={"name": "  Marina   Duarte "}, headers=headers)
    assert changed.json()["name"] == "Marina Duarte"
    for name in ("x" * 81, "Mari\u202ena", "a\u0000b"):
        assert (await client.patch("/api/v1/me", json={"name": name}, headers=headers)).status_code == 422
    assert (await client.patch("/api/v1/me", json={"operator": True}, headers=headers)).status_code == 422
    assert (await client.patch("/api/v1/me", json={"name": ""}, headers=headers)).json()["name"] == "marina"
    entries = await noted(rt, "user.renamed")
    assert [(entry.actor_id, entry.details) for entry in entries] == [(marina.id, {})] * 2


async def test_a_new_password_ends_every_other_sign_in(rt: Runtime, client: httpx.AsyncClient, marina: User) -> None:
    mine, other = await login(client), await login(client)
    async with client_of(rt) as browser:
        await browser.post("/sign-in", data={"username": "marina", "password": PASSWORD}, headers=OWN)
        assert (await browser.get("/account", headers=OWN)).status_code == 200
        body = {"old": PASSWORD, "new": NEW}
        assert (await client.post("/api/v1/auth/password", json=body, headers=bearer(mine))).status_code == 200
        assert (await browser.get("/account", headers=OWN)).status_code == 303
    assert (await client.get("/api/v1/me", headers=bearer(mine))).status_code == 200
    assert (await client.get("/api/v1/me", headers=bearer(other))).status_code == 401
    with pytest.raises(WrongPassword):
        await log_in(rt, "marina", PASSWORD, address="203.0.113.9")
    assert (await login(client, password=NEW))["access"]
    assert [entry.actor_id for entry in await noted(rt, "user.password_changed")] == [marina.id]


@pytest.mark.usefixtures("marina")
async def test_of_two_changes_at_once_one_counts(client: httpx.AsyncClient) -> None:
    headers = bearer(await login(client))
    bodies = [{"old": PASSWORD, "new": f"{NEW} {number}"} for number in range(4)]
    answers = await asyncio.gather(
        *[client.post("/api/v1/auth/password", json=body, headers=headers) for body in bodies]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
    kept = next(body["new"] for body, answer in zip(bodies, answers, strict=True) if answer.is_success)
    assert (await login(client, password=kept))["access"]


@pytest.mark.usefixtures("marina")
async def test_a_password_is_changed_by_whoever_knows_it(client: httpx.AsyncClient) -> None:
    headers = bearer(await login(client))
    wrong = await client.post("/api/v1/auth/password", json={"old": "wrong guess", "new": NEW}, headers=headers)
    assert (wrong.status_code, wrong.json()["type"]) == (403, "urn:ouvidor:wrong_old_password")
    weak = await client.post("/api/v1/auth/password", json={"old": PASSWORD, "new": "short"}, headers=headers)
    assert (weak.status_code, weak.json()["type"]) == (422, "urn:ouvidor:weak_password")
    for _ in range(7):
        await client.post("/api/v1/auth/password", json={"old": "wrong guess", "new": NEW}, headers=headers)
    stopped = await client.post("/api/v1/auth/password", json={"old": PASSWORD, "new": NEW}, headers=headers)
    assert (stopped.status_code, stopped.headers["retry-after"]) == (429, "900")


@pytest.mark.usefixtures("marina")
async def test_a_password_changed_in_between_stops_a_sign_in(rt: Runtime) -> None:
    """Somebody who gave the old password just before it was changed gets no sign-in that outlives it."""
    user = await log_in(rt, "marina", PASSWORD, address="203.0.113.9")
    fresh = await hash_password(NEW)
    async with rt.db.begin() as session:
        await session.execute(update(User).where(User.id == user.id).values(password_hash=fresh.text))
    with pytest.raises(WrongPassword):
        await begin_api_login(rt, user, project=None, program="")
    async with rt.db.begin() as session:
        with pytest.raises(WrongPassword):
            await open_signin(session, user, now=rt.clock(), hours=1)


async def test_sign_ins_are_noted_without_what_was_typed(rt: Runtime, client: httpx.AsyncClient, marina: User) -> None:
    await client.post("/api/v1/auth/login", json={"username": "Marina", "password": "my other secret"})
    await client.post("/api/v1/auth/login", json={"username": "my secret by mistake", "password": "x"})
    tokens = await login(client)
    await client.post("/api/v1/auth/logout", headers=bearer(tokens))
    async with rt.db.read() as session:
        query = select(AuditEntry).where(AuditEntry.action.startswith("user.")).order_by(AuditEntry.id)
        entries = list((await session.execute(query)).scalars())
    assert [(entry.action, entry.actor_kind, entry.actor_id) for entry in entries] == [
        ("user.sign_in_refused", "user", marina.id),
        ("user.sign_in_refused", "system", None),
        ("user.signed_in", "user", marina.id),
        ("user.signed_out", "user", marina.id),
    ]
    assert "secret" not in repr([vars(entry) for entry in entries])


async def test_demo_people_log_in_from_this_machine_only(rt: Runtime, client: httpx.AsyncClient) -> None:
    await make(rt, "demo", demo=True)
    body = {"username": "demo", "password": PASSWORD}
    for path in ("/api/v1/auth/login", "/api/auth/login"):
        assert (await client.post(path, json=body)).status_code == 200
        answer = await client.post(path, json=body, headers={"X-Forwarded-For": "203.0.113.9"})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:ouvidor:demo_off_loopback")
    headers = bearer(await login(client, "demo"))
    changed = await client.post("/api/v1/auth/password", json={"old": PASSWORD, "new": NEW}, headers=headers)
    assert (changed.status_code, changed.json()["type"]) == (403, "urn:ouvidor:demo_password")


# The published contract (CONTRACTS 1c).


@asynccontextmanager
async def with_registration(rt: Runtime) -> AsyncGenerator[httpx.AsyncClient]:
    settings = rt.settings.model_copy(update={"open_registration": True})
    async with client_of(dataclasses.replace(rt, settings=settings)) as http:
        yield http


async def test_registration_is_closed_unless_opened(rt: Runtime, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/auth/register", json={"username": "ana", "password": PASSWORD})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:ouvidor:registration_closed")
    async with rt.db.read() as session:
        assert (await session.execute(select(User))).first() is None


@pytest.mark.usefixtures("site")
async def test_who_registers_owns_a_project_of_their_own(rt: Runtime) -> None:
    async with with_registration(rt) as http:
        body = {"username": "Seaside", "password": PASSWORD, "project": "elsewhere", "email": "a@example.com"}
        made = await http.post("/api/auth/register", json=body)
        assert made.status_code == 201
        assert set(made.json()) == {"id", "username"}
        assert (UUID(made.json()["id"]).version, made.json()["username"]) == (7, "seaside")
        tokens = (await http.post("/api/auth/login", json=body)).json()
        me = (await http.get("/api/v1/me", headers=bearer(tokens))).json()
        assert [(place["title"], place["role"]) for place in me["memberships"]] == [("seaside", "owner")]
        own = me["memberships"][0]["project"]
        assert own.startswith("seaside-")
        rules = (await http.get("/api/v1/project", headers=bearer(tokens))).json()
        assert (rules["name"], rules["languages"]) == (own, ["pt", "en"])
        assert (await http.get("/api/v1/sections", headers=bearer(tokens))).json()["data"] == []
        taken = await http.post("/api/auth/register", json={"username": "ＳＥＡＳＩＤＥ", "password": PASSWORD})
        assert taken.status_code == 409
        for username, password in (("x", "short"), ("", PASSWORD), ("a\u200bb", PASSWORD), ("   ", PASSWORD)):
            answer = await http.post("/api/auth/register", json={"username": username, "password": password})
            assert answer.status_code == 422
    assert [entry.actor_name for entry in await noted(rt, "user.registered")] == ["seaside"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("José Ávila", "jose-avila"),
        ("ana", "ana"),
        ("x", "project"),
        ("日本", "project"),
        ("a" * 90, "a" * 40),
        ("-a-b-", "a-b"),
    ],
)
def test_projects_are_named_after_people(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@pytest.mark.usefixtures("marina")
async def test_the_published_login_has_its_shapes(client: httpx.AsyncClient) -> None:
    body = {"username": "marina", "password": PASSWORD, "remember_me": True}
    answer = await client.post("/api/auth/login", json=body)
    assert (answer.status_code, set(answer.json())) == (200, {"access", "refresh"})
    next_pair = await client.post("/api/auth/refresh", json={"refresh": answer.json()["refresh"], "x": 1})
    assert (next_pair.status_code, set(next_pair.json())) == (200, {"access", "refresh"})
    assert (await client.get("/api/v1/project", headers=bearer(next_pair.json()))).json()["name"] == "atlas"
    reused = await client.post("/api/auth/refresh", json={"refresh": answer.json()["refresh"]})
    assert reused.status_code == 401
    assert (await client.get("/api/v1/me", headers=bearer(next_pair.json()))).status_code == 401
    wrong = await client.post("/api/auth/login", json={"username": "marina", "password": "wrong"})
    assert (wrong.status_code, wrong.headers["content-type"]) == (401, "application/problem+json")
    for broken in (
        {"username": "marina"},
        {"username": 1, "password": PASSWORD},
        [],
        {"username": "a\u0000", "password": "x"},
    ):
        assert (await client.post("/api/auth/login", json=broken)).status_code == 422
    assert (await client.post("/api/auth/login", content=b"{")).status_code in {400, 422}
    surrogate = b'{"username": "marina", "password": "\\ud800"}'
    answer = await client.post("/api/auth/login", content=surrogate, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


@pytest.mark.usefixtures("marina")
async def test_a_login_remembers_the_program(rt: Runtime, client: httpx.AsyncClient) -> None:
    body = {"username": "marina", "password": PASSWORD}
    await client.post("/api/v1/auth/login", json=body, headers={"User-Agent": "reports/2.1 \x1b[31m" + "x" * 300})
    async with rt.db.read() as session:
        program = (await session.execute(select(TokenFamily.program))).scalar_one()
    assert program.startswith("reports/2.1 [31mx")
    assert len(program) == 200


# Passwords.


@pytest.mark.usefixtures("full_work")
async def test_unknown_names_cost_the_work_of_known_ones() -> None:
    """The hash that nobody's password is held against has the parameters of those that are stored."""
    stored = await hash_password(PASSWORD)
    assert extract_parameters(hash_of_nobody()) == extract_parameters(stored.text) == RFC_9106_LOW_MEMORY
    assert extract_parameters(stored.text).type.name == "ID"
    assert not await is_password(None, "nobody has this password")
    assert await is_password(stored.text, PASSWORD)
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(hash_of_nobody(), "nobody has this password")


class CountingHasher(PasswordHasher):
    """A hasher that remembers the work of each check."""

    work: ClassVar[list[tuple[int, int, int]]] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        told = extract_parameters(str(hash))
        self.work.append((told.memory_cost, told.time_cost, told.parallelism))
        return super().verify(hash, password)


@pytest.mark.parametrize("door", ["/sign-in", "/api/v1/auth/login", "/api/auth/login"])
async def test_each_door_does_the_same_work_for_known_and_unknown_names(
    rt: Runtime, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    monkeypatch.setattr(passwords, "_HASHER", CountingHasher.from_parameters(CHEAPEST))
    hashed = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        await create_user(session, "known", hashed, now=rt.clock())
    for username in ("known", "unknown"):
        CountingHasher.work.clear()
        form = {"username": username, "password": "wrong guess"}
        if door == "/sign-in":
            answer = await client.post(door, data=form, headers=OWN)
        else:
            answer = await client.post(door, json=form)
        assert answer.status_code == 401
        assert CountingHasher.work == [(CHEAPEST.memory_cost, CHEAPEST.time_cost, CHEAPEST.parallelism)], username


@pytest.mark.usefixtures("full_work")
async def test_a_hash_of_weaker_parameters_is_made_anew_at_the_next_login(rt: Runtime) -> None:
    weak = HashedPassword(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD))
    async with rt.db.begin() as session:
        await create_user(session, "marina", weak, now=rt.clock())
    with pytest.raises(WrongPassword):
        await log_in(rt, "marina", "wrong guess", address="")
    user = await log_in(rt, "marina", PASSWORD, address="")
    async with rt.db.read() as session:
        stored = (await session.execute(select(User.password_hash))).scalar_one()
    assert stored == user.password_hash != weak.text
    assert extract_parameters(stored) == extract_parameters(hash_of_nobody())
    assert await log_in(rt, "marina", PASSWORD, address="")


async def test_the_same_letters_from_another_keyboard_are_the_same_password() -> None:
    stored = await hash_password("ação imediata")
    assert await is_password(stored.text, "ac\u0327a\u0303o imediata")
    assert not await is_password(stored.text, "acao imediata")
    assert not await is_password("$argon2id$broken", "ação imediata")


async def test_no_password_is_hashed_inside_a_transaction(rt: Runtime) -> None:
    async with rt.db.begin():
        with pytest.raises(HashInsideTransaction):
            await hash_password(PASSWORD)
        with pytest.raises(HashInsideTransaction):
            await is_password(None, PASSWORD)


async def test_names_that_cannot_be_seen_are_refused(rt: Runtime) -> None:
    hashed = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        for name in ("", "  ", "a\u200bb", "a\u202eb", "x" * 201):
            with pytest.raises(Unprocessable):
                await create_user(session, name, hashed, now=rt.clock())
        await create_user(session, "Ana", hashed, now=rt.clock())
        with pytest.raises(Conflict):
            await create_user(session, " ＡＮＡ ", hashed, now=rt.clock())


# The address that counts.


async def tell_address(scope: Scope, receive: Receive, send: Send) -> None:
    client = Request(scope).client
    assert client is not None
    await PlainTextResponse(f"{client.host} {scope['scheme']}")(scope, receive, send)


async def seen_by_uvicorn(settings: Settings, headers: dict[str, str]) -> str:
    """What an app behind a real uvicorn takes for the client, as `ouvidor serve` configures it."""
    door = socket.create_server(("127.0.0.1", 0))
    served = uvicorn.Server(server_config(tell_address, settings))
    running = asyncio.create_task(served.serve(sockets=[door]))
    try:
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"http://127.0.0.1:{door.getsockname()[1]}", headers=headers)
    finally:
        served.should_exit = True
        await running
    return answer.text


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [
        ("", "127.0.0.1 http"),
        ("10.0.0.5", "127.0.0.1 http"),
        ("10.0.0.5, 127.0.0.0/8", "203.0.113.9 https"),
    ],
)
async def test_only_proxies_of_the_operator_speak_for_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxies: str, seen: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    settings = Settings(data_dir=tmp_path, trusted_proxies=proxies, _env_file=None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    headers = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9", "X-Forwarded-Proto": "https"}
    assert await seen_by_uvicorn(settings, headers) == seen


@pytest.mark.parametrize("proxies", ["*", "proxy.example", "10.0.0.0/33", "10.0.0.5, *"])
def test_proxies_are_addresses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxies: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUVIDOR_TRUSTED_PROXIES", proxies)
    with pytest.raises(Misconfigured, match="OUVIDOR_TRUSTED_PROXIES must hold addresses or networks"):
        read_settings()

"""Guessing passwords: counted for all processes together, before the check, whatever the request says of itself."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx
import pytest
from conftest import MovedClock, OpenRuntime, app_on
from page_visitor import OWN
from sqlalchemy import func, select

from ouvidor.accounts.models import Attempts, AuditEntry, User
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.throttle import (
    MOST_BY_ADDRESS,
    MOST_BY_NAME,
    MOST_BY_NAME_AND_ADDRESS,
    count_attempt,
    password_door,
    place_of,
    sweep_attempts,
)
from ouvidor.accounts.users import clean_username, create_user
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
LOGIN = "/api/v1/auth/login"


@pytest.fixture
async def marina(rt: Runtime) -> User:
    hashed = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        return await create_user(session, "marina", hashed, now=rt.clock())


def at(rt: Runtime, address: str = "203.0.113.9") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_on(rt), client=(address, 5), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


async def guess(
    http: httpx.AsyncClient, username: str = "marina", password: str = "wrong guess", **headers: str
) -> httpx.Response:
    return await http.post(LOGIN, json={"username": username, "password": password}, headers=headers)


async def use_up(http: httpx.AsyncClient, username: str = "marina") -> None:
    statuses = [(await guess(http, username)).status_code for _ in range(MOST_BY_NAME_AND_ADDRESS)]
    assert statuses == [401] * MOST_BY_NAME_AND_ADDRESS


async def refusals(rt: Runtime) -> int:
    """How many guesses reached the password check and failed there."""
    async with rt.db.read() as session:
        refused = AuditEntry.action == "user.sign_in_refused"
        return (await session.execute(select(func.count()).where(refused))).scalar_one()


@pytest.mark.usefixtures("marina")
async def test_the_ninth_guess_is_refused_even_if_it_is_right(rt: Runtime) -> None:
    async with at(rt) as http:
        await use_up(http)
        answer = await guess(http, password=PASSWORD)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:ouvidor:too_many_attempts"
    assert await refusals(rt) == MOST_BY_NAME_AND_ADDRESS


HEADERS = (
    {"X-Forwarded-For": "198.51.100.7"},
    {"X-Forwarded-For": "127.0.0.1, 203.0.113.9", "Via": "1.1 proxy"},
    {"Forwarded": "for=198.51.100.7"},
    {"X-Real-IP": "198.51.100.7"},
    {"X-Client-IP": "198.51.100.7"},
    {"True-Client-IP": "198.51.100.7"},
    {"CF-Connecting-IP": "198.51.100.7"},
)
SPELLINGS = ("MARINA", "mArInA", " marina", "marina\t", "Ｍａｒｉｎａ", "ｍarina", "\u2002marina\u00a0", "\u3000Marina")


@pytest.mark.usefixtures("marina")
async def test_neither_headers_nor_spellings_dodge_it(rt: Runtime) -> None:
    """Each guess is the right password, so one that got through would be a 200."""
    async with at(rt) as http:
        await use_up(http)
        for headers in HEADERS:
            assert (headers, (await guess(http, password=PASSWORD, **headers)).status_code) == (headers, 429)
        for name in SPELLINGS:
            assert (name, (await guess(http, name, PASSWORD)).status_code) == (name, 429)


@pytest.mark.usefixtures("marina")
async def test_spellings_are_one_name_while_it_counts(rt: Runtime) -> None:
    async with at(rt) as http:
        assert [(await guess(http, name)).status_code for name in SPELLINGS] == [401] * MOST_BY_NAME_AND_ADDRESS
        assert (await guess(http, password=PASSWORD)).status_code == 429


def test_a_name_has_one_form() -> None:
    for name in ("ẞtraße", "ﬁn", "ΌΣΟΣ", "Å", "e\u0301", "ĳ", "ſ", "K"):
        once = clean_username(name)
        assert once == clean_username(once) == clean_username(name.upper()) == clean_username(name.lower())


async def test_fifty_at_once_on_two_processes_are_eight(opened: OpenRuntime) -> None:
    async with AsyncExitStack() as stack:
        runtimes = [await stack.enter_async_context(opened()) for _ in range(2)]
        doors = [await stack.enter_async_context(at(rt)) for rt in runtimes]
        answers = await asyncio.gather(*[guess(doors[number % 2], "nobody") for number in range(50)])
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [401] * MOST_BY_NAME_AND_ADDRESS + [429] * (50 - MOST_BY_NAME_AND_ADDRESS)
        assert await refusals(runtimes[0]) == MOST_BY_NAME_AND_ADDRESS


async def test_names_without_an_account_count_the_same(rt: Runtime) -> None:
    async with at(rt) as http:
        await use_up(http, "nobody")
        assert (await guess(http, "NOBODY")).status_code == 429


@pytest.mark.usefixtures("marina")
async def test_after_a_quarter_of_an_hour_from_the_first_the_door_is_open(rt: Runtime, clock: MovedClock) -> None:
    async with at(rt) as http:
        await guess(http)
        clock.advance(minutes=10)
        for _ in range(MOST_BY_NAME_AND_ADDRESS - 1):
            await guess(http)
        refused = await guess(http, password=PASSWORD)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "300")
        clock.advance(seconds=299)
        assert (await guess(http, password=PASSWORD)).status_code == 429
        clock.advance(seconds=1)
        assert (await guess(http, password=PASSWORD)).status_code == 200


@pytest.mark.usefixtures("marina")
async def test_a_success_clears_what_was_counted(rt: Runtime) -> None:
    async with at(rt) as http:
        for _ in range(3):
            for _ in range(MOST_BY_NAME_AND_ADDRESS - 1):
                assert (await guess(http)).status_code == 401
            assert (await guess(http, password=PASSWORD)).status_code == 200
    async with rt.db.read() as session:
        assert list((await session.execute(select(Attempts.count))).scalars()) == [3 * (MOST_BY_NAME_AND_ADDRESS - 1)]


@pytest.mark.usefixtures("marina")
async def test_many_names_from_one_address_are_stopped(rt: Runtime) -> None:
    async with at(rt) as http:
        assert (await guess(http, "somebody")).status_code == 401
        for number in range(MOST_BY_ADDRESS - 1):
            await count_attempt(rt, password_door(f"name{number}", "203.0.113.9"))
        refused = await guess(http, password=PASSWORD)
        assert refused.status_code == 429
        async with at(rt, "203.0.113.10") as other:
            assert (await guess(other, password=PASSWORD)).status_code == 200
            assert (await guess(http, password=PASSWORD)).status_code == 429


@pytest.mark.usefixtures("marina")
async def test_one_name_from_many_addresses_is_stopped(rt: Runtime) -> None:
    for number in range(MOST_BY_NAME):
        await count_attempt(rt, password_door("Marina", f"203.0.113.{number}"))
    async with at(rt, "198.51.100.7") as http:
        assert (await guess(http, password=PASSWORD)).status_code == 429


@pytest.mark.usefixtures("marina")
async def test_one_address_alone_cannot_lock_a_name_for_others(rt: Runtime) -> None:
    async with at(rt) as http:
        for _ in range(MOST_BY_NAME + 5):
            await guess(http)
    async with at(rt, "198.51.100.7") as http:
        assert (await guess(http, password=PASSWORD)).status_code == 200


@pytest.mark.usefixtures("marina")
async def test_the_wait_told_is_that_of_every_count(rt: Runtime, clock: MovedClock) -> None:
    """The name and address are full for 13 minutes more, the address alone for 15: waiting 15 is what helps."""
    here = "203.0.113.9"
    await count_attempt(rt, password_door("early", here))
    clock.advance(minutes=14)
    for _ in range(MOST_BY_NAME_AND_ADDRESS):
        await count_attempt(rt, password_door("marina", here))
    clock.advance(minutes=2)
    for number in range(MOST_BY_ADDRESS):
        await count_attempt(rt, password_door(f"name{number}", here))
    async with at(rt) as http:
        refused = await guess(http, password=PASSWORD)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "900")
        clock.advance(seconds=899)
        assert (await guess(http, password=PASSWORD)).status_code == 429
        clock.advance(seconds=1)
        assert (await guess(http, password=PASSWORD)).status_code == 200


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:DB8:1:2:0:0:0:1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("", "unix socket", False),
    ],
)
def test_addresses_have_one_form(one: str, other: str, same: bool) -> None:
    assert (place_of(one) == place_of(other)) is same


@pytest.mark.usefixtures("marina")
async def test_pages_and_api_share_the_counts(rt: Runtime) -> None:
    async with at(rt) as http:
        await use_up(http)
        page = await http.post("/sign-in", data={"username": "Marina", "password": PASSWORD}, headers=OWN)
        assert (page.status_code, page.headers["retry-after"]) == (429, "900")
        assert "Wait 15 minutes" in page.text
        contract = await http.post("/api/auth/login", json={"username": "marina", "password": PASSWORD})
        assert (contract.status_code, contract.headers["retry-after"]) == (429, "900")


async def test_registration_is_counted_by_address(rt: Runtime) -> None:
    settings = rt.settings.model_copy(update={"open_registration": True})
    async with at(replace(rt, settings=settings)) as http:
        answers = [
            await http.post("/api/auth/register", json={"username": f"name{number}", "password": PASSWORD})
            for number in range(9)
        ]
    assert [answer.status_code for answer in answers] == [201] * 8 + [429]
    assert answers[-1].headers["retry-after"] == "900"


async def test_counts_whose_time_is_over_are_swept(rt: Runtime, clock: MovedClock) -> None:
    async with at(rt) as http:
        await guess(http, "one")
        clock.advance(minutes=14)
        await guess(http, "two")
        clock.advance(minutes=1)
    async with rt.db.begin() as session:
        await sweep_attempts(session, rt.clock())
        assert (await session.execute(select(func.count()).select_from(Attempts))).scalar_one() == 2


async def test_neither_names_nor_addresses_are_kept(rt: Runtime) -> None:
    async with at(rt) as http:
        await guess(http, "somebody")
    async with rt.db.read() as session:
        keys = list((await session.execute(select(Attempts.key))).scalars())
        entry = (await session.execute(select(AuditEntry))).scalar_one()
    assert all(len(key) == 32 for key in keys)
    assert (entry.actor_kind, entry.subject_id, entry.details) == ("system", None, {})
    assert "somebody" not in entry.actor_name

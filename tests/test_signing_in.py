"""Signing in and out on the pages, and forms that come from elsewhere."""

import httpx
import pytest
from conftest import client_of
from factories import Tenant
from page_visitor import FRAGMENT, OWN, PASSWORD, enter, furnish, message

from ouvidor.accounts.signins import COOKIE
from ouvidor.runtime import Runtime
from ouvidor.web.signing import own_address

pytestmark = pytest.mark.anyio


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await furnish(rt)


async def test_strangers_are_led_to_the_sign_in_and_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/projects/seaside/chat", headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?then=%2Fprojects%2Fseaside%2Fchat")
    narrowed = await client.get("/projects/seaside/conversations?status=bot", headers=OWN)
    assert narrowed.headers["location"].endswith("%2Fconversations%3Fstatus%3Dbot")
    script = await client.get("/projects/seaside/chat", headers=FRAGMENT)
    assert (script.status_code, script.headers["content-type"]) == (401, "application/problem+json")


async def test_wrong_password_is_refused_without_telling_which_part(rt: Runtime, client: httpx.AsyncClient) -> None:
    await enter(rt, client)
    client.cookies.clear()
    texts: list[str] = []
    for username in ("marina", "nobody"):
        form = {"username": username, "password": "wrong password"}
        answer = await client.post("/sign-in", data=form, headers=OWN)
        assert (answer.status_code, COOKIE in answer.cookies) == (401, False)
        texts.append(answer.text.replace(username, ""))
    assert texts[0] == texts[1]


async def test_sign_in_cookie_is_kept_from_scripts(rt: Runtime, client: httpx.AsyncClient) -> None:
    await enter(rt, client)
    form = {"username": "marina", "password": PASSWORD}
    cookie = (await client.post("/sign-in", data=form, headers=OWN)).headers["set-cookie"]
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}


async def test_sign_out_ends_the_sign_in_on_the_server(rt: Runtime, client: httpx.AsyncClient) -> None:
    token = await enter(rt, client)
    kept = dict(client.cookies)
    await client.post("/sign-out", data={"form_token": token}, headers=OWN)
    client.cookies.update(kept)
    assert (await client.get("/", headers=OWN)).headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("address", ["//evil.example", "/\\evil.example", "https://evil.example", "/x\r\ny", ""])
def test_sign_in_leads_to_no_other_site(address: str) -> None:
    assert own_address(address) == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/html"},
        {"Accept": "text/html", "Origin": "https://evil.example"},
        {**OWN, "Sec-Fetch-Site": "cross-site"},
        {**OWN, "Sec-Fetch-Site": "same-site"},
        {"Accept": "text/html", "Origin": "null"},
        {"Accept": "text/html", "Origin": "http://["},
        {"Accept": "text/html", "Origin": "http://127.0.0.1:8000@evil.example"},
    ],
)
async def test_forms_of_other_sites_are_refused(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, headers: dict[str, str]
) -> None:
    token = await enter(rt, client, tenant.project)
    address = "/projects/seaside/chat/messages"
    assert (await client.post(address, data=message(token, "hi"), headers=headers)).status_code == 403
    assert (await client.post("/sign-in", data={"username": "a", "password": "b"}, headers=headers)).status_code == 403


async def test_forms_need_the_token_of_their_sign_in(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project)
    async with client_of(rt) as other:
        foreign = await enter(rt, other, tenant.project, username="other")
    for token in ("", "x" * 64, foreign):
        answer = await client.post("/projects/seaside/chat/messages", data=message(token, "hi"), headers=OWN)
        assert answer.status_code == 403

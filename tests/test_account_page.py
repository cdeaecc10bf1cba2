"""The page of one's own account: the name, the password, where one is signed in, what happened last."""

import re
from html import unescape

import httpx
import pytest
from conftest import client_of
from page_visitor import OWN, PASSWORD, enter
from sqlalchemy import select

from ouvidor.accounts.models import SignIn, User
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.signins import readable_browser
from ouvidor.accounts.users import create_user
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

NEW = "staple of the harbour"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def page_of(http: httpx.AsyncClient) -> str:
    """The text of the account's page, its markup taken out."""
    answer = await http.get("/account", headers=OWN)
    assert answer.status_code == 200
    return words(answer)


def words(answer: httpx.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


async def log_in(http: httpx.AsyncClient, program: str = "reports/2.1 (nightly)") -> dict[str, str]:
    body = {"username": "marina", "password": PASSWORD}
    answer = await http.post("/api/v1/auth/login", json=body, headers={"User-Agent": program})
    return {"Authorization": f"Bearer {answer.json()['access']}"}


async def send(http: httpx.AsyncClient, token: str, part: str, **fields: str) -> httpx.Response:
    return await http.post(f"/account/{part}", data={"form_token": token, **fields}, headers=OWN)


async def test_strangers_see_no_account(client: httpx.AsyncClient) -> None:
    assert (await client.get("/account", headers=OWN)).headers["location"] == "/sign-in?then=%2Faccount"
    for part in ("name", "password", "sign-ins/end", "sign-out-everywhere"):
        assert (await send(client, "x", part)).headers["location"].startswith("/sign-in")


async def test_forms_need_their_token(rt: Runtime, client: httpx.AsyncClient) -> None:
    await enter(rt, client)
    for part in ("name", "password", "sign-ins/end", "sign-out-everywhere"):
        assert (await send(client, "x" * 64, part)).status_code == 403


async def test_the_name_is_changed_and_shown(rt: Runtime, client: httpx.AsyncClient) -> None:
    token = await enter(rt, client)
    done = await send(client, token, "name", name=" Marina  Duarte ")
    assert (done.status_code, done.headers["location"]) == (303, "/account?saved=name")
    assert 'title="Your account">Marina Duarte</a>' in (await client.get("/account", headers=OWN)).text
    wrong = await send(client, token, "name", name="<b>\u202e")
    assert (wrong.status_code, "This name cannot be used" in wrong.text) == (422, True)
    assert "Marina Duarte" in await page_of(client)


async def test_the_password_is_changed_and_the_others_are_out(rt: Runtime, client: httpx.AsyncClient) -> None:
    token = await enter(rt, client)
    program = await log_in(client)
    async with client_of(rt) as other:
        form = {"username": "marina", "password": PASSWORD}
        await other.post("/sign-in", data=form, headers=OWN)
        done = await send(client, token, "password", old=PASSWORD, new=NEW, again=NEW)
        assert (done.status_code, done.headers["location"]) == (303, "/account?saved=password")
        assert (await other.get("/account", headers=OWN)).status_code == 303
        assert (await client.get("/api/v1/me", headers=program)).status_code == 401
        assert "Password changed" in await page_of(client)
        assert (await other.post("/sign-in", data=form, headers=OWN)).status_code == 401
        assert (await other.post("/sign-in", data=form | {"password": NEW}, headers=OWN)).status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "status", "says"),
    [
        ("wrong guess", NEW, NEW, 403, "The old password is wrong"),
        (PASSWORD, "short", "short", 422, "The new password is too short"),
        (PASSWORD, NEW, NEW + "!", 422, "The new passwords differ"),
    ],
)
async def test_a_refused_password_says_why(
    rt: Runtime, client: httpx.AsyncClient, old: str, new: str, again: str, status: int, says: str
) -> None:
    token = await enter(rt, client)
    answer = await send(client, token, "password", old=old, new=new, again=again)
    assert (answer.status_code, says in answer.text) == (status, True)
    assert f'value="{new}"' not in answer.text


async def test_guessing_the_old_password_is_throttled(rt: Runtime, client: httpx.AsyncClient) -> None:
    token = await enter(rt, client)
    for _ in range(8):
        await send(client, token, "password", old="wrong guess", new=NEW, again=NEW)
    answer = await send(client, token, "password", old=PASSWORD, new=NEW, again=NEW)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    assert "Wait 15 minutes" in words(answer)


async def test_sign_ins_are_listed_and_ended(rt: Runtime, client: httpx.AsyncClient) -> None:
    token = await enter(rt, client)
    program = await log_in(client)
    async with client_of(rt) as firefox:
        form = {"username": "marina", "password": PASSWORD}
        await firefox.post("/sign-in", data=form, headers=OWN | {"User-Agent": FIREFOX})
        text = await page_of(client)
        assert "This browser" in text
        assert "Firefox, Linux" in text
        assert "reports/2.1" in text
        html = (await client.get("/account", headers=OWN)).text
        ids = re.findall(r'name="sign_in" value="([^"]+)"', html)
        assert len(ids) == 2
        for one in ids:
            assert (await send(client, token, "sign-ins/end", sign_in=one)).status_code == 303
            assert (await send(client, token, "sign-ins/end", sign_in=one)).status_code == 404
        assert (await firefox.get("/account", headers=OWN)).status_code == 303
        assert (await client.get("/api/v1/me", headers=program)).status_code == 401
    assert "One sign-in ended" in await page_of(client)


async def test_sign_ins_of_others_cannot_be_ended(rt: Runtime, client: httpx.AsyncClient) -> None:
    token = await enter(rt, client)
    async with client_of(rt) as other:
        await enter(rt, other, username="other")
        async with rt.db.read() as session:
            query = select(SignIn.digest).join(User, User.id == SignIn.user_id).where(User.username == "other")
            foreign = (await session.execute(query)).scalar_one()
        assert (await send(client, token, "sign-ins/end", sign_in=foreign.hex())).status_code == 404
        assert (await other.get("/account", headers=OWN)).status_code == 200


async def test_signing_out_everywhere_ends_this_one_too(rt: Runtime, client: httpx.AsyncClient) -> None:
    token = await enter(rt, client)
    program, kept = await log_in(client), dict(client.cookies)
    done = await send(client, token, "sign-out-everywhere")
    assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
    client.cookies.update(kept)
    assert (await client.get("/account", headers=OWN)).status_code == 303
    assert (await client.get("/api/v1/me", headers=program)).status_code == 401


async def test_refused_attempts_are_shown_to_whom_they_concern(rt: Runtime, client: httpx.AsyncClient) -> None:
    await enter(rt, client)
    async with client_of(rt) as other:
        await enter(rt, other, username="other")
        await other.post("/api/v1/auth/login", json={"username": "marina", "password": "wrong guess"})
        assert "Wrong password, refused" in await page_of(client)
        assert "Wrong password, refused" not in await page_of(other)


async def test_signing_in_again_takes_the_place_of_the_old_sign_in(rt: Runtime, client: httpx.AsyncClient) -> None:
    await enter(rt, client)
    await client.post("/sign-in", data={"username": "marina", "password": PASSWORD}, headers=OWN)
    async with rt.db.read() as session:
        assert len((await session.execute(select(SignIn))).all()) == 1


async def test_demo_people_cannot_change_the_demos_password(rt: Runtime, client: httpx.AsyncClient) -> None:
    hashed = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        await create_user(session, "demo", hashed, now=rt.clock(), demo=True)
    await client.post("/sign-in", data={"username": "demo", "password": PASSWORD}, headers=OWN)
    page = await client.get("/account", headers=OWN)
    assert 'name="old"' not in page.text
    token = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert token is not None
    assert (await send(client, token[1], "password", old=PASSWORD, new=NEW, again=NEW)).status_code == 403


@pytest.mark.parametrize(
    ("user_agent", "read"),
    [
        (FIREFOX, "Firefox, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 (KHTML) Chrome/140 Safari/537 Edg/140", "Edge, Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/17 Safari/605", "Safari, macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) CriOS/140 Mobile Safari/604", "Chrome, iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/140 Mobile Safari/537", "Chrome, Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
        ("x" * 500, "x" * 60),
    ],
)
def test_browsers_are_named(user_agent: str, read: str) -> None:
    assert readable_browser(user_agent) == read

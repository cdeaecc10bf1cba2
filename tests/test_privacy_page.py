"""The privacy page over HTTP: what owners and managers see, export and erase there."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from access_cases import add_person, cookie_of
from factories import Site
from sqlalchemy import func, select

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.signins import COOKIE, form_token
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.history import Line
from ouvidor.conversations.models import Conversation
from ouvidor.runtime import Runtime
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

PAGE = "/projects/seaside/settings/privacy"
OWN = {"Origin": "http://127.0.0.1:8000", "Accept": "text/html"}


async def enter_as(rt: Runtime, site: Site, client: httpx.AsyncClient, role: Role) -> dict[str, str]:
    person = await add_person(rt, f"the-{role}", (site.own.project, role))
    cookie = await cookie_of(rt, person)
    client.cookies.set(COOKIE, cookie)
    return {"form_token": form_token(rt.secret, cookie)}


async def say(rt: Runtime, project: Project, helpdesk: str) -> str:
    told = await complete(rt, project, Ask(helpdesk_id=helpdesk, messages=(Line("USER", "What time is breakfast?"),)))
    return str(told.conversationId)


async def send(client: httpx.AsyncClient, path: str, token: dict[str, str], **fields: Any) -> httpx.Response:
    return await client.post(f"{PAGE}/{path}", data=token | fields, headers=OWN)


async def conversations(rt: Runtime) -> int:
    async with rt.db.read() as session:
        return await session.scalar(select(func.count()).select_from(Conversation)) or 0


async def test_an_owner_erases_after_seeing_what_goes(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    token = await enter_as(rt, site, client, Role.OWNER)
    await say(rt, site.own.project, "4711")
    await say(rt, site.own.project, "4711")
    empty = (await client.get(PAGE, headers=OWN)).text
    assert "Nothing has been erased yet" in empty
    assert "No exports in the last seven days" in empty
    assert "Conversations and comments are kept until somebody erases them." in empty

    shown = await send(client, "erasures", token, kind="customer", id=" 4711 ")
    assert shown.status_code == 200
    assert "1 conversation, 4 messages" in shown.text
    assert "Type 4711 to confirm" in shown.text
    wrong = await send(client, "erasures", token, kind="customer", id="4711", typed="4712")
    assert (wrong.status_code, "That is not the id" in wrong.text) == (422, True)
    await work(rt, once=True)
    assert await conversations(rt) == 1

    done = await send(client, "erasures", token, kind="customer", id="4711", typed="4711")
    assert (done.status_code, done.headers["location"]) == (303, f"{PAGE}?done=erasure")
    waiting = (await client.get(done.headers["location"], headers=OWN)).text
    assert "The erasure is ordered." in waiting
    assert waiting.count("data-pending") == 1
    assert '<meta http-equiv="refresh"' in waiting
    await work(rt, once=True)
    over = (await client.get(PAGE, headers=OWN)).text
    assert "data-pending" not in over
    assert "http-equiv" not in over
    assert "1 conversation, 4 messages" in over
    assert "4711" not in over
    assert await conversations(rt) == 0
    found = await send(client, "check", token, kind="customer", id="4711")
    assert re.search(r"Receipt</dt><dd><code>[0-9a-f-]{36}", found.text)
    assert "No receipt is about that id." in (await send(client, "check", token, kind="customer", id="4712")).text


async def test_an_export_is_ordered_and_saved(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    token = await enter_as(rt, site, client, Role.MANAGER)
    conversation = await say(rt, site.own.project, "4711")
    asked = await client.get(f"{PAGE}?panel=export&conversation={conversation}", headers=OWN)
    assert f'value="{conversation}"' in asked.text
    assert '<option value="conversation" selected>' in asked.text
    ordered = await send(client, "exports", token, kind="conversation", id=conversation)
    assert ordered.headers["location"] == f"{PAGE}?done=export"
    await work(rt, once=True)
    page = await client.get(PAGE, headers=OWN)
    link = re.search(rf'href="({PAGE}/exports/[0-9a-f-]{{36}})"', page.text)
    assert link is not None
    file = await client.get(link[1], headers=OWN)
    assert file.headers["content-disposition"].startswith("attachment;")
    assert file.json()["conversations"][0]["helpdesk_id"] == "4711"


async def test_a_manager_exports_and_does_not_erase(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    token = await enter_as(rt, site, client, Role.MANAGER)
    await say(rt, site.own.project, "4711")
    page = (await client.get(f"{PAGE}?panel=erase", headers=OWN)).text
    assert "Erasing, and the receipts of it, are for owners." in page
    assert f"{PAGE}/erasures" not in page
    for path in ("erasures", "check"):
        answer = await send(client, path, token, kind="customer", id="4711", typed="4711")
        assert answer.status_code == 403
    await work(rt, once=True)
    assert await conversations(rt) == 1


@pytest.mark.parametrize("path", ["exports", "erasures"])
async def test_what_cannot_be_is_said_at_the_field(
    rt: Runtime, site: Site, client: httpx.AsyncClient, path: str
) -> None:
    token = await enter_as(rt, site, client, Role.OWNER)
    theirs = await say(rt, site.other.project, "4711")
    for kind, subject in (("customer", "4711"), ("conversation", theirs), ("conversation", str(uuid4()))):
        answer = await send(client, path, token, kind=kind, id=subject, typed=subject)
        assert (answer.status_code, "Nothing is kept under that id." in answer.text) == (404, True)
        assert f'value="{subject}"' in answer.text
    for subject in ("", "  ", "a" * 201, "a\0b"):
        answer = await send(client, path, token, kind="customer", id=subject)
        assert (answer.status_code, "Type an id of 1 to 200 characters." in answer.text) == (422, True)


async def test_retention_is_told(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await enter_as(rt, site, client, Role.OWNER)
    async with rt.db.begin() as session:
        (await session.get_one(Project, site.own.project.id)).retention_days = 90
    page = (await client.get(PAGE, headers=OWN)).text
    assert "A conversation is kept for 90 days after its last message" in page

"""The pages of prompts over HTTP: read, edit, compare, activate, go back; nothing that was typed is lost."""

import html
import re

import httpx
import pytest
from access_cases import add_person, cookie_of
from conftest import client_of
from factories import Tenant
from page_visitor import OWN, enter, furnish

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.projects import ProjectChanges, change_project
from ouvidor.accounts.signins import COOKIE
from ouvidor.prompts.catalogue import PROMPTS
from ouvidor.prompts.models import PromptVersion
from ouvidor.prompts.store import active_version, list_versions, save_prompt
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

PAGE = "/projects/seaside/settings/prompts"
SHIPPED = PROMPTS["reply"]


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await furnish(rt)


@pytest.fixture
async def token(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> str:
    """The token of the forms, once the owner has signed in."""
    return await enter(rt, client, tenant.project)


async def read(client: httpx.AsyncClient, address: str = "", status: int = 200) -> str:
    answer = await client.get(f"{PAGE}{address}", headers=OWN | {"Accept-Language": "en"})
    assert answer.status_code == status, answer.text
    return html.unescape(answer.text)


async def send(client: httpx.AsyncClient, token: str, address: str = "", **form: str) -> httpx.Response:
    told = {"form_token": token, "prompt": "reply", **form}
    return await client.post(f"{PAGE}{address}", data=told, headers=OWN | {"Accept-Language": "en"})


async def versions(rt: Runtime, tenant: Tenant) -> list[PromptVersion]:
    async with rt.db.read() as session:
        return await list_versions(session, tenant.project.id, "reply", limit=50)


async def in_use(rt: Runtime, tenant: Tenant) -> str:
    async with rt.db.read() as session:
        version = await active_version(session, tenant.project.id, "reply")
    return "shipped" if version is None else version.text


async def test_the_shipped_text_is_shown_until_there_is_another(client: httpx.AsyncClient, token: str) -> None:
    page = await read(client)
    assert token
    assert SHIPPED.default_label in page
    assert "You answer the customers of {{ company }}" in page
    assert "?prompt=reply&against=reading" in page
    assert "You answer the customers of Seaside" in await read(client, "/default?prompt=reply&against=reading")
    assert "No language model is set up" in page
    assert "0 versions" in page
    assert "Back to" not in page.replace("Back to the", "")
    other = await read(client, "?prompt=rewrite")
    assert PROMPTS["rewrite"].default_label in other
    await read(client, "?prompt=weather", 404)


async def test_a_text_is_saved_looked_at_and_activated(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, token: str
) -> None:
    form = await read(client, "/edit?prompt=reply")
    assert "You answer the customers of {{ company }}" in form
    for variable in ("company", "persona", "language"):
        assert f"<code>{{{{ {variable} }}}}</code>" in form
    saved = await send(client, token, text="Answer.\r\nBe brief.", note="shorter", source=SHIPPED.default_label)
    (row,) = await versions(rt, tenant)
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAGE}/{row.id}?done=saved")
    assert (row.text, row.note, row.author_name) == ("Answer.\nBe brief.\n", "shorter", "marina")
    page = await read(client, f"/{row.id}?done=saved")
    assert "It is not in use until you activate it" in page
    assert await in_use(rt, tenant) == "shipped"
    done = await send(client, token, "/activate", version="1")
    assert (done.status_code, done.headers["location"]) == (303, f"{PAGE}?prompt=reply&done=activated")
    page = await read(client, "?prompt=reply&done=activated")
    assert "reply 1 is in use from the next message on" in page
    assert f"Back to {SHIPPED.default_label}" in page
    back = await send(client, token, "/activate", version="previous")
    assert back.status_code == 303
    assert await in_use(rt, tenant) == "shipped"


async def test_saving_may_activate_at_once(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, token: str) -> None:
    saved = await send(client, token, text="Answer.", activate="1")
    assert saved.headers["location"] == f"{PAGE}?prompt=reply&done=activated"
    assert await in_use(rt, tenant) == "Answer.\n"
    again = await send(client, token, text="Answer.\r\n")
    assert again.headers["location"].endswith("?done=known")
    assert len(await versions(rt, tenant)) == 1


async def test_what_is_wrong_comes_back_with_its_line(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, token: str
) -> None:
    typed = "\r\nAnswer.\r\n  {{ custmer }}\r\n{% for a in b %}</textarea><script>{% endfor %}"
    answer = await send(client, token, text=typed, note="mine", source="reply 7")
    assert answer.status_code == 422
    page = html.unescape(answer.text)
    assert re.findall(r'data-line="(\d+)"', page) == ["3", "4"]
    assert "There is no variable custmer" in page
    assert '<code class="excerpt">{{ custmer }}</code>' in page
    assert typed.replace("\r\n", "\n") in page
    assert "<script>{%" not in answer.text
    assert 'value="mine"' in page
    assert "begun from reply 7" in page
    assert await versions(rt, tenant) == []


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"text": ""}, "The text is empty"),
        ({"text": "x" * 30_000}, "at most 20,000"),
        ({"text": "a\0b"}, "cannot be stored"),
        ({"text": "{{ company"}, "This cannot be read"),
        ({"text": "{{ company|e }}"}, "There is no filter e"),
        ({"text": "x", "note": "n" * 201}, "at most 200 characters"),
        ({"text": "x", "note": "n\0"}, "at most 200 characters"),
    ],
)
async def test_each_trouble_is_told_in_words(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, token: str, form: dict[str, str], told: str
) -> None:
    answer = await send(client, token, **form)
    assert (answer.status_code, told in html.unescape(answer.text)) == (422, True)
    assert await versions(rt, tenant) == []


async def test_changes_are_shown_by_line_and_word(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, token: str
) -> None:
    lines = [f"Line {number}" for number in range(12)]
    await save_prompt(rt, tenant.project, "reply", "\n".join([*lines, "Be brief."]), actor=COMMAND, activate=True)
    other = "\n".join([*lines, "Be very brief."])
    saved = (await save_prompt(rt, tenant.project, "reply", other, actor=COMMAND)).version
    page = await read(client, f"/{saved.id}?against=active")
    assert token
    assert "9 lines are the same" in page
    assert re.search(r'class="removed"><td>13</td><td></td>.*?Be brief\.</td>', page)
    assert re.search(r'class="added"><td></td><td>13</td>.*?<td>Be<ins> very</ins> brief\.</td>', page)
    assert "Both texts are the same" in await read(client, f"/{saved.id}?against={saved.id}")
    assert f"changes from {SHIPPED.default_label}" in page
    shipped = await read(client, "/default?prompt=reply&against=active")
    assert "changes from reply 1 (in use)" in shipped
    assert "You answer the customers" in shipped
    begun = await read(client, f"/edit?from={saved.id}")
    assert "begun from reply 2" in begun
    assert "Be very brief." in begun


async def test_many_versions_come_in_pages(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, token: str) -> None:
    for number in range(25):
        await save_prompt(rt, tenant.project, "reply", f"Text {number}", actor=COMMAND)
    page = await read(client)
    assert token
    assert "25 versions" in page
    seen: list[int] = []
    while True:
        seen += [int(number) for number in re.findall("data-row>reply ([0-9]+)<", page)]
        following = re.search(r'rel="next" href="[^"?]+(\?[^"]+)"', page)
        assert ("As shipped" in page) is (following is None)
        if following is None:
            break
        page = await read(client, following[1])
    assert seen == list(range(25, 0, -1))


async def test_auditors_read_and_agents_do_not(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    saved = (await save_prompt(rt, tenant.project, "reply", "Answer.", actor=COMMAND)).version
    auditor = await add_person(rt, "auditor", (tenant.project, Role.AUDITOR))
    client.cookies.set(COOKIE, await cookie_of(rt, auditor))
    for address in ("", f"/{saved.id}", f"/{saved.id}?against=default", "/default?prompt=reply"):
        page = await read(client, address)
        assert "/activate" not in page
        assert "/edit" not in page
    await read(client, "/edit", 403)
    agent = await add_person(rt, "agent", (tenant.project, Role.AGENT))
    client.cookies.set(COOKIE, await cookie_of(rt, agent))
    await read(client, "", 403)
    settings = await client.get("/projects/seaside/settings", headers=OWN)
    assert "/settings/prompts" not in settings.text


async def test_what_cannot_be_done_says_so(client: httpx.AsyncClient, token: str) -> None:
    for form, status in (
        ({"version": "9"}, 404),
        ({"version": "previous"}, 409),
        ({"version": "newest"}, 422),
        ({"version": "-1"}, 422),
        ({"version": "1", "prompt": "weather"}, 404),
    ):
        answer = await send(client, token, "/activate", **form)
        assert (answer.status_code, form) == (status, form)
    await read(client, "/00000000-0000-7000-8000-000000000000", 404)
    await read(client, "/edit?prompt=weather", 404)
    await read(client, "/default?prompt=weather", 404)


async def test_the_audit_log_tells_who_saved_and_activated(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, token: str
) -> None:
    await send(client, token, text="Answer.", activate="1")
    answer = await client.get(
        "/projects/seaside/settings/audit-log?group=prompt", headers=OWN | {"Accept-Language": "en"}
    )
    log = html.unescape(answer.text)
    assert "marina saved the prompt “reply 1”" in log
    assert "marina activated the prompt “reply 1”" in log
    assert SHIPPED.default_label in log
    assert "Answer." not in log
    async with rt.db.begin() as session:
        renamed = ProjectChanges(title="{{ persona }}<b>")
        await change_project(session, tenant.project.id, renamed, actor=COMMAND, now=rt.clock())
    assert "You answer the customers of {{ persona }}<b> in" in await read(client, "/default?against=reading")


async def test_another_tenant_sees_nothing_of_it(rt: Runtime, tenant: Tenant) -> None:
    saved = (await save_prompt(rt, tenant.project, "reply", "Secret words.", actor=COMMAND)).version
    async with client_of(rt) as http:
        from_elsewhere = await add_person(rt, "stranger")
        http.cookies.set(COOKIE, await cookie_of(rt, from_elsewhere))
        await read(http, "", 404)
        await read(http, f"/{saved.id}", 404)

"""The inbox over HTTP: what it lists, what its buttons do, what comes back when somebody else was first."""

import re
from collections.abc import AsyncGenerator
from uuid import UUID

import httpx
import pytest
from conftest import MovedClock, client_of
from factories import Tenant, build_tenant
from page_visitor import OWN, enter, furnish

from ouvidor.accounts.permissions import Role
from ouvidor.accounts.presence import answering_members
from ouvidor.agent.reply import Draft
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.history import Line
from ouvidor.engines.base import Engine
from ouvidor.engines.scripted import ScriptedEngine
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

PERSON = Draft(kind="wants_person", language="en")
BREAKFAST = Draft(kind="answer", text="Breakfast is served from 6:30. [1]", cited=[0], language="en")
INBOX = "/projects/seaside/inbox"


@pytest.fixture
def engine() -> Engine:
    scripted = ScriptedEngine()
    scripted.always("reply", PERSON)
    return scripted


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await furnish(rt)


@pytest.fixture
async def colleague(rt: Runtime) -> AsyncGenerator[httpx.AsyncClient]:
    """The browser of a second person."""
    async with client_of(rt) as http:
        yield http


async def hand_over(rt: Runtime, tenant: Tenant, helpdesk: str, text: str = "A person, please") -> UUID:
    said = await complete(rt, tenant.project, Ask(helpdesk_id=helpdesk, messages=(Line("USER", text),)))
    return said.conversationId


async def look(http: httpx.AsyncClient, tab: str = "waiting", chosen: UUID | None = None) -> str:
    return (await http.get(f"{INBOX}?tab={tab}{f'&conversation={chosen}' if chosen else ''}", headers=OWN)).text


async def act(http: httpx.AsyncClient, token: str, chosen: UUID, deed: str, **fields: str) -> httpx.Response:
    form = {"form_token": token, "tab": "all", "key": "key-1", **fields}
    return await http.post(f"{INBOX}/{chosen}/{deed}", data=form, headers=OWN)


def listed(page: str) -> list[str]:
    return re.findall(r'<span class="inbox-top"><span class="name">([^<]+)</span>', page)


def counts(page: str) -> list[int]:
    return [int(count) for count in re.findall(r' <span class="number">(\d+)</span></a>', page)]


async def test_longest_wait_stands_on_top(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, clock: MovedClock
) -> None:
    elsewhere = await build_tenant(rt, "elsewhere")
    await enter(rt, client, tenant.project)
    await hand_over(rt, elsewhere, "foreign")
    first = await hand_over(rt, tenant, "first", "A <b>person</b>")
    clock.advance(minutes=12)
    await hand_over(rt, tenant, "second")
    page = await look(client)
    assert listed(page) == ["first", "second"]
    assert counts(page) == [2, 0, 2]
    assert "12\N{NO-BREAK SPACE}min" in page
    assert "A &lt;b&gt;person&lt;/b&gt;" in page
    assert "2 customers wait for a person" in page
    assert "<title>(2) Inbox" in page
    assert "Asked for a person" in await look(client, chosen=first)


async def test_buttons_take_answer_return_close_and_reopen(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    chosen = await hand_over(rt, tenant, "4711")
    taken = await act(client, token, chosen, "claim")
    assert (taken.status_code, taken.headers["location"]) == (303, f"{INBOX}?tab=all&conversation={chosen}")
    assert "marina has joined" in (page := await look(client, "mine", chosen))
    assert counts(page) == [0, 1, 1]
    assert (await act(client, token, chosen, "reply", text="  Good <i>morning</i>\r\nto you ")).status_code == 303
    assert "Good &lt;i&gt;morning&lt;/i&gt;\nto you</p>" in await look(client, "all", chosen)
    await act(client, token, chosen, "release")
    assert "The bot answers this customer." in await look(client, "all", chosen)
    await act(client, token, chosen, "close")
    assert "This conversation is closed." in (page := await look(client, "all", chosen))
    assert counts(page) == [0, 0, 0]
    await act(client, token, chosen, "reopen")
    assert 'id="reply"' in await look(client, "all", chosen)


async def test_reply_sent_again_is_said_once(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    chosen = await hand_over(rt, tenant, "4711")
    await act(client, token, chosen, "claim")
    for _ in range(2):
        assert (await act(client, token, chosen, "reply", text="Once")).status_code == 303
    assert (await look(client, "all", chosen)).count('<p class="reply lines">Once</p>') == 1


async def test_other_words_under_a_used_mark_get_a_mark_of_their_own(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    chosen = await hand_over(rt, tenant, "4711")
    await act(client, token, chosen, "claim")
    await act(client, token, chosen, "reply", text="Once", key="key-1")
    refused = await act(client, token, chosen, "reply", text="Other words", key="key-1")
    assert refused.status_code == 422
    fresh = re.search(r'name="key" value="([^"]+)"', refused.text)
    assert fresh is not None
    assert fresh[1] != "key-1"
    assert re.search(r"<textarea[^>]*>Other words</textarea>", refused.text)
    assert (await act(client, token, chosen, "reply", text="Other words", key=fresh[1])).status_code == 303


async def test_who_comes_second_learns_who_was_first(
    rt: Runtime, client: httpx.AsyncClient, colleague: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    other = await enter(rt, colleague, tenant.project, username="bruno", role=Role.AGENT)
    chosen = await hand_over(rt, tenant, "4711")
    await act(client, token, chosen, "claim")
    refused = await act(colleague, other, chosen, "claim")
    assert refused.status_code == 409
    assert "marina was first and answers now" in refused.text
    written = await act(colleague, other, chosen, "reply", text="My <b>words</b>")
    assert written.status_code == 409
    assert re.search(r"<textarea[^>]*readonly>My &lt;b&gt;words&lt;/b&gt;</textarea>", written.text)
    assert "My &lt;b&gt;words" not in await look(client, "all", chosen)
    assert (await act(colleague, other, chosen, "take-over")).status_code == 403
    assert "Take over" not in await look(colleague, "all", chosen)


async def test_manager_takes_over_and_the_draft_of_the_other_is_kept(
    rt: Runtime, client: httpx.AsyncClient, colleague: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project, username="ana", role=Role.AGENT)
    manager = await enter(rt, colleague, tenant.project, role=Role.MANAGER)
    chosen = await hand_over(rt, tenant, "4711")
    await act(client, token, chosen, "claim")
    assert "ana answers this customer." in await look(colleague, "all", chosen)
    assert (await act(colleague, manager, chosen, "take-over")).status_code == 303
    refused = await act(client, token, chosen, "reply", text="Too late")
    assert refused.status_code == 409
    assert "marina was first and answers now" in refused.text
    assert "Too late</textarea>" in refused.text


async def test_empty_reply_comes_back_with_its_mark(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    chosen = await hand_over(rt, tenant, "4711")
    await act(client, token, chosen, "claim")
    refused = await act(client, token, chosen, "reply", text=" \r\n", key="key-7")
    assert refused.status_code == 422
    assert 'name="key" value="key-7"' in refused.text
    assert 'role="alert"' in refused.text


async def test_suggestion_fills_the_field_and_names_its_sections(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, engine: ScriptedEngine
) -> None:
    token = await enter(rt, client, tenant.project)
    chosen = await hand_over(rt, tenant, "4711", "What time is breakfast?")
    await act(client, token, chosen, "claim")
    engine.next("reply", BREAKFAST)
    page = (await act(client, token, chosen, "suggest", text="Good morning!")).text
    assert re.search(r"<textarea[^>]*>Good morning!\n\nBreakfast is served from 6:30.</textarea>", page)
    assert re.search(r'href="/projects/seaside/knowledge/[0-9a-f-]{36}"[^>]*>What time is breakfast\?</a>', page)
    engine.next("reply", Draft(kind="unsure"))
    page = (await act(client, token, chosen, "suggest", text="Good morning!")).text
    assert "The knowledge has nothing for this" in page
    assert re.search(r"<textarea[^>]*>Good morning!</textarea>", page)
    engine.next("reply", RuntimeError("the provider's own words"))
    failed = await act(client, token, chosen, "suggest", text="Good morning!")
    assert failed.status_code == 500
    assert "the provider" not in failed.text
    assert re.search(r"<textarea[^>]*>Good morning!</textarea>", failed.text)


async def test_reader_sees_and_does_nothing(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project, role=Role.VIEWER)
    chosen = await hand_over(rt, tenant, "4711")
    page = await look(client, chosen=chosen)
    assert "Your role reads conversations" in page
    assert "data-desk" not in page
    for deed in ("claim", "take-over", "release", "close", "reopen", "reply", "suggest"):
        assert (await act(client, token, chosen, deed, text="x")).status_code == 403
    assert (await client.post(f"{INBOX}/presence", data={"form_token": token}, headers=OWN)).status_code == 403


async def test_other_projects_conversations_do_not_exist(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    elsewhere = await build_tenant(rt, "elsewhere")
    token = await enter(rt, client, tenant.project)
    foreign = await hand_over(rt, elsewhere, "foreign")
    assert (await client.get(f"{INBOX}?conversation={foreign}", headers=OWN)).status_code == 404
    for deed in ("claim", "take-over", "release", "close", "reopen", "reply", "suggest"):
        assert (await act(client, token, foreign, deed, text="x")).status_code == 404
    for page in ("inbox", "inbox/events", "chat/events?helpdesk=foreign"):
        assert (await client.get(f"/projects/elsewhere/{page}", headers=OWN)).status_code == 404


async def test_looking_is_a_sign_of_life_and_away_is_said(
    rt: Runtime, client: httpx.AsyncClient, colleague: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    await enter(rt, colleague, tenant.project, username="bruno", role=Role.AGENT)
    assert "Nobody else here" in await look(client)
    await look(colleague)
    assert "1 other here" in await look(client)
    away = await client.post(f"{INBOX}/presence", data={"form_token": token, "away": "yes"}, headers=OWN)
    assert (away.status_code, away.headers["location"]) == (303, f"{INBOX}?tab=waiting")
    assert "Be available" in await look(client)
    assert "Nobody else here" in await look(colleague)


async def test_an_inbox_that_nobody_touches_is_no_sign_of_life(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await enter(rt, client, tenant.project)
    assert (await client.get(INBOX, headers=OWN | {"X-Idle": "yes"})).status_code == 200
    assert not await anybody_there(rt, tenant)
    await client.get(INBOX, headers=OWN)
    assert await anybody_there(rt, tenant)


async def anybody_there(rt: Runtime, tenant: Tenant) -> bool:
    async with rt.db.read() as session:
        return any(member.there for member in await answering_members(session, tenant.project.id, rt.clock()))


async def test_who_takes_one_that_waited_goes_on_among_their_own(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    chosen = await hand_over(rt, tenant, "4711")
    taken = await act(client, token, chosen, "claim", tab="waiting")
    assert taken.headers["location"] == f"{INBOX}?tab=mine&conversation={chosen}"


async def test_empty_inbox_says_what_it_is(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project)
    assert "Customers whom the bot hands over appear here at once" in await look(client)
    assert "You hold no conversation" in await look(client, "mine")
    assert "No open conversation" in await look(client, "all")

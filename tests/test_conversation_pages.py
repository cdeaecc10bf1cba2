"""The list of conversations, one to read, the export, and the overview, over HTTP."""

import csv
import io
import re
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import httpx
import pytest
from conftest import MovedClock
from factories import Tenant, build_tenant
from page_visitor import OWN, enter, furnish

from ouvidor.accounts.access import Caller
from ouvidor.accounts.audit import Actor
from ouvidor.accounts.permissions import PERMISSIONS, Role
from ouvidor.agent.reply import Draft
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.desk import claim, close, release, reply
from ouvidor.conversations.history import Line
from ouvidor.conversations.overview import Day, Outcomes
from ouvidor.db import new_id
from ouvidor.engines.base import Engine
from ouvidor.engines.scripted import ScriptedEngine
from ouvidor.runtime import Runtime
from ouvidor.web.overview import day_bars

pytestmark = pytest.mark.anyio

HELLO = Draft(kind="smalltalk", text="Hello!", language="en")
PERSON = Draft(kind="wants_person", language="en")
LIST = "/projects/seaside/conversations"


@pytest.fixture
def engine() -> Engine:
    scripted = ScriptedEngine()
    scripted.always("reply", HELLO)
    return scripted


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await furnish(rt)


async def say(rt: Runtime, tenant: Tenant, helpdesk: str, text: str, *, customer: str | None = None) -> UUID:
    ask = Ask(helpdesk_id=helpdesk, messages=(Line("USER", text),), customer_id=customer)
    return (await complete(rt, tenant.project, ask)).conversationId


def agent_of(tenant: Tenant) -> Caller:
    return Caller(tenant.project, Actor("key", "Bruno <b>", new_id()), PERMISSIONS[Role.OWNER])


async def rows(http: httpx.AsyncClient, query: str = "") -> list[str]:
    page = await http.get(f"{LIST}?{query}", headers=OWN)
    assert page.status_code == 200
    return re.findall(r" data-row>([^<]+)<", page.text)


async def test_filters_narrow_and_stand_in_the_address(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, engine: ScriptedEngine, clock: MovedClock
) -> None:
    elsewhere = await build_tenant(rt, "elsewhere")
    await say(rt, elsewhere, "foreign", "zebra")
    await say(rt, tenant, "old", "the zebra question", customer="c-1")
    clock.advance(days=2)
    for helpdesk in ("waits", "waits less"):
        engine.next("reply", PERSON)
        await say(rt, tenant, helpdesk, "A person, please")
        clock.advance(minutes=1)
    await enter(rt, client, tenant.project)
    assert await rows(client) == ["waits less", "waits", "old"]
    assert await rows(client, "status=waiting&order=longest_waiting") == ["waits", "waits less"]
    assert await rows(client, "q=zebra") == ["old"]
    assert await rows(client, "q=wait") == ["waits less", "waits"]
    assert await rows(client, "customer=c-1") == ["old"]
    assert await rows(client, "reason=customer_asked") == ["waits less", "waits"]
    assert await rows(client, "reason=outside_content") == []
    assert await rows(client, "until=2026-11-21") == ["old"]
    assert await rows(client, "since=2026-11-23&until=2026-11-23") == ["waits less", "waits"]
    assert await rows(client, "since=nonsense") == ["waits less", "waits", "old"]
    page = (await client.get(f"{LIST}?q=zebra&status=bot", headers=OWN)).text
    assert 'value="zebra"' in page
    assert '<option value="bot" selected>' in page
    address = re.search(r'href="([^"]+)" data-row', page)
    assert address is not None
    one = (await client.get(address[1].replace("&amp;", "&"), headers=OWN)).text
    assert f'href="{LIST}?status=bot&amp;q=zebra"' in one


async def test_empty_and_nothing_found_are_told_apart(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project)
    assert "No conversations yet" in (await client.get(LIST, headers=OWN)).text
    assert "No conversation matches" in (await client.get(f"{LIST}?q=zebra", headers=OWN)).text


async def test_long_list_is_paged(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, clock: MovedClock) -> None:
    await enter(rt, client, tenant.project)
    for number in range(120):
        clock.advance(seconds=1)
        await say(rt, tenant, f"desk-{number}", "hello")
    seen: list[str] = []
    address: str | None = f"{LIST}?status=bot"
    while address:
        page = (await client.get(address.replace("&amp;", "&"), headers=OWN)).text
        assert len(page) < 100_000
        seen += re.findall(r" data-row>([^<]+)<", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1] if following else None
    assert seen == [f"desk-{number}" for number in reversed(range(120))]


async def test_export_holds_the_filtered_list_and_no_formula(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await enter(rt, client, tenant.project)
    await say(rt, tenant, "=HYPERLINK(1)", "unicorn", customer="@SUM(1), x")
    await say(rt, tenant, "other", "something else")
    answer = await client.get(f"{LIST}/export?q=unicorn", headers=OWN)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="conversations-seaside-2026-11-21.csv"'
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["helpdesk_id"], row["customer_id"], row["status"], row["messages"]) for row in found] == [
        ("'=HYPERLINK(1)", "'@SUM(1), x", "bot", "2")
    ]


async def test_conversation_reads_in_the_order_of_its_messages(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, engine: ScriptedEngine
) -> None:
    await enter(rt, client, tenant.project)
    engine.next("reply", PERSON)
    chosen = await say(rt, tenant, "4711", "First of all")
    agent = agent_of(tenant)
    await claim(rt, agent, chosen)
    await reply(rt, agent, chosen, "Second <i>thing</i>")
    await say(rt, tenant, "4711", "Third thing")
    await reply(rt, agent, chosen, "Fourth thing")
    await release(rt, agent, chosen)
    await say(rt, tenant, "4711", "Fifth thing")
    await close(rt, agent, chosen)
    page = (await client.get(f"{LIST}/{chosen}", headers=OWN)).text
    parts = (
        "First of all",
        "Bruno &lt;b&gt; has joined",
        "Second &lt;i&gt;thing&lt;/i&gt;",
        "Third thing",
        "Fourth thing",
        "You are back with our virtual assistant",
        "New episode",
        "Fifth thing",
        "Hello!",
        "This conversation has been closed",
    )
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert page.count("New episode") == 1
    assert "Turn 3 of 3" in page
    assert "<form" not in page[page.index('id="content"') :]
    assert f'href="/projects/seaside/inbox?tab=all&amp;conversation={chosen}"' in page
    second = (await client.get(f"{LIST}/{chosen}?turn=2", headers=OWN)).text
    assert "A person is answering this conversation, so the bot stays silent." in second


async def test_other_projects_conversations_do_not_exist(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    elsewhere = await build_tenant(rt, "elsewhere")
    await enter(rt, client, tenant.project)
    foreign = await say(rt, elsewhere, "foreign", "hello")
    assert (await client.get(f"{LIST}/{foreign}", headers=OWN)).status_code == 404
    assert (await client.get(f"{LIST}?after={foreign}", headers=OWN)).status_code == 404
    for page in ("conversations", f"conversations/{foreign}", "conversations/export", "overview"):
        assert (await client.get(f"/projects/elsewhere/{page}", headers=OWN)).status_code == 404


async def test_overview_leads_from_each_number_to_its_rows(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, engine: ScriptedEngine, clock: MovedClock
) -> None:
    await enter(rt, client, tenant.project)
    for number in range(3):
        await say(rt, tenant, f"easy-{number}", "hello")
    engine.next("reply", PERSON)
    chosen = await say(rt, tenant, "hard", "A person, please")
    clock.advance(minutes=4)
    page = (await client.get("/projects/seaside/overview", headers=OWN)).text
    assert "1 customer waits for a person" in page
    assert "the longest for 4\N{NO-BREAK SPACE}min" in page
    assert re.search(r'<a href="/projects/seaside/conversations\?since=2026-11-15">4</a>', page)
    assert ">75%<" in page
    assert (
        'href="/projects/seaside/conversations?since=2026-11-15&amp;reason=customer_asked">Asked for a person' in page
    )
    assert 'href="/projects/seaside/conversations?since=2026-11-21&amp;until=2026-11-21"' in page
    agent = agent_of(tenant)
    await claim(rt, agent, chosen)
    await reply(rt, agent, chosen, "Here I am")
    month = (await client.get("/projects/seaside/overview?days=30", headers=OWN)).text
    assert "Nobody waits" in month
    assert "4\N{NO-BREAK SPACE}min" in month
    assert "Bruno &lt;b&gt;" in month
    assert month.count('class="slot"') == 30


async def test_empty_project_is_told_what_to_do_next(rt: Runtime, client: httpx.AsyncClient) -> None:
    empty = await build_tenant(rt, "empty")
    await enter(rt, client, empty.project)
    page = (await client.get("/projects/empty/overview", headers=OWN)).text
    for step in ("Give the bot something to know", "Have the first conversation", "Invite those who answer"):
        assert step in page
    assert "ouvidor knowledge import FILE --project empty" in page


def test_bars_stand_side_by_side_on_a_zero_base(clock: MovedClock) -> None:
    today = clock().date()
    counts = (0, 5, 10)
    days = tuple(
        Day(today - timedelta(days=2 - number), count, count, Outcomes()) for number, count in enumerate(counts)
    )
    bars = day_bars(days, 10)
    assert [bar.height for bar in bars] == [0, 50, 100]
    assert all(left.place.left + left.place.width < right.place.left for left, right in pairwise(bars))
    assert bars[-1].place.left + bars[-1].place.width <= 100
    assert [bar.height for bar in day_bars(days[:1], 0)] == [0]

"""The chat page over HTTP: with and without scripts, when something fails, when it grows long."""

import json
import re
from typing import Any

import httpx
import pytest
from factories import HOTEL, Tenant
from page_visitor import FRAGMENT, OWN, enter, furnish, message

from ouvidor.agent.reply import Draft
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.history import Line
from ouvidor.engines.base import Engine
from ouvidor.engines.scripted import ScriptedEngine
from ouvidor.runtime import Runtime
from ouvidor.web.turns import WINDOW

pytestmark = pytest.mark.anyio

DRAFT = Draft(kind="answer", text="Breakfast is served from 6:30.", cited=[0], language="en")
MODELS_WORK = re.compile(r"<dt>Model's work</dt>.*?</dd>")
"""Known soon after the turn, when the records of calls are stored."""


@pytest.fixture
def engine() -> Engine:
    scripted = ScriptedEngine()
    scripted.always("reply", DRAFT)
    return scripted


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await furnish(rt)


async def test_plain_form_goes_back_to_the_page(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    answer = await client.post("/projects/seaside/chat/messages", data=message(token, "When?\nSoon?"), headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/projects/seaside/chat?helpdesk=chat-aaaa")
    page = (await client.get(answer.headers["location"], headers=OWN)).text
    assert "When?\nSoon?</p>" in page
    assert "Breakfast is served from 6:30." in page
    assert 'data-source="1"' in page
    assert "Turn 1 of 1" in page


async def test_script_gets_the_same_turn_as_a_fragment(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    form = message("", "What time is breakfast?")
    headers = {**FRAGMENT, "X-Form-Token": token}
    fragment = await client.post("/projects/seaside/chat/messages", data=form, headers=headers)
    page = await client.get("/projects/seaside/chat?helpdesk=chat-aaaa", headers=OWN)
    for part in (r'<li class="turn".*?</li>', r'<aside class="panel".*?</aside>'):
        shown = re.search(part, fragment.text, re.DOTALL)
        whole = re.search(part, page.text, re.DOTALL)
        assert shown is not None
        assert whole is not None
        assert shown[0].split() == MODELS_WORK.sub("", whole[0]).split()


async def test_failed_message_comes_back_and_sent_again_acts_once(
    rt: Runtime, engine: ScriptedEngine, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    engine.next("reply", RuntimeError("the provider's own words"))
    form = message(token, "What <b>time</b>?", key="key-1")
    failed = await client.post("/projects/seaside/chat/messages", data=form, headers=OWN)
    assert failed.status_code == 500
    assert "the provider's own words" not in failed.text
    assert re.search(r"<textarea[^>]*>What &lt;b&gt;time&lt;/b&gt;\?</textarea>", failed.text)
    assert 'name="key" value="key-1"' in failed.text
    for _ in range(2):
        again = await client.post("/projects/seaside/chat/messages", data=form, headers=OWN)
        assert again.status_code == 303
    page = (await client.get(again.headers["location"], headers=OWN)).text
    assert page.count('<li class="turn"') == 1
    assert 'name="key" value="key-1"' not in page


async def test_script_is_told_how_far_the_reply_has_come(
    rt: Runtime, engine: ScriptedEngine, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    """The stages, then the same fragment; or what went wrong, in our words."""
    token = await enter(rt, client, tenant.project)
    headers = {**FRAGMENT, "X-Form-Token": token}
    form = message("", "What time is breakfast?")
    streamed = {**headers, "Accept": "text/event-stream"}
    told = await client.post("/projects/seaside/chat/messages", data=form, headers=streamed)
    assert told.headers["content-type"].startswith("text/event-stream")
    seen = events(told.text)
    assert [event for event, _ in seen if event != "stage"] == ["turn"]
    assert [stage for event, stage in seen if event == "stage"] == ["searching", "drafting", "checking"]
    assert '<li class="turn" id="turn-1"' in seen[-1][1]
    assert "Breakfast is served from 6:30." in seen[-1][1]
    engine.next("reply", RuntimeError("inside"))
    failed = await client.post("/projects/seaside/chat/messages", data=form | {"key": "k2"}, headers=streamed)
    event, problem = events(failed.text)[-1]
    assert (event, problem["status"]) == ("problem", 500)
    assert problem["request_id"]
    assert "inside" not in failed.text
    empty = await client.post("/projects/seaside/chat/messages", data=message("", " "), headers=streamed)
    assert (empty.status_code, empty.headers["content-type"]) == (422, "application/problem+json")


def events(text: str) -> list[tuple[str, Any]]:
    """The named events of a stream."""
    named = re.findall(r"^event: (\w+)\ndata: (.*)$", text, re.MULTILINE)
    return [(event, json.loads(told)) for event, told in named]


async def test_script_gets_a_failure_as_a_problem(
    rt: Runtime, engine: ScriptedEngine, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    engine.next("reply", RuntimeError("inside"))
    headers = {**FRAGMENT, "X-Form-Token": token}
    answer = await client.post("/projects/seaside/chat/messages", data=message("", "hi"), headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"]
    assert "inside" not in answer.text


async def test_empty_message_is_refused_with_the_page(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    answer = await client.post("/projects/seaside/chat/messages", data=message(token, " \r\n "), headers=OWN)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


async def test_customers_conversation_can_be_read_not_written(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    await complete(rt, tenant.project, Ask(helpdesk_id="4711", messages=(Line("USER", "What time is breakfast?"),)))
    page = (await client.get("/projects/seaside/chat?helpdesk=4711", headers=OWN)).text
    assert "What time is breakfast?" in page
    assert "<textarea" not in page
    refused = await client.post(
        "/projects/seaside/chat/messages", data=message(token, "forged", helpdesk="4711"), headers=OWN
    )
    assert refused.status_code == 403
    assert "forged" not in (await client.get("/projects/seaside/chat?helpdesk=4711", headers=OWN)).text


async def test_long_conversation_is_shown_in_windows(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project)
    for number in range(1, WINDOW + 12):
        line = Line("USER", f"What time is breakfast on day {number}?")
        await complete(rt, tenant.project, Ask(helpdesk_id="chat-long", messages=(line,)))
    newest = (await client.get("/projects/seaside/chat?helpdesk=chat-long", headers=OWN)).text
    assert 'id="turn-12"' in newest
    assert 'id="turn-11"' not in newest
    assert "turn=11#turn-11" in newest
    early = (await client.get("/projects/seaside/chat?helpdesk=chat-long&turn=11", headers=OWN)).text
    assert '<li class="turn" id="turn-11" aria-current="true">' in early
    assert 'id="turn-1"' in early
    assert f"Turn 11 of {WINDOW + 11}" in early
    assert "Newest turns" in early
    assert len(early) < 100_000 > len(newest)


async def test_new_conversations_suggest_questions_of_the_knowledge(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await enter(rt, client, tenant.project)
    page = (await client.get("/projects/seaside/chat", headers=OWN)).text
    offered = set(re.findall(r'name="suggestion" value="([^"]+)"', page))
    assert offered == {section["question"] for section in HOTEL[:3]}

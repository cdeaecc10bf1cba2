"""The pages over HTTP, without a browser: who may see them, what they refuse, what they keep."""

import re
from html.parser import HTMLParser
from typing import get_args

import httpx
import pytest
from conftest import client_of
from factories import HOTEL, Tenant, add_sections, build_tenant
from page_samples import HOSTILE, samples

from ouvidor.accounts.models import Project
from ouvidor.accounts.signins import COOKIE
from ouvidor.accounts.users import create_user, join_project
from ouvidor.agent.reply import Draft
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.history import Line
from ouvidor.engines.base import Engine
from ouvidor.engines.scripted import ScriptedEngine
from ouvidor.runtime import Runtime
from ouvidor.web.assets import Assets
from ouvidor.web.contexts import Page
from ouvidor.web.openapi import paragraphs, read_openapi
from ouvidor.web.render import Renderer
from ouvidor.web.signing import own_address
from ouvidor.web.turns import WINDOW
from ouvidor.web.words import LANGUAGES, Language

pytestmark = pytest.mark.anyio

OWN = {"Origin": "http://127.0.0.1:8000", "Accept": "text/html"}
FRAGMENT = {**OWN, "X-Fragment": "turn"}
PASSWORD = "correct horse battery"
DRAFT = Draft(kind="answer", text="Breakfast is served from 6:30.", cited=[0], language="en")


@pytest.fixture
def engine() -> Engine:
    scripted = ScriptedEngine()
    scripted.always("reply", DRAFT)
    return scripted


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    tenant = await build_tenant(rt, "seaside", languages=["en", "pt"], relevance_gate=0.0)
    await add_sections(rt, tenant.project, HOTEL[:3])
    return tenant


async def enter(rt: Runtime, http: httpx.AsyncClient, *projects: Project, username: str = "marina") -> str:
    """Sign in as a new member of these projects; returns the token of the forms."""
    async with rt.db.begin() as session:
        user = await create_user(session, username, PASSWORD, now=rt.clock())
        for project in projects:
            await join_project(session, user.id, project.id)
    form = {"username": username.upper(), "password": PASSWORD, "then": "/docs"}
    answer = await http.post("/sign-in", data=form, headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs")
    page = await http.get("/docs", headers=OWN)
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found[1]


def message(token: str, text: str, *, key: str = "k1", helpdesk: str = "chat-aaaa") -> dict[str, str]:
    return {"form_token": token, "helpdesk": helpdesk, "key": key, "text": text}


class Outline(HTMLParser):
    """What a page consists of: its tags, and the attributes that may carry code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (tag == "script" and name == "src" and not value):
                self.inline.append(f"{tag} {name}")
            if name == "id" and value:
                self.ids.append(value)


def test_there_is_a_sample_of_every_page() -> None:
    assert {type(page) for page in samples("en")} == set(get_args(Page))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_renders_without_a_trace_of_hostile_text(language: Language) -> None:
    renderer = Renderer.load(Assets.load())
    for page in samples(language):
        html = renderer.html(page)
        outline = Outline(html)
        assert HOSTILE not in html
        assert "alert" not in re.sub(r"alert\(&#39;x&#39;\)|role=\"alert\"|%3Cscript%3Ealert[^&\"]*", "", html)
        assert outline.inline == []
        assert outline.tags.count("script") == html.count('<script type="module" src="/static/')
        assert sorted(outline.ids) == sorted(set(outline.ids))


async def test_pages_carry_a_strict_content_policy(client: httpx.AsyncClient) -> None:
    page = await client.get("/sign-in", headers=OWN)
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "font-src": "'none'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert page.headers["cache-control"] == "no-store"


async def test_static_files_are_kept_for_a_year_under_their_digest(client: httpx.AsyncClient) -> None:
    page = await client.get("/sign-in", headers=OWN)
    address = re.search(r'href="(/static/[0-9a-f]{16}/ouvidor\.css)"', page.text)
    assert address is not None
    sheet = await client.get(address[1])
    assert sheet.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert sheet.headers["content-type"].startswith("text/css")
    old = await client.get("/static/0123456789abcdef/ouvidor.css")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")
    assert (await client.get("/static/0123456789abcdef/..%2Frender.py")).status_code == 404


async def test_strangers_are_led_to_the_sign_in_and_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/projects/seaside/chat", headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?then=%2Fprojects%2Fseaside%2Fchat")
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


async def test_other_projects_do_not_exist(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    other = await build_tenant(rt, "elsewhere")
    token = await enter(rt, client, other.project)
    own_page = await client.get("/projects/elsewhere/knowledge", headers=OWN)
    assert own_page.status_code == 200
    async with client_of(rt) as insider:
        await enter(rt, insider, tenant.project, username="insider")
        rows = (await insider.get("/projects/seaside/knowledge", headers=OWN)).text
    section = re.search(r"/projects/seaside/knowledge/([0-9a-f-]{36})", rows)
    assert section is not None
    for path in (
        "seaside/chat",
        "seaside/knowledge",
        f"seaside/knowledge/{section[1]}",
        f"elsewhere/knowledge/{section[1]}",
    ):
        assert (await client.get(f"/projects/{path}", headers=OWN)).status_code == 404
    answer = await client.post("/projects/seaside/chat/messages", data=message(token, "hi"), headers=OWN)
    assert answer.status_code == 404


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
        assert shown[0].split() == whole[0].split()


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
        line = Line("USER", f"question {number}")
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


async def test_empty_project_says_how_to_fill_it(rt: Runtime, client: httpx.AsyncClient) -> None:
    empty = await build_tenant(rt, "empty")
    await enter(rt, client, empty.project)
    for page in ("chat", "knowledge"):
        text = (await client.get(f"/projects/empty/{page}", headers=OWN)).text
        assert "ouvidor knowledge import FILE --project empty" in text


async def test_new_conversations_suggest_questions_of_the_knowledge(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await enter(rt, client, tenant.project)
    page = (await client.get("/projects/seaside/chat", headers=OWN)).text
    offered = set(re.findall(r'name="suggestion" value="([^"]+)"', page))
    assert offered == {section["question"] for section in HOTEL[:3]}


async def test_knowledge_is_listed_found_and_narrowed(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project)
    await add_sections(rt, tenant.project, HOTEL)
    every = (await client.get("/projects/seaside/knowledge", headers=OWN)).text
    assert every.count(" data-row>") == len(HOTEL)
    specialist = (await client.get("/projects/seaside/knowledge?tier=N2", headers=OWN)).text
    assert specialist.count(" data-row>") == 1
    found = (await client.get("/projects/seaside/knowledge?q=can+I+bring+my+dog", headers=OWN)).text
    first = re.search(r'href="([^"]+)" data-row>([^<]+)<', found)
    assert first is not None
    assert first[2] == "Do you accept pets?"
    section = (await client.get(first[1].replace("&amp;", "&"), headers=OWN)).text
    assert "Dogs and cats up to 10 kg" in section
    assert 'href="/projects/seaside/knowledge?q=can+I+bring+my+dog"' in section


async def test_long_list_of_sections_is_paged(rt: Runtime, client: httpx.AsyncClient) -> None:
    tenant = await build_tenant(rt, "large")
    rows = [{"id": f"s{number}", "question": f"Question {number}?", "answer": "Yes."} for number in range(120)]
    await add_sections(rt, tenant.project, rows)
    await enter(rt, client, tenant.project)
    seen: list[str] = []
    address: str | None = "/projects/large/knowledge"
    while address:
        page = (await client.get(address.replace("&amp;", "&"), headers=OWN)).text
        seen += re.findall(r" data-row>(Question \d+\?)<", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1] if following else None
    assert sorted(seen) == sorted(str(row["question"]) for row in rows)


async def test_language_and_theme_are_chosen_and_kept(client: httpx.AsyncClient) -> None:
    english = await client.get("/sign-in", headers={**OWN, "Accept-Language": "de"})
    assert '<html lang="en" data-theme="system">' in english.text
    chosen = await client.get("/sign-in?lang=pt&theme=dark&then=%2Fdocs", headers=OWN)
    assert '<html lang="pt-BR" data-theme="dark">' in chosen.text
    assert 'href="/sign-in?then=%2Fdocs&amp;lang=en"' in chosen.text
    kept = await client.get("/sign-in", headers={**OWN, "Accept-Language": "en"})
    assert '<html lang="pt-BR" data-theme="dark">' in kept.text


async def test_errors_are_pages_for_people(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    alone = await client.get("/no/such/page", headers=OWN)
    assert alone.status_code == 404
    assert "There is nothing here" in alone.text
    assert alone.headers["x-request-id"] in alone.text
    await enter(rt, client, tenant.project)
    framed = await client.get("/no/such/page", headers=OWN)
    assert 'class="rail"' in framed.text
    program = await client.get("/no/such/page", headers={"Accept": "*/*"})
    assert program.headers["content-type"] == "application/problem+json"


async def test_reference_shows_every_operation(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for address in ("/docs", "/api"):
        page = (await client.get(address, headers=OWN)).text
        for path, methods in document["paths"].items():
            assert f"<code>{path}</code>" in page
            for operation in methods.values():
                assert f'id="{operation["operationId"]}"' in page
    tags = read_openapi(document, "http://x")
    asked = next(
        operation for tag in tags for operation in tag.operations if operation.path == "/conversations/completions"
    )
    assert "messages[].role" in [field.name for field in asked.body]
    assert asked.command.startswith("curl -X POST http://x/conversations/completions")


def test_docstrings_become_paragraphs() -> None:
    parts = paragraphs("One `two`\n  three.\n\n\nFour.")
    assert [[(span.text, span.code) for span in paragraph] for paragraph in parts] == [
        [("One ", False), ("two", True), (" three.", False)],
        [("Four.", False)],
    ]

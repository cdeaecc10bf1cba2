"""The pages over HTTP, without a browser: who may see them, what they refuse, what they keep."""

import re
from html.parser import HTMLParser
from importlib import import_module
from pkgutil import iter_modules
from urllib.parse import urlencode

import httpx
import pytest
from conftest import client_of
from factories import HOTEL, Tenant, add_sections, build_tenant
from page_samples import HOSTILE, samples
from page_visitor import OWN, enter, furnish, message

from ouvidor.accounts.permissions import Role
from ouvidor.runtime import Runtime
from ouvidor.web import contexts
from ouvidor.web.assets import Assets, squeeze
from ouvidor.web.openapi import paragraphs, read_openapi
from ouvidor.web.render import Renderer
from ouvidor.web.words import LANGUAGES, Language

pytestmark = pytest.mark.anyio


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await furnish(rt)


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
    parts = [import_module(f"ouvidor.web.contexts.{module.name}") for module in iter_modules(contexts.__path__)]
    pages = {
        kind for part in parts for kind in vars(part).values() if isinstance(kind, type) and "template" in vars(kind)
    }
    assert {type(page) for page in samples("en")} == pages


ESCAPED = r"alert\((?:&#39;|\\u0027)x(?:&#39;|\\u0027)\)|role=\"alert\"|%3Cscript%3Ealert[^&\"]*"
"""The word where it does no harm."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_renders_without_a_trace_of_hostile_text(language: Language) -> None:
    renderer = Renderer.load(Assets.load())
    for page in samples(language):
        html = renderer.html(page)
        outline = Outline(html)
        assert HOSTILE not in html
        assert "alert" not in re.sub(ESCAPED, "", html)
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


async def test_empty_project_says_how_to_fill_it(rt: Runtime, client: httpx.AsyncClient) -> None:
    empty = await build_tenant(rt, "empty")
    await enter(rt, client, empty.project)
    for page in ("chat", "knowledge"):
        text = (await client.get(f"/projects/empty/{page}", headers=OWN)).text
        assert "ouvidor knowledge import FILE --project empty" in text


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


async def test_role_that_does_not_allow_a_page_is_told_so_within_the_project(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await enter(rt, client, tenant.project, role=Role.VIEWER)
    answer = await client.get("/projects/seaside/settings/keys", headers=OWN)
    assert answer.status_code == 403
    assert "Your role may not do this" in answer.text
    assert 'href="/projects/seaside/settings/roles"' in answer.text


async def test_the_project_seen_last_is_kept(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    first = (await build_tenant(rt, "abbey")).project
    await enter(rt, client, first, tenant.project)
    assert (await client.get("/", headers=OWN)).headers["location"] == "/projects/abbey/overview"
    assert (await client.get("/projects/seaside", headers=OWN)).headers["location"] == "/projects/seaside/overview"
    await client.get("/projects/seaside/overview", headers=OWN)
    assert (await client.get("/", headers=OWN)).headers["location"] == "/projects/seaside/overview"
    assert "/projects/seaside/inbox" in (await client.get("/account", headers=OWN)).text


async def test_reference_shows_every_operation(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    pages: dict[tuple[str, str], str] = {}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            tag, anchor = operation["tags"][0], operation["operationId"]
            for address in ("/docs", "/api"):
                if (address, tag) not in pages:
                    pages[address, tag] = (await client.get(address, params={"tag": tag}, headers=OWN)).text
                page = pages[address, tag]
                assert f"<code>{path}</code>" in page
                assert f'id="{anchor}"' in page
                assert f'href="?{urlencode({"tag": tag})}#{anchor}"' in page
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


def test_style_sheet_loses_nothing_but_space() -> None:
    style = """/* Of a list. */
    b > c, d:is(.e) { width: calc(1px + 2px);
        content: "x;  {y /* z */"; }"""
    assert squeeze(style) == 'b > c,d:is(.e){width: calc(1px + 2px);content: "x;  {y /* z */";}'

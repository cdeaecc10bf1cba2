"""The pages in a real browser: every page in both languages, both themes, both widths; keyboard; what scripts add.

Pictures are written to looks/ (git ignores it). `OUVIDOR_LOOKS=all` takes every combination, else pairs of all factors.
"""

import asyncio
import json
import os
import shutil
import socket
import threading
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from uuid import uuid4

import pytest
import uvicorn
from babel.messages.pofile import read_po
from factories import HOTEL, add_sections, build_tenant
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright

import ouvidor.web
from ouvidor.accounts.models import Project
from ouvidor.accounts.rules import Mode
from ouvidor.accounts.users import create_user, join_project
from ouvidor.agent.reply import Draft
from ouvidor.app import create_app
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.history import Line
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.engines.scripted import ScriptedEngine
from ouvidor.knowledge.read import list_sections
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "looks"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
MORE_FLAGS = ("--disable-component-update", "--disable-sync")
USERNAME, PASSWORD = "marina", "correct horse battery"
HELPDESK = "chat-looks234"
BREAKFAST = Draft(kind="answer", text="Breakfast is served from 6:30 to 10:00.\n\nOn Sundays until 11:00.", cited=[0])
SAID = {
    "hello": Draft(kind="smalltalk", text="Hello! How can I help you?"),
    "What time is breakfast?": BREAKFAST,
    "and the other thing": Draft(kind="unsure", topics=["Do you accept pets?", "Is there parking?"]),
    "I want to speak to a person": Draft(kind="wants_person"),
}
FORMATS = [
    (language, theme, width) for language, theme, width in product(("pt-BR", "en"), ("light", "dark"), (390, 1280))
]
PAIRWISE = ((0, 7), (2, 5), (3, 4), (1, 6))
"""Indexes into FORMATS: two opposite ones for each page, turning from page to page, cover each pair of values."""
ADDRESSES = {
    "sign-in": "/sign-in",
    "chat-empty": "/projects/seaside/chat",
    "chat": f"/projects/seaside/chat?helpdesk={HELPDESK}",
    "chat-source": f"/projects/seaside/chat?helpdesk={HELPDESK}&turn=2&source=1",
    "chat-reading": "/projects/seaside/chat?helpdesk=4711",
    "chat-no-knowledge": "/projects/empty/chat",
    "knowledge": "/projects/seaside/knowledge",
    "knowledge-found": "/projects/seaside/knowledge?q=can+I+bring+my+dog",
    "knowledge-none": "/projects/seaside/knowledge?tier=N2&q=pool",
    "knowledge-empty": "/projects/empty/knowledge",
    "section": "",
    "reference": "/docs?project=seaside",
    "error": "/projects/nowhere/chat",
}
ALONE = {"sign-in"}
FAILING = {"error"}


@dataclass(frozen=True)
class LiveSite:
    """A served installation with one person and two projects, one of them without knowledge."""

    url: str
    section: str


@dataclass
class Visit:
    """A page in a browser, and what went wrong in it."""

    page: Page
    faults: list[str]


def find_browser() -> str | None:
    """A Chromium or Chrome of this machine."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    path = find_browser()
    if path is None:
        sentence = "not run: no Chromium or Chrome was found (on Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *MORE_FLAGS])
        yield running
        running.close()


@pytest.fixture(scope="module")
def live(server: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[LiveSite]:
    """The app on a real port, in a thread with an event loop of its own."""
    name = f"looks_{uuid4().hex}"
    server.create_database(name, template=template)
    settings = Settings(data_dir=tmp_path_factory.mktemp("looks"), database_pool=5, _env_file=None)  # pyright: ignore[reportCallIssue]
    address = DatabaseAddress(server.url(name), server.conninfo(name))
    door = socket.create_server(("127.0.0.1", 0))
    ready, leave = threading.Event(), threading.Event()
    section: list[str] = []

    async def serve() -> None:
        async with open_runtime(settings, address) as opened:
            engine = ScriptedEngine()
            rt = replace(opened, embedder=NoEmbedder(), engine=engine)
            section.append(await furnish(rt, engine))
            config = uvicorn.Config(create_app(rt), log_level="warning", timeout_graceful_shutdown=1)
            served = uvicorn.Server(config)
            running = asyncio.create_task(served.serve(sockets=[door]))
            ready.set()
            await asyncio.to_thread(leave.wait)
            served.should_exit = True
            await running

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(timeout=120), "the site did not start"
    yield LiveSite(f"http://127.0.0.1:{door.getsockname()[1]}", section[0])
    leave.set()
    thread.join()
    server.drop_database(name)


async def furnish(rt: Runtime, engine: ScriptedEngine) -> str:
    """A person, a project with a played and a customer's conversation, an empty project; returns a section's path."""
    rules = {"languages": ["en", "pt"], "relevance_gate": 0.0}
    seaside = await build_tenant(rt, "seaside", Mode.CLARIFICATION, **rules)
    empty = await build_tenant(rt, "empty")
    await add_sections(rt, seaside.project, HOTEL)
    async with rt.db.begin() as session:
        user = await create_user(session, USERNAME, PASSWORD, now=rt.clock())
        for project in (seaside.project, empty.project):
            await join_project(session, user.id, project.id)
    engine.always("reply", BREAKFAST)
    for text, draft in SAID.items():
        engine.next("reply", draft)
        await say(rt, seaside.project, HELPDESK, text)
    await say(rt, seaside.project, "4711", "What time is breakfast?")
    async with rt.db.read() as session:
        from_list = await list_sections(session, seaside.project.id, limit=1)
    return f"/projects/seaside/knowledge/{from_list.data[0].id}"


async def say(rt: Runtime, project: Project, helpdesk: str, text: str) -> None:
    await complete(rt, project, Ask(helpdesk_id=helpdesk, messages=(Line("USER", text),)))


@pytest.fixture(scope="module")
def signed_in(browser: Browser, live: LiveSite) -> str:
    """The state of a signed-in browser, as a file's content."""
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.goto(f"{live.url}/sign-in")
    page.get_by_label("User name").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/chat")
    state = json.dumps(context.storage_state())
    context.close()
    return state


def open_context(
    browser: Browser,
    state: str | None,
    *,
    language: str = "en",
    theme: str = "light",
    width: int = 1280,
    scripts: bool = True,
) -> BrowserContext:
    phone = width < 500
    return browser.new_context(
        storage_state=json.loads(state) if state else None,
        viewport={"width": width, "height": 844 if phone else 800},
        locale=language,
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        has_touch=phone,
        is_mobile=phone,
        java_script_enabled=scripts,
    )


def visit(context: BrowserContext, live: LiveSite, *, failing: bool = False) -> Visit:
    """A new page that notes console errors, exceptions and requests to elsewhere."""
    page = context.new_page()
    faults: list[str] = []

    def note_console(message: ConsoleMessage) -> None:
        expected = failing and message.text.startswith("Failed to load resource")
        if message.type in {"error", "warning"} and not expected:
            faults.append(f"console: {message.text}")

    page.on("console", note_console)
    page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
    page.on("request", lambda request: None if request.url.startswith(live.url) else faults.append(request.url))
    return Visit(page, faults)


@pytest.fixture
def desk(browser: Browser, live: LiveSite, signed_in: str) -> Generator[Visit]:
    """A signed-in person at a wide screen."""
    context = open_context(browser, signed_in)
    opened = visit(context, live)
    yield opened
    context.close()
    assert opened.faults == []


def combinations() -> list[tuple[str, str, str, int]]:
    every = os.environ.get("OUVIDOR_LOOKS") == "all"
    chosen = {
        name: range(len(FORMATS)) if every else PAIRWISE[index % len(PAIRWISE)] for index, name in enumerate(ADDRESSES)
    }
    return [(name, *FORMATS[index]) for name, indexes in chosen.items() for index in indexes]


def test_combinations_cover_every_pair() -> None:
    seen = [dict(zip("nltw", combination, strict=True)) for combination in combinations()]
    values = {"n": set(ADDRESSES), "l": {"pt-BR", "en"}, "t": {"light", "dark"}, "w": {390, 1280}}
    for one, other in ("nl", "nt", "nw", "lt", "lw", "tw"):
        assert {(row[one], row[other]) for row in seen} == set(product(values[one], values[other]))


@pytest.mark.parametrize(("name", "language", "theme", "width"), combinations())
def test_page_looks_right(
    browser: Browser, live: LiveSite, signed_in: str, name: str, language: str, theme: str, width: int
) -> None:
    state = None if name in ALONE else signed_in
    context = open_context(browser, state, language=language, theme=theme, width=width)
    opened = visit(context, live, failing=name in FAILING)
    opened.page.goto(live.url + (ADDRESSES[name] or live.section))
    opened.page.wait_for_load_state("networkidle")
    PICTURES.mkdir(exist_ok=True)
    opened.page.screenshot(path=PICTURES / f"{name}-{language}-{theme}-{width}.png")
    assert opened.page.locator("html").get_attribute("lang") == language
    assert overflowing(opened.page) == []
    assert untranslated(opened.page, language) == []
    assert serious_findings(opened.page) == []
    assert unreached(opened.page) == []
    assert opened.faults == []
    context.close()


def overflowing(page: Page) -> list[str]:
    """What is wider than its place: the document, or a part that scrolls downwards only."""
    return page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll(
               "main, .page-body, .talk-scroll, .talk-flow, .panel, .page-bar, .rail")]
             .filter((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0)
             .map((part) => `${part.tagName}.${part.className}`)"""
    )


def untranslated(page: Page, language: str) -> list[str]:
    """Messages of the catalogue that stand on a Portuguese page in English."""
    if language == "en":
        return []
    source = Path(ouvidor.web.__path__[0]) / "locale" / "pt_BR" / "LC_MESSAGES" / "messages.po"
    with source.open("rb") as po:
        english = {str(message.id) for message in read_po(po) if message.id and message.id != message.string}
    shown: list[str] = page.evaluate(
        """() => {
             const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
             const found = [];
             while (walker.nextNode())
               if (!walker.currentNode.parentElement.closest("[lang=en]")) found.push(walker.currentNode.data.trim());
             for (const name of ["aria-label", "title", "placeholder"])
               for (const part of document.querySelectorAll(`[${name}]`))
                 if (!part.closest("[lang=en]")) found.push(part.getAttribute(name));
             return found;
           }"""
    )
    return [text for text in shown if text in english]


def serious_findings(page: Page) -> list[str]:
    """What axe-core finds of serious or critical impact."""
    assert AXE.exists(), "axe-core is missing: run `npm ci` (make browser does)"
    page.evaluate(AXE.read_text())
    results = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{finding['id']}: {node['html'][:160]}"
        for finding in results["violations"]
        if finding["impact"] in {"serious", "critical"}
        for node in finding["nodes"]
    ]


def unreached(page: Page) -> list[str]:
    """Controls that Tab does not reach, or reaches without a visible mark."""
    count: int = page.evaluate(
        """() => {
             const controls = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
               .filter((control) => control.type !== "hidden" && !control.disabled && control.checkVisibility());
             for (const [index, control] of controls.entries()) control.dataset.control = index;
             document.activeElement.blur();
             return controls.length;
           }"""
    )
    for _ in range(count + 40):
        page.keyboard.press("Tab")
        left: int = page.evaluate(
            """() => {
                 const control = document.activeElement;
                 const shown = control.closest(".composer-box") ?? control;
                 if (getComputedStyle(shown).outlineStyle !== "none") delete control.dataset.control;
                 return document.querySelectorAll("[data-control]").length;
               }"""
        )
        if left == 0:
            return []
    return page.locator("[data-control]").evaluate_all("(parts) => parts.map((part) => part.outerHTML.slice(0, 160))")


@pytest.mark.parametrize("name", ["chat", "knowledge", "reference"])
def test_page_fits_every_width(desk: Visit, live: LiveSite, name: str) -> None:
    desk.page.goto(live.url + ADDRESSES[name])
    for width in (320, 360, 480, 719, 720, 800, 1024, 1087, 1088, 1440, 1920):
        desk.page.set_viewport_size({"width": width, "height": 700})
        assert (width, overflowing(desk.page)) == (width, [])


@pytest.mark.parametrize("name", ["chat", "knowledge", "reference"])
def test_page_is_light(desk: Visit, live: LiveSite, name: str) -> None:
    """All that a first visit loads, uncompressed, under 100 kB."""
    desk.page.goto(live.url + ADDRESSES[name])
    desk.page.wait_for_load_state("networkidle")
    loaded: dict[str, int] = desk.page.evaluate(
        """() => Object.fromEntries(
             [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
               .map((entry) => [entry.name, entry.decodedBodySize]))"""
    )
    assert len(loaded) >= 4
    assert sum(loaded.values()) < 100_000


def ask(page: Page, text: str) -> None:
    """Say something as the customer and wait for the reply."""
    page.locator("#message").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#turns .turn").last).to_contain_text(text)
    expect(page.locator(".pending")).to_have_count(0)


def test_wrong_password_keeps_the_name(browser: Browser, live: LiveSite) -> None:
    context = open_context(browser, None)
    page = context.new_page()
    page.goto(f"{live.url}/sign-in?then=/docs")
    page.get_by_label("User name").fill(USERNAME)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("User name")).to_have_value(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live.url}/docs")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{live.url}/sign-in")
    context.close()


def test_chat_answers_without_a_reload(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}/projects/seaside/chat")
    page.evaluate("window.sameDocument = true")
    page.locator("#message").press_sequentially("What time")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("is breakfast?")
    page.keyboard.press("Enter")
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.locator(".said.customer p")).to_have_text("What time\nis breakfast?", use_inner_text=True)
    expect(page.locator(".pending")).to_have_count(0)
    expect(page.locator("#message")).to_be_focused()
    ask(page, "Do you accept pets?")
    expect(page.locator("#panel h2")).to_have_text("Turn 2 of 2")
    assert page.evaluate("window.sameDocument")
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)


def test_one_message_at_a_time(desk: Visit, live: LiveSite) -> None:
    page, held = desk.page, list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    page.goto(f"{live.url}/projects/seaside/chat")
    page.route("**/messages", hold)
    page.locator("#message").fill("What time is breakfast?")
    page.keyboard.press("Enter")
    expect(page.locator("#composer")).to_have_attribute("aria-busy", "true")
    page.keyboard.type("And dinner?")
    page.keyboard.press("Enter")
    expect(page.locator(".pending")).to_have_count(1)
    expect(page.locator("#message")).to_have_value("And dinner?")
    held[0].continue_()
    expect(page.locator("#composer")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#message")).to_have_value("And dinner?")
    assert len(held) == 1


def test_suggestion_asks_at_once(desk: Visit, live: LiveSite) -> None:
    desk.page.goto(f"{live.url}/projects/seaside/chat")
    suggestion = desk.page.locator(".suggestions button").first
    text = suggestion.inner_text()
    suggestion.click()
    expect(desk.page.locator(".said.customer p")).to_have_text(text)
    expect(desk.page.locator("#start")).to_have_count(0)


def test_chat_works_without_scripts(browser: Browser, live: LiveSite, signed_in: str) -> None:
    context = open_context(browser, signed_in, scripts=False)
    page = context.new_page()
    page.goto(f"{live.url}/projects/seaside/chat")
    page.locator(".suggestions button").first.click()
    page.locator("#message").fill("What time is breakfast?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn")).to_have_count(2)
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)
    page.locator(".turn-meta").first.click()
    expect(page.locator("#panel h2")).to_have_text("Turn 1 of 2")
    context.close()


def test_message_survives_a_failing_connection(browser: Browser, live: LiveSite, signed_in: str) -> None:
    context = open_context(browser, signed_in)
    page = context.new_page()
    page.goto(f"{live.url}/projects/seaside/chat")

    def answer_late(route: Route) -> None:
        """The server acts, but its answer is lost on the way."""
        route.fetch()
        route.abort()

    page.route("**/messages", answer_late)
    page.locator("#message").fill("What time is breakfast?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    page.unroute("**/messages")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".pending")).to_have_count(0)
    page.reload()
    expect(page.locator(".turn")).to_have_count(1)
    context.close()


def test_failed_message_can_be_changed_and_outlives_a_reload(browser: Browser, live: LiveSite, signed_in: str) -> None:
    context = open_context(browser, signed_in)
    page = context.new_page()
    page.goto(f"{live.url}/projects/seaside/chat")
    page.route("**/messages", lambda route: route.fulfill(status=503, json={"detail": "Later.", "request_id": "r-1"}))
    page.locator("#message").fill("What time is breakfast?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Later. · r-1")
    page.reload()
    expect(page.locator("#message")).to_have_value("What time is breakfast?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Change it first").click()
    expect(page.locator("#message")).to_have_value("What time is breakfast?")
    expect(page.locator(".turn")).to_have_count(0)
    context.close()


def test_lost_sign_in_is_said_and_loses_nothing(browser: Browser, live: LiveSite, signed_in: str) -> None:
    context = open_context(browser, signed_in)
    page = context.new_page()
    page.goto(f"{live.url}/projects/seaside/chat")
    context.clear_cookies()
    page.locator("#message").fill("What time is breakfast?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("You are signed out")
    expect(page.get_by_role("link", name="Sign in in a new tab")).to_be_visible()
    context.close()


def test_draft_survives_a_reload(desk: Visit, live: LiveSite) -> None:
    desk.page.goto(f"{live.url}{ADDRESSES['chat']}")
    desk.page.locator("#message").fill("half a thought")
    desk.page.reload()
    expect(desk.page.locator("#message")).to_have_value("half a thought")


def test_citation_opens_its_section_and_back_returns(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}{ADDRESSES['chat']}")
    before = page.url
    chip = page.locator("a.chip").first
    turn = chip.get_attribute("data-turn")
    chip.click()
    expect(page.locator("#source-1 details")).to_have_attribute("open", "")
    expect(page.locator("#panel h2")).to_have_text(f"Turn {turn} of {len(SAID)}")
    assert f"turn={turn}&source=1" in page.url
    page.go_back()
    expect(page.locator("#panel h2")).to_have_text(f"Turn {len(SAID)} of {len(SAID)}")
    assert page.url == before


def test_keys_lead_everywhere(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}{ADDRESSES['chat']}")
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    expect(page.locator("#panel h2")).to_have_text("Turn 3 of 4")
    page.keyboard.press("j")
    expect(page.locator("#panel h2")).to_have_text("Turn 4 of 4")
    page.keyboard.press("m")
    expect(page.locator("#message")).to_be_focused()
    page.keyboard.type("gk?")
    expect(page.locator("#message")).to_have_value("gk?")
    page.locator("#message").fill("")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    for _ in range(2):
        page.keyboard.press("j")
    expect(page.locator("[data-row]").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".section-page")).to_be_visible()
    for keys, address in (("gc", "/projects/seaside/chat"), ("ga", "/docs?project=seaside")):
        for key in keys:
            page.keyboard.press(key)
        expect(page).to_have_url(live.url + address)
        page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page.locator("#projects")).to_be_visible()


def test_theme_and_language_are_kept(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}/projects/seaside/knowledge?tier=N1")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.keyboard.press("t")
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) != light
    page.get_by_title("Português (Brasil)").click()
    expect(page.get_by_role("heading", name="Conhecimento")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert "tier=N1" in page.url
    page.goto(f"{live.url}/projects/seaside/chat")
    expect(page.locator("html")).to_have_attribute("lang", "pt-BR")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_panel_is_a_sheet_on_a_phone(browser: Browser, live: LiveSite, signed_in: str) -> None:
    context = open_context(browser, signed_in, width=390)
    opened = visit(context, live)
    page = opened.page
    page.goto(f"{live.url}{ADDRESSES['chat']}")
    expect(page.locator("#panel")).to_be_hidden()
    page.locator(".turn-meta").last.click()
    expect(page.locator("#panel")).to_be_visible()
    page.locator("#panel-close").click()
    expect(page.locator("#panel")).to_be_hidden()
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert opened.faults == []
    context.close()


def test_text_stays_text(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}/projects/seaside/chat")
    hostile = "<img src=x onerror=\"document.title='taken'\"> **bold**"
    ask(page, hostile)
    expect(page.locator(".said.customer p")).to_have_text(hostile)
    page.reload()
    expect(page.locator(".said.customer p")).to_have_text(hostile)
    assert "taken" not in page.title()

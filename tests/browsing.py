"""A real browser on a served installation: fixtures for tests marked `browser`, which name this file as a plugin.

PYTEST_DONT_REWRITE: those tests import from here before pytest does.
"""

import asyncio
import json
import os
import shutil
import socket
import threading
from collections.abc import Generator
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
import uvicorn
from factories import HOTEL, add_sections, build_tenant
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Role
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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
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
            await join_project(session, user.id, project.id, Role.OWNER, rt.clock())
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


@pytest.fixture(scope="session")
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

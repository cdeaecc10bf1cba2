"""Correcting in a real browser: one key says what a comment is and brings the next, another takes it back."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from browsing import PASSWORD, LiveSite, Visit, open_context, visit
from comment_factories import build_comment
from factories import Tenant, build_tenant
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.users import create_user, join_project
from ouvidor.app import create_app
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.engines.local import LocalEngine
from ouvidor.engines.scripted import ScriptedEngine
from ouvidor.feedback.learning.correcting import correct
from ouvidor.feedback.models import Comment
from ouvidor.feedback.taxonomies.draft import draft_of
from ouvidor.feedback.taxonomies.versions import save_taxonomy
from ouvidor.feedback.taxonomy import Category, Taxonomy
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

pytestmark = pytest.mark.browser
pytest_plugins = ["browsing"]


@dataclass
class Studio:
    """A served site, its runtime, and what runs in its thread."""

    live: LiveSite
    rt: Runtime

    def run(self, deed: Coroutine[Any, Any, Any]) -> Any:
        """Do a deed where the site runs."""
        return asyncio.run_coroutine_threadsafe(deed, self.live.loop).result(timeout=30)

    def fill(self, *words: str) -> tuple[Tenant, list[UUID]]:
        """A project of marina's with these comments, all of which wait, in this order."""
        return self.run(fill(self.rt, words))

    def said(self, tenant: Tenant) -> dict[str, str]:
        """The category of each corrected comment, by its words."""
        return self.run(said(self.rt, tenant))


async def fill(rt: Runtime, words: tuple[str, ...]) -> tuple[Tenant, list[UUID]]:
    tenant = await build_tenant(rt, f"p-{uuid4().hex[:8]}")
    async with rt.db.begin() as session:
        await join_project(session, MARINA[0], tenant.project.id, Role.OWNER, rt.clock())
    made = [
        await build_comment(rt, tenant.project, each, confidence=0.1 + place / 100, waits="unsure")
        for place, each in enumerate(words)
    ]
    return tenant, made


async def said(rt: Runtime, tenant: Tenant) -> dict[str, str]:
    async with rt.db.read() as session:
        mine = (Comment.project_id == tenant.project.id, Comment.corrected_at.is_not(None))
        rows = await session.execute(select(Comment.content, Comment.category).where(*mine))
        return {row.content: row.category for row in rows}


MARINA: list[UUID] = []


@pytest.fixture(scope="module")
def studio(server: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Studio]:
    name = f"studio_{uuid4().hex}"
    server.create_database(name, template=template)
    settings = Settings(data_dir=tmp_path_factory.mktemp("studio"), database_pool=8, _env_file=None)  # pyright: ignore[reportCallIssue]
    address = DatabaseAddress(server.url(name), server.conninfo(name))
    door = socket.create_server(("127.0.0.1", 0))
    ready, leave = threading.Event(), threading.Event()
    made: list[tuple[Runtime, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        none = NoEmbedder("left out by this test")
        async with open_runtime(settings, address, engine=LocalEngine(), embedder=none) as rt:
            password = await hash_password(PASSWORD)
            async with rt.db.begin() as session:
                MARINA[:] = [(await create_user(session, "marina", password, now=rt.clock())).id]
            made.append((rt, asyncio.get_running_loop()))
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
    rt, loop = made[0]
    yield Studio(LiveSite(f"http://127.0.0.1:{door.getsockname()[1]}", "", {}, ScriptedEngine(), loop), rt)
    leave.set()
    thread.join()
    server.drop_database(name)


def sign_in(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.live.url}/sign-in")
    page.get_by_label("User name").fill("marina")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "/sign-in" not in address)


@pytest.fixture
def desk(browser: Browser, studio: Studio) -> Generator[Visit]:
    context = open_context(browser, None)
    opened = visit(context, studio.live)
    sign_in(opened.page, studio)
    yield opened
    context.close()
    assert opened.faults == []


def queue(studio: Studio, tenant: Tenant) -> str:
    return f"{studio.live.url}/projects/{tenant.project.name}/comments/corrections"


@dataclass
class Gate:
    """Keeps requests back until it is opened."""

    held: list[Route]
    open: bool = False

    def meet(self, route: Route) -> None:
        if self.open:
            route.continue_()
        else:
            self.held.append(route)

    def let_through(self) -> None:
        self.open = True
        for route in self.held:
            route.continue_()


def test_one_key_corrects_and_brings_the_next(desk: Visit, studio: Studio) -> None:
    page = desk.page
    tenant, _ = studio.fill("one", "two", "three", "four", "five")
    page.goto(queue(studio, tenant))
    words = page.locator("#words")
    for key, shown in (("1", "one"), ("5", "two")):
        expect(words).to_have_text(shown)
        page.keyboard.press(key)
    expect(words).to_have_text("three")
    expect(page.get_by_text("3 wait")).to_be_visible()
    expect(page.locator("#told")).to_contain_text("Said: Spam")
    assert studio.said(tenant) == {"one": "praise", "two": "spam"}
    page.keyboard.press("u")
    expect(words).to_have_text("two")
    expect(page.get_by_text("4 wait")).to_be_visible()
    assert studio.said(tenant) == {"one": "praise"}
    page.keyboard.press("j")
    expect(words).to_have_text("three")
    page.keyboard.press("k")
    expect(words).to_have_text("two")
    page.keyboard.press("s")
    expect(words).to_have_text("three")
    expect(page.locator("#told")).to_contain_text("Skipped.")
    page.keyboard.press("h")
    expect(page.locator(".said-so-far li")).to_contain_text("Local classifier")
    page.keyboard.press("2")
    expect(words).to_have_text("four")
    page.keyboard.press("3")
    expect(words).to_have_text("five")
    expect(page.get_by_text("1 waits")).to_be_visible()
    page.keyboard.press("4")
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    told = {"one": "praise", "three": "criticism", "four": "suggestion", "five": "question"}
    assert studio.said(tenant) == told


def test_the_next_is_there_before_the_answer(desk: Visit, studio: Studio) -> None:
    """However slow the way is, nobody waits; and every word arrives, in order."""
    page = desk.page
    tenant, _ = studio.fill("one", "two", "three", "four")
    page.goto(queue(studio, tenant))
    page.wait_for_load_state("networkidle")
    gate = Gate([])
    page.route("**/corrections/*", gate.meet)
    page.keyboard.press("1")
    expect(page.locator("#words")).to_have_text("two")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("2")
    expect(page.locator("#words")).to_have_text("three")
    assert studio.said(tenant) == {}
    assert len(gate.held) == 1
    gate.let_through()
    expect(page.get_by_text("2 wait")).to_be_visible()
    assert studio.said(tenant) == {"one": "praise", "two": "criticism"}


def test_another_person_was_quicker(desk: Visit, studio: Studio) -> None:
    page = desk.page
    tenant, (first, _) = studio.fill("one", "two")
    page.goto(queue(studio, tenant))
    expect(page.locator("#words")).to_have_text("one")
    studio.run(correct(studio.rt, tenant.project, first, "question", actor=COMMAND))
    page.keyboard.press("5")
    expect(page.get_by_role("alert")).to_contain_text("command line has corrected that comment meanwhile")
    expect(page.locator("#words")).to_have_text("two")
    assert studio.said(tenant) == {"one": "question"}


def test_of_many_categories_one_is_found_by_typing(desk: Visit, studio: Studio) -> None:
    page = desk.page
    tenant, _ = studio.fill("one", "two")
    many = Taxonomy(
        categories=tuple(
            Category(code=f"c{n}", names={"en": name})
            for n, name in enumerate(("Delivery", "Price", "Trânsito", *(f"Matter {n}" for n in range(9))))
        )
    )
    studio.run(save_taxonomy(studio.rt, tenant.project, draft_of(many), based_on=None, activate=True, actor=COMMAND))
    page.goto(queue(studio, tenant))
    page.keyboard.press("f")
    page.keyboard.type("transi")
    expect(page.locator(".category-buttons .button:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#words")).to_have_text("two")
    expect(page.locator("#told")).to_contain_text("Said: Trânsito")
    assert studio.said(tenant) == {"one": "c2"}


def test_without_scripts_forms_do_it(browser: Browser, studio: Studio) -> None:
    context = open_context(browser, None, scripts=False)
    opened = visit(context, studio.live)
    page = opened.page
    sign_in(page, studio)
    tenant, _ = studio.fill("one", "two")
    page.goto(queue(studio, tenant))
    page.get_by_role("button", name="Criticism").click()
    expect(page.locator("#words")).to_have_text("two")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#words")).to_have_text("one")
    assert studio.said(tenant) == {}
    context.close()
    assert opened.faults == []


def test_a_word_that_does_not_arrive_is_told(desk: Visit, studio: Studio) -> None:
    """The plain form is sent, and the browser says what it says of a connection that is gone."""
    page = desk.page
    tenant, _ = studio.fill("one", "two")
    page.goto(queue(studio, tenant))
    page.wait_for_load_state("networkidle")
    page.route("**/corrections/*", lambda route: route.abort(), times=1)
    page.keyboard.press("1")
    expect(page.locator("#told")).to_contain_text("Said: Praise")
    expect(page.locator("#words")).to_have_text("two")
    assert studio.said(tenant) == {"one": "praise"}
    desk.faults.clear()

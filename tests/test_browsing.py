"""The pages in a real browser: what scripts add to them, the keyboard, and what is kept when something fails."""

import pytest
from browsing import BREAKFAST, HELPDESK, PASSWORD, SAID, USERNAME, LiveSite, Visit, open_context, visit
from playwright.sync_api import Browser, Page, Route, expect

from ouvidor.engines.scripted import Held

pytestmark = pytest.mark.browser
pytest_plugins = ["browsing"]

CHAT = f"/projects/seaside/chat?helpdesk={HELPDESK}"


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


MOVES = "Element.prototype.animate = function (...what) { (window.moves ??= []).push(this.className); }"


def test_reply_is_told_while_it_is_made(desk: Visit, live: LiveSite) -> None:
    page, held = desk.page, Held(BREAKFAST)
    page.add_init_script(MOVES)
    live.engine.next("reply", held)
    page.goto(f"{live.url}/projects/seaside/chat")
    page.locator("#message").fill("What time is breakfast?")
    page.keyboard.press("Enter")
    expect(page.locator(".pending .said.customer p")).to_have_text("What time is breakfast?")
    expect(page.get_by_text("The bot is writing")).to_be_visible()
    expect(page.get_by_text("The bot is looking it up")).to_be_hidden()
    live.release(held)
    expect(page.locator(".turn .reply")).to_contain_text("Breakfast is served from 6:30 to 10:00.")
    expect(page.locator(".pending")).to_have_count(0)
    assert page.evaluate("window.moves") is None, "this reader asked for less motion"
    page.emulate_media(reduced_motion="no-preference")
    ask(page, "What time is breakfast?")
    assert page.evaluate("window.moves") == ["reply lines"]


def test_whoever_leaves_before_the_reply_finds_the_message_again(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}/projects/seaside/chat")
    address = f"{page.url}?helpdesk={page.locator('#helpdesk').inner_text()}"
    live.engine.next("reply", Held(BREAKFAST))
    page.locator("#message").fill("What time is breakfast?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The bot is writing")).to_be_visible()
    page.goto(f"{live.url}/projects/seaside/knowledge")
    page.goto(address)
    expect(page.locator("#message")).to_have_value("What time is breakfast?")
    page.locator("#message").press("Enter")
    expect(page.locator(".turn .reply")).to_contain_text("Breakfast is served from 6:30 to 10:00.")
    expect(page.locator(".turn")).to_have_count(1)


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
    desk.page.goto(f"{live.url}{CHAT}")
    desk.page.locator("#message").fill("half a thought")
    desk.page.reload()
    expect(desk.page.locator("#message")).to_have_value("half a thought")


def test_citation_opens_its_section_and_back_returns(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}{CHAT}")
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
    page.goto(f"{live.url}{CHAT}")
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
    page.goto(f"{live.url}{CHAT}")
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

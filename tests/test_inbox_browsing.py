"""The human end of a hand-over in a real browser: a customer in one window, those who answer in others."""

import re
from collections.abc import Generator

import pytest
from browsing import AGENT, BREAKFAST, PASSWORD, LiveSite, Visit, open_context, sign_in, visit
from playwright.sync_api import Browser, Locator, Page, Route, expect

from ouvidor.agent.reply import Draft

pytestmark = pytest.mark.browser
pytest_plugins = ["browsing"]

UNSURE = Draft(kind="unsure", topics=["Do you accept pets?", "Is there parking?"])


@pytest.fixture
def customer(browser: Browser, live: LiveSite, signed_in: str) -> Generator[Visit]:
    """The chat page of a new conversation."""
    context = open_context(browser, signed_in)
    opened = visit(context, live)
    opened.page.goto(f"{live.url}/projects/seaside/chat")
    yield opened
    context.close()
    assert opened.faults == []


@pytest.fixture
def agent(browser: Browser, live: LiveSite, agent_in: str) -> Generator[Visit]:
    """The inbox of somebody who answers."""
    context = open_context(browser, agent_in)
    opened = visit(context, live)
    opened.page.goto(f"{live.url}/projects/seaside/inbox")
    yield opened
    context.close()
    assert opened.faults == []


@pytest.fixture
def ana_in(browser: Browser, live: LiveSite) -> str:
    """The signed-in browser of a second person who answers."""
    return sign_in(browser, live, "ana")


def helpdesk_of(page: Page) -> str:
    return page.locator("#helpdesk").inner_text()


def say(page: Page, text: str) -> None:
    """Say something as the customer, and wait until it is stored."""
    page.locator("#message").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#turns .turn").last).to_contain_text(text)
    expect(page.locator(".pending")).to_have_count(0)


def ask(page: Page, live: LiveSite, text: str, draft: Draft) -> None:
    live.engine.next("reply", draft)
    say(page, text)


def hand_over(customer: Page, live: LiveSite) -> str:
    """Ask until a person is called; returns the helpdesk id."""
    for text in ("and the thing", "the other one", "the one of breakfast"):
        ask(customer, live, text, UNSURE)
    expect(customer.locator(".divider")).to_contain_text("A person has been called")
    return helpdesk_of(customer)


def row_of(page: Page, helpdesk: str) -> Locator:
    return page.locator(".inbox-row", has_text=helpdesk)


def choose(page: Page, helpdesk: str) -> None:
    """Open a conversation of the list."""
    row_of(page, helpdesk).click()
    expect(page.locator("#desk-bar h2")).to_have_text(helpdesk)


def write(page: Page, text: str) -> None:
    page.locator("#reply").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#turns")).to_contain_text(text)


def test_customer_who_exhausts_two_clarifications_is_answered_by_a_person(
    customer: Visit, agent: Visit, live: LiveSite
) -> None:
    asking, desk = customer.page, agent.page
    desk.evaluate("window.sameDocument = true")
    asking.evaluate("window.sameDocument = true")

    helpdesk = hand_over(asking, live)
    expect(asking.locator("#turns")).to_contain_text("I am passing you on to a person in our team")
    expect(asking.locator("#state")).to_contain_text("Waits for a person")
    expect(asking.locator("#answering")).to_contain_text("The bot answers until a person joins.")
    row = row_of(desk, helpdesk)
    expect(row).to_contain_text("the one of breakfast")
    expect(row).to_contain_text("Still unclear after asking back")
    expect(desk.locator("#word")).to_contain_text("wait for a person")
    expect(desk).to_have_title(re.compile(r"^\(\d+\) Inbox"))

    choose(desk, helpdesk)
    expect(desk.locator("#panel")).to_contain_text("The bot had asked back as often as it may")
    desk.keyboard.press("c")
    expect(asking.locator("#turns")).to_contain_text("Bruno Lima has joined the conversation")
    expect(asking.locator("#state")).to_contain_text("With Bruno Lima")
    expect(asking.locator("#answering")).to_contain_text("Bruno Lima answers; the bot is silent.")
    expect(desk.locator("#reply")).to_be_focused()

    calls = len(live.engine.calls)
    say(asking, "I mean breakfast")
    expect(asking.locator("#turns .turn").last.locator(".said.agent")).to_have_count(0)
    expect(desk.locator("#turns .turn").last).to_contain_text("I mean breakfast")
    assert len(live.engine.calls) == calls

    live.engine.next("reply", BREAKFAST)
    desk.get_by_role("button", name="Suggest a reply").click()
    expect(desk.locator("#suggestion")).to_contain_text("What time is breakfast?")
    expect(desk.locator("#reply")).to_have_value(re.compile("from 6:30 to 10:00"))
    desk.locator("#reply").fill("Breakfast is from 6:30 to 10:00. Shall I keep a table for you?")
    desk.keyboard.press("Enter")
    expect(asking.locator("#turns .word")).to_contain_text("Shall I keep a table for you?")
    expect(asking.locator("#turns .byline")).to_contain_text("Bruno Lima")
    expect(desk.locator("#reply")).to_have_value("")
    expect(desk.locator("#suggestion")).to_have_count(0)

    desk.keyboard.press("Escape")
    desk.keyboard.press("b")
    expect(asking.locator("#turns .notice").last).to_contain_text("You are back with our virtual assistant")
    expect(desk.locator("#desk-bar")).to_contain_text("With the bot")
    ask(asking, live, "What time is breakfast?", BREAKFAST)
    expect(asking.locator("#turns .turn").last).to_contain_text("Breakfast is served from 6:30")
    expect(desk.locator("#turns .turn").last).to_contain_text("Breakfast is served from 6:30")
    expect(asking.locator("#turns .episode")).to_have_count(1)

    desk.keyboard.press("e")
    expect(asking.locator("#turns .notice").last).to_contain_text("This conversation has been closed")
    expect(desk.get_by_role("button", name="Reopen")).to_be_visible()
    ask(asking, live, "one thing more", UNSURE)
    expect(asking.locator("#turns .episode")).to_have_count(2)
    expect(asking.locator("#turns .turn").last).to_contain_text("Asked back, 1 of 2")
    expect(desk.locator("#turns .episode")).to_have_count(2)
    assert desk.evaluate("window.sameDocument")
    assert asking.evaluate("window.sameDocument")


def test_who_comes_second_is_told_who_was_first(
    browser: Browser, customer: Visit, agent: Visit, live: LiveSite, ana_in: str
) -> None:
    helpdesk = hand_over(customer.page, live)
    context = open_context(browser, ana_in)
    other = visit(context, live, failing=True)
    other.page.route("**/inbox/events", lambda route: route.abort())
    other.page.goto(f"{live.url}/projects/seaside/inbox")
    choose(other.page, helpdesk)
    expect(other.page.get_by_role("button", name="Take it")).to_be_visible()
    choose(agent.page, helpdesk)
    agent.page.get_by_role("button", name="Take it").click()
    expect(agent.page.locator("#reply")).to_be_visible()
    other.page.get_by_role("button", name="Take it").click()
    expect(other.page.get_by_role("alert")).to_contain_text("Bruno Lima was first and answers now")
    expect(other.page.locator("#foot")).to_contain_text("Bruno Lima answers this customer.")
    expect(customer.page.locator("#turns .notice")).to_have_count(1)
    context.close()


def test_conversation_is_passed_on_to_a_colleague(
    browser: Browser, customer: Visit, agent: Visit, live: LiveSite, ana_in: str
) -> None:
    helpdesk = hand_over(customer.page, live)
    context = open_context(browser, ana_in)
    other = visit(context, live)
    other.page.goto(f"{live.url}/projects/seaside/inbox?tab=mine")
    choose(agent.page, helpdesk)
    agent.page.keyboard.press("c")
    expect(agent.page.locator("#reply")).to_be_focused()
    agent.page.keyboard.press("Escape")
    agent.page.keyboard.press("p")
    agent.page.get_by_role("button", name=re.compile("^Ana")).click()
    expect(agent.page.locator("#foot")).to_contain_text("answers this customer.")
    expect(customer.page.locator("#turns .notice").last).to_contain_text("Ana Carolina")
    choose(other.page, helpdesk)
    write(other.page, "I know about this one.")
    expect(customer.page.locator("#turns .word")).to_contain_text("I know about this one.")
    assert other.faults == []
    context.close()


def test_list_that_comes_late_does_not_close_what_was_opened(agent: Visit, customer: Visit, live: LiveSite) -> None:
    helpdesk = hand_over(customer.page, live)
    page = agent.page
    expect(row_of(page, helpdesk)).to_be_visible()
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route(re.compile("/inbox$"), hold)
    say(customer.page, "Hello?")
    while not late:
        page.wait_for_timeout(50)
    choose(page, helpdesk)
    page.locator("#desk").evaluate("desk => { desk.opened = true; }")
    with page.expect_response(re.compile("/inbox$")):
        late[0].continue_()
    page.unroute(re.compile("/inbox$"))
    say(customer.page, "Is anybody there?")
    expect(page.locator("#turns")).to_contain_text("Is anybody there?")
    assert page.locator("#desk").evaluate("desk => desk.opened")


def test_draft_outlives_a_take_over(agent: Visit, customer: Visit, live: LiveSite, desk: Visit) -> None:
    helpdesk = hand_over(customer.page, live)
    page = agent.page
    choose(page, helpdesk)
    page.keyboard.press("c")
    page.locator("#reply").fill("I was about to say this")
    desk.page.goto(f"{live.url}/projects/seaside/inbox?tab=all")
    choose(desk.page, helpdesk)
    desk.page.get_by_role("button", name="Take over").click()
    expect(page.locator("#foot")).to_contain_text("marina answers this customer.")
    expect(page.locator("#kept-words")).to_have_value("I was about to say this")
    write(desk.page, "Here I am.")
    expect(page.locator("#turns")).to_contain_text("Here I am.")
    desk.page.get_by_role("button", name="Return to the bot").click()
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#reply")).to_have_value("I was about to say this")


def test_reply_survives_a_failing_connection_and_is_said_once(agent: Visit, customer: Visit, live: LiveSite) -> None:
    helpdesk = hand_over(customer.page, live)
    page = agent.page
    choose(page, helpdesk)
    page.keyboard.press("c")

    def answer_late(route: Route) -> None:
        """The server acts, but its answer is lost on the way."""
        route.fetch()
        route.abort()

    page.route("**/reply", answer_late)
    page.locator("#reply").fill("Only once, please")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    expect(page.locator("#reply")).to_have_value("Only once, please")
    page.unroute("**/reply")
    page.keyboard.press("Enter")
    expect(page.locator("#reply")).to_have_value("")
    expect(customer.page.locator("#turns .word")).to_have_count(1)
    agent.faults.clear()


def test_who_was_signed_out_signs_in_and_finds_the_draft(agent: Visit, customer: Visit, live: LiveSite) -> None:
    helpdesk = hand_over(customer.page, live)
    page = agent.page
    choose(page, helpdesk)
    page.keyboard.press("c")
    page.locator("#reply").fill("Not to be lost")
    page.context.clear_cookies()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("User name").fill(AGENT)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#desk-bar h2")).to_have_text(helpdesk)
    expect(page.locator("#reply")).to_have_value("Not to be lost")


def test_stream_that_a_proxy_refused_is_asked_for_again(
    browser: Browser, live: LiveSite, agent_in: str, customer: Visit
) -> None:
    context = open_context(browser, agent_in)
    opened = visit(context, live, failing=True)
    page = opened.page
    page.route("**/inbox/events", lambda route: route.fulfill(status=502), times=1)
    page.goto(f"{live.url}/projects/seaside/inbox")
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#offline")).to_be_hidden(timeout=20_000)
    expect(row_of(page, hand_over(customer.page, live))).to_be_visible()
    context.close()


def test_conversation_that_was_erased_leaves_the_screen(
    browser: Browser, live: LiveSite, agent_in: str, customer: Visit
) -> None:
    helpdesk = hand_over(customer.page, live)
    context = open_context(browser, agent_in)
    opened = visit(context, live, failing=True)
    page = opened.page
    page.goto(f"{live.url}/projects/seaside/inbox")
    choose(page, helpdesk)
    page.route("**/inbox?*", lambda route: route.fulfill(status=404, body="<p>gone</p>", content_type="text/html"))
    say(customer.page, "and another thing")
    expect(page.locator("body")).to_have_text("gone")
    context.close()


def test_inbox_that_nobody_touches_says_so(browser: Browser, live: LiveSite, agent_in: str) -> None:
    context = open_context(browser, agent_in)
    opened = visit(context, live)
    page = opened.page
    page.clock.install()
    page.goto(f"{live.url}/projects/seaside/inbox")
    with page.expect_request("**/inbox/events?idle=yes"):
        page.clock.fast_forward("01:01:00")
    with page.expect_request(re.compile("/inbox/events$")):
        page.keyboard.press("Shift")
    assert opened.faults == []
    context.close()


def test_draft_outlives_another_conversation_and_a_reload(agent: Visit, customer: Visit, live: LiveSite) -> None:
    helpdesk = hand_over(customer.page, live)
    page = agent.page
    choose(page, helpdesk)
    page.keyboard.press("c")
    page.locator("#reply").press_sequentially("Half a thought")
    page.locator("[data-tab=all]").click()
    expect(page).to_have_url(re.compile("tab=all"))
    row_of(page, "desk-held").click()
    expect(page.locator("#desk-bar h2")).not_to_have_text(helpdesk)
    page.go_back()
    expect(page.locator("#desk")).not_to_have_attribute("data-conversation", re.compile("."))
    page.go_back()
    expect(page.locator("#reply")).to_have_value("Half a thought")
    page.reload()
    expect(page.locator("#reply")).to_have_value("Half a thought")
    live.engine.next("reply", BREAKFAST)
    page.keyboard.press("s")
    expect(page.locator("#reply")).to_have_value(re.compile(r"^Half a thought\n\nBreakfast is served"))


def test_customers_draft_and_open_turn_stay_when_a_person_joins(agent: Visit, customer: Visit, live: LiveSite) -> None:
    asking = customer.page
    helpdesk = hand_over(asking, live)
    asking.locator(".turn-meta").first.click()
    expect(asking.locator("#panel h2")).to_have_text("Turn 1 of 3")
    asking.locator("#message").fill("half a question")
    choose(agent.page, helpdesk)
    agent.page.keyboard.press("c")
    expect(asking.locator("#turns .notice")).to_have_count(1)
    expect(asking.locator("#message")).to_have_value("half a question")
    expect(asking.locator("#panel h2")).to_have_text("Turn 1 of 3")


def test_inbox_works_without_scripts(browser: Browser, customer: Visit, live: LiveSite, agent_in: str) -> None:
    helpdesk = hand_over(customer.page, live)
    context = open_context(browser, agent_in, scripts=False)
    page = context.new_page()
    page.goto(f"{live.url}/projects/seaside/inbox")
    choose(page, helpdesk)
    page.get_by_role("button", name="Take it").click()
    live.engine.next("reply", BREAKFAST)
    page.get_by_role("button", name="Suggest a reply").click()
    expect(page.locator("#reply")).to_have_value(re.compile("Breakfast is served"))
    page.locator("#reply").fill("Good morning!")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#turns .word")).to_contain_text("Good morning!")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Reopen").click()
    page.get_by_role("button", name="Return to the bot").click()
    expect(page.get_by_role("button", name="Take it")).to_be_visible()
    expect(customer.page.locator("#turns .notice")).to_have_count(4)
    context.close()


def test_presence_is_a_switch_that_others_see(agent: Visit, desk: Visit, live: LiveSite) -> None:
    page = agent.page
    page.get_by_role("button", name="Available").click()
    expect(page.locator("#presence")).to_contain_text("Away")
    desk.page.goto(f"{live.url}/projects/seaside/inbox")
    desk.page.get_by_role("button", name="here").click()
    expect(desk.page.locator("#colleagues li", has_text="Bruno Lima")).to_contain_text("away")
    page.get_by_role("button", name="Away").click()
    expect(page.locator("#presence")).to_contain_text("Available")


def test_inbox_on_a_phone_goes_from_list_to_conversation_and_back(
    browser: Browser, live: LiveSite, agent_in: str
) -> None:
    context = open_context(browser, agent_in, width=390)
    opened = visit(context, live)
    page = opened.page
    page.goto(f"{live.url}/projects/seaside/inbox?tab=all")
    expect(page.locator("#list")).to_be_visible()
    choose(page, "desk-held")
    expect(page.locator("#list")).to_be_hidden()
    expect(page.locator("#reply")).to_be_visible()
    expect(page.locator("#panel")).to_be_hidden()
    page.locator("#details").click()
    expect(page.locator("#panel")).to_be_visible()
    page.locator("#panel-close").click()
    expect(page.locator("#panel")).to_be_hidden()
    page.get_by_label("Back to the list").click()
    expect(page.locator("#list")).to_be_visible()
    assert opened.faults == []
    context.close()


def test_conversation_is_read_turn_by_turn(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(live.url + live.addresses["conversation"])
    page.evaluate("window.sameDocument = true")
    page.locator(".turn-meta").first.click()
    expect(page.locator("#panel h2")).to_have_text(re.compile("^Turn 1 of"))
    page.keyboard.press("j")
    expect(page.locator("#panel h2")).to_have_text(re.compile("^Turn 2 of"))
    assert page.evaluate("window.sameDocument")
    page.keyboard.press("r")
    expect(page.locator("#desk-bar h2")).to_have_text("desk-closed")
    page.go_back()
    page.get_by_label("Back to the list").click()
    expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("[data-row]").first).to_be_focused()

"""The analyses in a real browser: charts that lead to their rows, verdicts that mark their lines, files, no script."""

import re
from collections.abc import Generator

import pytest
from browsing import LiveSite, Visit, open_context, visit
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
pytest_plugins = ["browsing"]

PAGE = "/projects/whole-company/analyses"


@pytest.fixture
def desk(browser: Browser, live: LiveSite, signed_in: str) -> Generator[Visit]:
    context = open_context(browser, signed_in)
    opened = visit(context, live)
    yield opened
    context.close()
    assert opened.faults == []


def drawn(page: Page) -> None:
    """Wait until every chart is drawn."""
    for chart in page.locator("[data-spec]").all():
        expect(chart.locator("svg")).to_be_visible()


def test_charts_are_drawn_in_the_colours_of_the_theme(desk: Visit, live: LiveSite) -> None:
    desk.page.goto(f"{live.url}{PAGE}")
    drawn(desk.page)
    expect(desk.page.locator(".drawing svg")).to_have_count(7)
    expect(desk.page.locator("details.behind[open]")).to_have_count(0)
    bars = desk.page.locator("#chart-ratings .mark-rect path")
    before = bars.first.get_attribute("fill")
    desk.page.keyboard.press("t")
    desk.page.keyboard.press("t")
    expect(desk.page.locator("#chart-ratings [data-drawn]")).to_have_attribute("data-drawn", "dark")
    assert bars.first.get_attribute("fill") != before


def test_a_bar_leads_to_the_conversations_it_counts(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}{PAGE}")
    drawn(page)
    page.locator("#chart-faults .mark-rect path").first.click()
    page.wait_for_url("**/analyses?fault=*#rows")
    expect(page.locator(".chosen")).to_contain_text("Fault:")
    counted = page.locator("#rows-title .number").inner_text()
    assert 0 < int(counted) < 90
    page.get_by_label("Take away: Fault").click()
    expect(page.locator("#rows-title .number")).to_have_text("90")


def test_filters_are_a_form_whose_address_holds_them(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}{PAGE}")
    page.get_by_label("Version of the prompt").select_option("analysis 2")
    page.get_by_label("Language", exact=True).select_option("pt")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(re.compile(r"language=pt&version=analysis\+2"))
    expect(page.locator("#rows-title .number")).to_have_text("30")
    page.reload()
    expect(page.get_by_label("Version of the prompt")).to_have_value("analysis 2")


def test_pointing_at_a_verdict_marks_its_lines(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(live.url + live.addresses["analysis"])
    marked = page.locator(".spoken.marked")
    expect(marked).to_have_count(2)
    page.locator('[data-verdict="summary-1"]').hover()
    expect(marked).to_have_count(3)
    page.mouse.move(5, 5)
    expect(marked).to_have_count(2)
    page.locator('[data-verdict="resolved"] a').click()
    expect(marked).to_have_count(1)
    expect(page.locator("#line-6")).to_have_class(re.compile("marked"))
    page.wait_for_url("**mark=resolved#line-6")
    page.locator("#line-6").hover()
    expect(page.locator('[data-verdict="goal"]')).to_have_class(re.compile("pointed"))


def test_the_file_holds_the_filtered_rows(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}{PAGE}?most=2")
    counted = int(page.locator("#rows-title .number").inner_text())
    with page.expect_download() as began:
        page.get_by_label("Export as CSV").click()
    assert re.fullmatch(r"analyses-whole-company-\d{4}-\d\d-\d\d\.csv", began.value.suggested_filename)
    assert began.value.path().read_bytes().count(b"\r\n") == counted + 1


def test_without_scripts_the_tables_have_the_numbers(browser: Browser, live: LiveSite, signed_in: str) -> None:
    context = open_context(browser, signed_in, scripts=False)
    page = context.new_page()
    page.goto(f"{live.url}{PAGE}")
    expect(page.locator("#chart-ratings table")).to_be_visible()
    expect(page.locator("#chart-ratings .drawing")).to_be_hidden()
    page.locator("#chart-ratings tbody a").nth(3).click()
    expect(page.locator(".chosen")).to_contain_text("3")
    page.locator("[data-row]").first.click()
    page.locator('[data-verdict="effort"] a').first.click()
    expect(page.locator(".spoken.marked")).to_have_count(2)
    context.close()


def test_a_run_goes_on_and_is_cancelled_after_it_says_what_is_lost(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    page.goto(f"{live.url}{PAGE}")
    expect(page.locator("#work")).to_contain_text("Paused")
    page.get_by_text("2 conversations could not be analysed").click()
    expect(page.locator(".parked")).to_contain_text("Took too long")
    page.get_by_role("button", name="Cancel…").click()
    expect(page.locator("#cancel-run")).to_contain_text("What is analysed already stays.")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_role("status")).to_contain_text("The run is cancelled")

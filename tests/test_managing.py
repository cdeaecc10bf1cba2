"""Managing a project in a real browser: people come, change their role and go; keys; settings that customers notice."""

import re

import httpx
import pytest
from browsing import PASSWORD, USERNAME, LiveSite, Visit, open_context, visit
from playwright.sync_api import Browser, expect

from ouvidor.agent.reply import Draft

pytestmark = pytest.mark.browser
pytest_plugins = ["browsing"]

SETTINGS = "/projects/seaside/settings"


def test_owner_invites_changes_a_role_and_removes(browser: Browser, live: LiveSite, signed_in: str) -> None:
    own = open_context(browser, signed_in)
    page = visit(own, live, failing=True).page
    page.goto(f"{live.url}{SETTINGS}/members")
    page.keyboard.press("n")
    page.get_by_label("Whom is it for?").fill("Célia")
    page.get_by_label("Role", exact=True).select_option("agent")
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_label("Link").input_value()
    assert link.startswith(f"{live.url}/join/ouv_join_")
    page.reload()
    expect(page.get_by_label("Link")).to_have_count(0)
    expect(page.get_by_role("row", name="Célia")).to_have_count(1)

    context = open_context(browser, None)
    guest = visit(context, live, failing=True)
    guest.page.goto(link)
    expect(guest.page.get_by_role("heading", level=1)).to_have_text("Join Seaside")
    guest.page.get_by_label("User name").fill("celia")
    guest.page.get_by_label("Your name").fill("Célia Ramos")
    guest.page.get_by_label("Password").fill(PASSWORD)
    guest.page.keyboard.press("Enter")
    guest.page.wait_for_url("**/projects/seaside/overview")
    guest.page.goto(f"{live.url}{SETTINGS}")
    expect(guest.page.get_by_text("You may read these settings")).to_be_visible()

    page.goto(f"{live.url}{SETTINGS}/members")
    page.get_by_role("link", name="Célia Ramos").click()
    page.get_by_label("Role", exact=True).select_option("manager")
    page.get_by_role("button", name="Change the role").click()
    expect(page.get_by_role("status")).to_contain_text("The role is changed")
    guest.page.reload()
    expect(guest.page.get_by_role("button", name="Save the settings")).to_be_visible()

    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("That is not the user name")).to_be_visible()
    page.get_by_label("Type celia to confirm").fill("celia")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("status")).to_contain_text("no longer belongs")
    expect(page.get_by_role("link", name="Célia Ramos")).to_have_count(0)
    guest.page.reload()
    expect(guest.page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    context.close()
    own.close()


def test_key_is_copied_used_and_revoked(browser: Browser, live: LiveSite, signed_in: str) -> None:
    context = open_context(browser, signed_in)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit(context, live, failing=True).page
    page.goto(f"{live.url}{SETTINGS}/keys?new=1")
    page.get_by_label("What is it for?").fill("website chat")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    key: str = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"ouv_live_\w{38}", key)
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{live.url}/api/v1/project", headers=headers).json()["name"] == "seaside"
    page.reload()
    expect(page.get_by_label("What is it for?")).to_have_count(0)
    assert key not in page.content()
    page.get_by_role("link", name="website chat").click()
    page.get_by_label("Type website chat to confirm").fill("website")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("That is not what the key is called")).to_be_visible()
    page.get_by_label("Type website chat to confirm").fill("website chat")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("row", name="website chat")).to_contain_text("revoked")
    assert httpx.get(f"{live.url}/api/v1/project", headers=headers).status_code == 401
    context.close()


def test_saved_settings_are_what_the_customer_reads(desk: Visit, live: LiveSite) -> None:
    page = desk.page
    phrase = "Hold on: <b>somebody</b> comes."
    page.goto(f"{live.url}{SETTINGS}")
    field = page.get_by_role("group", name="A person is called", exact=True).get_by_label("English")
    field.fill(phrase)
    nobody = page.get_by_role("group", name="A person is called, and nobody is available").get_by_label("English")
    nobody.fill(phrase)
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("status")).to_contain_text("The settings are saved")
    live.engine.next("reply", Draft(kind="wants_person"))
    page.goto(f"{live.url}/projects/seaside/chat")
    page.locator("#message").fill("I want to speak to a person, please")
    page.keyboard.press("Enter")
    expect(page.locator("#turns")).to_contain_text(phrase)
    page.goto(f"{live.url}{SETTINGS}/audit-log")
    expect(page.locator(".log li").first).to_contain_text(f"{USERNAME} changed the settings: Phrases")
    page.goto(f"{live.url}{SETTINGS}")
    field.fill("")
    nobody.fill("")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("status")).to_contain_text("The settings are saved")


def test_settings_work_without_scripts_and_keep_what_was_typed(
    browser: Browser, live: LiveSite, signed_in: str
) -> None:
    context = open_context(browser, signed_in, scripts=False)
    page = context.new_page()
    page.goto(f"{live.url}/projects/empty/settings")
    page.get_by_label("Most questions back").fill("many")
    page.get_by_label("How the bot presents itself").fill("Lia")
    page.get_by_label("Pass on").check()
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("alert")).to_contain_text("1 setting could not be accepted")
    expect(page.get_by_text("Enter a whole number from 0 to 10.")).to_be_visible()
    expect(page.get_by_label("Most questions back")).to_have_value("many")
    expect(page.get_by_label("How the bot presents itself")).to_have_value("Lia")
    expect(page.get_by_label("Pass on")).to_be_checked()
    page.get_by_label("Most questions back").fill("4")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("status")).to_contain_text("The settings are saved")
    context.close()

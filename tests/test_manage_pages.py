"""The management pages over HTTP: who may read and change what, and that a mistake loses nothing that was typed."""

import csv
import html
import io
import re

import httpx
import pytest
from conftest import MovedClock, client_of
from factories import Tenant, build_tenant
from page_visitor import OWN, PASSWORD, enter, furnish

from ouvidor.accounts.invitations import invite
from ouvidor.accounts.models import Project
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.permissions import PERMISSIONS, Permission, Role
from ouvidor.accounts.projects import project_named
from ouvidor.accounts.users import actor_of, create_user, join_project, user_named
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

SETTINGS = "/projects/seaside/settings"
NOBODY = "00000000-0000-7000-8000-000000000000"
READ = {
    "": Permission.PROJECT_READ,
    "/members": Permission.MEMBERS_READ,
    "/roles": Permission.PROJECT_READ,
    "/keys": Permission.KEYS_READ,
    "/audit-log": Permission.AUDIT_READ,
    "/audit-log/export": Permission.AUDIT_READ,
}
WRITTEN = {
    "": Permission.PROJECT_WRITE,
    "/members": Permission.MEMBERS_WRITE,
    f"/members/{NOBODY}/role": Permission.MEMBERS_WRITE,
    f"/members/{NOBODY}/remove": Permission.MEMBERS_WRITE,
    f"/invitations/{NOBODY}/revoke": Permission.MEMBERS_WRITE,
    "/keys": Permission.KEYS_WRITE,
    f"/keys/{NOBODY}/revoke": Permission.KEYS_WRITE,
}


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await furnish(rt)


async def enter_as(rt: Runtime, http: httpx.AsyncClient, project: Project, role: Role, *, username: str = "") -> str:
    """Sign in as a new member with this role; returns the token of the forms."""
    password = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        user = await create_user(session, username or role, password, now=rt.clock())
        await join_project(session, user.id, project.id, role, rt.clock())
    await http.post("/sign-in", data={"username": username or role, "password": PASSWORD}, headers=OWN)
    return token_of(await page_text(http, "/docs"))


async def page_text(http: httpx.AsyncClient, address: str) -> str:
    page = await http.get(address, headers=OWN)
    assert page.status_code == 200, address
    return page.text


def token_of(page: str) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


def fields_of(page: str, action: str) -> dict[str, str]:
    """What the form with this action would send as it stands; of check boxes with one name the last that is ticked."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert found is not None, action
    form = found[0]
    inputs = re.findall(r"<input ([^>]*)>", form)
    sent = {
        name[1]: value[1] if value else ""
        for tag in inputs
        if (name := re.search(r'name="([^"]+)"', tag)) and 'type="radio"' not in tag and 'type="checkbox"' not in tag
        for value in [re.search(r'value="([^"]*)"', tag)]
    }
    sent |= dict(re.findall(r'<input type="(?:radio|checkbox)" name="([^"]+)" value="([^"]*)" checked>', form))
    for name, choices in re.findall(r'<select [^>]*name="([^"]+)">(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', choices)
        sent[name] = chosen[1] if chosen else ""
    areas = re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL)
    sent |= dict(areas)
    return {name: html.unescape(value) for name, value in sent.items()}


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_reads_and_changes_what_the_table_says(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, role: Role
) -> None:
    token = await enter_as(rt, client, tenant.project, role)
    for page, permission in READ.items():
        answer = await client.get(SETTINGS + page, headers=OWN)
        assert (page, answer.status_code) == (page, 200 if permission in PERMISSIONS[role] else 403)
        forms = set(re.findall(r'<form[^>]*method="post" action="([^"]+)"', answer.text)) - {"/sign-out"}
        writes = WRITTEN.get(page)
        assert bool(forms) <= (writes is not None and writes in PERMISSIONS[role]), page
    for page, permission in WRITTEN.items():
        answer = await client.post(SETTINGS + page, data={"form_token": token}, headers=OWN)
        assert (page, answer.status_code != 403) == (page, permission in PERMISSIONS[role])


@pytest.mark.parametrize("page", ["/members?invite=1", "/keys?new=1"])
async def test_who_may_only_read_gets_no_form(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, page: str
) -> None:
    await enter_as(rt, client, tenant.project, Role.MANAGER)
    text = await page_text(client, SETTINGS + page)
    assert set(re.findall(r'method="post" action="([^"]+)"', text)) == {"/sign-out"}


async def test_foreign_projects_do_not_exist(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    other = await build_tenant(rt, "elsewhere")
    token = await enter(rt, client, other.project)
    for page in READ:
        assert (await client.get(SETTINGS + page, headers=OWN)).status_code == 404
    for page in WRITTEN:
        answer = await client.post(SETTINGS + page, data={"form_token": token}, headers=OWN)
        assert answer.status_code == 404
    async with client_of(rt) as insider:
        await enter(rt, insider, tenant.project, username="insider")
        own = await page_text(insider, f"{SETTINGS}/members")
        keys = await page_text(insider, f"{SETTINGS}/keys")
    member, key = re.search(r"\?member=([0-9a-f-]{36})", own), re.search(r"\?key=([0-9a-f-]{36})", keys)
    assert member is not None
    assert key is not None
    mine = "/projects/elsewhere/settings"
    assert (await client.get(f"{mine}/members?member={member[1]}", headers=OWN)).status_code == 404
    assert (await client.get(f"{mine}/keys?key={key[1]}", headers=OWN)).status_code == 404
    for address, form in (
        (f"{mine}/members/{member[1]}/role", {"role": "viewer"}),
        (f"{mine}/members/{member[1]}/remove", {"typed": "insider"}),
        (f"{mine}/keys/{key[1]}/revoke", {"typed": "test"}),
    ):
        assert (await client.post(address, data={"form_token": token, **form}, headers=OWN)).status_code == 404


async def test_forms_need_their_token(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project)
    for page in WRITTEN:
        assert (await client.post(SETTINGS + page, data={"form_token": "x" * 64}, headers=OWN)).status_code == 403
    assert (await client.post("/projects", data={"title": "X", "name": "xx"}, headers=OWN)).status_code == 403


async def test_settings_are_saved_as_they_are_shown(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project)
    shown = fields_of(await page_text(client, SETTINGS), SETTINGS)
    untouched = await client.post(SETTINGS, data=shown, headers=OWN)
    assert untouched.headers["location"] == f"{SETTINGS}?done=saved"
    assert "changed the settings" not in await page_text(client, f"{SETTINGS}/audit-log?group=project")
    wanted = {
        **shown,
        "title": "Seaside <b>Hotels</b>",
        "languages": "pt,en",
        "persona": "Lia",
        "mode": "handover",
        "max_clarifications": " 3 ",
        "n2_reply": "transfer_only",
        "relevance_gate": "0,25",
        "sections_shown": "7",
        "handover_to": "elsewhere",
        "hold_minutes": "15",
        "expiry_minutes": "60",
        "retention_days": "365",
        "phrases.transfer.en": "One moment.\r\nA person comes.",
    }
    assert (await client.post(SETTINGS, data=wanted, headers=OWN)).status_code == 303
    again = await page_text(client, f"{SETTINGS}?done=saved")
    assert "The settings are saved." in again
    kept = fields_of(again, SETTINGS)
    expected = wanted | {
        "max_clarifications": "3",
        "relevance_gate": "0.25",
        "phrases.transfer.en": "One moment.\nA person comes.",
    }
    assert kept == expected
    async with rt.db.read() as session:
        project = await project_named(session, "seaside")
    assert project.phrases == {"transfer": {"en": "One moment.\nA person comes."}}
    assert (project.relevance_gate, project.retention_days) == (0.25, 365)
    log = await page_text(client, f"{SETTINGS}/audit-log?group=project")
    assert "marina changed the settings: Title; When the bot cannot simply answer; " in log
    assert "365" in log
    assert "One moment" not in log
    cleared = kept | {"relevance_gate": "", "retention_days": "", "phrases.transfer.en": " "}
    await client.post(SETTINGS, data=cleared, headers=OWN)
    async with rt.db.read() as session:
        project = await project_named(session, "seaside")
    assert (project.relevance_gate, project.retention_days, project.phrases) == (None, None, {})


async def test_masking_is_switched_off_and_on_by_one_tick(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await enter(rt, client, tenant.project)
    ticked = fields_of(await page_text(client, SETTINGS), SETTINGS)
    assert ticked["mask_personal_data"] == "true"
    for sent, kept in ((["false"], False), (["false", "true"], True)):
        form = {**ticked, "mask_personal_data": sent}
        assert (await client.post(SETTINGS, data=form, headers=OWN)).status_code == 303
        async with rt.db.read() as session:
            assert (await project_named(session, "seaside")).mask_personal_data is kept
        shown = fields_of(await page_text(client, SETTINGS), SETTINGS)["mask_personal_data"]
        assert shown == ("true" if kept else "false")
    log = await page_text(client, f"{SETTINGS}/audit-log?group=project")
    assert log.count("marina changed the settings: Personal data that a language model sees") == 2


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("mask_personal_data", "often"),
        ("title", " "),
        ("title", "x" * 121),
        ("persona", "x" * 201),
        ("mode", "always"),
        ("n2_reply", ""),
        ("languages", "fr"),
        ("languages", ""),
        ("max_clarifications", "eleven"),
        ("max_clarifications", "11"),
        ("expiry_minutes", "0"),
        ("sections_shown", "2.5"),
        ("relevance_gate", "nan"),
        ("relevance_gate", "1,01"),
        ("handover_to", "nowhere"),
        ("hold_minutes", ""),
        ("retention_days", "-1"),
        ("phrases.joined.pt", "x" * 501),
        ("phrases.error.en", "a\0b"),
    ],
)
async def test_settings_that_break_a_rule_come_back_as_typed(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, field: str, typed: str
) -> None:
    await enter(rt, client, tenant.project)
    shown = fields_of(await page_text(client, SETTINGS), SETTINGS)
    sent = shown | {"persona": "Kept <i>as typed</i>", "phrases.closed.en": "Goodbye", field: typed}
    answer = await client.post(SETTINGS, data=sent, headers=OWN)
    assert answer.status_code == 422
    assert f'id="{field}-fault"' in answer.text
    assert answer.text.count('class="fault"') == 1
    back = fields_of(answer.text, SETTINGS)
    chosen = {"mode", "n2_reply", "handover_to", "languages", "mask_personal_data"}
    unlike = {name for name in sent if back.get(name, "") != sent[name] and not (name == field and name in chosen)}
    assert unlike <= ({field} if "\0" in typed or "," in typed else set())
    async with rt.db.read() as session:
        project = await project_named(session, "seaside")
    assert (project.persona, project.phrases) == ("", {})


async def test_member_is_invited_promoted_and_removed(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    invited = await client.post(
        f"{SETTINGS}/members", data={"form_token": token, "invitee": " Bia <b> ", "role": "viewer"}, headers=OWN
    )
    assert invited.status_code == 200
    link = re.search(r'value="(http://127\.0\.0\.1:8000/join/ouv_join_[\w-]+)"', invited.text)
    assert link is not None
    assert "Bia &lt;b&gt;" in invited.text
    assert "ouv_join_" not in await page_text(client, f"{SETTINGS}/members")
    async with client_of(rt) as guest:
        page = await page_text(guest, link[1])
        assert "Seaside" in page
        form = {"username": "Bia", "name": "Beatriz", "password": PASSWORD}
        joined = await guest.post(f"{link[1]}/account", data=form, headers=OWN)
        assert (joined.status_code, joined.headers["location"]) == (303, "/projects/seaside/overview")
        assert "You may read these settings" in await page_text(guest, SETTINGS)
        members = await page_text(client, f"{SETTINGS}/members")
        bia = re.search(r"\?member=([0-9a-f-]{36})\" data-row>Beatriz<", members)
        assert bia is not None
        address = f"{SETTINGS}/members/{bia[1]}"
        await client.post(f"{address}/role", data={"form_token": token, "role": "manager"}, headers=OWN)
        assert "Save the settings" in await page_text(guest, SETTINGS)
        wrong = await client.post(f"{address}/remove", data={"form_token": token, "typed": "bea <x>"}, headers=OWN)
        assert wrong.status_code == 422
        assert 'value="bea &lt;x&gt;"' in wrong.text
        removed = await client.post(f"{address}/remove", data={"form_token": token, "typed": " BIA"}, headers=OWN)
        assert removed.headers["location"] == f"{SETTINGS}/members?done=removed"
        assert (await guest.get(SETTINGS, headers=OWN)).status_code == 404
    log = html.unescape(await page_text(client, f"{SETTINGS}/audit-log"))
    for sentence in (
        "marina invited Bia <b> as viewer",
        "bia joined as viewer",
        "marina changed the role of bia from viewer to manager",
        "marina removed bia from the project",
    ):
        assert sentence in log


async def test_last_owner_stays(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    async with rt.db.read() as session:
        marina = await user_named(session, "marina")
    assert marina is not None
    address = f"{SETTINGS}/members/{marina.id}"
    for deed, form in (("role", {"role": "agent"}), ("remove", {"typed": "marina"})):
        answer = await client.post(f"{address}/{deed}", data={"form_token": token, **form}, headers=OWN)
        assert answer.status_code == 409
        assert "This is the only owner" in answer.text
        assert fields_of(answer.text, f"{address}/{deed}").items() >= form.items()


@pytest.mark.parametrize(
    ("invitee", "role"), [("", "agent"), ("x" * 121, "agent"), ("Bia", "emperor"), ("B\0a", "owner")]
)
async def test_refused_invitation_keeps_what_was_typed(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, invitee: str, role: str
) -> None:
    token = await enter(rt, client, tenant.project)
    form = {"form_token": token, "invitee": invitee, "role": role}
    answer = await client.post(f"{SETTINGS}/members", data=form, headers=OWN)
    assert answer.status_code == 422
    assert "-fault" in answer.text
    assert fields_of(answer.text, f"{SETTINGS}/members")["invitee"] == invitee


async def test_open_invitation_is_revoked(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    link = await invited(rt, tenant.project)
    page = await page_text(client, f"{SETTINGS}/members")
    address = re.search(r'action="([^"]+/invitations/[0-9a-f-]{36}/revoke)"', page)
    assert address is not None
    await client.post(address[1], data={"form_token": token}, headers=OWN)
    assert (await client.get(link, headers=OWN)).status_code == 404
    assert (await client.post(address[1], data={"form_token": token}, headers=OWN)).status_code == 404


async def invited(rt: Runtime, project: Project, role: Role = Role.AGENT) -> str:
    """The path of a new invitation."""
    password = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        owner = await user_named(session, "inviter")
        if owner is None:
            owner = await create_user(session, "inviter", password, now=rt.clock())
        issued = await invite(session, project, role, "Bia", actor=actor_of(owner), now=rt.clock())
    return f"/join/{issued.text}"


@pytest.mark.parametrize(
    ("form", "field", "status"),
    [
        ({"username": " ", "password": PASSWORD}, "username", 422),
        ({"username": "x" * 201, "password": PASSWORD}, "username", 422),
        ({"username": "INVITER", "password": PASSWORD}, "username", 409),
        ({"username": "bia", "password": "short"}, "password", 422),
        ({"username": "bia", "name": "x" * 81, "password": PASSWORD}, "name", 422),
    ],
)
async def test_mistake_in_a_new_account_leaves_the_invitation_open(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, form: dict[str, str], field: str, status: int
) -> None:
    link = await invited(rt, tenant.project)
    answer = await client.post(f"{link}/account", data={"name": "<i>Bia</i>", **form}, headers=OWN)
    assert answer.status_code == status
    assert f'id="{field}-fault"' in answer.text
    back = fields_of(answer.text, f"{link}/account")
    assert back == {"username": form["username"], "name": form.get("name", "<i>Bia</i>"), "password": ""}
    good = await client.post(f"{link}/account", data={"username": "bia", "password": PASSWORD}, headers=OWN)
    assert good.status_code == 303
    for path in (link, f"{link}/account"):
        spent = await client.request("GET" if path == link else "POST", path, headers=OWN, data=form)
        assert spent.status_code == 404
        assert "This invitation cannot be used" in spent.text


async def test_forms_of_other_sites_make_no_account(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    link = await invited(rt, tenant.project)
    form = {"username": "bia", "password": PASSWORD}
    for headers in ({"Accept": "text/html"}, {**OWN, "Sec-Fetch-Site": "cross-site"}):
        assert (await client.post(f"{link}/account", data=form, headers=headers)).status_code == 403
    token = await enter(rt, client)
    assert (await client.post(link, data={"form_token": "x"}, headers=OWN)).status_code == 403
    assert (await client.post(link, data={"form_token": token}, headers=OWN)).status_code == 303


async def test_somebody_who_is_signed_in_joins_with_one_button(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client)
    assert "Ask an owner of yours for an invitation" in await page_text(client, "/projects")
    link = await invited(rt, tenant.project, Role.AUDITOR)
    page = await page_text(client, link)
    assert "You are invited as auditor." in page
    assert "<input class" not in page
    joined = await client.post(link, data={"form_token": token}, headers=OWN)
    assert joined.headers["location"] == "/projects/seaside/overview"
    second = await invited(rt, tenant.project)
    assert "You are a member already, as auditor" in await page_text(client, second)


async def test_invitation_ends_after_a_week(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, clock: MovedClock
) -> None:
    link = await invited(rt, tenant.project)
    clock.advance(days=7)
    assert (await client.get(link, headers=OWN)).status_code == 404
    assert (await client.get("/join/ouv_join_%00%C3%A9", headers=OWN)).status_code == 404


async def test_key_is_shown_once_used_and_revoked(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    form = {"form_token": token, "label": "shop  <b>", "scope": ["project:read", "answer"], "days": "30"}
    made = await client.post(f"{SETTINGS}/keys", data=form, headers=OWN)
    key = re.search(r'id="key-text" value="(ouv_live_\w+)"', made.text)
    assert key is not None
    assert f"Bearer {key[1]}" in html.unescape(made.text)
    headers = {"Authorization": f"Bearer {key[1]}"}
    assert (await client.get("/api/v1/project", headers=headers)).json()["name"] == "seaside"
    assert (await client.get("/api/v1/keys", headers=headers)).status_code == 403
    listed = await page_text(client, f"{SETTINGS}/keys")
    assert key[1] not in listed
    assert re.search(r"in 1\smth</time>", listed)
    shown = re.search(r'\?key=([0-9a-f-]{36})" data-row>shop &lt;b&gt;<', listed)
    assert shown is not None
    address = f"{SETTINGS}/keys/{shown[1]}/revoke"
    wrong = await client.post(address, data={"form_token": token, "typed": "shop"}, headers=OWN)
    assert wrong.status_code == 422
    assert fields_of(wrong.text, address)["typed"] == "shop"
    assert (await client.get("/api/v1/project", headers=headers)).status_code == 200
    right = await client.post(address, data={"form_token": token, "typed": "shop <b>"}, headers=OWN)
    assert right.headers["location"] == f"{SETTINGS}/keys?done=revoked"
    assert (await client.get("/api/v1/project", headers=headers)).status_code == 401
    again = await client.post(address, data={"form_token": token, "typed": "shop <b>"}, headers=OWN)
    assert again.status_code == 404


async def test_keys_in_force_come_first_on_pages(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    for number in range(34):
        form = {"form_token": token, "label": f"key {number:02}", "scope": ["answer"], "days": ""}
        await client.post(f"{SETTINGS}/keys", data=form, headers=OWN)
    page = await page_text(client, f"{SETTINGS}/keys")
    newest = re.search(r'\?key=([0-9a-f-]{36})" data-row>key 33<', page)
    assert newest is not None
    revoked = {"form_token": token, "typed": "key 33"}
    await client.post(f"{SETTINGS}/keys/{newest[1]}/revoke", data=revoked, headers=OWN)
    seen: list[str] = []
    address: str | None = f"{SETTINGS}/keys"
    while address:
        page = await page_text(client, address)
        assert "35 keys" in page
        seen += re.findall(r"data-row>([^<]+)<", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1] if following else None
    assert seen == [*(f"key {number:02}" for number in reversed(range(33))), "test", "key 33"]


@pytest.mark.parametrize(
    ("label", "scope", "days", "field"),
    [
        (" ", ["answer"], "", "label"),
        ("x" * 101, ["answer"], "", "label"),
        ("shop\0", ["answer"], "", "label"),
        ("shop", [], "90", "scopes"),
        ("shop", ["members:write"], "", "scopes"),
        ("shop", ["answer"], "99999", "days"),
    ],
)
async def test_refused_key_keeps_what_was_typed(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, label: str, scope: list[str], days: str, field: str
) -> None:
    token = await enter(rt, client, tenant.project)
    form = {"form_token": token, "label": label, "scope": scope, "days": days}
    answer = await client.post(f"{SETTINGS}/keys", data=form, headers=OWN)
    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-fault"', answer.text) == [field]
    assert fields_of(answer.text, f"{SETTINGS}/keys")["label"] == label.strip()
    checked = set(re.findall(r'name="scope" value="([^"]+)" checked', answer.text))
    assert checked == set(scope) - {"members:write"}


async def test_audit_log_is_narrowed_paged_and_exported(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    for number in range(45):
        form = {"form_token": token, "label": f"=key {number:02}", "scope": ["answer"], "days": ""}
        await client.post(f"{SETTINGS}/keys", data=form, headers=OWN)
    seen: list[str] = []
    address: str | None = f"{SETTINGS}/audit-log?group=key"
    while address:
        page = html.unescape(await page_text(client, address))
        seen += re.findall(r"marina made the key “=key (\d+)”", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1] if following else None
    assert seen == [f"{number:02}" for number in reversed(range(45))]
    assert "imported knowledge: 3 sections added<" in await page_text(client, f"{SETTINGS}/audit-log?group=knowledge")
    async with rt.db.read() as session:
        marina = await user_named(session, "marina")
    assert marina is not None
    hers = await page_text(client, f"{SETTINGS}/audit-log?actor={marina.id}&group=member")
    assert "Nothing of that kind was done" in hers
    assert "Nothing of that kind" in await page_text(client, f"{SETTINGS}/audit-log?actor=nonsense")
    export = await client.get(f"{SETTINGS}/audit-log/export?group=key&actor={marina.id}", headers=OWN)
    assert export.headers["content-disposition"].startswith('attachment; filename="audit-log-seaside-')
    rows = list(csv.reader(io.StringIO(export.text)))
    assert len(rows) == 46
    assert all("key.issued" in row for row in rows[1:])


async def test_operator_makes_a_project_and_owns_it(rt: Runtime, client: httpx.AsyncClient) -> None:
    password = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        await create_user(session, "root", password, now=rt.clock(), operator=True)
    await client.post("/sign-in", data={"username": "root", "password": PASSWORD}, headers=OWN)
    page = await page_text(client, "/projects")
    form = {"form_token": token_of(page), "title": "Maresia <b>", "name": "maresia", "languages": "en,pt"}
    for wrong in ({"title": " "}, {"title": "x" * 121}, {"name": "No!"}, {"title": "a\0"}):
        refused = await client.post("/projects", data=form | wrong, headers=OWN)
        assert refused.status_code == 422
        assert fields_of(refused.text, "/projects").items() >= (form | wrong).items()
    made = await client.post("/projects", data=form, headers=OWN)
    assert made.headers["location"] == "/projects/maresia/overview"
    assert fields_of(await page_text(client, "/projects/maresia/settings"), "/projects/maresia/settings")[
        "languages"
    ] == ("en,pt")
    taken = await client.post("/projects", data=form, headers=OWN)
    assert taken.status_code == 409
    assert "There is a project of that name already" in taken.text
    assert "Maresia &lt;b&gt;" in taken.text


async def test_projects_are_counted_and_only_operators_make_them(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await build_tenant(rt, "elsewhere")
    token = await enter(rt, client, tenant.project)
    page = await page_text(client, "/projects")
    assert re.findall(r"data-row>([^<]+)</a> <code[^>]*>([^<]+)<", page) == [("Seaside", "seaside")]
    assert '<td class="number">3<span' in page
    form = {"form_token": token, "title": "X", "name": "xx"}
    assert (await client.post("/projects", data=form, headers=OWN)).status_code == 403


async def test_roles_page_is_the_table_of_permissions(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter_as(rt, client, tenant.project, Role.VIEWER)
    page = await page_text(client, f"{SETTINGS}/roles")
    rows = dict(re.findall(r'<tr><th scope="row">.*?<code[^>]*>([\w:]+)</code></th>(.*?)</tr>', page))
    assert set(rows) == set(Permission)
    for permission, cells in rows.items():
        told = re.findall(r'<span class="visually-hidden">(yes|no)</span>', cells)
        assert told == ["yes" if permission in PERMISSIONS[role] else "no" for role in Role]

"""The pages of the analyses over HTTP: filters, figures, drilling down, one analysis with its lines, and the runs."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from access_cases import add_person, cookie_of
from conftest import MovedClock
from factories import Site, build_analysis, build_talk
from sqlalchemy import select, text

from ouvidor.accounts.audit import AuditFilter, read_audit_log
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.signins import COOKIE, form_token
from ouvidor.analysis.models import AnalysisItem, AnalysisRun
from ouvidor.runtime import Runtime
from ouvidor.web.vega import ADDRESS, DIGEST

pytestmark = pytest.mark.anyio

PAGE = "/projects/seaside/analyses"
OWN = {"Origin": "http://127.0.0.1:8000", "Accept": "text/html"}
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


async def enter(rt: Runtime, site: Site, client: httpx.AsyncClient, role: Role = Role.OWNER) -> str:
    """Sign somebody in; returns the form token."""
    person = await add_person(rt, f"the-{role}", (site.own.project, role))
    cookie = await cookie_of(rt, person)
    client.cookies.set(COOKIE, cookie)
    return form_token(rt.secret, cookie)


async def page(client: httpx.AsyncClient, address: str = PAGE, **query: Any) -> str:
    response = await client.get(address, params=query or None, headers=OWN)
    assert response.status_code == 200, response.text
    return response.text


def listed(html: str) -> list[str]:
    """The conversations of the table."""
    return re.findall(r'href="[^"]*" data-row>([^<]+)</a>', html)


def links(html: str, inside: str) -> list[str]:
    """The addresses of the links whose text holds this."""
    return [
        unescape(href) for href, label in re.findall(r'<a[^>]*href="([^"]+)"[^>]*>([^<]*)<', html) if inside in label
    ]


@pytest.fixture
async def few(rt: Runtime, site: Site) -> dict[str, UUID]:
    own = site.own.project
    return {
        "good": await build_analysis(
            rt, own, "good", at=MONDAY, satisfaction=9, unit="Centro", topics=["room & board"]
        ),
        "bad": await build_analysis(
            rt,
            own,
            "bad",
            at=MONDAY + timedelta(days=1),
            satisfaction=1,
            resolved="no",
            unit="Praia",
            faults=["loop"],
            cost=None,
        ),
        "odd": await build_analysis(rt, own, "odd", at=MONDAY - timedelta(days=40), satisfaction=5, resolved="unknown"),
    }


async def test_the_dashboard_counts_and_every_number_leads_to_its_rows(
    rt: Runtime, site: Site, client: httpx.AsyncClient, few: object
) -> None:
    assert few
    await enter(rt, site, client)
    html = await page(client)
    assert listed(html) == ["bad", "good", "odd"]
    assert "and 1 of unknown cost" in html
    for label, expected in (
        ("1 not", ["bad"]),
        ("1 unknown", ["odd"]),
        ("and 1 of unknown", ["bad"]),
        ("Repeats itself", ["bad"]),
        ("room &amp; board", ["good"]),
        ("Praia", ["bad"]),
        ("no unit", ["odd"]),
        ("Nov 16", ["good"]),
    ):
        followed = links(html, label)[0]
        assert followed.endswith("#rows")
        assert listed(await page(client, followed)) == expected, label


async def test_drawings_and_tables_come_from_the_same_figures(
    rt: Runtime, site: Site, client: httpx.AsyncClient, few: object
) -> None:
    assert few
    await enter(rt, site, client)
    html = await page(client)
    names = re.findall(r'id="chart-(\w+)"', html)
    assert names == ["satisfaction", "outcomes", "ratings", "topics", "units", "faults", "cost"]
    assert html.count("data-spec=") == html.count('<details class="behind" open>') == len(names)
    assert f'data-code="{ADDRESS}"' in html


async def test_filters_stand_in_the_address_and_survive_the_way_to_an_analysis_and_back(
    rt: Runtime, site: Site, client: httpx.AsyncClient, few: dict[str, UUID]
) -> None:
    await enter(rt, site, client)
    html = await page(client, unit="Praia", fault="loop", since="2026-11-01", order="worst")
    assert listed(html) == ["bad"]
    address = next(unescape(href) for href in re.findall(r'<a class="title" href="([^"]+)" data-row', html))
    assert urlsplit(address).path == f"{PAGE}/{few['bad']}"
    one = await page(client, address)
    back = unescape(re.search(r'<a class="button quiet square" href="([^"]+)" aria-label="Back', one)[1])  # pyright: ignore[reportOptionalSubscript]
    assert parse_qs(urlsplit(back).query) == {
        "unit": ["Praia"],
        "fault": ["loop"],
        "since": ["2026-11-01"],
        "order": ["worst"],
    }
    assert listed(await page(client, back)) == ["bad"]


@pytest.mark.parametrize(
    "query",
    [
        {"since": "soon"},
        {"least": "x"},
        {"least": "11"},
        {"most": "-1"},
        {"fault": "rude"},
        {"until": "2026-13-40"},
        {"until": "9999-12-31"},
        {"since": "0001-01-01"},
    ],
)
async def test_a_filter_that_means_nothing_narrows_nothing(
    rt: Runtime, site: Site, client: httpx.AsyncClient, few: object, query: dict[str, str]
) -> None:
    assert few
    await enter(rt, site, client)
    assert len(listed(await page(client, **query))) == 3


async def test_pages_of_the_list_go_on(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    for number in range(30):
        await build_analysis(rt, site.own.project, f"n{number}", at=MONDAY - timedelta(hours=number))
    await enter(rt, site, client)
    html = await page(client)
    following = await page(client, links(html, "Next")[0])
    assert listed(html) + listed(following) == [f"n{number}" for number in range(30)]
    assert "chart-ratings" not in following


async def test_verdicts_point_to_their_lines_and_the_address_marks_them(
    rt: Runtime, site: Site, client: httpx.AsyncClient, few: dict[str, UUID]
) -> None:
    await enter(rt, site, client)
    html = await page(client, f"{PAGE}/{few['bad']}")
    assert re.findall(r'class="spoken (\w+)(?: \w+)?" id="line-(\d)"', html)[0] == ("customer", "1")
    assert " marked" not in html
    marked = await page(client, f"{PAGE}/{few['bad']}", mark="effort")
    assert re.findall(r'class="spoken \w+ marked" id="line-(\d)"', marked) == ["3", "5"]
    fault = await page(client, f"{PAGE}/{few['bad']}", mark="fault-1")
    assert re.findall(r'class="spoken \w+ marked" id="line-(\d)"', fault) == ["3", "4"]
    assert "Repeats itself" in fault
    assert "mark=fault-1#line-3" in unescape(fault)
    assert " marked" not in await page(client, f"{PAGE}/{few['bad']}", mark="nothing")


async def test_earlier_analyses_and_later_messages_are_told(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    own = site.own.project
    talk = await build_talk(rt, own, "grown", at=MONDAY)
    old = await build_analysis(rt, own, "grown", talk=talk, at=MONDAY, covers=4, current=False, version="analysis 1")
    new = await build_analysis(rt, own, "grown", talk=talk, at=MONDAY, covers=5, version="analysis 2")
    await enter(rt, site, client)
    now, then = await page(client, f"{PAGE}/{new}"), await page(client, f"{PAGE}/{old}")
    assert f"{PAGE}/{old}" in now
    assert "1 message came later" in now
    assert "2 messages came later" in then
    assert "not the newest analysis" in then


async def test_the_conversation_leads_to_its_analysis(
    rt: Runtime, site: Site, client: httpx.AsyncClient, few: dict[str, UUID]
) -> None:
    await enter(rt, site, client)
    async with rt.db.read() as session:
        query = text("select conversation_id from analysis where id = :id")
        talk = (await session.execute(query, {"id": few["good"]})).scalar_one()
    assert f"{PAGE}/{few['good']}" in await page(client, f"/projects/seaside/conversations/{talk}")
    alone = await build_talk(rt, site.own.project, "alone")
    assert "/analyses/" not in await page(client, f"/projects/seaside/conversations/{alone}")


async def test_other_tenants_find_nothing(
    rt: Runtime, site: Site, client: httpx.AsyncClient, few: dict[str, UUID]
) -> None:
    person = await add_person(rt, "stranger", (site.other.project, Role.OWNER))
    client.cookies.set(COOKIE, await cookie_of(rt, person))
    assert (await client.get(f"{PAGE}/{few['bad']}", headers=OWN)).status_code == 404
    assert (await client.get(f"/projects/elsewhere/analyses/{few['bad']}", headers=OWN)).status_code == 404
    html = (await client.get("/projects/elsewhere/analyses", headers=OWN)).text
    assert "good" not in listed(html)
    assert "Centro" not in html


async def test_the_files_hold_what_the_page_shows(
    rt: Runtime, site: Site, client: httpx.AsyncClient, few: object
) -> None:
    assert few
    await enter(rt, site, client)
    html = await page(client, unit="Praia")
    csv, jsons = (unescape(found) for found in re.findall(r'href="([^"]+)" download', html))
    assert (await client.get(csv, headers=OWN)).text.count("\r\n") == 2
    assert [row["helpdesk_id"] for row in (await client.get(jsons, headers=OWN)).json()] == ["bad"]


async def test_an_empty_project_says_how_to_begin(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await enter(rt, site, client)
    assert "ouvidor conversations import" in await page(client)
    await build_talk(rt, site.own.project, "due")
    assert "Analyse now" in await page(client)
    await build_analysis(rt, site.own.project, "x")
    assert "No analysis matches" in await page(client, unit="nowhere")


async def test_a_run_is_ordered_paused_resumed_and_cancelled(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    await build_talk(rt, site.own.project, "due")
    token = await enter(rt, site, client)
    ordered = await client.post(f"{PAGE}/runs", data={"form_token": token}, headers=OWN)
    assert (ordered.status_code, ordered.headers["location"]) == (303, f"{PAGE}?done=ordered")
    async with rt.db.read() as session:
        run = (await session.execute(select(AnalysisRun.id))).scalar_one()
    for deed, shown in (("pause", "Go on"), ("resume", "Pause"), ("cancel", "Nothing is due")):
        await client.post(f"{PAGE}/runs/{run}/{deed}", data={"form_token": token}, headers=OWN)
        assert shown in await page(client, f"{PAGE}/work")
    late = await client.post(f"{PAGE}/runs/{run}/pause", data={"form_token": token}, headers=OWN)
    assert late.headers["location"] == f"{PAGE}?trouble=ended"
    async with rt.db.read() as session:
        log = await read_audit_log(session, site.own.project.id, AuditFilter(), after=None, limit=20)
    assert {"analysis_run.paused", "analysis_run.resumed", "analysis_run.cancelled"} <= {entry.action for entry in log}


async def test_what_is_parked_tells_why_and_can_be_tried_again(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    token = await enter(rt, site, client)
    talk = await build_talk(rt, site.own.project, "stuck")
    await client.post(f"{PAGE}/runs", data={"form_token": token}, headers=OWN)
    async with rt.db.begin() as session:
        item = (await session.execute(select(AnalysisItem).where(AnalysisItem.conversation_id == talk))).scalar_one()
        item.state, item.reason, item.attempts = "parked", "timeout", 5
    html = await page(client, f"{PAGE}/work")
    assert "Took too long" in html
    retried = await client.post(f"{PAGE}/retry", data={"form_token": token, "conversation": str(talk)}, headers=OWN)
    assert retried.headers["location"] == f"{PAGE}?done=retried"
    nothing = await client.post(f"{PAGE}/retry", data={"form_token": token, "conversation": "x"}, headers=OWN)
    assert nothing.headers["location"] == f"{PAGE}?trouble=nothing-parked"


async def test_going_over_the_past_shows_the_price_first(
    rt: Runtime, site: Site, client: httpx.AsyncClient, few: object
) -> None:
    assert few
    token = await enter(rt, site, client)
    html = await page(client, f"{PAGE}/again", since="2026-11-01")
    assert "Analyse 2 conversations again" in html
    form = {"form_token": token, "since": "2026-11-01", "confirmed": "1"}
    told_more = await client.post(f"{PAGE}/again", data=form, headers=OWN)
    assert told_more.headers["location"] == f"{PAGE}/again?since=2026-11-01&trouble=more"
    done = await client.post(f"{PAGE}/again", data=form | {"confirmed": "2"}, headers=OWN)
    assert done.headers["location"] == f"{PAGE}?done=ordered"
    async with rt.db.begin() as session:
        (await session.get_one(Project, site.own.project.id)).analysis_paused = True
    paused = await client.post(f"{PAGE}/again", data=form | {"confirmed": "2"}, headers=OWN)
    assert paused.headers["location"] == f"{PAGE}?trouble=paused"


async def test_readers_see_the_work_and_cannot_touch_it(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await build_talk(rt, site.own.project, "due")
    token = await enter(rt, site, client, Role.VIEWER)
    html = await page(client, f"{PAGE}/work")
    assert "1 conversation is due" in html
    assert "<form" not in html
    refused = await client.post(f"{PAGE}/runs", data={"form_token": token}, headers=OWN)
    assert refused.status_code == 403
    assert (await client.get(f"{PAGE}/again", headers=OWN)).status_code == 403


async def test_the_month_shows_what_is_spent_of_its_budget(
    rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
) -> None:
    await enter(rt, site, client)
    async with rt.db.begin() as session:
        (await session.get_one(Project, site.own.project.id)).analysis_budget = Decimal(20)
        spent = text("insert into analysis_month values (:p, :month, 3, 100, 100, 4.5)")
        await session.execute(spent, {"p": site.own.project.id, "month": clock.now.date().replace(day=1)})
    html = unescape(await page(client, f"{PAGE}/work")).replace("\xa0", " ")
    assert "US$ 4.50 of this month's US$ 20.00 spent" in html


async def test_the_code_of_the_charts_is_made_once_and_kept_for_a_year(rt: Runtime, client: httpx.AsyncClient) -> None:
    folder = rt.settings.data_dir / "charts"
    packed = await client.get(ADDRESS)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert [path.name for path in folder.iterdir()] == [f"{DIGEST}.js.gz"]
    plain = await client.get(ADDRESS, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == packed.text
    assert "export{draw as draw}" in plain.text
    assert (await client.get("/static/charts/0123456789abcdef.js")).status_code == 404

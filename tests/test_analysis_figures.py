"""The figures, lists, charts and exports of the analyses, through the API."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
import vl_convert
from factories import Site, build_analysis, build_talk
from sqlalchemy import text

from ouvidor.analysis.charts import CHARTS, COLOURS
from ouvidor.csv_cells import restored
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

URL = "/api/v1/analyses"
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
HOSTILE_CELLS = ("=1+1", "+351", "-1", "@sum", "\tx", "\rx", "'=1", '"a";b,c\nd', "<script>", "＝x")


async def get(client: httpx.AsyncClient, site: Site, path: str = "", **wanted: Any) -> dict[str, Any]:
    response = await client.get(f"{URL}{path}", params=wanted, headers=site.own.headers)
    assert response.status_code == 200, response.text
    return response.json()


async def names(client: httpx.AsyncClient, site: Site, **wanted: Any) -> list[str]:
    return [row["helpdesk_id"] for row in (await get(client, site, **wanted))["data"]]


@pytest.fixture
async def week(rt: Runtime, site: Site) -> dict[str, UUID]:
    """Five conversations of a week, an analysis that another one replaced, and one of another tenant."""
    own = site.own.project
    told: dict[str, dict[str, Any]] = {
        "a": {"satisfaction": 9, "unit": "Centro", "topics": ["room", "price"], "language": "pt"},
        "b": {"satisfaction": 2, "unit": "Centro", "resolved": "no", "topics": ["price"], "faults": ["loop", "loop"]},
        "c": {"satisfaction": 4, "resolved": "unknown", "goal_reached": "no", "handed_over": True, "cost": None},
        "d": {"satisfaction": 9, "unit": "Praia", "goal_reached": "yes", "version": "analysis 2", "model": "local"},
        "e": {"satisfaction": 0, "unit": "Praia", "resolved": "no", "faults": ["loop", "false_promise"], "topics": []},
    }
    told["d"] |= {"cost": Decimal(0), "input_tokens": 0, "output_tokens": 0}
    ids = {
        name: await build_analysis(rt, own, name, at=MONDAY + timedelta(days=2 * number), **columns)
        for number, (name, columns) in enumerate(told.items())
    }
    async with rt.db.read() as session:
        of_a = (
            await session.execute(text("select conversation_id from analysis where id = :a"), {"a": ids["a"]})
        ).scalar_one()
    ids["old"] = await build_analysis(rt, own, "a", talk=of_a, at=MONDAY, covers=4, current=False, satisfaction=1)
    await build_analysis(rt, site.other.project, "theirs", at=MONDAY, unit="Secret", satisfaction=10)
    return ids


async def test_figures_add_up_and_tell_the_unknown_apart(site: Site, client: httpx.AsyncClient, week: object) -> None:
    assert week
    report = await get(client, site, "/figures")
    total = report["total"]
    assert (total["sessions"], total["satisfaction"], total["handed_over"], total["handover_rate"]) == (5, 4.8, 1, 0.2)
    assert total["resolved"] == {"yes": 2, "no": 2, "unknown": 1, "rate": 0.5}
    assert total["goal"] == {"yes": 1, "no": 1, "unknown": 3, "rate": 0.5}
    assert (total["input_tokens"], total["output_tokens"], total["mean_tokens"]) == (4000, 800, 960.0)
    assert (total["cost"], total["unpriced"]) == (pytest.approx(3 * 0.00065), 1)
    assert report["ratings"] == [1, 0, 1, 0, 1, 0, 0, 0, 0, 2, 0]
    low, high = total["interval"]["low"], total["interval"]["high"]
    assert (low, high) == (pytest.approx(4.8 - 1.96 * 4.087 / 5**0.5, abs=0.01), pytest.approx(8.38, abs=0.01))
    units = {each["unit"]: each["measures"]["sessions"] for each in report["units"]}
    assert units == {"Centro": 2, "Praia": 2, None: 1}
    topics = [
        (each["topic"], each["measures"]["sessions"], each["measures"]["satisfaction"]) for each in report["topics"]
    ]
    assert topics == [("parking", 2, 6.5), ("price", 2, 5.5), ("room", 1, 9.0)]
    assert report["faults"] == [
        {"kind": "loop", "sessions": 2, "satisfaction": 1.0},
        {"kind": "false_promise", "sessions": 1, "satisfaction": 0.0},
    ]


async def test_what_is_remembered_is_never_old(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    own = site.own.project

    async def seen() -> tuple[int, float]:
        total = (await get(client, site, "/figures"))["total"]
        return total["sessions"], total["satisfaction"]

    first = await build_analysis(rt, own, "1", satisfaction=4, created_at=MONDAY)
    assert await seen() == await seen() == (1, 4)
    second = await build_analysis(rt, own, "2", satisfaction=8, created_at=MONDAY)
    assert await seen() == (2, 6)
    async with rt.db.begin() as session:
        await session.execute(text("delete from analysis where id = :id"), {"id": first})
    assert await seen() == (1, 8)
    async with rt.db.begin() as session:
        replaced = text("update analysis set satisfaction = 3, created_at = :now where id = :id")
        await session.execute(replaced, {"id": second, "now": MONDAY + timedelta(minutes=1)})
    assert await seen() == (1, 3)


async def test_time_is_told_by_day_week_and_month(site: Site, client: httpx.AsyncClient, week: object) -> None:
    assert week
    by_day = await get(client, site, "/figures")
    assert by_day["step"] == "day"
    assert [(each["at"], each["measures"]["sessions"]) for each in by_day["moments"]][:4] == [
        ("2026-11-16", 1),
        ("2026-11-17", 0),
        ("2026-11-18", 1),
        ("2026-11-19", 0),
    ]
    by_week = (await get(client, site, "/figures", step="week"))["moments"]
    assert [(each["at"], each["measures"]["sessions"]) for each in by_week] == [("2026-11-16", 4), ("2026-11-23", 1)]
    by_month = (await get(client, site, "/figures", step="month"))["moments"]
    assert [(each["at"], each["measures"]["satisfaction"]) for each in by_month] == [("2026-11-01", 4.8)]


async def test_a_long_time_is_told_in_longer_steps(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await build_analysis(rt, site.own.project, "now", at=MONDAY)
    for days, step in ((92, "day"), (93, "week"), (160 * 7, "week"), (1200, "month")):
        then = await build_analysis(
            rt,
            site.own.project,
            f"then-{days}",
            at=MONDAY - timedelta(days=days),
            created_at=MONDAY + timedelta(days=days),
        )
        report = await get(client, site, "/figures")
        assert (report["step"], sum(each["measures"]["sessions"] for each in report["moments"])) == (step, 2)
        async with rt.db.begin() as session:
            await session.execute(text("delete from analysis where id = :then"), {"then": then})


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["e", "d", "c", "b", "a"]),
    ({"unit": "Centro"}, ["b", "a"]),
    ({"without_unit": "true"}, ["c"]),
    ({"since": "2026-11-20T09:00:00Z"}, ["e", "d", "c"]),
    ({"until": "2026-11-20T09:00:00Z"}, ["b", "a"]),
    ({"language": "pt"}, ["a"]),
    ({"version": "analysis 2"}, ["d"]),
    ({"model": "local"}, ["d"]),
    ({"topic": "price"}, ["b", "a"]),
    ({"fault": "loop"}, ["e", "b"]),
    ({"least": 3, "most": 8}, ["c"]),
    ({"most": 0}, ["e"]),
    ({"resolved": "unknown"}, ["c"]),
    ({"goal": "yes"}, ["d"]),
    ({"handed_over": "true"}, ["c"]),
    ({"handed_over": "false", "unit": "Praia"}, ["e", "d"]),
    ({"unpriced": "true"}, ["c"]),
    ({"unit": "Secret"}, []),
    ({"unit": "Centro", "topic": "nothing"}, []),
]


@pytest.mark.parametrize(("wanted", "expected"), FILTERS)
async def test_list_figures_and_files_count_the_same(
    site: Site, client: httpx.AsyncClient, week: object, wanted: dict[str, Any], expected: list[str]
) -> None:
    assert week
    assert await names(client, site, **wanted) == expected
    assert (await get(client, site, "/figures", **wanted))["total"]["sessions"] == len(expected)
    exported = await get(client, site, "/export.json", **wanted)
    assert [row["helpdesk_id"] for row in exported] == expected
    told = (await client.get(f"{URL}/export.csv", params=wanted, headers=site.own.headers)).text
    assert [row["helpdesk_id"] for row in csv.DictReader(io.StringIO(told))] == expected


async def test_pages_lose_and_double_nothing_in_either_order(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    for number in range(23):
        at = MONDAY - timedelta(hours=number // 3)
        await build_analysis(rt, site.own.project, str(number), at=at, satisfaction=number % 4)
    for order in ("newest", "worst"):
        whole = (await get(client, site, limit=100, order=order))["data"]
        key = (
            (lambda row: (-datetime.fromisoformat(row["began_at"]).timestamp(),))
            if order == "newest"
            else (lambda row: (row["satisfaction"], -datetime.fromisoformat(row["began_at"]).timestamp()))
        )
        assert [key(row) for row in whole] == sorted(key(row) for row in whole)
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = await get(client, site, limit=5, order=order, **after)
            seen += [row["id"] for row in page["data"]]
            assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
            if not page["has_more"]:
                break
            after = {"after": page["last_id"]}
        assert seen == [row["id"] for row in whole]
        assert len(seen) == len(set(seen)) == 23


async def test_one_analysis_is_read_whole_the_replaced_one_too(
    site: Site, client: httpx.AsyncClient, week: dict[str, UUID]
) -> None:
    one = await get(client, site, f"/{week['b']}")
    assert (one["helpdesk_id"], one["satisfaction"], one["unit"], one["current"]) == ("b", 2, "Centro", True)
    assert one["faults"][0] == {"kind": "loop", "what": "What parking costs.", "at": [3, 4]}
    assert one["evidence"]["effort"] == [3, 5]
    assert (await get(client, site, f"/{week['old']}"))["current"] is False
    foreign = await client.get(f"{URL}/{week['b']}", headers=site.other.headers)
    assert (foreign.status_code, foreign.json()["type"]) == (404, "urn:ouvidor:unknown_analysis")
    assert (await client.get(URL, params={"after": str(week["b"])}, headers=site.other.headers)).status_code == 404


async def test_formula_cells_are_neutralised_and_come_back(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    for number, cell in enumerate(HOSTILE_CELLS):
        points = [{"text": cell, "at": []}]
        await build_analysis(
            rt,
            site.own.project,
            f"{cell}{number}",
            unit=cell,
            topics=[cell],
            summary=points,
            at=MONDAY - timedelta(hours=number),
        )
    told = await client.get(f"{URL}/export.csv", headers=site.own.headers)
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    assert told.headers["content-disposition"] == 'attachment; filename="analyses-seaside-2026-11-21.csv"'
    rows = list(csv.DictReader(io.StringIO(told.text, newline="")))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(tuple("=+-@\t\r＝"))]
    assert [restored(row["unit"]) for row in rows] == list(HOSTILE_CELLS)
    assert [restored(row["summary"]) for row in rows] == list(HOSTILE_CELLS)
    exported = await get(client, site, "/export.json")
    assert [row["unit"] for row in exported] == list(HOSTILE_CELLS)


async def test_an_unknown_cost_is_an_empty_cell_and_a_price_is_no_cost(
    site: Site, client: httpx.AsyncClient, week: object
) -> None:
    assert week
    told = (await client.get(f"{URL}/export.csv", headers=site.own.headers)).text
    costs = {row["helpdesk_id"]: (row["cost"], row["input_price"]) for row in csv.DictReader(io.StringIO(told))}
    assert costs == {
        "a": ("0.00065", "0.25"),
        "b": ("0.00065", "0.25"),
        "c": ("", "0.25"),
        "d": ("0.0", "0.25"),
        "e": ("0.00065", "0.25"),
    }


async def test_an_export_is_longer_than_a_page_of_it(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    first = await build_analysis(rt, site.own.project, "first", at=MONDAY)
    copies = """
    with talks as (
        insert into conversation (id, project_id, origin, helpdesk_id, status, episode, clarifications, messages, turns,
            analysed_messages, created_at, last_message_at)
        select gen_random_uuid(), project_id, origin, 'copy-' || g, status, 1, 0, 6, 0, 0, created_at, last_message_at
        from conversation, generate_series(1, 2100) g where helpdesk_id = 'first' returning id
    )
    insert into analysis select (jsonb_populate_record(analysis, jsonb_build_object(
        'id', gen_random_uuid(), 'conversation_id', talks.id))).* from analysis, talks where analysis.id = :first
    """
    async with rt.db.begin() as session:
        await session.execute(text(copies), {"first": first})
    told = (await client.get(f"{URL}/export.csv", headers=site.own.headers)).text
    rows = [row["conversation_id"] for row in csv.DictReader(io.StringIO(told))]
    assert len(rows) == len(set(rows)) == 2101
    assert len(json.loads((await client.get(f"{URL}/export.json", headers=site.own.headers)).text)) == 2101


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_chart_can_be_drawn(site: Site, client: httpx.AsyncClient, week: object, theme: Any) -> None:
    assert week
    for name in CHARTS:
        spec = await get(client, site, f"/charts/{name}", theme=theme)
        assert spec["title"]
        assert len(spec["usermeta"]["series"]) <= 7
        drawn = vl_convert.vegalite_to_svg(spec | {"width": 400})
        assert COLOURS[theme][spec["usermeta"]["series"][0]] in drawn, name


HOSTILE_NAMES = (
    "constructor",
    "toString",
    "a\u2028b",
    "a\x1b[31m",
    "__proto__",
    "datum['x']",
    "</script>",
    'it\'s "so"',
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_a_name_stops_no_chart(rt: Runtime, site: Site, client: httpx.AsyncClient, name: str) -> None:
    """Names come from customers, models and imports; none may keep a chart from being drawn."""
    for number, topics in enumerate(([name], [name, "refund"])):
        await build_analysis(rt, site.own.project, f"talk-{number}", unit=name, topics=topics)
    for chart in ("topics", "units"):
        drawn = vl_convert.vegalite_to_svg(await get(client, site, f"/charts/{chart}") | {"width": 400})
        assert "</script>" not in drawn
        assert (
            drawn.count('aria-roledescription="bar"') + drawn.count('aria-roledescription="point"') > 0
            or "<path" in drawn
        )


async def test_there_is_no_chart_of_nothing(site: Site, client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{URL}/charts/ratings", headers=site.own.headers)).status_code == 404
    report = await get(client, site, "/figures")
    assert (report["total"]["sessions"], report["total"]["satisfaction"], report["moments"]) == (0, None, [])
    assert (await get(client, site))["data"] == await get(client, site, "/export.json") == []


async def test_the_longest_names_fit_the_index(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """The index of the figures holds topics, faults, unit and model: the longest that the schema lets in must fit."""
    kinds = ("wrong_language", "contradiction", "price_mismatch", "unanswered_question", "false_promise", "asks_again")
    letters = "".join(chr(0x1F300 + number) for number in range(200))
    topics = [letters[60 * number % 140 :][:60] for number in range(5)]
    await build_analysis(rt, site.own.project, "long", unit=letters, topics=topics, faults=kinds, model="m" * 200)
    assert await names(client, site, unit=letters) == ["long"]


async def test_a_talk_without_an_analysis_counts_nowhere(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await build_talk(rt, site.own.project, "silent")
    assert await names(client, site) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"least": 11},
        {"fault": "rude"},
        {"resolved": "maybe"},
        {"since": "yesterday"},
        {"since": "2026-11-01T00:00:00"},
        {"until": "9999-12-31T23:59:59Z"},
        {"order": "best"},
        {"unit": "x" * 301},
    ],
)
async def test_what_is_no_filter_is_refused(site: Site, client: httpx.AsyncClient, wanted: dict[str, Any]) -> None:
    assert (
        await client.get(f"{URL}/figures" if "order" not in wanted else URL, params=wanted, headers=site.own.headers)
    ).status_code == 422

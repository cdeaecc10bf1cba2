"""Runs over HTTP, and the flat rows of the published contract."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from analyses import add_talks, analyses
from conftest import app_on
from factories import Site, build_tenant
from sqlalchemy import text as sql
from sqlalchemy import update

from ouvidor.accounts.models import Project
from ouvidor.analysis.jobs import sweep
from ouvidor.analysis.models import Analysis
from ouvidor.analysis.work import work_off
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

RUNS = "/api/v1/analyses/runs"
FLAT = "/api/v1/analysis/"
NAMES = (
    "id",
    "satisfaction",
    "summary",
    "improvement",
    "input_tokens",
    "output_tokens",
    "input_tokens_price",
    "output_tokens_price",
    "llm_model",
    "created_at",
    "session_id",
    "session_created_at",
    "motel_id",
    "motel_name",
)


async def post(client: httpx.AsyncClient, site: Site, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/v1/analyses{path}", json=body, headers=site.own.headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_ordered_paused_resumed_watched_and_done(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await add_talks(rt, site.own.project, 3)
    assert (await post(client, site, "/runs/estimate"))["conversations"] == 3
    run = await post(client, site, "/runs", 202)
    own = f"/runs/{run['id']}"
    assert (run["state"], run["total"], run["left"], run["ordered_by"]) == ("running", 3, 3, "test")
    assert (await post(client, site, f"{own}/pause"))["paused_for"] == "test"
    assert (await post(client, site, f"{own}/resume"))["paused_for"] is None
    await work_off(rt)
    read = (await client.get(f"/api/v1/analyses{own}", headers=site.own.headers)).json()
    assert (read["state"], read["done"], read["left"], read["seconds_left"]) == ("done", 3, 0, None)
    assert (await post(client, site, f"{own}/cancel", 409))["type"] == "urn:ouvidor:run_ended"
    assert (await post(client, site, "/parked/retry", 409))["type"] == "urn:ouvidor:nothing_parked"
    page = (await client.get(RUNS, headers=site.own.headers)).json()
    assert ([row["id"] for row in page["data"]], page["has_more"]) == ([run["id"]], False)
    theirs = await client.get(f"{RUNS}/{run['id']}", headers=site.other.headers)
    assert theirs.status_code == 404


async def test_progress_tells_rate_and_remaining_time(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """Of four two are stored a minute ago: two a minute, and a minute to go."""
    ids = await add_talks(rt, site.own.project, 4)
    run = await post(client, site, "/runs", 202)
    await work_off(rt)
    async with rt.db.begin() as session:
        await session.execute(
            sql("update analysis_run set state = 'running', done = 2, created_at = :at"),
            {"at": rt.clock() - timedelta(minutes=1)},
        )
        await session.execute(
            sql("update analysis_item set state = 'pending' where conversation_id = any(:ids)"), {"ids": ids[:2]}
        )
        await session.execute(sql("delete from analysis where conversation_id = any(:ids)"), {"ids": ids[:2]})
    read = (await client.get(f"{RUNS}/{run['id']}", headers=site.own.headers)).json()
    assert (read["total"], read["done"], read["left"], read["rate"], read["seconds_left"]) == (4, 2, 2, 2.0, 60.0)


async def test_what_is_parked_is_listed_and_tried_again(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    talk, other = await add_talks(rt, site.own.project, 2)
    run = await post(client, site, "/runs", 202)
    async with rt.db.begin() as session:
        await session.execute(sql("update analysis_item set state = 'parked', attempts = 5, reason = 'timeout'"))
    await work_off(rt)
    parked = (await client.get("/api/v1/analyses/parked", headers=site.own.headers)).json()["data"]
    assert {(row["conversation_id"], row["reason"]) for row in parked} == {
        (str(talk), "timeout"),
        (str(other), "timeout"),
    }
    one = await post(client, site, "/parked/retry", conversation_id=str(talk))
    assert (one["left"], one["kind"]) == (1, "manual")
    rest = await post(client, site, f"/runs/{run['id']}/retry")
    assert (rest["id"], rest["left"]) == (one["id"], 2)
    await work_off(rt)
    assert len(await analyses(rt, site.own.project)) == 2


async def test_going_over_the_past_wants_the_number(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await add_talks(rt, site.own.project, 2)
    await sweep(rt)
    await work_off(rt)
    refused = await post(client, site, "/runs", 422, again=True)
    assert "2 conversations" in refused["detail"]
    assert (await post(client, site, "/runs", 202, again=True, confirmed=2))["left"] == 2


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-01T00:00:00"])
async def test_a_moment_that_cannot_be_kept_is_refused(site: Site, client: httpx.AsyncClient, since: str) -> None:
    for path in ("/runs", "/runs/estimate"):
        refused = await post(client, site, path, 422, since=since)
        assert "since" in str(refused["errors"])


async def test_flat_rows_letter_by_letter(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    own = site.own.project
    (with_unit,) = await add_talks(rt, own, unit="Pousada Sol", minutes_ago=90)
    await sweep(rt)
    await work_off(rt)
    await add_talks(rt, own)
    await add_talks(rt, site.other.project)
    await sweep(rt)
    await work_off(rt)
    async with rt.db.begin() as session:
        points = [{"text": "Um.", "at": [1]}, {"text": "Dois.", "at": [2]}]
        changed = {"summary": points, "improvements": [], "input_price": "0.15", "output_price": None}
        await session.execute(update(Analysis).where(Analysis.conversation_id == with_unit).values(**changed))
    answer = await client.get(FLAT, headers=site.own.headers)
    assert answer.status_code == 200
    rows = answer.json()
    assert [tuple(row) for row in rows] == [NAMES, NAMES]
    first = next(row for row in rows if row["session_id"] == f"h-{with_unit}")
    assert (first["summary"], first["improvement"]) == ("- Um.\n- Dois.", "")
    assert (first["input_tokens_price"], first["output_tokens_price"]) == (0.15, None)
    assert (first["motel_id"], first["motel_name"]) == ("Pousada Sol", "Pousada Sol")
    second = next(row for row in rows if row is not first)
    assert (second["motel_id"], second["motel_name"]) == ("seaside", "Seaside")
    assert first["session_created_at"] == (rt.clock() - timedelta(minutes=90)).isoformat().replace("+00:00", "Z")


async def test_flat_rows_of_the_demo_are_open_on_this_machine_alone(rt: Runtime, site: Site) -> None:
    demo = (await build_tenant(rt, "demo-inn")).project
    await add_talks(rt, demo, 2)
    await add_talks(rt, site.own.project)
    await sweep(rt)
    await work_off(rt)
    near, far = (httpx.ASGITransport(app_on(rt), client=(host, 5)) for host in ("127.0.0.1", "203.0.113.9"))

    async def ask(transport: httpx.ASGITransport, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            return await http.get(FLAT, headers=headers)

    assert (await ask(near)).status_code == 401
    async with rt.db.begin() as session:
        await session.execute(update(Project).where(Project.id == demo.id).values(demo=True))
    assert {row["motel_id"] for row in (await ask(near)).json()} == {"demo-inn"}
    assert (await ask(far)).status_code == 403
    assert (await ask(near, Authorization="Bearer ouv_live_x")).status_code == 401
    own = (await ask(far, **site.own.headers)).json()
    assert {row["motel_id"] for row in own} == {"seaside"}


async def test_no_rows_are_an_empty_list(site: Site, client: httpx.AsyncClient) -> None:
    answer = await client.get(FLAT, headers=site.own.headers)
    assert answer.json() == []

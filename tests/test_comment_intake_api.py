"""Our own routes of comments coming in: at once, as a job, as a file; their jobs, their rules, one taken out."""

import json
from typing import Any

import httpx
import pytest
from comment_factories import build_comment
from conftest import client_of
from factories import Site
from sqlalchemy import func, select, update

from ouvidor.accounts.audit import AuditEntry
from ouvidor.feedback.jobs.work import work_off
from ouvidor.feedback.models import Comment, CommentClassification, CommentItem, CommentVector
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

HERE = "/api/v1/comments"


async def send(client: httpx.AsyncClient, site: Site, comments: list[Any], **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(HERE, json={"comments": comments}, headers=site.own.headers | named)


async def upload(
    client: httpx.AsyncClient, site: Site, name: str, content: str | bytes, key: str = "", **options: str
) -> httpx.Response:
    headers = site.own.headers | ({"Idempotency-Key": key} if key else {})
    return await client.post(f"{HERE}/import", files={"file": (name, content)}, data=options, headers=headers)


async def items_of(client: httpx.AsyncClient, site: Site, answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 202, answer.text
    address = answer.headers["location"]
    return (await client.get(f"{address}/items?limit=100", headers=site.own.headers)).json()["data"]


async def count(rt: Runtime, table: Any) -> int:
    async with rt.db.read() as session:
        return (await session.execute(select(func.count()).select_from(table))).scalar_one()


async def test_each_comment_has_its_result_or_its_error(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    full = {
        "id": 7,
        "text": "Amei o show",
        "fields": {"artista": "Lia", "nota": 4.5, "vip": True, "nada": None},
        "author": "ana",
        "written_at": "2026-11-20T18:12:00-03:00",
    }
    answer = await send(client, site, [full, {"id": "x", "text": " "}, {"text": "Oi", "color": "red"}, 5, full])
    assert answer.status_code == 201, answer.text
    first, empty, unknown, number, again = answer.json()["data"]
    assert first["comment"] == again["comment"]
    assert (first["id"], first["comment"]["external_id"], first["error"]) == ("7", "7", None)
    assert first["comment"]["fields"] == {"artista": "Lia", "nota": "4.5", "vip": "true"}
    assert (first["comment"]["author"], first["comment"]["written_at"]) == ("ana", "2026-11-20T21:12:00Z")
    assert (empty["id"], empty["comment"], empty["error"]["status"]) == ("x", None, 422)
    assert unknown["error"]["detail"] == "The comment has a wrong color (Extra inputs are not permitted)."
    assert number["error"]["type"] == "urn:ouvidor:unfit_comment"
    assert await count(rt, Comment) == 1


async def test_names_of_members_make_no_error_of_ours(site: Site, client: httpx.AsyncClient) -> None:
    headers = site.own.headers | {"Content-Type": "application/json"}
    for item in ({"text": "Oi", "\ud800": 1}, {"text": "Oi", "fields": {"\ud800": [1], "a": "\ud800"}}):
        answer = await client.post(HERE, content=json.dumps({"comments": [item]}).encode(), headers=headers)
        assert answer.json()["data"][0]["error"]["status"] == 422, answer.text


async def test_what_is_no_list_of_comments_is_refused(site: Site, client: httpx.AsyncClient) -> None:
    for body in ({"comments": []}, {}, {"comments": "x"}, {"comments": [{"text": "Oi"}], "extra": 1}):
        answer = await client.post(HERE, json=body, headers=site.own.headers)
        assert answer.status_code == 422, answer.text


async def test_a_job_is_held_up_and_goes_on(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    answer = await send(client, site, [{"id": n, "text": f"Amei o show {n}"} for n in range(101)])
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    address = answer.headers["location"]

    async def step(deed: str) -> httpx.Response:
        return await client.post(f"{address}/{deed}", headers=site.own.headers)

    assert (await step("pause")).json()["state"] == "paused"
    await work_off(rt)
    assert await count(rt, Comment) == 0
    assert (await step("resume")).json()["state"] == "running"
    await work_off(rt)
    job = (await client.get(address, headers=site.own.headers)).json()
    assert (job["state"], job["done"], job["failed"]) == ("done", 101, 0)
    assert (await step("cancel")).status_code == 409
    assert (await step("retry")).json()["type"] == "urn:ouvidor:nothing_failed"
    async with rt.db.begin() as session:
        await session.execute(update(CommentItem).where(CommentItem.position == 3).values(state="failed", status=503))
    assert (await step("retry")).json()["state"] == "pending"
    other = await send(client, site, [{"text": f"Amei {n}"} for n in range(101)])
    cancelled = await client.post(f"{other.headers['location']}/cancel", headers=site.own.headers)
    assert cancelled.json()["state"] == "cancelled"
    listed = (await client.get(f"{HERE}/jobs?limit=1", headers=site.own.headers)).json()
    assert ([one["state"] for one in listed["data"]], listed["has_more"]) == (["cancelled"], True)
    following = (await client.get(f"{HERE}/jobs?after={listed['last_id']}", headers=site.own.headers)).json()
    assert [one["total"] for one in following["data"]] == [101]


async def test_a_file_becomes_a_job(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    content = "Comentário;Artista;Quando\nAmei o show;Lia;20/11/2026 18:12\n;Lia;\nOdiei;Ana;20/11/2026 18:13\n"
    options = {"text": "Comentário", "written_at": "Quando", "zone": "America/Sao_Paulo"}
    answer = await upload(client, site, "novembro.csv", content, **options, time_format="%d/%m/%Y %H:%M")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["source"], answer.json()["name"], answer.json()["total"]) == ("csv", "novembro.csv", 3)
    await work_off(rt)
    first, empty, last = await items_of(client, site, answer)
    assert (first["comment"]["text"], first["comment"]["fields"]) == ("Amei o show", {"Artista": "Lia"})
    assert first["comment"]["written_at"] == "2026-11-20T21:12:00Z"
    assert (empty["state"], empty["error"]["detail"]) == ("failed", "Line 3 has no text.")
    assert last["comment"]["text"] == "Odiei"
    again = await upload(client, site, "novembro.csv", content, **options, time_format="%d/%m/%Y %H:%M")
    await work_off(rt)
    assert [one["id"] for one in await items_of(client, site, again)] == [first["id"], None, last["id"]]
    assert await count(rt, Comment) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps([{"id": 1, "texto": "Amei o show", "album": "Laje"}])),
        ("a.jsonl", json.dumps({"id": 1, "texto": "Amei o show", "album": "Laje"})),
        ("sem nome", "id,texto,album\n1,Amei o show,Laje\n"),
    ],
)
async def test_files_of_each_kind(rt: Runtime, site: Site, client: httpx.AsyncClient, name: str, content: str) -> None:
    answer = await upload(client, site, name, content)
    await work_off(rt)
    (item,) = await items_of(client, site, answer)
    assert (item["id"], item["comment"]["fields"]) == ("1", {"album": "Laje"})


async def test_a_file_sent_twice_under_one_key_is_one_job(site: Site, client: httpx.AsyncClient) -> None:
    content = "id,texto\n1,Amei o show\n"
    first = await upload(client, site, "a.csv", content, key="k")
    again = await upload(client, site, "a.csv", content, key="k")
    assert again.headers["location"] == first.headers["location"]
    assert (await upload(client, site, "a.csv", content + "2,Odiei\n", key="k")).status_code == 422


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("", {}),
        ("id,coisa\n1,Amei\n", {}),
        ("id,texto\n", {}),
        ("id,texto\n1,Amei\n", {"text": "nada"}),
        ("id,texto\n1,Amei\n", {"zone": "Sao_Paulo"}),
        ("id,texto\n1,Amei\n", {"form": "xlsx"}),
        ("id,texto\n1,Amei\n", {"encoding": "klingon"}),
        ("id,texto\n1,Amei\n", {"colour": "red"}),
        (b"id,texto\n1,a\xe7\xe3o\n2,a\xe7\xe3o\n3,a\xe7\xe3o\n4,n\xe3o\n", {}),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused(
    rt: Runtime, site: Site, client: httpx.AsyncClient, content: str | bytes, options: dict[str, str]
) -> None:
    answer = await upload(client, site, "a.csv", content, key="k", **options)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
    fine = await upload(client, site, "a.csv", "id,texto\n1,Amei\n", key="another")
    assert fine.status_code == 202
    await work_off(rt)
    assert await count(rt, Comment) == 1


class TestSmallBodies:
    @pytest.fixture
    def settings(self, settings: Any) -> Any:
        return settings.model_copy(update={"max_body_bytes": 2048})

    async def test_a_file_over_the_limit_is_refused(self, rt: Runtime, site: Site) -> None:
        async with client_of(rt) as client:
            answer = await upload(client, site, "a.csv", "id,texto\n" + "1,Amei o show\n" * 200)
            assert answer.status_code == 413, answer.text


async def test_a_comment_is_deleted_with_all_that_hangs_on_it(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    sent = [{"id": n, "text": f"Amei o show {n}", "author": "ana"} for n in range(101)]
    answer = await send(client, site, sent)
    await work_off(rt)
    gone, kept = (await items_of(client, site, answer))[:2]
    address = f"{HERE}/{gone['comment']['id']}"
    assert (await client.delete(address, headers=site.other.headers)).status_code == 404
    assert (await client.delete(address, headers=site.own.headers)).status_code == 204
    assert (await client.delete(address, headers=site.own.headers)).status_code == 404
    assert (await client.get(address, headers=site.own.headers)).status_code == 404
    items = await items_of(client, site, answer)
    assert [(one["id"], one["state"], one["comment"] is None) for one in items[:2]] == [
        (None, "done", True),
        (kept["id"], "done", False),
    ]
    assert await count(rt, CommentClassification) == await count(rt, Comment) == 100
    assert await count(rt, CommentVector) == 0
    async with rt.db.read() as session:
        told = (await session.execute(select(AuditEntry).where(AuditEntry.action == "comment.removed"))).scalar_one()
    assert (str(told.subject_id), told.details) == (gone["comment"]["id"], {})
    replaced = await send(client, site, [{"id": 0, "text": "Outro texto"}])
    assert replaced.json()["data"][0]["comment"]["text"] == "Outro texto"


async def test_a_resend_tells_of_what_was_deleted_since(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    sent = [{"text": "Amei o show"}, {"text": "Odiei"}]
    first = (await send(client, site, sent, Idempotency_Key="k")).json()["data"]
    await client.delete(f"{HERE}/{first[0]['comment']['id']}", headers=site.own.headers)
    again = (await send(client, site, sent, Idempotency_Key="k")).json()["data"]
    assert (again[0]["error"]["status"], again[1]) == (404, first[1])
    assert await count(rt, Comment) == 1


async def test_rules_are_read_and_changed(site: Site, client: httpx.AsyncClient) -> None:
    address, headers = f"{HERE}/rules", site.own.headers
    usual = {"unsure_below": 0.6, "blind_share": 0.02, "budget": None, "by_model": True}
    assert (await client.get(address, headers=headers)).json() == usual
    wanted = {"unsure_below": 0.9, "blind_share": 0.0, "budget": "12.50", "by_model": False}
    assert (await client.put(address, json=wanted, headers=headers)).status_code == 200
    told = (await client.get(address, headers=headers)).json()
    assert told | {"budget": float(told["budget"])} == wanted | {"budget": 12.5}
    for name, value in (("unsure_below", 1.1), ("blind_share", -1), ("budget", -1), ("by_model", None), ("x", 1)):
        assert (await client.put(address, json=wanted | {name: value}, headers=headers)).status_code == 422
    assert (await client.get(address, headers=site.other.headers)).json() == usual


async def test_the_rules_decide_who_waits(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await build_comment(rt, site.own.project, "Amei", waits="unsure")
    wanted = {"unsure_below": 1, "blind_share": 0, "budget": None, "by_model": True}
    await client.put(f"{HERE}/rules", json=wanted, headers=site.own.headers)
    told = (await send(client, site, [{"text": "Amei o show"}])).json()["data"][0]["comment"]
    assert told["waits"] == "unsure"

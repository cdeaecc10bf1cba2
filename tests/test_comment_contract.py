"""Acceptance of the published contract of comments and accounts (part 1c), row by row, over HTTP."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from access_cases import add_person, bearer_of
from comment_factories import build_comment
from conftest import MovedClock, OpenRuntime, client_of
from contract_client import ContractClient
from factories import Site
from sqlalchemy import update

from ouvidor.accounts.models import IdempotencyKey
from ouvidor.accounts.permissions import Role
from ouvidor.csv_cells import restored
from ouvidor.feedback.jobs.work import work_off
from ouvidor.feedback.models import TaxonomyVersion
from ouvidor.feedback.taxonomy import Category, Tag, Taxonomy
from ouvidor.runtime import Runtime
from ouvidor.settings import Settings

pytestmark = pytest.mark.anyio

NAMES = {"ELOGIO", "CRÍTICA", "SUGESTÃO", "DÚVIDA", "SPAM"}
RESULT = {"id", "texto", "categoria", "tags_funcionalidades", "confianca"}
SAID = (
    ("Amei o show, foi lindo demais!", "ELOGIO"),
    ("O som estava péssimo, um desrespeito com o público", "CRÍTICA"),
    ("Podiam colocar legenda nos vídeos", "SUGESTÃO"),
    ("Que horas abre a bilheteria?", "DÚVIDA"),
    ("GANHE 5000 REAIS POR DIA clique no link da bio", "SPAM"),
)
PASSWORD = "correct horse battery"


@pytest.fixture
def own(client: httpx.AsyncClient, site: Site) -> ContractClient:
    return ContractClient(client, site.own.key)


@pytest.fixture
def other(client: httpx.AsyncClient, site: Site) -> ContractClient:
    return ContractClient(client, site.other.key)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told.keys() >= {"type", "title", "status", "detail", "instance", "request_id"}
    return told


def many(count: int, begin: int = 0) -> list[dict[str, Any]]:
    return [{"id": begin + n, "texto": f"{SAID[n % 5][0]} ({begin + n})"} for n in range(count)]


# POST /api/comentarios


async def test_a_comment_is_answered_in_the_contracts_shape(own: ContractClient) -> None:
    answer = await own.send({"id": "c-1", "texto": "Amei o show, foi lindo demais!"})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told.keys() == RESULT
    assert (told["id"], told["texto"]) == ("c-1", "Amei o show, foi lindo demais!")
    assert told["categoria"] == "ELOGIO"
    assert 0 <= told["confianca"] <= 1
    assert all(tag.keys() == {"codigo", "explicacao"} for tag in told["tags_funcionalidades"])


async def test_the_five_categories_have_their_portuguese_names(own: ContractClient) -> None:
    answer = await own.send([{"texto": text} for text, _ in SAID])
    assert [one["categoria"] for one in answer.json()] == [name for _, name in SAID]


async def test_an_id_comes_back_in_the_kind_in_which_it_was_sent(own: ContractClient) -> None:
    text = SAID[0][0]
    sent = [{"id": 7, "texto": text}, {"id": "oito", "texto": text}, {"id": 10**30, "texto": text}]
    assert [one["id"] for one in (await own.send(sent)).json()] == [7, "oito", 10**30]
    alone = await own.send({"id": 7, "texto": text})
    assert (alone.status_code, alone.json()["id"]) == (201, 7)
    as_text = await own.send({"id": "7", "texto": text})
    assert (as_text.status_code, as_text.json()["id"]) == (201, "7")
    assert len(await own.everything()) == 3


async def test_a_comment_without_an_id_gets_one(own: ContractClient) -> None:
    sent = [{"texto": "Amei"}, {"id": None, "texto": "Amei"}, {"id": " ", "texto": "Amei"}]
    ids = [one["id"] for one in (await own.send(sent)).json()]
    assert len(set(ids)) == 3
    assert all(UUID(one) for one in ids)
    assert {one["id"] for one in await own.everything()} == set(ids)


async def test_the_same_id_and_text_is_the_stored_result(own: ContractClient, clock: MovedClock) -> None:
    sent = {"id": "c-1", "texto": "Amei o show", "artista": "Lia"}
    first = await own.send(sent)
    clock.advance(hours=1)
    again = await own.send(sent | {"artista": "Ana"})
    assert (again.status_code, again.json()) == (201, first.json())
    (kept,) = await own.everything()
    assert kept["campos"] == {"artista": "Lia"}
    assert datetime.fromisoformat(kept["created_at"]) < clock()


async def test_the_same_id_with_another_text_is_a_conflict(own: ContractClient) -> None:
    await own.send({"id": "c-1", "texto": "Amei o show"})
    told = problem(await own.send({"id": "c-1", "texto": "Odiei o show"}), 409)
    assert told["type"] == "urn:ouvidor:other_text_stored"
    assert [one["texto"] for one in await own.everything()] == ["Amei o show"]


async def test_whatever_else_is_plain_is_kept_and_the_rest_ignored(own: ContractClient) -> None:
    sent = {
        "id": 1,
        "texto": "Amei o show",
        "artista": "Marina Sol",
        "album": "Laje",
        "nota": 4.5,
        "ano": 2026,
        "vip": True,
        "autor": "ana@example.com",
        "categoria": "SPAM",
        "confianca": 0.1,
        "nada": None,
        "aninhado": {"a": 1},
        "lista": [1],
        "longo": "x" * 1001,
        "n" * 61: "x",
        "\ud800": "x",
    }
    answer = await own.http.post(
        "/api/comentarios",
        content=json.dumps(sent).encode(),
        headers={"Authorization": f"Bearer {own.credential}", "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["categoria"]) == (201, "ELOGIO")
    (kept,) = await own.everything()
    fields = {"artista": "Marina Sol", "album": "Laje", "nota": "4.5", "ano": "2026", "vip": "true"}
    assert (kept["campos"], kept["autor"]) == (fields, "ana@example.com")
    crowded = {"texto": "Amei", "autor": "x" * 201} | {f"campo {n}": n for n in range(60)}
    assert (await own.send(crowded)).status_code == 201
    newest = (await own.page(limit=1))["data"][0]
    assert (len(newest["campos"]), newest["autor"]) == (50, None)


@pytest.mark.parametrize(
    "broken",
    [
        {"id": 1},
        {"id": 1, "texto": ""},
        {"id": 1, "texto": " \n"},
        {"id": 1, "texto": None},
        {"id": 1, "texto": ["a"]},
        {"id": 1, "texto": "x" * 20_001},
        {"id": True, "texto": "Amei"},
        {"id": 1.5, "texto": "Amei"},
        {"id": {"a": 1}, "texto": "Amei"},
        {"id": "x" * 201, "texto": "Amei"},
        "Amei",
        7,
    ],
)
async def test_a_comment_that_cannot_be_read_is_a_422(own: ContractClient, broken: object) -> None:
    told = problem(await own.send(broken), 422)
    assert told["detail"].endswith(".")
    (refused,) = (await own.send([broken])).json()
    assert refused["erro"]["status"] == 422
    assert await own.everything() == []


async def test_a_text_of_twenty_thousand_characters_is_read(own: ContractClient) -> None:
    answer = await own.send({"texto": "Amei o show. " * 1538})
    assert answer.status_code == 201, answer.text


async def test_a_broken_one_of_three_touches_no_other(own: ContractClient) -> None:
    await own.send({"id": "taken", "texto": "Amei o show"})
    sent: list[object] = [
        {"id": 1, "texto": "Amei o show"},
        {"id": 2, "texto": ""},
        {"id": 3, "texto": "Que horas abre?"},
        {"id": "taken", "texto": "Outro texto"},
        "nada",
    ]
    answer = await own.send(sent)
    assert answer.status_code == 201
    told = answer.json()
    assert [one["id"] for one in told] == [1, 2, 3, "taken", None]
    assert [one.keys() == RESULT for one in told] == [True, False, True, False, False]
    errors = [told[1]["erro"], told[3]["erro"], told[4]["erro"]]
    assert [error["status"] for error in errors] == [422, 409, 422]
    assert errors[0]["detail"] == "The comment has no text."
    assert all(error.keys() == {"type", "title", "status", "detail"} for error in errors)
    assert {one["id"] for one in await own.everything()} == {"taken", "1", "3"}


@pytest.mark.parametrize("hostile", ["a\0b", "\ud800", 10**30, -(10**200), 1e300, float("nan"), {}, [[]], True])
async def test_no_value_makes_an_error_of_ours(rt: Runtime, own: ContractClient, hostile: object) -> None:
    """Alone, in a list and in a job, as id, text, author and other member."""
    parts = [{"texto": "Amei", name: hostile} for name in ("id", "texto", "autor", "artista", str(hostile))]
    headers = {"Authorization": f"Bearer {own.credential}", "Content-Type": "application/json"}
    for sent in (*parts, [*parts, hostile], [*parts, *many(100)]):
        answer = await own.http.post("/api/comentarios", content=json.dumps(sent).encode(), headers=headers)
        assert answer.status_code in {201, 202, 422}, (sent, answer.text)
    await work_off(rt)
    assert [one["estado"] in {"done", "failed"} for one in await own.items(answer.headers["location"])] == [True] * 105
    assert len(await own.everything()) >= 100


async def test_order_and_duplicates_of_a_list_are_kept(own: ContractClient) -> None:
    sent = [
        {"id": "b", "texto": "Que horas abre?"},
        {"id": "a", "texto": "Amei o show"},
        {"id": "b", "texto": "Que horas abre?"},
        {"texto": "Amei o show"},
        {"texto": "Amei o show"},
        {"id": "a", "texto": "Odiei o show"},
    ]
    told = (await own.send(sent)).json()
    assert [one.get("texto") for one in told] == [one["texto"] for one in sent[:5]] + [None]
    assert told[0] == told[2]
    assert told[3]["id"] != told[4]["id"]
    assert (told[5]["id"], told[5]["erro"]["status"]) == ("a", 409)
    assert len(await own.everything()) == 4


async def test_a_hundred_are_answered_at_once(own: ContractClient) -> None:
    answer = await own.send(many(100))
    assert answer.status_code == 201
    told = answer.json()
    assert [one["id"] for one in told] == list(range(100))
    assert [one["texto"] for one in told] == [one["texto"] for one in many(100)]
    assert {one["categoria"] for one in told} <= NAMES


async def test_over_a_hundred_become_a_job_to_poll(rt: Runtime, own: ContractClient) -> None:
    """With a broken one, a conflict and duplicates: every item keeps its place."""
    await own.send({"id": 500, "texto": "Amei o show"})
    sent: list[Any] = many(101)
    sent += [{"id": 200, "texto": " "}, sent[0], {"id": 500, "texto": "Outro texto"}, {"texto": "Amei"}, "nada"]
    answer = await own.send(sent)
    assert answer.status_code == 202, answer.text
    told, address = answer.json(), answer.headers["location"]
    assert address == f"/api/comentarios/jobs/{told['id']}"
    assert (told["estado"], told["total"], told["prontos"]) == ("pending", 106, 0)
    before = await own.items(address)
    assert [one["posicao"] for one in before] == list(range(1, 107))
    assert {one["estado"] for one in before} == {"pending", "failed"}
    await work_off(rt)
    ended = await own.job(address)
    assert (ended["estado"], ended["prontos"], ended["falhas"]) == ("done", 103, 3)
    assert ended["finished_at"] is not None
    items = await own.items(address, limit=17)
    assert [one["posicao"] for one in items] == list(range(1, 107))
    assert [one["id"] for one in items[:104]] == [*range(101), 200, 0, 500]
    assert [one["resultado"]["id"] for one in items[:101]] == [*range(101)]
    assert [one["resultado"]["texto"] for one in items[:101]] == [one["texto"] for one in sent[:101]]
    assert all(one["resultado"].keys() == RESULT for one in items[:101])
    assert items[102]["resultado"] == items[0]["resultado"]
    failed = [(one["posicao"], one["erro"]["status"]) for one in items if one["estado"] == "failed"]
    assert failed == [(102, 422), (104, 409), (106, 422)]
    assert items[104]["resultado"]["texto"] == "Amei"
    assert len(await own.everything()) == 103


async def test_the_same_job_again_brings_the_stored_results(rt: Runtime, own: ContractClient) -> None:
    address = (await own.send(many(101))).headers["location"]
    await work_off(rt)
    first = await own.items(address)
    again = (await own.send(many(101))).headers["location"]
    await work_off(rt)
    assert again != address
    assert [one["resultado"] for one in await own.items(again)] == [one["resultado"] for one in first]
    as_text = (await own.send([one | {"id": str(one["id"])} for one in many(101)])).headers["location"]
    await work_off(rt)
    assert [one["resultado"]["id"] for one in await own.items(as_text)] == [str(number) for number in range(101)]
    assert len(await own.everything(limit=100)) == 101


async def test_jobs_are_found_by_their_own_project_only(own: ContractClient, other: ContractClient) -> None:
    address = (await own.send(many(101))).headers["location"]
    for under in (address, f"{address}/itens", f"/api/comentarios/jobs/{uuid4()}"):
        problem(await other.get(under.removeprefix("/api/comentarios")), 404)


async def test_an_empty_list_is_a_422(own: ContractClient) -> None:
    problem(await own.send([]), 422)


async def test_what_is_no_json_or_another_method_is_told(own: ContractClient) -> None:
    headers = {"Authorization": f"Bearer {own.credential}"}
    as_json, body = {"Content-Type": "application/json"}, json.dumps({"texto": "Amei"})
    problem(await own.http.post("/api/comentarios", content=b"{", headers=headers | as_json), 400)
    problem(await own.http.post("/api/comentarios", content=b"", headers=headers | as_json), 422)
    problem(await own.http.post("/api/comentarios", content=body, headers=headers | {"Content-Type": "text/csv"}), 415)
    problem(await own.http.put("/api/comentarios", json={"texto": "Amei"}, headers=headers), 405)
    problem(await own.http.delete("/api/comentarios", headers=headers), 405)
    problem(await own.http.post("/api/comentarios/export", headers=headers), 405)


async def test_a_credential_with_the_right_scope_is_needed(
    rt: Runtime, client: httpx.AsyncClient, site: Site, own: ContractClient
) -> None:
    nobody = ContractClient(client)
    problem(await nobody.send({"texto": "Amei"}), 401)
    problem(await nobody.get(""), 401)
    viewer = await add_person(rt, "viewer", (site.own.project, Role.VIEWER))
    reader = ContractClient(client, (await bearer_of(rt, viewer, site.own.project))["Authorization"][7:])
    problem(await reader.send({"texto": "Amei"}), 403)
    await own.send({"texto": "Amei"})
    assert len(await reader.everything()) == len(await reader.export()) == 1


async def test_a_marked_request_acts_once(own: ContractClient) -> None:
    sent = [{"texto": "Amei o show"}, {"id": 4, "texto": ""}, {"texto": "Amei o show"}]
    first = await own.send(sent, Idempotency_Key="k-1")
    again = await own.send(sent, Idempotency_Key='"k-1"')
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(await own.everything()) == 2
    problem(await own.send(sent[:1], Idempotency_Key="k-1"), 422)
    alone = await own.send({"texto": "Amei"}, Idempotency_Key="k-2")
    assert (await own.send({"texto": "Amei"}, Idempotency_Key="k-2")).json() == alone.json()
    job = await own.send(many(101), Idempotency_Key="k-3")
    repeated = await own.send(many(101), Idempotency_Key="k-3")
    assert (repeated.status_code, repeated.headers["location"]) == (202, job.headers["location"])
    conflict = {"id": "x", "texto": "Amei"}
    assert (await own.send(conflict)).status_code == 201
    for _ in range(2):
        problem(await own.send(conflict | {"texto": "Odiei"}, Idempotency_Key="k-4"), 409)


async def test_an_attempt_that_was_cut_short_doubles_nothing(rt: Runtime, own: ContractClient) -> None:
    """A process that dies between storing and answering leaves its mark without an answer."""
    sent = [{"texto": "Amei o show"}, {"texto": "Amei o show"}]
    first = (await own.send(sent, Idempotency_Key="k")).json()
    async with rt.db.begin() as session:
        await session.execute(update(IdempotencyKey).values(answer=None, running=False))
    assert (await own.send(sent, Idempotency_Key="k")).json() == first
    assert len(await own.everything()) == 2
    job = (await own.send(many(101), Idempotency_Key="many")).headers["location"]
    async with rt.db.begin() as session:
        await session.execute(update(IdempotencyKey).values(answer=None, running=False))
    assert (await own.send(many(101), Idempotency_Key="many")).headers["location"] == job


async def test_nothing_of_one_project_is_seen_by_another(own: ContractClient, other: ContractClient) -> None:
    await own.send({"id": "c-1", "texto": "Amei o show", "artista": "Lia"})
    theirs = await other.send({"id": "c-1", "texto": "Odiei o show", "artista": "Ana"})
    assert theirs.status_code == 201
    assert [one["texto"] for one in await own.everything()] == ["Amei o show"]
    assert [one["texto"] for one in await other.everything()] == ["Odiei o show"]
    assert await other.everything(artista="Lia") == []
    assert [one["texto"] for one in await other.export()] == ["Odiei o show"]
    await own.send({"id": "c-2", "texto": "Amei o palco"})
    assert [one["id"] for one in await own.everything(limit=1)] == ["c-2", "c-1"]
    assert (await other.page(after="c-1"))["data"] == []
    alone = await own.send({"id": "only-ours", "texto": "Amei"})
    problem(await other.get("", after=alone.json()["id"]), 404)


# A project's own taxonomy


async def test_a_project_names_its_own_categories_and_tags(rt: Runtime, own: ContractClient, site: Site) -> None:
    taxonomy = Taxonomy(
        categories=(
            Category(
                code="billing",
                names={"pt": "COBRANÇA"},
                examples=("fui cobrado duas vezes", "a fatura veio errada", "quero o estorno da cobrança"),
            ),
            Category(
                code="delivery",
                names={"pt": "ENTREGA"},
                examples=("meu pedido não chegou", "a entrega atrasou", "o entregador errou o endereço"),
            ),
        ),
        tags=(Tag(code="feat_autotune", explanation="O efeito autotune na voz", examples=("esse autotune",)),),
    )
    async with rt.db.begin() as session:
        version = {"number": 1, "content": taxonomy.model_dump(mode="json"), "active": True, "saved_by": "test"}
        session.add(TaxonomyVersion(project_id=site.own.project.id, created_at=rt.clock(), **version))
    told = (await own.send({"texto": "fui cobrado duas vezes pelo autotune"})).json()
    assert told["categoria"] == "COBRANÇA"
    assert {"codigo": "feat_autotune", "explicacao": "O efeito autotune na voz"} in told["tags_funcionalidades"]
    assert len(await own.everything(categoria="cobranca", tag="feat_autotune")) == 1
    refused = problem(await own.get("", categoria="elogio"), 422)
    assert "COBRANÇA, ENTREGA" in refused["detail"]


# GET /api/comentarios


async def furnish(rt: Runtime, site: Site, count: int = 45) -> None:
    """Comments with equal moments and equal confidences among them, of both projects."""
    project = site.own.project
    for n in range(count):
        await build_comment(
            rt,
            project,
            ("O refrão é lindo", "Faltou a letra na descrição", '=HYPERLINK("http://x")')[n % 3] + f" {n}",
            at=rt.clock() - timedelta(minutes=n // 4),
            external_id=f"c-{n}",
            category=("praise", "criticism", "question")[n % 3],
            tags=("feat_autotune",) if n % 5 == 0 else (),
            confidence=round(0.5 + (n % 7) / 20, 2),
            fields={"artista": "Lia Serpa" if n % 2 else "Duo Brisa"} | ({"album": "Laje"} if n % 4 == 0 else {}),
        )
    await build_comment(rt, site.other.project, "De outro projeto", external_id="theirs")


async def test_the_list_is_newest_first_and_paged(rt: Runtime, site: Site, own: ContractClient) -> None:
    await furnish(rt, site)
    first = await own.page()
    assert first.keys() == {"object", "data", "first_id", "last_id", "has_more"}
    assert (first["object"], len(first["data"]), first["has_more"]) == ("list", 20, True)
    assert (first["first_id"], first["last_id"]) == (first["data"][0]["id"], first["data"][-1]["id"])
    assert first["data"][0].keys() == RESULT | {"autor", "campos", "created_at", "updated_at"}
    for limit in (7, 45):
        found = await own.everything(limit=limit)
        assert sorted(one["id"] for one in found) == sorted(f"c-{n}" for n in range(45))
        moments = [one["created_at"] for one in found]
        assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize(("order", "sign"), [("asc", 1), ("desc", -1)])
async def test_the_list_is_ordered_by_confidence(
    rt: Runtime, site: Site, own: ContractClient, order: str, sign: int
) -> None:
    await furnish(rt, site)
    found = await own.everything(ordem=order, limit=4)
    assert len({one["id"] for one in found}) == len(found) == 45
    confidences = [sign * one["confianca"] for one in found]
    assert confidences == sorted(confidences)


async def test_each_filter_narrows_the_list_and_the_file(rt: Runtime, site: Site, own: ContractClient) -> None:
    await furnish(rt, site)
    everything = await own.everything(limit=100)
    tagged = [{"codigo": "feat_autotune", "explicacao": "About feat_autotune"}]
    expected: list[tuple[dict[str, str], Any]] = [
        ({"categoria": "CRÍTICA"}, lambda one: one["categoria"] == "CRÍTICA"),
        ({"categoria": "critica"}, lambda one: one["categoria"] == "CRÍTICA"),
        ({"categoria": "Criticism"}, lambda one: one["categoria"] == "CRÍTICA"),
        ({"tag": "feat_autotune"}, lambda one: one["tags_funcionalidades"] == tagged),
        ({"artista": "Lia Serpa"}, lambda one: one["campos"]["artista"] == "Lia Serpa"),
        ({"album": "Laje"}, lambda one: one["campos"].get("album") == "Laje"),
        ({"q": "refrão"}, lambda one: "refrão" in one["texto"]),
        ({"q": "REFRAO"}, lambda one: "refrão" in one["texto"]),
        ({"categoria": "elogio", "album": "Laje", "tag": "feat_autotune"}, lambda one: one["id"] == "c-0"),
        ({"categoria": "", "tag": "", "artista": "", "q": "", "page": "2"}, lambda _: True),
        ({"artista": "ninguém"}, lambda _: False),
        ({"q": "helicóptero"}, lambda _: False),
    ]
    for query, fits in expected:
        wanted = [one["id"] for one in everything if fits(one)]
        found = [one["id"] for one in await own.everything(**query, limit=8)]
        assert found == wanted, query
        assert [row["id"] for row in await own.export(**query)] == wanted, query


async def test_what_the_list_does_not_know_is_told(rt: Runtime, site: Site, own: ContractClient) -> None:
    await furnish(rt, site, 2)
    told = problem(await own.get("", categoria="PRAISES"), 422)
    assert told["detail"] == "The project has no such category; there are ELOGIO, CRÍTICA, SUGESTÃO, DÚVIDA, SPAM."
    problem(await own.get("/export", categoria="PRAISES"), 422)
    problem(await own.get("", ordem="newest"), 422)
    problem(await own.get("", limit=0), 422)
    problem(await own.get("", limit=101), 422)
    problem(await own.get("", after="nobody"), 404)
    problem(await own.get("", after="theirs"), 404)


# GET /api/comentarios/export


async def test_the_file_holds_what_the_list_shows(rt: Runtime, site: Site, own: ContractClient) -> None:
    await furnish(rt, site)
    rows, listed = await own.export(), await own.everything(limit=100)
    assert list(rows[0]) == ["id", "texto", "categoria", "tags", "confianca", "created_at", "updated_at"]
    assert len(rows) == len(listed) == 45
    for row, one in zip(rows, listed, strict=True):
        assert restored(row["texto"]) == one["texto"]
        assert (row["id"], row["categoria"]) == (one["id"], one["categoria"])
        assert row["tags"] == "; ".join(tag["codigo"] for tag in one["tags_funcionalidades"])
        assert float(row["confianca"]) == one["confianca"]
        for name in ("created_at", "updated_at"):
            assert datetime.fromisoformat(row[name]) == datetime.fromisoformat(one[name])
    formulas = [row["texto"] for row in rows if "HYPERLINK" in row["texto"]]
    assert len(formulas) == 15
    assert all(text.startswith("'=") for text in formulas)


async def test_an_id_that_is_a_formula_is_neutralised_too(own: ContractClient) -> None:
    await own.send({"id": "=1+1", "texto": '@amei\ncom linha, e "aspas"'})
    (row,) = await own.export()
    assert (row["id"], row["texto"]) == ("'=1+1", '\'@amei\ncom linha, e "aspas"')


async def test_an_empty_project_has_a_file_of_its_head_alone(own: ContractClient) -> None:
    answer = await own.get("/export")
    assert answer.text == "id,texto,categoria,tags,confianca,created_at,updated_at\r\n"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')


# POST /api/auth/register, /login, /refresh


async def test_registration_is_closed_unless_the_setting_opens_it(client: httpx.AsyncClient) -> None:
    told = problem(await ContractClient(client).register("ana", PASSWORD), 403)
    assert told["type"] == "urn:ouvidor:registration_closed"


class TestOpenRegistration:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"open_registration": True})

    async def test_an_account_is_made_logged_in_refreshed_and_sends_comments(
        self, opened: OpenRuntime, clock: MovedClock
    ) -> None:
        async with opened() as rt, client_of(rt) as http:
            ana = ContractClient(http)
            made = await ana.register("ana", PASSWORD)
            assert made.status_code == 201
            assert made.json().keys() == {"id", "username"}
            assert made.json()["username"] == "ana"
            problem(await ana.register("ana", PASSWORD), 409)
            tokens = await ana.login("ana", PASSWORD)
            assert tokens.status_code == 200
            assert tokens.json().keys() == {"access", "refresh"}
            assert (await ana.send({"texto": "Amei o show"})).status_code == 201
            clock.advance(minutes=16)
            problem(await ana.send({"texto": "Amei o show"}), 401)
            refreshed = await ana.refresh(tokens.json()["refresh"])
            assert (refreshed.status_code, type(refreshed.json()["access"])) == (200, str)
            assert [one["texto"] for one in await ana.everything()] == ["Amei o show"]
            problem(await ContractClient(http).refresh(tokens.json()["refresh"]), 401)
            bia = ContractClient(http)
            await bia.register("bia", PASSWORD)
            await bia.login("bia", PASSWORD)
            assert await bia.everything() == []

    async def test_what_is_wrong_is_told(self, opened: OpenRuntime) -> None:
        async with opened() as rt, client_of(rt) as http:
            ana = ContractClient(http)
            problem(await ana.register("ana", "short"), 422)
            problem(await ana.login("ana", PASSWORD), 401)
            problem(await ana.refresh("ouv_refresh_nothing"), 401)
            for path in ("register", "login", "refresh"):
                problem(await http.post(f"/api/auth/{path}", json={}), 422)
                problem(await http.get(f"/api/auth/{path}"), 405)
            sent = {"username": "ana", "password": PASSWORD, "unknown": 1}
            assert (await http.post("/api/auth/register", json=sent)).status_code == 201

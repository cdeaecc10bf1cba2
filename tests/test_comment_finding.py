"""Comments are found by filters, by words and by meaning, a page at a time, and never those of another project."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from access_cases import add_person, bearer_of
from comment_factories import build_comment
from factories import Site
from pgvector import HalfVector
from sqlalchemy import func, insert, select, update
from sqlalchemy import text as sql
from tiny_model import write_model

from ouvidor.accounts.models import AuditEntry
from ouvidor.accounts.permissions import Role
from ouvidor.csv_cells import restored
from ouvidor.db import new_id
from ouvidor.engines.embeddings import LocalEmbedder, NoEmbedder, load_embedder
from ouvidor.feedback.finding import find as finding
from ouvidor.feedback.finding import nearest, vector_index
from ouvidor.feedback.finding.find import find, fused
from ouvidor.feedback.finding.nearest import LEAST_SIMILAR
from ouvidor.feedback.finding.vector_index import index_if_large
from ouvidor.feedback.finding.views import MOST_VIEWS
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.jobs.vectors import embed_comments, leave_vector_jobs
from ouvidor.feedback.models import Comment, CommentClassification, CommentItem, CommentJob, CommentVector
from ouvidor.knowledge.embedding import vectors_name
from ouvidor.runtime import Runtime
from ouvidor.text import fold
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

PAST = datetime(2026, 11, 1, 12, tzinfo=UTC)
COMMENTS = "/api/v1/comments"

# text, and how it differs from the usual
TOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "album": (
        "Adorei o álbum novo da Lia, a produção está impecável",
        {"category": "praise", "sentiment": "positive", "confidence": 0.95, "tags": ("producao",)}
        | {"fields": {"artista": "Lia Serpa", "album": "Laje", "canal": "vídeo"}},
    ),
    "app": ("O app trava na tela de letras e não volta", {"tags": ("app", "letras"), "confidence": 0.8}),
    "charge": (
        "Cobraram duas vezes a mensalidade no cartão",
        {"confidence": 0.4, "waits": "unsure", "fields": {"canal": "e-mail"}},
    ),
    "refund": (
        "You charged my card twice, I want a refund",
        {"language": "en", "given_category": "question", "fields": {"artist": "Lia Serpa"}},
    ),
    "login": (
        "Como recupero a senha do aplicativo?",
        {"category": "question", "sentiment": "neutral", "confidence": 0.6, "given_category": "criticism"}
        | {"corrected_at": PAST},
    ),
    "letters": ("Faltou a letra da música na tela do app", {"category": "suggestion", "sentiment": "neutral"}),
}


@pytest.fixture(scope="module")
def minilm(test_folder: Path) -> LocalEmbedder:
    loaded = load_embedder(test_folder, None, threads=1)
    assert isinstance(loaded, LocalEmbedder), loaded
    return loaded


@pytest.fixture
def by_meaning(rt: Runtime, minilm: LocalEmbedder) -> Runtime:
    """The runtime with a model for vectors."""
    return replace(rt, embedder=minilm)


async def tell(rt: Runtime, site: Site) -> dict[str, UUID]:
    """The comments of TOLD, a day apart, the first the oldest; and one of a stranger that has all their words."""
    ids = {
        name: await build_comment(rt, site.own.project, said, at=PAST + timedelta(days=day), **columns)
        for day, (name, (said, columns)) in enumerate(TOLD.items())
    }
    everything = " ".join(said for said, _ in TOLD.values())
    await build_comment(rt, site.other.project, everything, fields={"artista": "Lia Serpa"}, tags=("app",))
    return ids


@pytest.fixture
async def told(rt: Runtime, site: Site) -> dict[str, UUID]:
    return await tell(rt, site)


class Reader:
    """Asks the list over HTTP and names what it finds."""

    def __init__(self, http: httpx.AsyncClient, site: Site, told: dict[str, UUID]) -> None:
        self._http, self._site = http, site
        self._names = {str(id_): name for name, id_ in told.items()}

    async def page(self, **params: Any) -> dict[str, Any]:
        answer = await self._http.get(COMMENTS, params=params, headers=self._site.own.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def names(self, **params: Any) -> list[str]:
        return [self._names[one["id"]] for one in (await self.page(**params))["data"]]


@pytest.fixture
def reader(client: httpx.AsyncClient, site: Site, told: dict[str, UUID]) -> Reader:
    return Reader(client, site, told)


NEWEST = ["letters", "login", "refund", "charge", "app", "album"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, NEWEST),
        ({"category": "question"}, ["login"]),
        ({"given_category": "question"}, ["refund"]),
        ({"tag": "letras"}, ["app"]),
        ({"tag": "letra"}, []),
        ({"field": "canal=vídeo"}, ["album"]),
        ({"field": ["canal=vídeo", "album=Laje"]}, ["album"]),
        ({"field": ["canal=vídeo", "canal=e-mail"]}, []),
        ({"artist": "Lia Serpa"}, ["refund", "album"]),
        ({"album": "Laje"}, ["album"]),
        ({"artist": "lia"}, []),
        ({"sentiment": "neutral"}, ["letters", "login"]),
        ({"language": "en"}, ["refund"]),
        ({"since": "2026-11-05T12:00:00Z"}, ["letters", "login"]),
        ({"until": "2026-11-02T12:00:00Z"}, ["album"]),
        ({"least": 0.8, "most": 0.9}, ["letters", "refund", "app"]),
        ({"corrected": True}, ["login"]),
        ({"corrected": False, "category": "question"}, []),
        ({"waiting": True}, ["charge"]),
        ({"waiting": False, "category": "criticism"}, ["refund", "app"]),
        ({"order": "oldest"}, NEWEST[::-1]),
        ({"order": "confident", "limit": 1}, ["album"]),
        ({"order": "unsure", "limit": 2}, ["charge", "login"]),
        ({"category": "criticism", "language": "pt", "order": "unsure"}, ["charge", "app"]),
    ],
)
async def test_filters_and_orders(reader: Reader, params: dict[str, Any], found: list[str]) -> None:
    assert await reader.names(**params) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tela app", {"app", "letters"}),
        ("APP TELAS", {"app", "letters"}),
        ("a letra", {"app", "letters"}),
        ("letras travar", {"app"}),
        ("album producoes", {"album"}),
        ("charging", {"refund"}),
        ("refunds card", {"refund"}),
        ("refund mensalidade", set()),
        ('"tela de letras"', {"app"}),
        ('"TELA  DE  LETRAS"', {"app"}),
        ('"na tela do"', {"letters"}),
        ("“Na Tela” app", {"app", "letters"}),
        ('"album novo"', {"album"}),
        ('"lbum novo"', set()),
        ('"letras tela"', set()),
        ("xilofone", set()),
        ("'; drop table comment; --", set()),
        ("\\ ' & | ! ( ) :*", set(TOLD)),
    ],
)
async def test_words_in_whatever_form_and_phrases_to_the_letter(reader: Reader, query: str, found: set[str]) -> None:
    page = await reader.page(q=query, mode="words")
    assert {reader._names[one["id"]] for one in page["data"]} == found
    assert page["total"] == len(found)
    assert page["by"] == ("words" if fold(query).strip("\\ '&|!():*") else None)


async def test_a_word_that_somebody_is_typing(rt: Runtime, site: Site, told: dict[str, UUID]) -> None:
    async def names(q: str, typing: bool) -> list[UUID]:
        page = await find(rt, site.own.project, CommentFilter(), q, mode="words", typing=typing)
        return [one.id for one in page.data]

    assert await names("cobraram cart", False) == []
    assert await names("cobraram cart", True) == [told["charge"]]
    assert await names("ca", True) == []
    assert await names("cart cobraram", True) == []


async def test_words_stand_under_the_filter(reader: Reader) -> None:
    assert await reader.names(q="app", mode="words", category="suggestion") == ["letters"]
    assert await reader.names(q="app", mode="words", order="oldest") == ["app", "letters"]


async def test_by_words_the_shortest_that_has_them_is_the_most_relevant(rt: Runtime, site: Site) -> None:
    long = await build_comment(rt, site.own.project, "O clipe é bonito, mas o áudio falha no meio e o preço subiu")
    short = await build_comment(rt, site.own.project, "Clipe bonito", at=PAST)
    page = await find(rt, site.own.project, CommentFilter(), "clipe", mode="words")
    assert [one.id for one in page.data] == [short, long]


async def test_meaning_finds_what_has_other_words(by_meaning: Runtime, site: Site) -> None:
    told = await tell(by_meaning, site)

    async def found(q: str, wanted: CommentFilter | None = None, **how: Any) -> finding.CommentPage:
        return await find(by_meaning, site.own.project, wanted or CommentFilter(), q, **how)

    page = await found("billed two times by credit card", mode="meaning")
    assert {one.id for one in page.data[:2]} == {told["refund"], told["charge"]}
    cosines = [one.similarity for one in page.data]
    assert cosines == sorted(cosines, key=lambda one: -(one or 0))
    assert all(cosine is not None and LEAST_SIMILAR <= cosine <= 1.001 for cosine in cosines)
    assert page.by == "meaning"
    assert not page.no_words
    portuguese = await found("billed two times by credit card", CommentFilter(language="pt"), mode="meaning")
    assert portuguese.data[0].id == told["charge"]
    assert told["refund"] not in {one.id for one in portuguese.data}
    assert (await found("billed twice", CommentFilter(tag="nothing"), mode="meaning")).data == []
    newest = await found("billed two times by credit card", mode="meaning", order="newest")
    assert {one.id for one in newest.data} == {one.id for one in page.data}
    assert [one.written_at for one in newest.data] == sorted((one.written_at for one in page.data), reverse=True)


async def test_where_no_comment_has_the_words_their_meaning_is_looked_for(by_meaning: Runtime, site: Site) -> None:
    told = await tell(by_meaning, site)
    page = await find(by_meaning, site.own.project, CommentFilter(), "reembolso da fatura cobrada em dobro")
    assert page.no_words
    assert page.by == "meaning"
    assert {told["charge"], told["refund"]} & {one.id for one in page.data[:2]}
    first, second = [
        await find(
            by_meaning, site.own.project, CommentFilter(), "reembolso da fatura cobrada em dobro", limit=1, after=one
        )
        for one in (None, page.data[0].id)
    ]
    assert [one.id for one in (*first.data, *second.data)] == [one.id for one in page.data[:2]]
    words = await find(by_meaning, site.own.project, CommentFilter(), "reembolso", mode="words")
    assert (words.data, words.no_words, words.by) == ([], False, "words")


async def test_a_query_without_words_to_look_for(by_meaning: Runtime, site: Site) -> None:
    """All of them are in every comment: with a model their meaning is looked for, without one nothing is."""
    await tell(by_meaning, site)
    page = await find(by_meaning, site.own.project, CommentFilter(), "me")
    assert (page.by, page.no_words) == ("meaning", False)
    page = await find(by_meaning, site.own.project, CommentFilter(), "me", mode="words")
    assert (page.by, page.total) == (None, len(TOLD))


async def test_relevance_blends_words_and_meaning(by_meaning: Runtime, site: Site) -> None:
    told = await tell(by_meaning, site)
    page = await find(by_meaning, site.own.project, CommentFilter(), "charged card")
    assert page.by == "both"
    assert page.total == 1
    assert [one.id for one in page.data[:2]] == [told["refund"], told["charge"]]
    newest = await find(by_meaning, site.own.project, CommentFilter(), "charged card", order="newest")
    assert ([one.id for one in newest.data], newest.by) == ([told["refund"]], "words")


async def test_without_a_model_there_are_words(rt: Runtime, site: Site, told: dict[str, UUID]) -> None:
    page = await find(rt, site.own.project, CommentFilter(), "mensalidade")
    assert ([one.id for one in page.data], page.by) == ([told["charge"]], "words")
    assert page.data[0].similarity is None
    nothing = await find(rt, site.own.project, CommentFilter(), "billed", mode="meaning")
    assert (nothing.data, nothing.total) == ([], 0)


async def test_vectors_of_another_model_are_left_alone(by_meaning: Runtime, site: Site) -> None:
    await tell(by_meaning, site)
    async with by_meaning.db.begin() as session:
        short = HalfVector([1.0, 0.0])
        await session.execute(CommentVector.__table__.update().values(made_by="another", embedding=short))
    page = await find(by_meaning, site.own.project, CommentFilter(), "billed twice", mode="meaning")
    assert page.data == []
    assert await embed_comments(by_meaning, site.own.project.id) == len(TOLD)
    assert await embed_comments(by_meaning, site.own.project.id) == 0
    page = await find(by_meaning, site.own.project, CommentFilter(), "billed twice on my card", mode="meaning")
    assert page.data


def test_ranks_are_fused() -> None:
    a, b, c, d = (new_id() for _ in range(4))
    assert fused([a, b, c], [b, d]) == [b, a, d, c]
    assert fused([a, b], []) == [a, b]


@pytest.mark.parametrize("order", ["newest", "oldest", "confident", "unsure", "relevance"])
@pytest.mark.parametrize("limits", [(10_000, 1_000), (3, 5)])
async def test_pages_hold_each_comment_once(
    rt: Runtime, site: Site, monkeypatch: pytest.MonkeyPatch, order: str, limits: tuple[int, int]
) -> None:
    """Also with equal sort keys, and where there are too many to be counted."""
    monkeypatch.setattr(finding, "MOST_COUNTED", limits[0])
    made = [
        await build_comment(
            rt, site.own.project, f"clipe número {n}", at=PAST + timedelta(hours=n // 3), confidence=0.5 + n % 2 / 10
        )
        for n in range(7)
    ]
    seen: list[UUID] = []
    after: UUID | None = None
    while True:
        page = await find(
            rt, site.own.project, CommentFilter(), "clipe", mode="words", order=order, after=after, limit=2
        )
        assert (page.first_id, page.last_id) == (page.data[0].id, page.data[-1].id)
        assert (page.total, page.total_is_least) == (min(7, limits[0]), limits[0] < 7)
        seen += [one.id for one in page.data]
        after = page.last_id
        if not page.has_more:
            break
    assert sorted(seen) == sorted(made)
    assert len(seen) == 7 or (order == "relevance" and limits[0] < 7)


async def test_a_cursor_of_another_list(rt: Runtime, client: httpx.AsyncClient, site: Site, reader: Reader) -> None:
    stranger = await build_comment(rt, site.other.project, "app")
    lost = (await reader.page(q="mensalidade", mode="words"))["first_id"]
    for params, code in (
        ({"after": str(stranger)}, "unknown_comment"),
        ({"after": str(new_id()), "order": "oldest"}, "unknown_comment"),
        ({"after": lost, "q": "app", "mode": "words"}, "lost_place"),
    ):
        answer = await client.get(COMMENTS, params=params, headers=site.own.headers)
        assert (answer.status_code, answer.json()["type"]) == (404, f"urn:ouvidor:{code}")


async def test_the_comments_of_an_upload(rt: Runtime, site: Site, told: dict[str, UUID], reader: Reader) -> None:
    job = new_id()
    async with rt.db.begin() as session:
        session.add(
            CommentJob(
                id=job, project_id=site.own.project.id, kind="intake", source="csv", ordered_by="x", created_at=PAST
            )
        )
        await session.flush()
        for position, name in enumerate(("app", "album"), start=1):
            session.add(
                CommentItem(
                    job_id=job,
                    position=position,
                    project_id=site.own.project.id,
                    comment_id=told[name],
                    state="done",
                    due_at=PAST,
                )
            )
    assert await reader.names(job=str(job)) == ["app", "album"]
    assert await reader.names(job=str(job), q="app", mode="words") == ["app"]
    assert await reader.names(job=str(new_id())) == []


async def test_ids_of_the_caller(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    for name in ("x1", "x2", "x3"):
        await build_comment(rt, site.own.project, f"Show {name}", external_id=name)
    answer = await client.get(COMMENTS, params={"external_id": ["x1", "x3"]}, headers=site.own.headers)
    assert {one["external_id"] for one in answer.json()["data"]} == {"x1", "x3"}


@pytest.mark.parametrize(
    "params",
    [
        {"field": "canal"},
        {"field": "=x"},
        {"field": ["a=b"] * 11},
        {"least": 1.1},
        {"order": "loudest"},
        {"mode": "magic"},
        {"sentiment": "sad"},
        {"since": "yesterday"},
        {"limit": 101},
        {"q": "x" * 501},
        {"category": "a\0b"},
    ],
)
async def test_what_is_no_filter_is_refused(site: Site, client: httpx.AsyncClient, params: dict[str, Any]) -> None:
    answer = await client.get(COMMENTS, params=params, headers=site.own.headers)
    assert answer.status_code == 422, answer.text


async def test_one_comment_with_its_history(
    rt: Runtime, site: Site, client: httpx.AsyncClient, told: dict[str, UUID]
) -> None:
    async with rt.db.begin() as session:
        session.add(
            CommentClassification(
                project_id=site.own.project.id,
                comment_id=told["login"],
                by="person",
                model="",
                version="",
                person="Ana",
                taxonomy=0,
                category="question",
                tags=[],
                sentiment="neutral",
                language="pt",
                created_at=PAST + timedelta(days=9),
            )
        )
    one = (await client.get(f"{COMMENTS}/{told['login']}", headers=site.own.headers)).json()
    assert (one["category"], one["category_name"], one["given_category"]) == ("question", "DÚVIDA", "criticism")
    history = (await client.get(f"{COMMENTS}/{told['login']}/history", headers=site.own.headers)).json()
    assert [(past["by"], past["person"], past["category"]) for past in history["data"]] == [
        ("person", "Ana", "question"),
        ("local", None, "criticism"),
    ]
    for path in (f"{COMMENTS}/{told['login']}", f"{COMMENTS}/{told['login']}/history"):
        assert (await client.get(path, headers=site.other.headers)).status_code == 404


async def test_what_can_be_filtered_by(rt: Runtime, site: Site, client: httpx.AsyncClient, reader: Reader) -> None:
    await build_comment(rt, site.own.project, "Oi", fields={"artista": "Lia Serpa"})
    await build_comment(rt, site.own.project, "Oi", fields={"artista": "DJ Ametista"})
    menus = (await client.get(f"{COMMENTS}/fields", headers=site.own.headers)).json()
    artist = {"name": "artista", "values": [{"value": "Lia Serpa", "comments": 2}]}
    artist["values"].append({"value": "DJ Ametista", "comments": 1})
    assert [one["name"] for one in menus["fields"]] == ["album", "artist", "artista", "canal"]
    assert menus["fields"][2] == artist
    assert {one["value"] for one in menus["tags"]} == {"app", "letras", "producao"}
    assert menus["languages"][0] == {"value": "pt", "comments": 7}
    assert len((await reader.page(field="artista=DJ Ametista"))["data"]) == 1


async def rows_of(client: httpx.AsyncClient, site: Site, **params: Any) -> list[dict[str, str]]:
    answer = await client.get(f"{COMMENTS}/export", params=params, headers=site.own.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="comments-seaside-')
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_export_of_the_contract(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await tell(rt, site)
    await build_comment(rt, site.own.project, "=cmd|' /C calc'!A0", external_id="+1", at=PAST)
    rows = await rows_of(client, site, form="contract")
    assert list(rows[0]) == ["id", "texto", "categoria", "tags", "confianca", "created_at", "updated_at"]
    assert len(rows) == len(TOLD) + 1
    by_text = {row["texto"]: row for row in rows}
    evil = by_text["'=cmd|' /C calc'!A0"]
    assert (evil["id"], restored(evil["texto"])) == ("'+1", "=cmd|' /C calc'!A0")
    app = by_text[TOLD["app"][0]]
    assert (app["categoria"], app["tags"], app["confianca"]) == ("CRÍTICA", "app; letras", "0.8")
    assert datetime.fromisoformat(app["created_at"]) == PAST + timedelta(days=1)


async def test_our_own_export_has_the_fields_as_columns(
    site: Site, client: httpx.AsyncClient, told: dict[str, UUID]
) -> None:
    rows = await rows_of(client, site)
    assert [name for name in rows[0] if name.startswith("field.")] == [
        "field.album",
        "field.artist",
        "field.artista",
        "field.canal",
    ]
    album = next(row for row in rows if row["id"] == str(told["album"]))
    assert (album["field.artista"], album["field.artist"], album["field.canal"]) == ("Lia Serpa", "", "vídeo")
    assert (album["category"], album["category_name"], album["corrected_at"]) == ("praise", "ELOGIO", "")


async def test_an_export_holds_what_the_filter_selects(
    by_meaning: Runtime, site: Site, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await tell(by_meaning, site)
    monkeypatch.setattr("ouvidor.feedback.finding.export.AT_ONCE", 2)
    everything = await rows_of(client, site)
    assert [row["id"] for row in everything] == [str(told[name]) for name in NEWEST]
    few = await rows_of(client, site, category="criticism", q="app", mode="words")
    assert [row["id"] for row in few] == [str(told["app"])]
    assert "field.canal" not in few[0]


async def test_saved_views(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    async def save(name: str, query: str, headers: dict[str, str] = site.own.headers) -> httpx.Response:
        return await client.put(f"{COMMENTS}/views", json={"name": name, "query": query}, headers=headers)

    async def listed(headers: dict[str, str] = site.own.headers) -> list[tuple[str, str]]:
        answer = await client.get(f"{COMMENTS}/views", headers=headers)
        return [(view["name"], view["query"]) for view in answer.json()["data"]]

    assert (await save("  Waiting  ones ", "?waiting=true&after=0199f3a1&category=")).status_code == 200
    assert (await save("app", "q=o+app+%C3%A9&field=canal%3Dv%C3%ADdeo&field=a%3Db")).status_code == 200
    assert await listed() == [
        ("app", "q=o+app+%C3%A9&field=canal%3Dv%C3%ADdeo&field=a%3Db"),
        ("Waiting ones", "waiting=true"),
    ]
    replaced = (await save("app", "q=new")).json()
    assert (await listed())[0] == ("app", "q=new")
    assert await listed(site.other.headers) == []
    assert (await save("app", "q=theirs", site.other.headers)).status_code == 200
    gone = f"{COMMENTS}/views/{replaced['id']}"
    assert (await client.delete(gone, headers=site.other.headers)).status_code == 404
    assert (await client.delete(gone, headers=site.own.headers)).status_code == 204
    assert (await client.delete(gone, headers=site.own.headers)).status_code == 404
    assert [name for name, _ in await listed()] == ["Waiting ones"]
    async with rt.db.read() as session:
        mine = select(AuditEntry.action, AuditEntry.details).where(AuditEntry.project_id == site.own.project.id)
        noted = (await session.execute(mine.order_by(AuditEntry.id))).all()
    assert [tuple(one) for one in noted if one.action.startswith("comment_view.")] == [
        ("comment_view.saved", {"name": "Waiting ones"}),
        ("comment_view.saved", {"name": "app"}),
        ("comment_view.saved", {"name": "app"}),
        ("comment_view.deleted", {"name": "app"}),
    ]


async def test_views_have_bounds(site: Site, client: httpx.AsyncClient) -> None:
    async def save(name: str, query: str = "q=x") -> int:
        body = {"name": name, "query": query}
        return (await client.put(f"{COMMENTS}/views", json=body, headers=site.own.headers)).status_code

    assert [await save(" "), await save("x", "&".join(["a=1"] * 101)), await save("x" * 81)] == [422, 422, 422]
    for number in range(MOST_VIEWS):
        assert await save(f"view {number}") == 200
    assert await save("one more") == 409
    assert await save("view 7", "q=other") == 200


async def test_who_only_reads_saves_no_view(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    viewer = await bearer_of(rt, await add_person(rt, "viewer", (site.own.project, Role.VIEWER)), site.own.project)
    body = {"name": "x", "query": "q=x"}
    assert (await client.get(COMMENTS, headers=viewer)).status_code == 200
    assert (await client.put(f"{COMMENTS}/views", json=body, headers=viewer)).status_code == 403


async def near_indexes(rt: Runtime) -> dict[str, bool]:
    query = "select relname, indisvalid from pg_index join pg_class on oid = indexrelid where relname like 'near_%'"
    async with rt.db.read() as session:
        return {row[0]: row[1] for row in await session.execute(sql(query))}


@pytest.fixture
async def large(rt: Runtime, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A project with more comments than are counted and go without an index here; their vectors mean nothing."""
    monkeypatch.setattr(finding, "MOST_COUNTED", 50)
    monkeypatch.setattr(vector_index, "COMMENT_VECTORS", replace(vector_index.COMMENT_VECTORS, large=300))
    write_model(tmp_path / "model")
    tiny = load_embedder(tmp_path, tmp_path / "model", threads=1)
    assert isinstance(tiny, LocalEmbedder)
    rt = replace(rt, embedder=tiny)
    dice = np.random.default_rng(1)
    directions = dice.standard_normal((301, tiny.dimension))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    without = replace(rt, embedder=NoEmbedder("left out here"))
    ids = [await build_comment(without, site.own.project, f"Comment {number}") for number in range(len(directions))]
    made = {"project_id": site.own.project.id, "made_by": vectors_name(tiny)}
    vectors = [
        {"comment_id": one, "embedding": HalfVector(vector.tolist()), **made}
        for one, vector in zip(ids, directions, strict=True)
    ]
    async with rt.db.begin() as session:
        await session.execute(insert(CommentVector), vectors)
    return rt


async def test_many_comments_get_an_index_and_are_found_by_it(large: Runtime, site: Site) -> None:
    project = site.own.project
    await index_if_large(large, project.id)
    made = await near_indexes(large)
    assert list(made.values()) == [True]
    assert project.id.hex in next(iter(made))
    await build_comment(large, project, "early breakfast", tags=("rare",))
    await index_if_large(large, project.id)
    assert await near_indexes(large) == made
    for wanted in (CommentFilter(), CommentFilter(category="criticism"), CommentFilter(tag="rare")):
        page = await find(large, project, wanted, "early breakfast", mode="meaning", limit=1)
        assert page.data[0].text == "early breakfast"
        assert page.data[0].similarity == pytest.approx(1, abs=5e-3)


async def test_a_filter_far_from_the_query_still_finds_what_is_nearest_in_it(
    large: Runtime, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the index has given up, every vector is compared."""
    project = site.own.project
    await index_if_large(large, project.id)
    monkeypatch.setattr(
        nearest,
        "GO_ON",
        "select set_config('hnsw.iterative_scan', 'off', true), set_config('hnsw.ef_search', '1', true)",
    )
    await build_comment(large, project, "early breakfast", category="praise")
    async with large.db.begin() as session:
        some = select(Comment.id).order_by(Comment.id).limit(60).scalar_subquery()
        await session.execute(update(Comment).where(Comment.id.in_(some)).values(category="praise"))
    page = await find(large, project, CommentFilter(category="praise"), "early breakfast", mode="meaning")
    near = select(func.count()).select_from(CommentVector).join(Comment, Comment.id == CommentVector.comment_id)
    vector = (await large.embedder.embed(["early breakfast"]))[0]
    cosine = CommentVector.embedding.max_inner_product(HalfVector(vector.tolist())) * -1
    async with large.db.read() as session:
        expected = (
            await session.execute(near.where(Comment.category == "praise", cosine >= LEAST_SIMILAR))
        ).scalar_one()
    assert page.data[0].text == "early breakfast"
    assert [one.category for one in page.data] == ["praise"] * expected
    assert expected > 1


async def test_the_index_of_another_model_or_project_goes(large: Runtime, site: Site, tmp_path: Path) -> None:
    await index_if_large(large, site.own.project.id)
    before = await near_indexes(large)
    write_model(tmp_path / "other", seed=2)
    other = load_embedder(tmp_path, tmp_path / "other", threads=1)
    await embed_comments(replace(large, embedder=other), site.own.project.id)
    after = await near_indexes(large)
    assert list(after.values()) == [True]
    assert after.keys().isdisjoint(before)
    async with large.db.begin() as session:
        await session.execute(sql("delete from project where id = :id"), {"id": site.own.project.id})
    await index_if_large(large, site.other.project.id)
    assert await near_indexes(large) == {}


async def test_comments_without_vectors_get_them_from_the_queue(rt: Runtime, minilm: LocalEmbedder, site: Site) -> None:
    assert isinstance(rt.embedder, NoEmbedder)
    await tell(rt, site)
    assert await leave_vector_jobs(rt) == 0
    with_model = replace(rt, embedder=minilm)
    assert await leave_vector_jobs(with_model) == 2
    await work(with_model, once=True)
    assert await leave_vector_jobs(with_model) == 0
    page = await find(with_model, site.own.project, CommentFilter(), "billed twice on my card", mode="meaning")
    assert page.data

"""The pages of comments over HTTP, without a browser: what addresses mean, what forms do, and who may see what."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl
from uuid import UUID

import httpx
import pytest
from comment_factories import build_comment
from conftest import MovedClock, client_of
from factories import Tenant, build_tenant
from page_visitor import OWN, enter
from sqlalchemy import func, select

from ouvidor.accounts.permissions import Role
from ouvidor.engines.embeddings import LocalEmbedder, load_embedder
from ouvidor.feedback.models import Comment, CommentItem, CommentJob, CommentUpload
from ouvidor.runtime import Runtime
from ouvidor.web.comment_filters import filters_in, filters_of
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

PAGE = "/projects/selo/comments"
COLUMNS = {"text": "texto", "id": "id", "author": "-", "written_at": "data", "times": "%d/%m/%Y"}
CSV = "id;texto;artista;data\n1;Amei o show;Lia;20/11/2026\n2;;Lia;20/11/2026\n3;Cadê o disco?;Nuvem;99/11/2026\n"


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await build_tenant(rt, "selo", languages=["pt", "en"])


def rows_of(html: str) -> int:
    return html.count(" data-row")


def test_addresses_mean_the_same_in_the_form_and_in_the_api() -> None:
    form = (
        "q=clipe&from=2026-11-01&to=2026-11-02&sure_from=20&sure_to=80&state=not-corrected&field.canal=web&tag=&mode="
    )
    filters = filters_of(parse_qsl(form, keep_blank_values=True))
    assert dict(parse_qsl(filters.address())) == {
        "q": "clipe",
        "since": "2026-11-01T00:00:00+00:00",
        "until": "2026-11-03T00:00:00+00:00",
        "least": "0.2",
        "most": "0.8",
        "corrected": "false",
        "field": "canal=web",
    }
    assert filters_in(filters.address()) == filters
    shown = filters.shown()
    assert [shown[name] for name in ("from", "to", "sure_from", "state")] == [
        "2026-11-01",
        "2026-11-02",
        "20",
        "not-corrected",
    ]


@pytest.mark.parametrize(
    "query",
    ["sentiment=angry", "since=yesterday", "to=0000-00-00", "least=2", "sure_to=-1", "job=7", "order=best", "field=x",
     "corrected=maybe", "mode=auto", "rows=many", "q=%00", "field.=web", "until=9999-12-31"],
)  # fmt: skip
def test_what_an_address_cannot_mean_is_left_out(query: str) -> None:
    assert filters_in(query).address() == ""


async def test_list_is_narrowed_and_says_which_filter_to_drop(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    await enter(rt, client, tenant.project)
    assert "No comments yet" in (await client.get(PAGE, headers=OWN)).text
    for number in range(23):
        await build_comment(
            rt,
            tenant.project,
            f"Comentário número {number}",
            at=rt.clock() - timedelta(days=number),
            category="praise" if number % 2 else "question",
            fields={"canal": "web" if number % 3 else "loja"},
            tags=("clipe",) if number == 4 else (),
            confidence=number / 25,
        )
    first = (await client.get(PAGE, headers=OWN)).text
    assert (rows_of(first), "23 comments" in first) == (15, True)
    after = re.search(r'rel="next" href="([^"]+)"', first)
    assert after is not None
    assert rows_of((await client.get(after[1].replace("&amp;", "&"), headers=OWN)).text) == 8
    assert rows_of((await client.get(f"{PAGE}?rows=dense", headers=OWN)).text) == 20
    for query, expected in (
        ("category=praise", 11),
        ("field.canal=loja", 8),
        ("field=canal%3Dloja&category=praise", 4),
        ("tag=clipe", 1),
        ("sure_from=80", 3),
        (f"from={(rt.clock() - timedelta(days=2)).date()}", 3),
        ("q=n%C3%BAmero+7&mode=words", 1),
    ):
        assert (query, rows_of((await client.get(f"{PAGE}?{query}", headers=OWN)).text)) == (query, expected)
    nothing = (await client.get(f"{PAGE}?tag=clipe&category=praise", headers=OWN)).text
    assert 'href="/projects/selo/comments?category=praise"' in nothing
    assert 'href="/projects/selo/comments?tag=clipe"' in nothing


async def test_a_saved_view_serves_page_and_api(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    for number in range(4):
        await build_comment(rt, tenant.project, f"x {number}", confidence=number / 4, fields={"canal": "web"})
    query = filters_of([("sure_from", "40"), ("field.canal", "web"), ("order", "unsure")]).address()
    form = {"form_token": token, "name": "Mine", "query": query}
    answer = await client.post(f"{PAGE}/views", data=form, headers=OWN)
    assert answer.headers["location"].endswith("done=saved")
    key = {"Authorization": f"Bearer {tenant.key}"}
    view = (await client.get("/api/v1/comments/views", headers=key)).json()["data"][0]
    found = (await client.get(f"/api/v1/comments?{view['query']}", headers=key)).json()["data"]
    assert [row["confidence"] for row in found] == [0.5, 0.75]
    assert rows_of((await client.get(f"{PAGE}?{view['query']}", headers=OWN)).text) == 2


async def test_a_file_is_looked_at_mapped_and_brought_in(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    file = {"file": ("novembro.csv", CSV.encode("utf-8"))}
    answer = await client.post(f"{PAGE}/files", data={"form_token": token}, files=file, headers=OWN)
    address = answer.headers["location"]
    page = (await client.get(address, headers=OWN)).text
    assert "of the first 3 comments 2 could not be stored" in page.lower()
    assert '<option value="texto" selected>' in page
    assert '<option value="%d/%m/%Y" selected>' in page
    assert await _count(rt, Comment) == 0
    answer = await client.post(address, data={"form_token": token, **COLUMNS}, headers=OWN)
    job = answer.headers["location"]
    assert (await client.get(address, headers=OWN)).status_code == 404
    assert await _count(rt, CommentUpload) == 0
    await work(rt, once=True)
    done = (await client.get(job, headers=OWN)).text
    assert "3 of 3" in done
    assert "line 3" in done
    assert "has no text" in done
    broken = (await client.get(f"{job}/broken.csv", headers=OWN)).text.splitlines()
    assert [line.split(",")[0] for line in broken] == ["position", "2", "3"]
    listed = (
        await client.get(f"{PAGE}?{job.rpartition('/')[2] and 'job=' + job.rpartition('/')[2]}", headers=OWN)
    ).text
    assert rows_of(listed) == 1


@pytest.mark.parametrize(
    ("encoding", "day", "times"), [("utf-8", "{}/11/2026", "%d/%m/%Y"), ("cp1252", "2026-11-{}", "")]
)
async def test_a_file_whose_text_is_not_found_is_still_read_as_it_is_written(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, encoding: str, day: str, times: str
) -> None:
    """Also where one time is wrong however it is read: nobody has to notice that accents went wrong."""
    token = await enter(rt, client, tenant.project)
    lines = ["O que você achou?;Quando", "ótimo;ontem", *(f"não é bom {n};{day.format(n)}" for n in range(14, 20))]
    file = {"file": ("novembro.csv", "\n".join(lines).encode(encoding))}
    answer = await client.post(f"{PAGE}/files", data={"form_token": token}, files=file, headers=OWN)
    page = (await client.get(answer.headers["location"], headers=OWN)).text
    assert "O que você achou?" in page
    assert "Which column holds the text?" in page
    assert f'<option value="{encoding}" selected>' in page
    assert f'<option value="{times}" selected>' in page


async def test_a_kept_file_is_for_those_who_send_comments_in_and_for_an_hour(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, clock: MovedClock
) -> None:
    token = await enter(rt, client, tenant.project)
    file = {"file": ("a.csv", b"texto\nOi\n")}
    send = {"data": {"form_token": token}, "files": file, "headers": OWN}
    address = (await client.post(f"{PAGE}/files", **send)).headers["location"]  # pyright: ignore[reportArgumentType]
    async with client_of(rt) as other:
        theirs = await enter(rt, other, tenant.project, username="agent", role=Role.AGENT)
        assert (await other.get(address, headers=OWN)).status_code == 403
        answer = await other.post(f"{address}/discard", data={"form_token": theirs}, headers=OWN)
        assert answer.status_code == 403
    assert (await client.get(address, headers=OWN)).status_code == 200
    clock.advance(minutes=61)
    assert (await client.get(address, headers=OWN)).status_code == 404
    await client.post(f"{PAGE}/files", **send)  # pyright: ignore[reportArgumentType]
    assert await _count(rt, CommentUpload) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,Oi\n", "Which column holds the text?"),
        ("texto\nNão dá\n".encode("cp1252"), '<option value="cp1252" selected>'),
        (b'[{"comment": "Oi"}, {"comment": ""}]', "has no text"),
        (b'{"x": {"y": 1}', "The JSON holds no list of objects"),
        (b"[]", "There is no comment in it."),
        (b"PK\x03\x04 a workbook \x00\x01", "That file is not text"),
    ],
)
async def test_what_is_strange_in_a_file_is_told(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, content: bytes, told: str
) -> None:
    token = await enter(rt, client, tenant.project)
    file = {"file": ("f", content)}
    answer = await client.post(f"{PAGE}/files", data={"form_token": token}, files=file, headers=OWN)
    assert told in (await client.get(answer.headers["location"], headers=OWN)).text


async def test_pasted_lines_come_back_where_they_cannot_be_taken_in(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    for text, status, told in (
        ("\n \n", 303, ""),
        ("ok\n" + "x" * 20_001, 422, "is too long: 20,001 characters"),
        ("a\n" * 1_001, 422, "At most 1,000 comments"),
    ):
        answer = await client.post(f"{PAGE}/pasted", data={"form_token": token, "text": text}, headers=OWN)
        assert (answer.status_code, told in answer.text) == (status, True)
    assert await _count(rt, CommentJob) == 0
    answer = await client.post(f"{PAGE}/pasted", data={"form_token": token, "text": "Oi\n\n Tchau \n"}, headers=OWN)
    await work(rt, once=True)
    assert "2 of 2" in (await client.get(answer.headers["location"], headers=OWN)).text


async def test_all_that_a_search_finds_is_corrected_and_nothing_else(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    for text in ("o clipe travou", "o clipe sumiu", "o show foi bom"):
        await build_comment(rt, tenant.project, text)

    async def say(**form: str | list[str]) -> str:
        sent = {"form_token": token, "category": "spam", **form}
        return (await client.post(f"{PAGE}/correct", data=sent, headers=OWN)).headers["location"]

    assert "trouble=none-ticked" in await say(which="ticked")
    assert "trouble=no-category" in await say(which="found", query="q=clipe", category="zebra")
    assert "count=2" in await say(which="found", query="q=clipe&mode=words")
    assert await _spam(rt) == 2
    assert "deed=" not in await say(which="found", query="q=girafa&mode=words")
    assert await _spam(rt) == 2
    location = await say(which="found", query="")
    deed = dict(parse_qsl(location.partition("?")[2]))["deed"]
    async with client_of(rt) as other:
        theirs = await enter(rt, other, tenant.project, username="agent", role=Role.AGENT)
        answer = await other.post(f"{PAGE}/take-back", data={"form_token": theirs, "deed": deed}, headers=OWN)
        assert "trouble=gone" in answer.headers["location"]
    answer = await client.post(f"{PAGE}/take-back", data={"form_token": token, "deed": deed}, headers=OWN)
    assert "done=taken-back&count=1" in answer.headers["location"]
    assert await _spam(rt) == 2


async def test_a_comment_names_others_that_mean_nearly_the_same(rt: Runtime, tenant: Tenant, test_folder: Path) -> None:
    model = load_embedder(test_folder, None, threads=1)
    assert isinstance(model, LocalEmbedder), model
    knowing = replace(rt, embedder=model)
    texts = ("O aplicativo trava no login", "Não consigo entrar no app", "Que capa de disco linda")
    ids = [await build_comment(knowing, tenant.project, text) for text in texts]
    async with client_of(knowing) as http:
        await enter(knowing, http, tenant.project)
        page = (await http.get(f"{PAGE}/{ids[0]}", headers=OWN)).text
    assert re.findall(rf'href="{PAGE}/([0-9a-f-]+)"[^>]* data-row', page) == [str(ids[1])]


async def test_a_comment_is_deleted_once_its_id_is_typed(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    comment = await build_comment(rt, tenant.project, "Apague-me", external_id="c-1")
    one = f"{PAGE}/{comment}"
    answer = await client.post(f"{one}/delete", data={"form_token": token, "typed": "c-2"}, headers=OWN)
    assert "Nothing was deleted" in (await client.get(answer.headers["location"], headers=OWN)).text
    answer = await client.post(f"{one}/delete", data={"form_token": token, "typed": " c-1 "}, headers=OWN)
    assert answer.headers["location"] == f"{PAGE}?done=removed"
    assert (await client.get(one, headers=OWN)).status_code == 404


async def test_who_may_only_read_is_offered_nothing_else(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    comment = await build_comment(rt, tenant.project, "Olá")
    token = await enter(rt, client, tenant.project, role=Role.VIEWER)
    for page in ("", f"/{comment}", "/files"):
        answer = await client.get(PAGE + page, headers=OWN)
        assert (answer.status_code, re.findall(r'<form[^>]* action="/projects[^"]*" method="post"', answer.text)) == (
            200,
            [],
        )
        assert 'method="post" action="/projects' not in answer.text
    for deed in ("correct", "views", "pasted", "files", f"{comment}/correct", f"{comment}/delete"):
        answer = await client.post(f"{PAGE}/{deed}", data={"form_token": token}, headers=OWN)
        assert (deed, answer.status_code) == (deed, 403)


async def test_a_job_that_has_ended_cannot_be_held_up(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    answer = await client.post(f"{PAGE}/pasted", data={"form_token": token, "text": "Oi"}, headers=OWN)
    job = answer.headers["location"]
    for deed, told in (
        ("pause", "done=pause"),
        ("resume", "done=resume"),
        ("cancel", "done=cancel"),
        ("pause", "trouble=ended"),
    ):
        answer = await client.post(f"{job}/{deed}", data={"form_token": token}, headers=OWN)
        assert answer.headers["location"] == f"{job}?{told}"
    fragment = await client.get(f"{job}/progress", headers=OWN)
    assert "data-running" not in fragment.text
    assert "<html" not in fragment.text
    assert UUID(job.rpartition("/")[2])
    assert await _count(rt, CommentItem) == 0


async def _count(rt: Runtime, table: type[Comment | CommentItem | CommentJob | CommentUpload]) -> int:
    async with rt.db.read() as session:
        return (await session.execute(select(func.count()).select_from(table))).scalar_one()


async def _spam(rt: Runtime) -> int:
    async with rt.db.read() as session:
        query = select(func.count()).select_from(Comment).where(Comment.category == "spam")
        return (await session.execute(query)).scalar_one()

"""The pages of taxonomies over HTTP: read, edit without scripts, see what would move, put to use, rules, tags."""

import html
import re
from typing import Any

import httpx
import pytest
from access_cases import add_person, cookie_of
from comment_factories import build_comment
from factories import Tenant
from page_visitor import OWN, enter, furnish
from sqlalchemy import select

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.signins import COOKIE
from ouvidor.feedback.models import Comment, CommentJob
from ouvidor.feedback.rules import Rules, read_rules
from ouvidor.feedback.taxonomies.draft import TagDraft, draft_of
from ouvidor.feedback.taxonomies.versions import Version, active_version, list_versions, save_taxonomy
from ouvidor.feedback.taxonomy import DEFAULT, MOST_TAGS, Category, Tag, Taxonomy
from ouvidor.runtime import Runtime
from ouvidor.web.taxonomy_form import draft_typed, fields_of, tag_lines
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

PAGE = "/projects/seaside/comments/taxonomy"
SHOP = {
    "categories.0.name_pt": "Entrega",
    "categories.0.name_en": "Delivery",
    "categories.0.code": "delivery",
    "categories.0.description": "Se e quando o pedido chega.",
    "categories.0.examples": "Cadê meu pedido que não chega?\r\nA entrega atrasou muito\r\nO correio perdeu o pacote",
    "categories.1.name_pt": "Preço",
    "categories.1.code": "",
    "categories.1.examples": "Que preço absurdo\r\nMuito caro esse produto\r\nO desconto não entrou no valor",
    "tags": "frete: O custo do frete | frete caro\r\n\r\ntroco",
    "language": "pt",
    "source": "0",
    "based_on": "0",
}


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await furnish(rt)


@pytest.fixture
async def token(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> str:
    """The token of the forms, once the owner has signed in."""
    return await enter(rt, client, tenant.project)


async def read(client: httpx.AsyncClient, address: str = "", status: int = 200) -> str:
    answer = await client.get(f"{PAGE}{address}", headers=OWN | {"Accept-Language": "en"})
    assert answer.status_code == status, answer.text
    return html.unescape(answer.text)


async def send(client: httpx.AsyncClient, token: str, address: str, form: dict[str, Any]) -> httpx.Response:
    headers = OWN | {"Accept-Language": "en"}
    return await client.post(f"{PAGE}{address}", data={"form_token": token, **form}, headers=headers)


async def versions(rt: Runtime, tenant: Tenant) -> list[Version]:
    async with rt.db.read() as session:
        return await list_versions(session, tenant.project, limit=50)


def fields(text: str) -> dict[str, str]:
    """What a browser would send of the form, but for its buttons."""
    inputs = dict(re.findall(r'<input (?:class="input"|type="hidden")[^>]*name="([\w.]+)" value="([^"]*)"', text))
    areas = dict(re.findall(r'<textarea[^>]*name="([\w.]+)"[^>]*>\n?(.*?)</textarea>', text, re.DOTALL))
    return {name: html.unescape(value) for name, value in {**inputs, **areas}.items() if name != "form_token"}


async def test_edited_seen_and_put_to_use(client: httpx.AsyncClient, rt: Runtime, tenant: Tenant, token: str) -> None:
    await build_comment(rt, tenant.project, "A entrega do pedido atrasou e o pacote não chegou")
    saved = await send(client, token, "/edit", SHOP | {"do": "save"})
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAGE}/versions/1?done=saved")
    taxonomy = (await versions(rt, tenant))[0].taxonomy
    assert [(one.code, one.names) for one in taxonomy.categories] == [
        ("delivery", {"pt": "Entrega", "en": "Delivery"}),
        ("preco", {"pt": "Preço"}),
    ]
    assert taxonomy.tags == (
        Tag(code="frete", explanation="O custo do frete", examples=("frete caro",)),
        Tag(code="troco"),
    )
    assert len(taxonomy.categories[0].examples) == 3

    waiting = await read(client, "/versions/1?done=saved")
    assert "Waits its turn" in waiting
    assert f'data-running="{PAGE}/versions/1/progress"' in waiting
    assert 'value="1" disabled' in waiting
    early = await send(client, token, "/versions/1/activate", {"again": "1"})
    assert early.headers["location"] == f"{PAGE}/versions/1?trouble=not_previewed"
    await work(rt, once=True)
    seen = await read(client, "/versions/1")
    assert "1 comment would move" in seen
    assert "A entrega do pedido atrasou" in seen
    assert "A classifier was trained for it, with 0 corrections." in seen
    assert 'id="work"' in await read(client, "/versions/1/progress")

    done = await send(client, token, "/versions/1/activate", {"again": "1"})
    async with rt.db.read() as session:
        job = (await session.execute(select(CommentJob))).scalar_one()
        assert (await active_version(session, tenant.project)).number == 1
    assert done.headers["location"] == f"{PAGE}/versions/1?done=again&job={job.id}"
    await work(rt, once=True)
    async with rt.db.read() as session:
        assert (await session.execute(select(Comment.category))).scalars().all() == ["delivery"]
    assert "in use" in await read(client, "/versions/1")


async def test_rows_come_and_go_without_scripts(
    client: httpx.AsyncClient, rt: Runtime, tenant: Tenant, token: str
) -> None:
    form = fields(await read(client, "/edit"))
    assert form["categories.4.code"] == "spam"
    more = await send(client, token, "/edit", form | {"do": "add"})
    assert (more.status_code, fields(more.text)) == (
        200,
        form | {f"categories.5.{name}": "" for name in ("code", "name_pt", "name_en", "description", "examples")},
    )
    less = fields((await send(client, token, "/edit", fields(more.text) | {"do": "remove-0"})).text)
    assert [less[f"categories.{place}.code"] for place in range(5)] == [
        "criticism",
        "suggestion",
        "question",
        "spam",
        "",
    ]
    kept = await send(client, token, "/edit", less | {"do": "save"})
    assert kept.status_code == 303
    assert (await versions(rt, tenant))[0].taxonomy.codes == ("criticism", "suggestion", "question", "spam")
    same = await send(client, token, "/edit", less | {"do": "save"})
    assert same.headers["location"] == f"{PAGE}/versions/1?done=known"


async def test_what_is_wrong_stands_beside_it_and_nothing_is_lost(
    client: httpx.AsyncClient, rt: Runtime, tenant: Tenant, token: str
) -> None:
    wrong = SHOP | {"categories.1.name_pt": "ENTREGA", "tags": "\nfrete: a\nFrete Grátis: b", "do": "save"}
    answer = await send(client, token, "/edit", wrong)
    text = html.unescape(answer.text)
    assert answer.status_code == 422
    assert "The name ENTREGA stands twice." in text
    assert "Line 3" in text
    assert fields(answer.text)["categories.0.examples"].startswith("Cadê meu pedido")
    assert [one.number for one in await versions(rt, tenant)] == [0]


async def test_second_editor_sees_who_was_first_and_may_save_after(
    client: httpx.AsyncClient, rt: Runtime, tenant: Tenant, token: str
) -> None:
    other = DEFAULT.model_copy(update={"tags": (Tag(code="som"),)})
    await save_taxonomy(rt, tenant.project, draft_of(other), based_on=0, actor=COMMAND)
    answer = await send(client, token, "/edit", SHOP | {"do": "save"})
    assert answer.status_code == 409
    assert "command line saved version 1 while you were editing" in answer.text
    kept = await send(client, token, "/edit", fields(answer.text) | {"language": "pt", "do": "save"})
    assert kept.headers["location"] == f"{PAGE}/versions/2?done=saved"


async def test_fifty_categories_and_five_hundred_tags_stay_usable(
    client: httpx.AsyncClient, rt: Runtime, tenant: Tenant, token: str
) -> None:
    large = Taxonomy(
        categories=tuple(
            Category(code=f"c{n}", names={"pt": f"Categoria {n}"}, description="d" * 600, examples=("Um exemplo",) * 3)
            for n in range(50)
        ),
        tags=tuple(Tag(code=f"t{n}", explanation="e" * 100) for n in range(MOST_TAGS)),
    )
    await save_taxonomy(rt, tenant.project, draft_of(large), based_on=0, actor=COMMAND, activate=True)
    form = fields(await read(client, "/edit"))
    assert (form["categories.49.code"], form["tags"].count("\n")) == ("c49", MOST_TAGS - 1)
    changed = form | {"tags": form["tags"].replace("t499", "last"), "do": "save"}
    assert (await send(client, token, "/edit", changed)).status_code == 303
    newest = (await versions(rt, tenant))[0].taxonomy
    assert (len(newest.categories), newest.tags[-1].code) == (50, "last")
    for address in ("", "/versions/1", "/versions/2"):
        assert len(await read(client, address)) < 300_000


async def test_tags_as_lines_come_back_as_they_were() -> None:
    tags = (
        TagDraft("a", "x | y: z", ("one | two", "three")),
        TagDraft("b", ""),
        TagDraft("c", "ends with a colon:"),
    )
    found = draft_typed(fields_of(draft_of(DEFAULT)), tag_lines(tags), "en")
    assert (found.tags, found.language) == (tags, "en")


async def test_proposed_tags_are_one_click_away(
    client: httpx.AsyncClient, rt: Runtime, tenant: Tenant, token: str
) -> None:
    await build_comment(rt, tenant.project, "Amei o som do refrão", tags=("som", "refrao"))
    text = await read(client)
    assert "Proposed by the AI" in text
    assert "Amei o som do refrão" in text
    taken = await send(client, token, "/tags", {"take": "som"})
    assert taken.headers["location"] == f"{PAGE}?done=taken#tags"
    ignored = await send(client, token, "/tags", {"ignore": "refrao"})
    assert ignored.headers["location"] == f"{PAGE}?done=ignored#tags"
    async with rt.db.read() as session:
        active = await active_version(session, tenant.project)
    assert (active.number, [tag.code for tag in active.taxonomy.tags]) == (1, ["som"])
    assert "Proposed by the AI" not in await read(client)
    assert (await send(client, token, "/tags", {"show": "refrao"})).headers["location"] == f"{PAGE}?done=shown#tags"
    again = await send(client, token, "/tags", {"take": "som"})
    assert again.headers["location"] == f"{PAGE}?trouble=not_proposed#tags"


async def test_rules_are_changed_or_come_back(
    client: httpx.AsyncClient, rt: Runtime, tenant: Tenant, token: str
) -> None:
    address = "/../rules"
    typed = {"unsure_below": "72,5", "blind_share": "5", "budget": "12.50", "by_model": "false"}
    assert (await send(client, token, address, typed)).headers["location"] == f"{PAGE}?done=rules#rules"
    async with rt.db.read() as session:
        rules = await read_rules(session, tenant.project.id)
    assert (rules.unsure_below, rules.blind_share, str(rules.budget), rules.by_model) == (0.725, 0.05, "12.5", False)
    refused = await send(client, token, address, typed | {"unsure_below": "101", "budget": "much"})
    assert refused.status_code == 422
    assert 'value="much"' in refused.text
    assert refused.text.count('aria-invalid="true"') == 2
    assert (await send(client, token, address, typed | {"budget": " "})).status_code == 303
    async with rt.db.read() as session:
        assert await read_rules(session, tenant.project.id) == Rules(0.725, 0.05, None, by_model=False)


async def test_readers_see_it_and_change_nothing(client: httpx.AsyncClient, rt: Runtime, tenant: Tenant) -> None:
    viewer = await add_person(rt, "vera", (tenant.project, Role.VIEWER))
    client.cookies.set(COOKIE, await cookie_of(rt, viewer))
    text = await read(client)
    assert "Praise" in text
    assert "Save the rules" not in text
    assert f'href="{PAGE}/edit' not in text
    assert "See what would move" not in await read(client, "/versions/0")
    await read(client, "/edit", 403)
    await read(client, "/versions/7", 404)

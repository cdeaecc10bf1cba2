"""Taxonomies of a project: versions, two people at once, what another one would move, re-classifying, new tags."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from comment_factories import build_comment
from factories import Site
from sqlalchemy import select

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import AuditEntry, Project
from ouvidor.feedback.again import begin_again
from ouvidor.feedback.classification import Classification, TagGiven
from ouvidor.feedback.in_use import in_use
from ouvidor.feedback.jobs.work import work_off
from ouvidor.feedback.local.classify import VERSION
from ouvidor.feedback.models import Comment, CommentItem, CommentJob, CommentModel
from ouvidor.feedback.rules import Rules, change_rules, read_rules
from ouvidor.feedback.taxonomies.changes import changes_between, teaches_the_same
from ouvidor.feedback.taxonomies.draft import (
    CategoryDraft,
    Draft,
    TagDraft,
    UnacceptableTaxonomy,
    coded,
    draft_of,
    read_draft,
)
from ouvidor.feedback.taxonomies.moves import Stock, Tried, make_preview, moves_of, order_preview
from ouvidor.feedback.taxonomies.proposed import NotProposed, ignore_tags, show_tags, tag_uses, take_tags
from ouvidor.feedback.taxonomies.versions import active_version, save_taxonomy
from ouvidor.feedback.taxonomy import DEFAULT, Category, Tag, Taxonomy
from ouvidor.runtime import Runtime
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

BASE = "/api/v1/comments/taxonomy"
MARINA, BRUNO = Actor("user", "Marina Reis", uuid4()), Actor("user", "Bruno Lima", uuid4())
SHOP = {
    "categories": [
        {
            "code": "delivery",
            "names": {"pt": "Entrega", "en": "Delivery"},
            "description": "Se e quando o pedido chega.",
            "examples": ["Cadê meu pedido que não chega?", "A entrega atrasou dez dias", "O correio perdeu o pacote"],
        },
        {
            "code": "price",
            "names": {"pt": "Preço"},
            "description": "Quanto custa.",
            "examples": ["Que preço absurdo", "Muito caro esse produto", "O desconto do cupom não entrou no valor"],
        },
        {"code": "praise", "names": {"pt": "Elogio"}},
    ],
    "tags": [{"code": "frete", "explanation": "O custo ou o prazo do frete."}],
}
WORDS = ("A entrega do pedido atrasou e o pacote não chegou", "Preço caro demais, que valor absurdo", "Amei, nota dez!")


async def post(client: httpx.AsyncClient, site: Site, path: str, body: Any) -> httpx.Response:
    return await client.post(f"{BASE}{path}", json=body, headers=site.own.headers)


async def get(client: httpx.AsyncClient, site: Site, path: str = "") -> Any:
    answer = await client.get(f"{BASE}{path}", headers=site.own.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def saved_shop(client: httpx.AsyncClient, site: Site) -> int:
    answer = await post(client, site, "", {**SHOP, "based_on": 0})
    assert answer.status_code == 201, answer.text
    return answer.json()["number"]


async def previewed(client: httpx.AsyncClient, rt: Runtime, site: Site, number: int) -> Any:
    ordered = await post(client, site, f"/versions/{number}/preview", None)
    assert (ordered.status_code, ordered.json()["state"]) == (202, "waiting")
    await work(rt, once=True)
    return await get(client, site, f"/versions/{number}/preview")


async def rows(rt: Runtime, model: Any, project: Project) -> Sequence[Any]:
    async with rt.db.read() as session:
        return (
            (await session.execute(select(model).where(model.project_id == project.id).order_by(model.id)))
            .scalars()
            .all()
        )


async def audited(rt: Runtime, action: str) -> list[dict[str, Any]]:
    async with rt.db.read() as session:
        query = select(AuditEntry.details).where(AuditEntry.action == action).order_by(AuditEntry.id)
        return list((await session.execute(query)).scalars())


async def test_project_begins_with_the_default(client: httpx.AsyncClient, site: Site) -> None:
    found = await get(client, site)
    assert (found["number"], found["active"], found["created_at"]) == (0, True, None)
    assert [one["code"] for one in found["taxonomy"]["categories"]] == list(DEFAULT.codes)
    versions = await get(client, site, "/versions")
    assert [(one["number"], one["active"]) for one in versions["data"]] == [(0, True)]


async def test_versions_are_kept_and_one_is_in_use(client: httpx.AsyncClient, rt: Runtime, site: Site) -> None:
    assert await saved_shop(client, site) == 1
    same = await post(client, site, "", {**SHOP, "based_on": 0})
    assert (same.status_code, same.json()["number"]) == (200, 1)
    more = {**SHOP, "tags": [*SHOP["tags"], {"code": "troco", "explanation": "Trocas."}], "based_on": 1}
    assert (await post(client, site, "", more)).json()["number"] == 2
    assert (await get(client, site))["number"] == 0

    done = await post(client, site, "/versions/2/activate", {})
    assert done.json() == {"number": 2, "before": 0, "job_id": None, "changed": True}
    back = await post(client, site, "/versions/1/activate", {})
    assert (back.json()["before"], (await get(client, site))["number"]) == (2, 1)
    unchanged = await post(client, site, "/versions/1/activate", {})
    assert unchanged.json()["changed"] is False

    first = await get(client, site, "/versions?limit=2")
    rest = await get(client, site, f"/versions?limit=2&after={first['last_number']}")
    assert [(one["number"], one["active"], one["tags"]) for one in first["data"]] == [(2, False, 2), (1, True, 1)]
    assert ([one["number"] for one in rest["data"]], first["has_more"], rest["has_more"]) == ([0], True, False)
    assert [one["number"] for one in await audited(rt, "taxonomy.saved")] == [1, 2]
    assert [(one["before"], one["number"]) for one in await audited(rt, "taxonomy.activated")] == [(0, 2), (2, 1)]
    missing = await client.get(f"{BASE}/versions/9", headers=site.own.headers)
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:ouvidor:unknown_taxonomy_version")


async def test_default_that_is_saved_is_no_new_version(rt: Runtime, site: Site) -> None:
    project = site.own.project
    async with rt.db.read() as session:
        default = await active_version(session, project)
    saved = await save_taxonomy(rt, project, draft_of(default.taxonomy), based_on=0, actor=MARINA)
    assert (saved.made, saved.version.number) == (False, 0)


async def test_second_of_two_who_edit_is_told_of_the_first(rt: Runtime, site: Site) -> None:
    project = site.own.project
    first = read_draft(draft_of(DEFAULT)).model_copy(update={"tags": (Tag(code="one"),)})
    second = first.model_copy(update={"tags": (Tag(code="two"),)})
    await save_taxonomy(rt, project, draft_of(first), based_on=0, actor=MARINA)
    with pytest.raises(Exception, match="Marina Reis saved version 1 meanwhile") as refused:
        await save_taxonomy(rt, project, draft_of(second), based_on=0, actor=BRUNO)
    assert getattr(refused.value, "status", 0) == 409
    again = await save_taxonomy(rt, project, draft_of(second), based_on=1, actor=BRUNO)
    assert (again.version.number, again.version.saved_by) == (2, "Bruno Lima")


@pytest.mark.parametrize(
    ("changed", "where", "told"),
    [
        ({"categories": SHOP["categories"][:1]}, "categories", "at least two categories"),
        ({"categories": [{"names": {"pt": f"n{n}"}} for n in range(51)]}, "categories", "at most 50 categories"),
        ({"tags": [{"code": f"t{n}"} for n in range(501)]}, "tags", "at most 500 tags"),
        ({"tags": [{"code": "Frete grátis"}]}, "tags.0.code", "small letters, digits and _"),
        ({"tags": [{"code": "a"}, {"code": "a"}]}, "tags.1.code", "The code a stands twice"),
        ({"tags": [{"code": "a", "explanation": "x" * 601}]}, "tags.0.explanation", "at most 600 characters"),
        ({"tags": [{"code": "a", "examples": [f"e{n}" for n in range(51)]}]}, "tags.0.examples", "at most 50 examples"),
        (
            {"categories": [*SHOP["categories"], {"code": "x", "names": {"pt": " "}}]},
            "categories.3.names",
            "needs a name",
        ),
        (
            {"categories": [*SHOP["categories"], {"code": "1x", "names": {"pt": "X"}}]},
            "categories.3.code",
            "begins with",
        ),
        ({"categories": [*SHOP["categories"], {"code": "price", "names": {"pt": "X"}}]}, "categories.3.code", "twice"),
        ({"categories": [*SHOP["categories"], {"names": {"pt": "PREÇO"}}]}, "categories.3.names", "name PREÇO stands"),
        ({"categories": [*SHOP["categories"], {"names": {"pt": "x" * 61}}]}, "categories.3.names", "at most 60"),
        (
            {"categories": [*SHOP["categories"], {"names": {"pt": "X"}, "examples": ["y" * 2_001]}]},
            "categories.3.examples",
            "at most 2000 characters",
        ),
        (
            {"categories": [*SHOP["categories"], {"names": {"pt": "X"}, "description": "nul \0"}]},
            "categories.3",
            "cannot be kept",
        ),
    ],
)
async def test_what_cannot_be_kept_is_told_in_one_sentence(
    client: httpx.AsyncClient, site: Site, changed: dict[str, Any], where: str, told: str
) -> None:
    answer = await post(client, site, "", {**SHOP, **changed, "based_on": 0})
    fault = answer.json()["errors"][0]
    assert (answer.status_code, fault["where"]) == (422, where)
    assert told in fault["message"]
    assert told in answer.json()["detail"]


def test_draft_is_read_without_needless_space_and_codes_are_made() -> None:
    taxonomy = read_draft(
        Draft(
            (
                CategoryDraft("", {"pt": " Dúvida  sobre\nentrega "}, " a \n b ", (" um ", "um", "", "dois")),
                CategoryDraft(" other ", {"pt": "", "en": "Other"}),
            ),
            (TagDraft(" frete ", "  O  frete"),),
        )
    )
    first, second = taxonomy.categories
    assert (first.code, first.names, first.description) == (
        "duvida_sobre_entrega",
        {"pt": "Dúvida sobre entrega"},
        "a b",
    )
    assert (first.examples, second.code, second.names) == (("um", "dois"), "other", {"en": "Other"})
    assert taxonomy.tags == (Tag(code="frete", explanation="O frete"),)
    assert coded("24 horas! Não?") == "horas_nao"
    with pytest.raises(UnacceptableTaxonomy, match="A code begins with a letter"):
        read_draft(Draft((CategoryDraft("", {"pt": "???"}), CategoryDraft("", {"pt": "b"}))))


def test_changes_are_told_by_part() -> None:
    before = Taxonomy(
        categories=(Category(code="a", names={"pt": "A"}), Category(code="b", names={"pt": "B"}, examples=("x",))),
        tags=(Tag(code="t"), Tag(code="u", explanation="U")),
    )
    after = Taxonomy(
        categories=(
            Category(code="c", names={"pt": "C"}),
            Category(code="b", names={"pt": "B", "en": "Bee"}, examples=("x", "y")),
        ),
        tags=(Tag(code="u", explanation="You"), Tag(code="t")),
    )
    changes = changes_between(before, after)
    assert [(one.kind, one.code) for one in changes.categories] == [("added", "c"), ("changed", "b"), ("gone", "a")]
    parts = [(part.name, part.before, part.after) for part in changes.categories[1].parts]
    assert sorted(parts) == [("examples", "x", "x\ny"), ("name_en", "", "Bee")]
    assert ([one.code for one in changes.tags], changes.reordered) == (["u"], True)
    assert not changes_between(after, after).any
    assert not teaches_the_same(before, after)
    assert teaches_the_same(DEFAULT, DEFAULT.model_copy(update={"tags": (Tag(code="t"),), "language": "en"}))


def tried(category: str, confidence: float = 0.5, *, corrected: bool = False) -> Tried:
    return Tried(UUID(int=tried_ids.pop()), "text", category, confidence, corrected)


tried_ids = list(range(1_000, 0, -1))


def given(category: str, confidence: float = 0.8, tags: tuple[str, ...] = ()) -> Classification:
    told = [TagGiven(code=code) for code in tags]
    return Classification(category=category, confidence=confidence, sentiment="neutral", language="pt", tags=told)


def test_moves_are_counted_and_told_of_all() -> None:
    before = DEFAULT.model_copy(update={"tags": (Tag(code="old"), Tag(code="kept"))})
    after = Taxonomy(
        categories=(*DEFAULT.categories[:4], Category(code="noise", names={"en": "Noise"})),
        tags=(Tag(code="kept"), Tag(code="new")),
    )
    sample = (
        [tried("spam") for _ in range(5)]
        + [tried("praise") for _ in range(3)]
        + [tried("praise", corrected=True), tried("spam", corrected=True)]
    )
    found = (
        [given("noise", 0.9, ("new",)) for _ in range(5)]
        + [given("praise"), given("praise"), given("question", 0.99)]
        + [given("question"), given("noise")]
    )
    stock = Stock(tuple(sample), 100, {"praise": 7, "spam": 4}, {"old": 12})
    moves = moves_of(before, after, stock, found)
    cells = {(one.was, one.becomes): (one.count, one.about) for one in moves.cells}
    assert cells == {
        ("spam", "noise"): (6, 60),
        ("praise", "praise"): (3, 30),
        ("praise", "question"): (1, 10),
    }
    assert (moves.total, moves.sampled, moves.moved) == (100, 10, 70)
    assert (moves.corrections_kept, moves.corrections_lost) == (7, {"spam": 4})
    assert [(one.code, one.comments) for one in moves.tags_gone] == [("old", 12)]
    assert [(one.code, one.comments) for one in moves.tags_added] == [("new", 50)]
    kinds = [(one.was, one.becomes) for one in moves.examples]
    assert kinds[:3] == [("spam", "noise"), ("praise", "question"), ("spam", "noise")]
    assert len(kinds) == 7
    assert {(one.confidence_was, one.confidence) for one in moves.examples} == {(0.5, 0.9), (0.5, 0.99), (0.5, 0.8)}


def test_ten_examples_at_most() -> None:
    stock = Stock(tuple(tried("spam") for _ in range(40)), 40)
    moves = moves_of(DEFAULT, DEFAULT, stock, [given("praise") for _ in range(40)])
    assert (len(moves.examples), moves.moved) == (10, 40)


async def test_preview_moves_nothing_and_activation_does(client: httpx.AsyncClient, rt: Runtime, site: Site) -> None:
    project = site.own.project
    for text in WORDS:
        await build_comment(rt, project, text)
    at = rt.clock()
    kept = await build_comment(
        rt, project, "Ninguém responde no telefone", category="praise", given_category="spam", corrected_at=at
    )
    lost = await build_comment(rt, project, WORDS[1], category="question", given_category="spam", corrected_at=at)
    foreign = await build_comment(rt, site.other.project, WORDS[0])
    number = await saved_shop(client, site)

    refused = await post(client, site, f"/versions/{number}/activate", {"again": True})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:ouvidor:not_previewed")
    preview = await previewed(client, rt, site, number)
    moves = preview["moves"]
    assert (preview["state"], preview["done"], preview["of"], preview["against"]) == ("done", 5, 5, 0)
    assert (preview["trained"], preview["learnt"], preview["by_model"]) == (True, 1, False)
    assert (moves["total"], moves["sampled"], sum(cell["count"] for cell in moves["cells"])) == (5, 5, 5)
    assert (moves["corrections_kept"], moves["corrections_lost"]) == (1, {"question": 1})
    assert {"was": "criticism", "becomes": "delivery", "count": 1, "about": 1} in moves["cells"]
    assert {"was": "question", "becomes": "price", "count": 1, "about": 1} in moves["cells"]
    assert {"was": "praise", "becomes": "praise", "count": 1, "about": 1} in moves["cells"]
    assert [one["code"] for one in moves["tags_added"]] == ["frete"]
    assert {one.category for one in await rows(rt, Comment, project)} == {"criticism", "praise", "question"}

    done = await post(client, site, f"/versions/{number}/activate", {"again": True})
    await work_off(rt)
    (job,) = await rows(rt, CommentJob, project)
    assert (str(job.id), job.kind, job.source, job.state) == (done.json()["job_id"], "again", "taxonomy", "done")
    assert (job.total, job.done, job.ordered_by) == (5, 5, "test")
    found = {row.id: row for row in await rows(rt, Comment, project)}
    assert {row.taxonomy for row in found.values()} == {number}
    assert (found[kept].category, found[kept].corrected_at) == ("praise", at)
    assert (found[lost].category, found[lost].corrected_at) == ("price", None)
    assert sorted(row.category for row in found.values()) == ["delivery", "praise", "praise", "price", "price"]
    assert (await rows(rt, Comment, site.other.project))[0].id == foreign

    (model,) = await rows(rt, CommentModel, project)
    assert (model.active, model.state, model.taxonomy, model.corrections) == (True, "promoted", number, 1)
    use = await in_use(rt, project)
    assert (use.number, use.local_version, set(use.classifier.trained.by_words.category.classes)) == (
        number,
        "model 1",
        {"delivery", "price", "praise"},
    )


async def test_going_back_takes_the_classifier_along(client: httpx.AsyncClient, rt: Runtime, site: Site) -> None:
    project = site.own.project
    await build_comment(rt, project, WORDS[0])
    number = await saved_shop(client, site)
    await previewed(client, rt, site, number)
    await post(client, site, f"/versions/{number}/activate", {})
    assert (await in_use(rt, project)).local_version == "model 1"

    preview = await previewed(client, rt, site, 0)
    assert (preview["state"], preview["trained"], preview["against"]) == ("done", False, number)
    await post(client, site, "/versions/0/activate", {"again": True})
    use = await in_use(rt, project)
    assert (use.number, use.local_version) == (0, VERSION)
    await work_off(rt)
    (comment,) = await rows(rt, Comment, project)
    assert (comment.taxonomy, comment.category) == (0, "criticism")

    await post(client, site, f"/versions/{number}/activate", {})
    assert (await in_use(rt, project)).local_version == "model 1"
    assert [(one.number, one.active) for one in await rows(rt, CommentModel, project)] == [(1, True)]


async def test_tags_alone_train_nothing(client: httpx.AsyncClient, rt: Runtime, site: Site) -> None:
    project = site.own.project
    await build_comment(rt, project, "O preço do frete está muito caro", tags=("frete_caro",))
    tagged = DEFAULT.model_copy(update={"tags": (Tag(code="frete_caro", explanation="O preço do frete está caro"),)})
    saved = await save_taxonomy(rt, project, draft_of(tagged), based_on=0, actor=MARINA)
    preview = await previewed(client, rt, site, saved.version.number)
    assert (preview["trained"], preview["moves"]["tags_added"]) == (False, [{"code": "frete_caro", "comments": 1}])
    await post(client, site, "/versions/1/activate", {})
    assert await rows(rt, CommentModel, project) == []
    back = (await previewed(client, rt, site, 0))["moves"]
    assert back["tags_gone"] == [{"code": "frete_caro", "comments": 1}]


async def test_preview_is_ordered_once_and_again_when_it_is_over(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await build_comment(rt, project, WORDS[0])
    first = await order_preview(rt, project, 0, actor=MARINA)
    assert await order_preview(rt, project, 0, actor=BRUNO) == first
    assert len(await audited(rt, "taxonomy.previewed")) == 1
    await work(rt, once=True)
    assert (await order_preview(rt, project, 0, actor=BRUNO)).ordered_by == "Bruno Lima"


async def test_preview_of_nothing_says_so(client: httpx.AsyncClient, rt: Runtime, site: Site) -> None:
    unknown = await client.get(f"{BASE}/versions/0/preview", headers=site.own.headers)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:ouvidor:unknown_preview")
    assert (await post(client, site, "/versions/3/preview", None)).status_code == 404
    preview = await previewed(client, rt, site, 0)
    assert (preview["state"], preview["moves"]["total"], preview["moves"]["cells"]) == ("done", 0, [])
    done = await post(client, site, "/versions/0/activate", {"again": True})
    assert (done.json()["job_id"], await rows(rt, CommentJob, site.own.project)) == (None, [])
    await make_preview(rt, uuid4(), 0)


async def test_many_comments_are_sampled(
    client: httpx.AsyncClient, rt: Runtime, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = site.own.project
    for number in range(12):
        await build_comment(rt, project, f"{WORDS[number % 3]} {number}")
    monkeypatch.setattr("ouvidor.feedback.taxonomies.moves.MOST", 6)
    first, second = [(await previewed(client, rt, site, 0))["moves"] for _ in range(2)]
    assert (first["total"], first["sampled"]) == (12, 6)
    assert [cell["about"] for cell in first["cells"]] == [2 * cell["count"] for cell in first["cells"]]
    assert first == second


async def test_begun_again_it_does_the_work_of_what_is_open(rt: Runtime, site: Site) -> None:
    project = site.own.project
    for text in WORDS:
        await build_comment(rt, project, text)
    jobs: list[UUID | None] = []
    for _ in range(2):
        async with rt.db.begin() as session:
            jobs.append(await begin_again(session, project, source="again", actor=MARINA, now=rt.clock()))
    states = {job.id: (job.state, job.total) for job in await rows(rt, CommentJob, project)}
    assert states == {jobs[0]: ("cancelled", 3), jobs[1]: ("pending", 3)}
    async with rt.db.read() as session:
        items = (await session.execute(select(CommentItem).where(CommentItem.job_id == jobs[1]))).scalars().all()
    assert sorted(item.position for item in items) == [1, 2, 3]
    assert {item.comment_id for item in items} == {row.id for row in await rows(rt, Comment, project)}


async def test_proposed_tags_are_taken_or_ignored(rt: Runtime, site: Site) -> None:
    project = site.own.project
    for place, tags in enumerate((("preco", "entrega"), ("preco",), ("som",), ("som", "preco"))):
        await build_comment(rt, project, f"{WORDS[place % 3]} {place}", tags=tags)
    await build_comment(rt, site.other.project, WORDS[0], tags=("alheia",))

    async def uses() -> tuple[dict[str, int], list[tuple[str, int]], tuple[str, ...]]:
        async with rt.db.read() as session:
            found = await tag_uses(session, project, (await active_version(session, project)).taxonomy)
        return found.known, [(one.code, one.comments) for one in found.proposed], found.ignored

    assert await uses() == ({}, [("preco", 3), ("som", 2), ("entrega", 1)], ())
    await ignore_tags(rt, project, ["som"], actor=MARINA)
    assert await uses() == ({}, [("preco", 3), ("entrega", 1)], ("som",))
    saved = await take_tags(rt, project, ["preco", "alheia"], actor=MARINA)
    assert (saved.version.number, saved.version.taxonomy.tags) == (1, (Tag(code="preco", explanation="About preco"),))
    assert await uses() == ({"preco": 3}, [("entrega", 1)], ("som",))
    async with rt.db.read() as session:
        assert (await active_version(session, project)).number == 1
    with pytest.raises(NotProposed):
        await take_tags(rt, project, ["alheia"], actor=MARINA)
    await show_tags(rt, project, ["som"], actor=MARINA)
    assert (await uses())[1:] == ([("som", 2), ("entrega", 1)], ())
    assert len(await audited(rt, "taxonomy.ignored_tags")) == 2


async def test_rules_and_ignored_tags_do_not_undo_each_other(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await build_comment(rt, project, WORDS[0], tags=("som",))
    await ignore_tags(rt, project, ["som"], actor=MARINA)
    async with rt.db.begin() as session:
        await change_rules(session, project.id, Rules(unsure_below=0.9), MARINA, rt.clock())
        await change_rules(session, site.other.project.id, Rules(unsure_below=0.8), MARINA, rt.clock())
    await ignore_tags(rt, site.other.project, ["som"], actor=MARINA)
    async with rt.db.read() as session:
        rules = [(await read_rules(session, one.id)).unsure_below for one in (project, site.other.project)]
        uses = await tag_uses(session, project, DEFAULT)
    assert (rules, uses.ignored, uses.proposed) == ([0.9, 0.8], ("som",), ())

"""Comments that wait for a person, and the person's word: said, disputed, taken back, for one and for many."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from access_cases import add_person, bearer_of
from comment_factories import build_comment
from conftest import MovedClock
from factories import Site, Tenant
from sqlalchemy import select, text

from ouvidor.accounts.models import AuditEntry
from ouvidor.accounts.permissions import Role
from ouvidor.db import new_id
from ouvidor.feedback.learning.correcting_many import MOST
from ouvidor.feedback.models import CommentClassification
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

API = "/api/v1/comments"
COPIES = text("""
insert into comment (id, project_id, external_id, content, fields, language, sentiment, category, given_category, tags,
    tag_codes, confidence, taxonomy, terms, written_at, received_at, updated_at)
select new.id, c.project_id, new.id::text, c.content, c.fields, c.language, c.sentiment, c.category, c.given_category,
    c.tags, c.tag_codes, c.confidence, c.taxonomy, c.terms, c.written_at, c.received_at, c.updated_at
from comment c, unnest(cast(:ids as uuid[])) as new (id) where c.id = :first
""")


async def person(rt: Runtime, tenant: Tenant, name: str, role: Role = Role.AGENT) -> dict[str, str]:
    user = await add_person(rt, name, (tenant.project, role))
    return await bearer_of(rt, user, tenant.project)


async def read(client: httpx.AsyncClient, headers: dict[str, str], comment: UUID) -> dict[str, Any]:
    return (await client.get(f"{API}/{comment}", headers=headers)).json()


async def history(client: httpx.AsyncClient, headers: dict[str, str], comment: UUID) -> list[tuple[str, str, bool]]:
    rows = (await client.get(f"{API}/{comment}/history", headers=headers)).json()["data"]
    return [(row["by"], row["category"], row["withdrawn_at"] is not None) for row in rows]


async def waiting(client: httpx.AsyncClient, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    answer = await client.get(f"{API}/waiting", headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def actions(rt: Runtime) -> list[str]:
    async with rt.db.read() as session:
        query = select(AuditEntry.action).where(AuditEntry.action.startswith("comment.")).order_by(AuditEntry.id)
        return list((await session.execute(query)).scalars())


async def test_a_correction_stands_beside_what_the_ai_gave(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock
) -> None:
    ana = await person(rt, site.own, "ana")
    comment = await build_comment(rt, site.own.project, "Que show!", category="criticism", waits="unsure", tags=("a",))
    clock.advance(minutes=5)
    answer = await client.post(
        f"{API}/{comment}/correct",
        headers=ana,
        json={"category": "ELOGIO", "sentiment": "positive", "tags": [{"code": "palco"}]},
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    told = {name: found[name] for name in ("category", "given_category", "sentiment", "waits", "confidence")}
    assert told == {
        "category": "praise",
        "given_category": "criticism",
        "sentiment": "positive",
        "waits": None,
        "confidence": 0.9,
    }
    assert [tag["code"] for tag in found["tags"]] == ["palco"]
    assert found["corrected_at"] == "2026-11-21T12:05:00Z"
    assert found == await read(client, ana, comment)
    assert await history(client, ana, comment) == [("person", "praise", False), ("local", "criticism", False)]
    assert await actions(rt) == ["comment.corrected"]


@pytest.mark.parametrize("deed", ["correct", "confirm"])
async def test_confirming_is_a_correction_to_the_same(
    rt: Runtime, client: httpx.AsyncClient, site: Site, deed: str
) -> None:
    comment = await build_comment(rt, site.own.project, "Caiu de novo", waits="unsure")
    body = {"json": {"category": "criticism"}} if deed == "correct" else {}
    for _ in range(2):
        answer = await client.post(f"{API}/{comment}/{deed}", headers=site.own.headers, **body)
        assert (answer.status_code, answer.json()["category"], answer.json()["waits"]) == (200, "criticism", None)
    assert len(await history(client, site.own.headers, comment)) == 2
    assert await actions(rt) == ["comment.corrected"]


async def test_what_cannot_be_said_is_refused(rt: Runtime, client: httpx.AsyncClient, site: Site) -> None:
    comment = await build_comment(rt, site.own.project, "Caiu de novo", waits="unsure")
    too_many = [{"code": f"t{number}"} for number in range(6)]
    for body in (
        {"category": "applause"},
        {"category": "praise", "tags": too_many},
        {},
        {"category": "praise", "x": 1},
    ):
        answer = await client.post(f"{API}/{comment}/correct", headers=site.own.headers, json=body)
        assert answer.status_code == 422
    applause = await client.post(f"{API}/{comment}/correct", headers=site.own.headers, json={"category": "applause"})
    assert "praise, criticism" in applause.json()["detail"]
    foreign = await client.post(f"{API}/{comment}/correct", headers=site.other.headers, json={"category": "praise"})
    assert foreign.status_code == 404
    assert (await read(client, site.own.headers, comment))["waits"] == "unsure"


async def test_the_second_person_is_told_what_the_first_said(
    rt: Runtime, client: httpx.AsyncClient, site: Site
) -> None:
    ana, bia = await person(rt, site.own, "ana"), await person(rt, site.own, "bia")
    comment = await build_comment(rt, site.own.project, "Sei lá", waits="unsure")
    await client.post(f"{API}/{comment}/correct", headers=ana, json={"category": "question"})
    same = await client.post(f"{API}/{comment}/correct", headers=bia, json={"category": "question"})
    assert same.status_code == 200
    other = await client.post(f"{API}/{comment}/correct", headers=bia, json={"category": "spam"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:ouvidor:already_corrected")
    assert "ana" in other.json()["detail"]
    assert "DÚVIDA" in other.json()["detail"]
    knowing = {"category": "spam", "instead_of": "DÚVIDA"}
    assert (await client.post(f"{API}/{comment}/correct", headers=bia, json=knowing)).json()["category"] == "spam"
    changed = await client.post(f"{API}/{comment}/correct", headers=bia, json={"category": "praise"})
    assert changed.json()["category"] == "praise"


async def test_taking_back_brings_back_what_held_before(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock
) -> None:
    ana, bia = await person(rt, site.own, "ana"), await person(rt, site.own, "bia")
    comment = await build_comment(rt, site.own.project, "Sei lá", waits="unsure", tags=("preco",))
    await client.post(f"{API}/{comment}/correct", headers=ana, json={"category": "question", "tags": []})
    clock.advance(minutes=1)
    await client.post(f"{API}/{comment}/correct", headers=bia, json={"category": "spam", "instead_of": "question"})
    refused = await client.delete(f"{API}/{comment}/correction", headers=ana)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:ouvidor:not_yours")
    back = (await client.delete(f"{API}/{comment}/correction", headers=bia)).json()
    assert (back["category"], back["waits"], back["tags"]) == ("question", None, [])
    manager = await person(rt, site.own, "max", Role.MANAGER)
    back = (await client.delete(f"{API}/{comment}/correction", headers=manager)).json()
    assert (back["category"], back["waits"], back["corrected_at"]) == ("criticism", "unsure", None)
    assert [tag["code"] for tag in back["tags"]] == ["preco"]
    nothing = await client.delete(f"{API}/{comment}/correction", headers=ana)
    assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:ouvidor:nothing_to_take_back")
    said = [("person", "spam", True), ("person", "question", True), ("local", "criticism", False)]
    assert await history(client, ana, comment) == said


async def test_the_list_begins_with_the_least_confident_and_hides_what_is_judged_blindly(
    rt: Runtime, client: httpx.AsyncClient, site: Site
) -> None:
    project = site.own.project
    unsure = [
        await build_comment(rt, project, f"unsure {number}", confidence=0.2 + number / 1000, waits="unsure")
        for number in range(120)
    ]
    blind = {
        await build_comment(rt, project, f"blind {number}", confidence=0.95, waits="blind", tags=("a",))
        for number in range(24)
    }
    await build_comment(rt, project, "waits for nobody")
    found = await waiting(client, site.own.headers, limit=100)
    rest = await waiting(client, site.own.headers, limit=100, after=found[-1]["id"])
    every = [*found, *rest]
    assert [UUID(one["id"]) for one in every if one["waits"] == "unsure"] == unsure
    assert {UUID(one["id"]) for one in every if one["waits"] == "blind"} == blind
    assert all((one["given"] is None) == (one["waits"] == "blind") for one in every)
    assert every[0]["given"] == {
        "category": "criticism",
        "category_name": "CRÍTICA",
        "confidence": 0.2,
        "tags": [],
        "sentiment": "negative",
    }
    assert "confidence" not in every[0]
    places = [place for place, one in enumerate(every) if one["waits"] == "blind"]
    assert places[0] < 36
    assert places[-1] > 108
    assert await waiting(client, site.other.headers) == []


async def test_the_list_goes_on_behind_what_was_corrected(rt: Runtime, client: httpx.AsyncClient, site: Site) -> None:
    """However much is corrected, blind ones keep their place among the others."""
    for number in range(40):
        await build_comment(rt, site.own.project, "u", confidence=0.1 + number / 100, waits="unsure")
    for _ in range(10):
        await build_comment(rt, site.own.project, "b", confidence=0.95, waits="blind")
    planned = [one["id"] for one in await waiting(client, site.own.headers, limit=50)]
    done: list[str] = []
    while found := await waiting(client, site.own.headers, limit=1, **({"after": done[-1]} if done else {})):
        await client.post(f"{API}/{found[0]['id']}/correct", headers=site.own.headers, json={"category": "praise"})
        done.append(found[0]["id"])
    assert done == planned


async def test_what_nobody_can_tell_is_skipped_and_put_back(rt: Runtime, client: httpx.AsyncClient, site: Site) -> None:
    comment = await build_comment(rt, site.own.project, "hm", waits="unsure", confidence=0.3)
    for deed, left in (("skip", 0), ("skip", 0), ("list", 1), ("list", 1)):
        answer = await client.post(f"{API}/{comment}/{deed}", headers=site.own.headers)
        assert answer.status_code == 204
        assert len(await waiting(client, site.own.headers)) == left
    assert await history(client, site.own.headers, comment) == [("local", "criticism", False)]
    assert await actions(rt) == ["comment.skipped", "comment.listed_again"]


async def test_many_at_once_and_back(rt: Runtime, client: httpx.AsyncClient, site: Site) -> None:
    project, key = site.own.project, site.own.headers
    ana = await person(rt, site.own, "ana")
    wrong = [await build_comment(rt, project, f"ganhe {n}", waits="blind", fields={"canal": "x"}) for n in range(5)]
    said, same = wrong[:2]
    await client.post(f"{API}/{said}/correct", headers=key, json={"category": "praise"})
    await client.post(f"{API}/{same}/correct", headers=key, json={"category": "spam"})
    untouched = await build_comment(rt, project, "outro", fields={"canal": "y"})
    chosen = {"category": "SPAM", "filter": {"fields": {"canal": "x"}}}
    answer = await client.post(f"{API}/correct", headers=ana, json=chosen)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["corrected"], told["same"], told["kept"]) == (3, 1, 1)
    categories = [(await read(client, key, one))["category"] for one in (*wrong, untouched)]
    assert categories == ["praise", "spam", "spam", "spam", "spam", "criticism"]
    assert [(await read(client, key, one))["waits"] for one in wrong] == [None] * 5

    later = wrong[4]
    await client.post(f"{API}/{later}/correct", headers=key, json={"category": "question", "instead_of": "spam"})
    assert (await client.delete(f"{API}/corrections/{told['deed']}", headers=site.other.headers)).status_code == 404
    bia = await person(rt, site.own, "bia")
    assert (await client.delete(f"{API}/corrections/{told['deed']}", headers=bia)).json()[
        "type"
    ] == "urn:ouvidor:not_yours"
    back = await client.delete(f"{API}/corrections/{told['deed']}", headers=ana)
    assert back.json() == {"taken_back": 3}
    categories = [(await read(client, key, one))["category"] for one in wrong]
    assert categories == ["praise", "spam", "criticism", "criticism", "question"]
    assert [(await read(client, key, one))["waits"] for one in wrong] == [None, None, "blind", "blind", None]
    assert (await client.delete(f"{API}/corrections/{told['deed']}", headers=ana)).status_code == 404


async def test_many_over_what_people_have_said(rt: Runtime, client: httpx.AsyncClient, site: Site) -> None:
    comment = await build_comment(rt, site.own.project, "ganhe")
    await client.post(f"{API}/{comment}/correct", headers=site.own.headers, json={"category": "praise"})
    body = {"category": "spam", "ids": [str(comment)], "over_people": True, "sentiment": "neutral"}
    answer = await client.post(f"{API}/correct", headers=site.own.headers, json=body)
    assert answer.json()["corrected"] == 1
    found = await read(client, site.own.headers, comment)
    assert (found["category"], found["sentiment"], found["given_category"]) == ("spam", "neutral", "criticism")
    back = await client.delete(f"{API}/corrections/{answer.json()['deed']}", headers=site.own.headers)
    assert back.json() == {"taken_back": 1}
    assert (await read(client, site.own.headers, comment))["category"] == "praise"


async def test_many_needs_a_choice_and_has_a_bound(rt: Runtime, client: httpx.AsyncClient, site: Site) -> None:
    key = site.own.headers
    for body in ({"category": "spam"}, {"category": "spam", "filter": {"text": "x"}}):
        assert (await client.post(f"{API}/correct", headers=key, json=body)).status_code == 422
    first = await build_comment(rt, site.own.project, "ganhe")
    async with rt.db.begin() as session:
        await session.execute(COPIES, {"first": first, "ids": [new_id() for _ in range(MOST)]})
    answer = await client.post(f"{API}/correct", headers=key, json={"category": "spam", "filter": {"corrected": False}})
    assert answer.status_code == 422
    assert "10001" in answer.json()["detail"]
    await client.post(f"{API}/{first}/correct", headers=key, json={"category": "praise"})
    answer = await client.post(f"{API}/correct", headers=key, json={"category": "spam", "filter": {"corrected": False}})
    assert (answer.status_code, answer.json()["corrected"]) == (200, MOST)


async def test_people_agree_with_the_ai_as_often_as_is_told(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock
) -> None:
    project, key = site.own.project, site.own.headers
    kinds = [*(("blind", "criticism"),) * 9, ("blind", "praise"), ("unsure", "criticism"), *(("unsure", "spam"),) * 3]
    made = [(await build_comment(rt, project, "x", waits=waits), waits, said) for waits, said in kinds]
    for comment, _, said in made:
        await client.post(f"{API}/{comment}/correct", headers=key, json={"category": said})
    seen = await build_comment(rt, project, "seen", waits="blind")
    await client.post(f"{API}/{seen}/correct", headers=key, json={"category": "spam", "seen": True})
    bulk = await build_comment(rt, project, "bulk", waits="blind")
    await client.post(f"{API}/correct", headers=key, json={"category": "spam", "ids": [str(bulk)]})
    undone = await build_comment(rt, project, "undone", waits="blind")
    await client.post(f"{API}/{undone}/correct", headers=key, json={"category": "spam"})
    await client.delete(f"{API}/{undone}/correction", headers=key)

    told = (await client.get(f"{API}/agreement", headers=key)).json()
    assert (told["blind"]["agreed"], told["blind"]["looked_at"], told["blind"]["share"]) == (9, 10, 0.9)
    assert (round(told["blind"]["low"], 3), round(told["blind"]["high"], 3)) == (0.596, 0.982)
    assert (told["unsure"]["agreed"], told["unsure"]["looked_at"]) == (1, 4)
    assert told["mistakes"] == [
        {"given": "criticism", "said": "spam", "comments": 3},
        {"given": "criticism", "said": "praise", "comments": 1},
    ]
    none = (await client.get(f"{API}/agreement", headers=site.other.headers)).json()
    assert none["blind"] == {"agreed": 0, "looked_at": 0, "share": None, "low": 0.0, "high": 1.0}
    clock.advance(days=91)
    assert (await client.get(f"{API}/agreement", headers=key)).json()["blind"]["looked_at"] == 0


async def test_agreement_compares_with_what_the_ai_said_before(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock
) -> None:
    comment = await build_comment(rt, site.own.project, "x", waits="blind")
    await client.post(f"{API}/{comment}/correct", headers=site.own.headers, json={"category": "spam"})
    async with rt.db.begin() as session:
        learnt = CommentClassification(
            project_id=site.own.project.id,
            comment_id=comment,
            by="local",
            model="local",
            version="model 1",
            taxonomy=0,
            category="spam",
            tags=[],
            sentiment="neutral",
            language="pt",
            confidence=0.99,
            created_at=clock.now + timedelta(hours=1),
        )
        session.add(learnt)
    told = (await client.get(f"{API}/agreement", headers=site.own.headers)).json()
    assert (told["blind"]["agreed"], told["blind"]["looked_at"]) == (0, 1)


async def test_golden_cases_are_what_people_said(rt: Runtime, client: httpx.AsyncClient, site: Site) -> None:
    for words, said in (('Amei, "demais"', "praise"), ("=1+1", "spam"), ("nada", None)):
        comment = await build_comment(rt, site.own.project, words)
        if said:
            await client.post(f"{API}/{comment}/correct", headers=site.own.headers, json={"category": said})
    answer = await client.get(f"{API}/golden.csv", headers=site.own.headers)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text == 'texto,categoria\r\n"Amei, ""demais""",ELOGIO\r\n\'=1+1,SPAM\r\n'
    assert (await client.get(f"{API}/golden.csv", headers=site.other.headers)).text == "texto,categoria\r\n"

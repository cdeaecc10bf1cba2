"""The pages of correcting and of the classifier, as a browser without scripts uses them."""

import re
from uuid import UUID

import httpx
import pytest
from comment_factories import build_comment
from conftest import MovedClock
from factories import Tenant, build_tenant
from page_visitor import OWN, enter
from sqlalchemy import select

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.permissions import Role
from ouvidor.feedback.learning.correcting import correct
from ouvidor.feedback.models import Comment, CommentModel
from ouvidor.feedback.taxonomies.draft import draft_of
from ouvidor.feedback.taxonomies.versions import save_taxonomy
from ouvidor.feedback.taxonomy import Category, Taxonomy
from ouvidor.runtime import Runtime
from ouvidor.worker import work

pytestmark = pytest.mark.anyio

BASE = "/projects/seaside/comments"
QUEUE = f"{BASE}/corrections"


@pytest.fixture
async def tenant(rt: Runtime) -> Tenant:
    return await build_tenant(rt, "seaside")


async def page(client: httpx.AsyncClient, address: str = QUEUE, **headers: str) -> str:
    answer = await client.get(address, headers=OWN | {"Accept-Language": "en"} | headers)
    assert answer.status_code == 200, answer.text
    return answer.text


async def send(client: httpx.AsyncClient, address: str, token: str, **form: str) -> str:
    answer = await client.post(address, data={"form_token": token, **form}, headers=OWN)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def words_of(html: str) -> str:
    found = re.search(r'<blockquote class="words[^>]*>(.*?)</blockquote>', html)
    return found[1] if found else ""


async def stored(rt: Runtime, comment: UUID) -> Comment:
    async with rt.db.read() as session:
        return (await session.execute(select(Comment).where(Comment.id == comment))).scalar_one()


async def test_a_form_corrects_and_brings_the_next(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project, role=Role.AGENT)
    first = await build_comment(rt, tenant.project, "É um <b>show</b>", confidence=0.2, waits="unsure", tags=("a",))
    second = await build_comment(rt, tenant.project, "Cadê?", confidence=0.3, waits="unsure")
    shown = await page(client)
    assert words_of(shown) == "É um &lt;b&gt;show&lt;/b&gt;"
    assert "2 wait" in shown
    assert re.search(r'value="praise" data-keys="1"', shown)
    where = await send(
        client, f"{QUEUE}/{first}", token, category="praise", tags="a", tags_before="a", sentiment="positive"
    )
    shown = await page(client, where)
    assert words_of(shown) == "Cadê?"
    assert "Said:" in shown
    comment = await stored(rt, first)
    assert (comment.category, comment.sentiment, comment.tag_codes, comment.given_category) == (
        "praise",
        "positive",
        ["a"],
        "criticism",
    )
    where = await send(client, f"{QUEUE}/{first}/undo", token, what="said")
    assert words_of(await page(client, where)) == "É um &lt;b&gt;show&lt;/b&gt;"
    await send(client, f"{QUEUE}/{first}", token, category="praise", tags="Fila do Bar, #b", tags_before="a")
    assert (await stored(rt, first)).tag_codes == ["fila_do_bar", "b"]
    where = await send(client, f"{QUEUE}/{second}/skip", token)
    shown = await page(client, where)
    assert "Nothing waits for you" in shown
    assert "Skipped." in shown
    assert words_of(await page(client, await send(client, f"{QUEUE}/{second}/undo", token, what="skipped"))) == "Cadê?"


async def test_what_is_judged_blindly_tells_nothing(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project, role=Role.AGENT)
    await build_comment(
        rt, tenant.project, "b", confidence=0.97, waits="blind", tags=("secret_tag",), sentiment="negative"
    )
    shown = await page(client)
    assert not re.search(r"\b97\b", shown)
    for giveaway in ("secret_tag", "guesses", "Local classifier", ">AI<"):
        assert giveaway not in shown
    assert "What the AI said is not shown here" in shown


async def test_what_another_person_said_meanwhile_is_told(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    token = await enter(rt, client, tenant.project)
    comment = await build_comment(rt, tenant.project, "hm", waits="unsure")
    await correct(rt, tenant.project, comment, "question", actor=COMMAND)
    shown = await page(client, await send(client, f"{QUEUE}/{comment}", token, category="spam"))
    assert "command line has corrected that comment meanwhile" in shown
    assert "Question" in shown
    assert (await stored(rt, comment)).category == "question"
    assert "trouble=undone" in await send(client, f"{QUEUE}/{comment}/undo", token)


async def test_what_cannot_be_said_comes_back(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    token = await enter(rt, client, tenant.project)
    await build_comment(rt, tenant.project, "first", confidence=0.1, waits="unsure")
    comment = await build_comment(rt, tenant.project, "second", confidence=0.2, waits="unsure")
    for form, told in (
        ({"category": "applause"}, "no such category"),
        ({"category": "praise", "tags": "a,b,c,d,e,f"}, "At most five tags"),
        ({"category": "praise", "tags": "!!"}, "At most five tags"),
    ):
        shown = await page(client, await send(client, f"{QUEUE}/{comment}", token, **form))
        assert words_of(shown) == "second"
        assert told in shown
    for deed in ("", "/skip", "/undo"):
        form = {"form_token": token, "category": "praise"}
        answer = await client.post(f"{QUEUE}/{UUID(int=7)}{deed}", data=form, headers=OWN)
        assert answer.status_code == 404


async def test_through_the_list_and_as_a_fragment(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project)
    made = [
        await build_comment(rt, tenant.project, f"n{number}", confidence=0.1 + number / 10, waits="unsure")
        for number in range(3)
    ]
    shown = await page(client, f"{QUEUE}?at={made[1]}")
    assert words_of(shown) == "n1"
    assert f'href="{QUEUE}?at={made[0]}" data-keys="k"' in shown
    assert f'href="{QUEUE}?at={made[2]}" data-keys="j"' in shown
    fragment = await page(client, f"{QUEUE}?at={made[2]}", **{"X-Fragment": "1"})
    assert "<html" not in fragment
    assert words_of(fragment) == "n2"
    assert words_of(await page(client, f"{QUEUE}?after={made[2]}")) == "n0"


async def test_many_categories_can_be_narrowed(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project)
    many = Taxonomy(categories=tuple(Category(code=f"c{n}", names={"en": f"Matter {n}"}) for n in range(12)))
    await save_taxonomy(rt, tenant.project, draft_of(many), based_on=None, activate=True, actor=COMMAND)
    await build_comment(rt, tenant.project, "x", waits="unsure")
    shown = await page(client)
    assert 'id="narrow"' in shown
    assert re.findall(r'name="category" value="(c\d+)" data-keys="(\d)"', shown) == [
        (f"c{n}", str(n + 1)) for n in range(9)
    ]
    assert "Matter 11" in shown


async def test_the_classifier_is_shown_trained_and_gone_back_from(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, clock: MovedClock
) -> None:
    token = await enter(rt, client, tenant.project)
    shown = await page(client, f"{BASE}/classifier")
    assert "As it ships" in shown
    assert "Nothing new to learn" in shown
    assert "data-spec" in shown
    assert "calibration error" in shown
    assert "trouble=nothing" in await send(client, f"{BASE}/classifier/retrain", token)
    clock.advance(seconds=1)
    for number in range(20):
        comment = await build_comment(rt, tenant.project, f"é brasa mora {number}", waits="blind")
        await correct(rt, tenant.project, comment, "spam", actor=COMMAND)
    assert "The classifier has not learnt 20 corrections yet." in await page(client)
    shown = await page(client, f"{BASE}/classifier")
    assert "20 new corrections to learn" in shown
    assert "0 of 20" in shown
    assert f"{BASE}?given_category=criticism&amp;category=spam&amp;corrected=true" in shown
    where = await send(client, f"{BASE}/classifier/retrain", token)
    shown = await page(client, where)
    assert "It is being trained." in shown
    assert f'data-running="{BASE}/classifier/learning"' in shown
    assert "data-running" in await page(client, f"{BASE}/classifier/learning", **{"X-Fragment": "1"})


@pytest.mark.slow
async def test_versions_and_going_back(
    rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, clock: MovedClock
) -> None:
    token = await enter(rt, client, tenant.project)
    clock.advance(seconds=1)
    for number in range(3):
        comment = await build_comment(rt, tenant.project, f"é brasa mora {number}")
        await correct(rt, tenant.project, comment, "spam", actor=COMMAND)
    await send(client, f"{BASE}/classifier/retrain", token)
    await work(rt, once=True)
    shown = await page(client, f"{BASE}/classifier")
    assert "Version 1" in shown
    assert 'name="number" value="0"' in shown
    assert "data-running" not in shown
    await send(client, f"{BASE}/classifier/activate", token, number="0")
    shown = await page(client, f"{BASE}/classifier")
    assert "Was in use" in shown
    assert 'name="number" value="1"' in shown
    assert "trouble=gone" in await send(client, f"{BASE}/classifier/activate", token, number="9")
    where = await send(client, f"{BASE}/classifier/again", token)
    assert re.fullmatch(rf"{BASE}/files/[0-9a-f-]+", where)
    async with rt.db.read() as session:
        assert (await session.execute(select(CommentModel.active))).scalars().all() == [False]
    csv = await client.get(f"{BASE}/golden.csv", headers=OWN)
    assert csv.text.count("SPAM") == 3


async def test_who_may_only_read_sees_no_deeds(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> None:
    await enter(rt, client, tenant.project, role=Role.VIEWER)
    shown = await page(client, f"{BASE}/classifier")
    assert "/retrain" not in shown
    assert "/activate" not in shown
    assert (await client.get(QUEUE, headers=OWN)).status_code == 403

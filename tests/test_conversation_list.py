"""The list of conversations: what it is narrowed to, how it is searched, and that its pages lose and double nothing."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from factories import Site
from sqlalchemy import text

from ouvidor.conversations.find import SAYS
from ouvidor.conversations.models import Author, Conversation, Message, Status
from ouvidor.db import new_id
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

URL = "/api/v1/conversations"
HOLDER = UUID("019abcde-0000-7000-8000-000000000001")
START = datetime.fromisoformat("2026-11-21T12:00:00+00:00")


async def keep(
    rt: Runtime, site: Site, helpdesk: str, *said: str, minute: int = 0, waits: int | None = None, **columns: Any
) -> UUID:
    """A conversation with these words in it; `minute` is when the last were said, `waits` since when they wait."""
    at = START + timedelta(minutes=minute)
    talk = Conversation(
        id=new_id(),
        project_id=columns.pop("project", site.own.project).id,
        helpdesk_id=helpdesk,
        created_at=at,
        last_message_at=at,
        messages=len(said),
        waiting_since=None if waits is None else START + timedelta(minutes=waits),
        **columns,
    )
    async with rt.db.begin() as session:
        session.add(talk)
        await session.flush()
        for position, words in enumerate(said, start=1):
            session.add(
                Message(
                    project_id=talk.project_id,
                    conversation_id=talk.id,
                    position=position,
                    role="USER",
                    author=Author.CUSTOMER,
                    content=words,
                    created_at=at,
                )
            )
    return talk.id


async def found(client: httpx.AsyncClient, site: Site, **wanted: Any) -> list[str]:
    response = await client.get(URL, params=wanted, headers=site.own.headers)
    assert response.status_code == 200, response.text
    return [row["helpdesk_id"] for row in response.json()["data"]]


async def test_a_list_is_narrowed_to_what_is_asked_for(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await keep(rt, site, "1", minute=1, language="en", customer_id="c1")
    await keep(rt, site, "2", minute=2, status=Status.WAITING, waits=2, handover_reason="customer_asked")
    await keep(rt, site, "3", minute=3, status=Status.PERSON, holder_id=HOLDER, holder_name="ana", language="pt")
    await keep(rt, site, "4", minute=4, status=Status.CLOSED, customer_id="c1")
    await keep(rt, site, "1", minute=5, project=site.other.project, language="en", customer_id="c1")
    for wanted, expected in (
        ({}, ["4", "3", "2", "1"]),
        ({"status": "bot"}, ["1"]),
        ({"status": "open"}, ["3", "2"]),
        ({"status": "closed"}, ["4"]),
        ({"holder_id": str(HOLDER)}, ["3"]),
        ({"helpdesk_id": "2"}, ["2"]),
        ({"customer_id": "c1"}, ["4", "1"]),
        ({"customer_id": "c1", "status": "bot"}, ["1"]),
        ({"language": "en"}, ["1"]),
        ({"reason": "customer_asked"}, ["2"]),
        ({"since": "2026-11-21T12:03:00Z"}, ["4", "3"]),
        ({"until": "2026-11-21T12:03:00Z"}, ["2", "1"]),
        ({"since": "2026-11-21T09:02:00-03:00", "until": "2026-11-21T09:04:00-03:00"}, ["3", "2"]),
        ({"order": "longest_waiting"}, ["2", "1", "3", "4"]),
        ({"unknown": "is ignored"}, ["4", "3", "2", "1"]),
    ):
        assert await found(client, site, **wanted) == expected, wanted


@pytest.mark.parametrize(
    "wanted",
    [
        {"status": "lost"},
        {"order": "oldest"},
        {"language": "fr"},
        {"reason": "boredom"},
        {"holder_id": "ana"},
        {"since": "2026-11-21T12:00:00"},
        {"since": "yesterday"},
        {"q": ""},
        {"q": "x" * 201},
        {"q": "a\0b"},
        {"limit": 0},
        {"limit": 101},
    ],
)
async def test_what_cannot_be_asked_for_is_said(site: Site, client: httpx.AsyncClient, wanted: dict[str, Any]) -> None:
    assert (await client.get(URL, params=wanted, headers=site.own.headers)).status_code == 422


async def test_words_are_found_without_accents_and_case(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await keep(rt, site, "1", "Olá", "Quero cancelar a RESERVAÇÃO do café da manhã", minute=1)
    await keep(rt, site, "2", "Quero a reserva", "sem café", minute=2)
    await keep(rt, site, "3", "reservacao e cafe", minute=3, project=site.other.project)
    for q, expected in (
        ("reservação", ["1"]),
        ("RESERVACAO", ["1"]),
        ("Café", ["2", "1"]),
        ("café reserva", []),
        ("quero reserva", ["2"]),
        ('"café da manhã"', ["1"]),
        ('"manhã da café"', []),
        ("café or olá", ["2", "1"]),
        ("quero -reserva", ["1"]),
        ("piscina", []),
    ):
        assert await found(client, site, q=q) == expected, q


async def test_a_helpdesk_id_is_found_by_its_beginning(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    for minute, helpdesk in enumerate(("HD-100", "HD-1000", "XHD-100", "50%off", "50_off", "500off")):
        await keep(rt, site, helpdesk, minute=minute)
    assert await found(client, site, q="HD-100") == ["HD-1000", "HD-100"]
    assert await found(client, site, q="50%") == ["50%off"]
    assert await found(client, site, q="50_") == ["50_off"]
    assert await found(client, site, q=" HD-1000 ") == ["HD-1000"]


@pytest.mark.parametrize(
    "q", ["'", '"', "\\", "&|!:*()<->", "a & b:*", "%", "' or 1=1 --", "-", "or", "ÀÉÎ", "🦉", " "]
)
async def test_no_search_is_an_error(site: Site, client: httpx.AsyncClient, q: str) -> None:
    assert await found(client, site, q=q) == []


async def test_notices_are_not_what_was_said(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    talk = await keep(rt, site, "1", "Hello")
    await client.post(f"{URL}/{talk}/close", headers=site.own.headers)
    assert await found(client, site, q="closed") == []
    assert await found(client, site, q="hello") == ["1"]


async def test_the_index_of_words_is_the_one_searched(rt: Runtime) -> None:
    async with rt.db.begin() as session:
        await session.execute(text("set local enable_seqscan = off"))
        plan = (await session.execute(text(f"explain select 1 from message where {SAYS}"), {"q": "café"})).scalars()
        assert "ix_message_words" in "\n".join(plan)


@pytest.mark.parametrize("wanted", [{}, {"q": "hello"}, {"status": "waiting"}, {"q": "hd", "status": "waiting"}])
@pytest.mark.parametrize("order", ["newest", "longest_waiting"])
@pytest.mark.parametrize("limit", [1, 3])
async def test_pages_lose_and_double_nothing(
    rt: Runtime, site: Site, client: httpx.AsyncClient, order: str, wanted: dict[str, str], limit: int
) -> None:
    for number in range(8):
        status = Status.WAITING if number % 2 else Status.BOT
        waits = (number // 3) if number % 2 else None
        await keep(rt, site, f"hd{number}", "hello there", minute=number // 3, waits=waits, status=status)
    asked: dict[str, Any] = {**wanted, "order": order}
    whole = await found(client, site, **asked, limit=100)
    assert len(whole) == (4 if "status" in wanted else 8)
    walked: list[str] = []
    after: dict[str, str] = {}
    while True:
        response = await client.get(URL, params={**asked, **after, "limit": limit}, headers=site.own.headers)
        page = response.json()
        walked += [row["helpdesk_id"] for row in page["data"]]
        if not page["has_more"]:
            break
        after = {"after": page["last_id"]}
    assert walked == whole


async def test_a_page_after_a_strangers_conversation_is_none(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    foreign = await keep(rt, site, "1", project=site.other.project)
    response = await client.get(URL, params={"after": str(foreign)}, headers=site.own.headers)
    assert response.status_code == 404


async def test_counts_are_of_ones_own_inbox(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    mine = await keep(rt, site, "mine", status=Status.WAITING, waits=0)
    await keep(rt, site, "waits", status=Status.WAITING, waits=0)
    await keep(rt, site, "held", status=Status.PERSON, holder_id=HOLDER, holder_name="ana")
    await keep(rt, site, "closed", status=Status.CLOSED)
    await keep(rt, site, "foreign", status=Status.WAITING, waits=0, project=site.other.project)
    await client.post(f"{URL}/{mine}/claim", headers=site.own.headers)
    counts = await client.get("/api/v1/inbox", headers=site.own.headers)
    assert counts.json() == {"waiting": 1, "mine": 1, "open": 3}

"""Conversations held elsewhere come in from JSONL, CSV, a second PostgreSQL database and the API: once and whole."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from factories import Site
from page_visitor import enter
from page_visitor import furnish as furnish_pages
from sqlalchemy import func, select

from ouvidor.accounts.access import Caller
from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import AuditEntry, Project
from ouvidor.accounts.permissions import PERMISSIONS, Role
from ouvidor.conversations.desk import HeldElsewhere, reopen
from ouvidor.conversations.import_command import (
    FromDatabase,
    FromFile,
    UnknownName,
    file_columns,
    import_from,
    layout_of,
    pairs_of,
    reading_of,
)
from ouvidor.conversations.import_database import Layout, SourceUnfit, SourceUnreachable
from ouvidor.conversations.import_files import open_stream
from ouvidor.conversations.import_reading import FileReading, Row, UnreadableConversations
from ouvidor.conversations.import_report import LISTED, ImportReport
from ouvidor.conversations.imported import ConversationRow, Told, dated, first_new
from ouvidor.conversations.imports import import_conversations
from ouvidor.conversations.models import Author, Conversation, Message
from ouvidor.conversations.overview import read_overview
from ouvidor.conversations.text_files import LONGEST_LINE, UnreadableText
from ouvidor.csv_cells import neutralised
from ouvidor.errors import Fault
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.privacy.purge import purge
from ouvidor.privacy.retention import erase_silent
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

URL = "/api/v1/conversations/import"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
NO_TIME = "has a time that cannot be read; use ISO 8601, such as 2026-11-21T14:05:00-03:00"
C, B, P = Author.CUSTOMER, Author.BOT, Author.PERSON
PLAIN = FileReading()


def minute(number: int) -> str:
    return (AT + timedelta(minutes=number)).isoformat()


def turns(*said: tuple[str, str, int]) -> list[dict[str, Any]]:
    """Messages of these roles and words, at these minutes."""
    return [{"role": role, "text": text, "at": minute(at)} for role, text, at in said]


HELLO = turns(("customer", "Oi, tem vaga?", 0), ("bot", "Temos, sim.", 1))
MORE = turns(("customer", "E café da manhã?", 2), ("person", "Incluído!", 3))


def read(content: str | bytes, reading: FileReading = PLAIN, name: str = "") -> list[Row]:
    raw = content if isinstance(content, bytes) else content.encode()
    with open_stream(io.BytesIO(raw), reading, NOW, name=name) as source:
        return list(source.rows)  # pyright: ignore[reportArgumentType]


def rows(*talks: dict[str, Any]) -> list[Row]:
    return read("\n".join(map(json.dumps, talks)), name="x.jsonl")


def fit(content: str | bytes, reading: FileReading = PLAIN, name: str = "") -> list[ConversationRow]:
    found = read(content, reading, name)
    assert not [row for row in found if isinstance(row, Fault)], found
    return [row for row in found if isinstance(row, ConversationRow)]


def broken(content: str | bytes, reading: FileReading = PLAIN) -> list[str]:
    return [f"{row.where} {row.message}" for row in read(content, reading) if isinstance(row, Fault)]


async def bring(rt: Runtime, project: Project, *talks: dict[str, Any]) -> ImportReport:
    return await import_conversations(rt, project, rows(*talks))


async def kept(rt: Runtime, project: Project) -> dict[str, list[tuple[str, str, datetime]]]:
    """Author, words and time of each message, by conversation, in order of position."""
    query = (
        select(Conversation.helpdesk_id, Message.author, Message.content, Message.created_at, Message.position)
        .join(Message, Message.conversation_id == Conversation.id)
        .where(Conversation.project_id == project.id, Conversation.origin == "imported")
        .order_by(Conversation.helpdesk_id, Message.position)
    )
    found: dict[str, list[tuple[str, str, datetime]]] = {}
    async with rt.db.read() as session:
        for row in await session.execute(query):
            found.setdefault(row.helpdesk_id, []).append((row.author, row.content, row.created_at))
            assert row.position == len(found[row.helpdesk_id])
    return found


async def stored(rt: Runtime, project: Project, name: str) -> Conversation:
    query = select(Conversation).where(Conversation.project_id == project.id, Conversation.helpdesk_id == name)
    async with rt.db.read() as session:
        return (await session.execute(query)).scalar_one()


# What a conversation becomes


async def test_a_conversation_comes_in_closed_with_its_own_times_unit_and_language(rt: Runtime, site: Site) -> None:
    report = await bring(rt, site.own.project, {"id": 42, "unit": "Centro", "turns": HELLO + MORE})
    assert (report.added, report.messages, report.failed, report.rows) == (1, 4, 0, 1)
    talk = await stored(rt, site.own.project, "42")
    assert (talk.origin, talk.status, talk.unit, talk.language) == ("imported", "closed", "Centro", "pt")
    assert (talk.messages, talk.turns, talk.episode, talk.holder_id) == (4, 0, 1, None)
    assert (talk.created_at, talk.last_message_at) == (AT, AT + timedelta(minutes=3))
    said = (await kept(rt, site.own.project))["42"]
    assert [author for author, _, _ in said] == ["customer", "bot", "customer", "person"]
    async with rt.db.read() as session:
        roles = (await session.execute(select(Message.role).order_by(Message.position))).scalars().all()
    assert roles == ["USER", "AGENT", "USER", "AGENT"]


async def test_an_import_is_noted_without_words_and_ids_of_customers(rt: Runtime, site: Site) -> None:
    await bring(rt, site.own.project, {"id": "4711-ana", "turns": HELLO}, {"id": "b", "turns": MORE})
    await bring(rt, site.own.project, {"id": "b", "turns": MORE})
    async with rt.db.read() as session:
        query = select(AuditEntry).where(AuditEntry.action == "conversation.imported")
        entries = (await session.execute(query)).scalars().all()
    assert [(entry.details, entry.actor_kind) for entry in entries] == [
        ({"conversations": 2, "messages": 4}, "command")
    ]


async def test_messages_are_put_in_order_by_time_only_where_each_has_one(rt: Runtime, site: Site) -> None:
    late, early = HELLO[1], HELLO[0]
    some = [{"role": "user", "text": "a"}, {"role": "bot", "text": "b", "at": minute(5)}, {"role": "user", "text": "c"}]
    await bring(rt, site.own.project, {"id": "all", "turns": [late, early]}, {"id": "some", "turns": some})
    found = await kept(rt, site.own.project)
    assert [text for _, text, _ in found["all"]] == ["Oi, tem vaga?", "Temos, sim."]
    assert [(text, at - AT) for _, text, at in found["some"]] == [
        ("a", timedelta(minutes=4)),
        ("b", timedelta(minutes=5)),
        ("c", timedelta(minutes=6)),
    ]


def test_times_that_are_missing_are_made_up_in_order() -> None:
    def at(number: int | None) -> Told:
        return Told(C, "x", None if number is None else AT + timedelta(minutes=number))

    def minutes(*known: int | None, not_before: datetime | None = None) -> list[float]:
        times = dated([at(one) for one in known], NOW, not_before)
        assert times == sorted(times)
        return [(time - AT).total_seconds() / 60 for time in times]

    end = (NOW - AT).total_seconds() / 60
    assert minutes(None, None, None) == [end - 2, end - 1, end]
    assert minutes(10, None, None, 11) == [10, 11, 11, 11]
    assert minutes(None, None, 10) == [8, 9, 10]
    assert minutes(10, 5, None) == [10, 10, 11]
    assert minutes(None, not_before=NOW + timedelta(minutes=5)) == [end + 5]


async def test_empty_messages_and_those_of_a_system_are_left_out_and_tokens_kept(rt: Runtime, site: Site) -> None:
    said = [
        {"role": "system", "text": "You are Bia."},
        {"role": "user", "text": "[IMAGE]"},
        {"role": "bot", "text": None},
        {"role": "bot", "text": "  \n"},
        {"role": "user", "text": "<contact>João 11 99999-0000</contact>"},
    ]
    report = await bring(rt, site.own.project, {"id": 1, "turns": said}, {"id": 2, "turns": said[2:4]})
    assert (report.added, report.empty, report.failed) == (1, 1, 0)
    found = await kept(rt, site.own.project)
    assert [text for _, text, _ in found["1"]] == ["[IMAGE]", "<contact>João 11 99999-0000</contact>"]
    assert found.keys() == {"1"}


@pytest.mark.parametrize(
    ("word", "author"),
    [
        *[(word, C) for word in ("user", "USER", " Cliente ", "customer", "hóspede", "true", True, 1, "Usuário")],
        *[(word, B) for word in ("bot", "assistant", "AGENT", "Robô", False, 0, "false", "agente")],
        *[(word, P) for word in ("person", "human", "Atendente", "attendant", "BIA")],
    ],
)
def test_who_spoke_is_told_in_many_words(word: object, author: Author) -> None:
    reading = FileReading(values=reading_of({"BIA": "person"}, "UTC", None))
    row = fit(json.dumps({"id": 1, "turns": [{"role": word, "text": "x"}]}), reading)[0]
    assert [told.author for told in row.said] == [author]


@pytest.mark.parametrize(
    "at",
    [
        *("2026-11-20T10:00:00Z", "2026-11-20T07:00:00-03:00", "2026-11-20 10:00:00+00", "20261120T100000"),
        *(1795168800, 1795168800.0, 1795168800000, "1795168800", "1795168800000"),
    ],
)
def test_times_are_read_in_the_usual_forms(at: object) -> None:
    row = fit(json.dumps({"id": 1, "turns": [{"role": "user", "text": "x", "at": at}]}))[0]
    assert row.said[0].at == AT


def test_times_without_a_zone_and_in_another_form_are_read_as_told() -> None:
    values = reading_of({}, "America/Sao_Paulo", "%d/%m/%Y %H:%M")
    talk = {"id": 1, "turns": [{"role": "user", "text": "x", "at": "20/11/2026 07:00"}]}
    row = fit(json.dumps(talk), FileReading(values=values))[0]
    assert row.said[0].at == AT.astimezone(ZoneInfo("America/Sao_Paulo"))


# Again, and what has grown


async def test_again_brings_only_what_is_new(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await bring(rt, project, {"id": "a", "turns": HELLO}, {"id": "b", "turns": HELLO})
    again = await bring(rt, project, {"id": "a", "turns": HELLO}, {"id": "b", "turns": HELLO + MORE})
    assert (again.added, again.grown, again.unchanged, again.messages) == (0, 1, 1, 2)
    once_more = await bring(rt, project, {"id": "b", "turns": HELLO + MORE}, {"id": "c", "turns": HELLO})
    assert (once_more.added, once_more.grown, once_more.unchanged) == (1, 0, 1)
    found = await kept(rt, project)
    assert [text for _, text, _ in found["b"]] == [turn["text"] for turn in HELLO + MORE]
    grown = await stored(rt, project, "b")
    assert (grown.messages, grown.created_at, grown.last_message_at) == (4, AT, AT + timedelta(minutes=3))


async def test_only_the_new_messages_may_be_told_or_a_part_that_overlaps(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await bring(rt, project, {"id": "a", "turns": HELLO}, {"id": "b", "turns": HELLO})
    report = await bring(rt, project, {"id": "a", "turns": MORE}, {"id": "b", "turns": [HELLO[1], *MORE]})
    assert (report.grown, report.failed, report.messages) == (2, 0, 4)
    found = await kept(rt, project)
    assert found["a"] == found["b"]
    assert len(found["a"]) == 4


async def test_what_differs_in_the_middle_is_told_and_left_as_it_is(rt: Runtime, site: Site) -> None:
    project = site.own.project
    await bring(rt, project, {"id": "a", "turns": HELLO + MORE})
    changed = [HELLO[0], HELLO[1] | {"text": "Não temos."}, *MORE]
    inserted = [HELLO[0], *turns(("bot", "Um momento.", 0)), HELLO[1], *MORE]
    report = await bring(rt, project, {"id": "a", "turns": changed}, {"id": "a", "turns": inserted})
    assert [(fault.where, fault.message) for fault in report.broken] == [
        ("line 1 (a)", "is not what was imported before, from message 2 on; that was left as it is"),
        ("line 2 (a)", "is not what was imported before, from message 2 on; that was left as it is"),
    ]
    assert [text for _, text, _ in (await kept(rt, project))["a"]] == [turn["text"] for turn in HELLO + MORE]


async def test_without_times_the_whole_conversation_is_told_again(rt: Runtime, site: Site) -> None:
    project = site.own.project
    bare = [{"role": turn["role"], "text": turn["text"]} for turn in HELLO + MORE]
    await bring(rt, project, {"id": "a", "turns": bare[:2]})
    grown = await bring(rt, project, {"id": "a", "turns": bare}, {"id": "a", "turns": bare[:3]})
    assert (grown.grown, grown.unchanged, grown.messages) == (1, 1, 2)
    other = await bring(rt, project, {"id": "a", "turns": bare[2:]})
    assert (other.failed, other.messages) == (1, 0)
    times = [at for _, _, at in (await kept(rt, project))["a"]]
    assert times == sorted(times)
    timed = await bring(rt, project, {"id": "a", "turns": HELLO + MORE})
    assert (timed.unchanged, timed.messages) == (1, 0)


def said(*words: str, begin: int = 0) -> list[Told]:
    """A customer's words, a minute apart."""
    return [Told(C, word, AT + timedelta(minutes=number)) for number, word in enumerate(words, start=begin)]


@pytest.mark.parametrize(
    ("stored", "told", "first"),
    [
        (said("a", "b"), said("a", "b"), 2),
        (said("a", "b"), said("a", "b", "c"), 2),
        (said("a", "b", "c"), said("a", "b"), 2),
        (said("a", "b", "c"), said("b", begin=1), 1),
        (said("a", "b"), said("b", "c", begin=1), 1),
        (said("oi"), said("oi", begin=1440 + 7), 0),  # the next day they say the same again
        (said("oi", "tudo bem"), said("oi", "tudo bem", "tchau", begin=180), 2),  # a zone was mistaken
        (said("oi", "x", "y", "oi"), said("oi", "x", begin=3), 1),
        (said("a", "b"), said("x", "b"), None),
        (said("a", "b"), said("b", "a", begin=-5), None),
        ([], said("a"), 0),
    ],
)
def test_what_is_new_of_a_conversation(stored: list[Told], told: list[Told], first: int | None) -> None:
    assert first_new(stored, told) == first


async def test_one_id_twice_in_a_file_is_one_conversation(rt: Runtime, site: Site) -> None:
    parts = ({"id": "a", "turns": HELLO}, {"id": "a", "turns": MORE}, {"id": "a", "turns": HELLO + MORE})
    report = await bring(rt, site.own.project, *parts)
    assert (report.added, report.grown, report.unchanged, report.messages) == (1, 1, 1, 4)
    assert len((await kept(rt, site.own.project))["a"]) == 4


async def test_each_project_has_its_own_and_a_live_one_of_the_same_id_stays_apart(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    await bring(rt, site.own.project, {"id": "7", "turns": HELLO})
    other = await bring(rt, site.other.project, {"id": "7", "turns": MORE})
    assert (other.added, other.grown) == (1, 0)
    assert len((await kept(rt, site.own.project))["7"]) == 2
    body = {
        "helpdeskId": "7",
        "projectName": "seaside",
        "messages": [{"role": "USER", "content": "When is breakfast?"}],
    }
    answer = await client.post("/conversations/completions", json=body, headers=site.own.headers)
    assert answer.status_code == 200, answer.text
    listed = (await client.get("/api/v1/conversations?helpdesk_id=7", headers=site.own.headers)).json()["data"]
    assert {(one["origin"], one["messages"]) for one in listed} == {("imported", 2), ("live", 2)}
    for wanted, count in (("origin=imported", 1), ("origin=live", 1), ("unit=none", 0)):
        found = (await client.get(f"/api/v1/conversations?{wanted}", headers=site.own.headers)).json()["data"]
        assert len(found) == count


async def test_an_import_that_breaks_off_leaves_whole_conversations_and_goes_on_when_run_again(
    rt: Runtime, site: Site
) -> None:
    talks = rows(*({"id": number, "turns": HELLO + MORE} for number in range(2500)))

    def cut() -> Generator[Row]:
        yield from talks[:1700]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await import_conversations(rt, site.own.project, cut())
    found = await kept(rt, site.own.project)
    assert len(found) == 1000
    assert all(len(messages) == 4 for messages in found.values())
    heard: list[int] = []
    report = await import_conversations(rt, site.own.project, talks, progress=lambda so_far: heard.append(so_far.rows))
    assert (report.added, report.unchanged, report.messages) == (1500, 1000, 6000)
    assert heard == [1000, 2000, 2500]


async def test_rows_may_come_as_they_are_made(rt: Runtime, site: Site) -> None:
    async def slowly() -> AsyncIterator[Row]:
        for row in rows({"id": 1, "turns": HELLO}, {"id": 2, "turns": HELLO}):
            yield row

    assert (await import_conversations(rt, site.own.project, slowly())).added == 2


async def test_imports_at_once_bring_each_message_once(rt: Runtime, site: Site) -> None:
    talks = [{"id": number, "turns": HELLO} for number in range(300)]
    grown = [{"id": number, "turns": HELLO + MORE} for number in reversed(range(300))]
    reports = await asyncio.gather(*(bring(rt, site.own.project, *told) for told in (talks, grown, talks, grown)))
    assert sum(report.added for report in reports) == 300
    assert sum(report.messages for report in reports) == 1200
    assert not any(report.failed for report in reports)
    found = await kept(rt, site.own.project)
    assert {len(messages) for messages in found.values()} == {4}


async def test_what_is_erased_meanwhile_is_whole_or_gone(rt: Runtime, site: Site) -> None:
    talks = [{"id": number, "turns": HELLO} for number in range(200)]
    await bring(rt, site.own.project, *talks)
    ids = [(await stored(rt, site.own.project, str(number))).id for number in range(0, 200, 7)]

    async def erase() -> None:
        for one in ids:
            async with rt.db.begin() as session:
                await purge(session, site.own.project.id, [one])

    grown = [{"id": number, "turns": HELLO + MORE} for number in range(200)]
    await asyncio.gather(erase(), *(bring(rt, site.own.project, talk) for talk in grown[::5]), erase())
    report = await bring(rt, site.own.project, *grown)
    assert report.failed == 0
    assert {len(messages) for messages in (await kept(rt, site.own.project)).values()} == {4}


# Files


def test_lines_of_jsonl_that_cannot_be_read_are_told_and_the_rest_is_read() -> None:
    fine = json.dumps({"id": "ok", "turns": HELLO})
    huge = json.dumps({"id": "huge", "turns": [{"role": "user", "text": "x" * LONGEST_LINE}]})
    lines = [
        fine,
        "{not json",
        "[1]",
        json.dumps({"turns": HELLO}),
        json.dumps({"id": "n", "turns": "x"}),
        json.dumps({"id": "r", "turns": [{"role": "Zé \x1b[31m", "text": "x"}]}),
        json.dumps({"id": "t", "turns": [{"role": "user", "text": ["x"]}]}),
        json.dumps({"id": "d", "turns": [{"role": "user", "text": "x", "at": "yesterday"}]}),
        json.dumps({"id": "f", "turns": [{"role": "user", "text": "x", "at": "2099-01-01"}]}),
        json.dumps({"id": "s", "turns": [{"role": "user", "text": "\ud800"}]}),
        json.dumps({"id": "l", "turns": [{"role": "user", "text": "x" * 20_001}]}),
        json.dumps({"id": "i" * 201, "turns": HELLO}),
        json.dumps({"id": "m", "turns": HELLO * 2501}),
        '{"id": 1e400, "turns": []}',
        f'{{"id": {"9" * 5000}, "turns": []}}',
        "[" * 100_000,
        huge,
        "",
        fine.replace("ok", "last"),
    ]
    found = read("\n".join(lines))
    assert [row.id for row in found if isinstance(row, ConversationRow)] == ["ok", "last"]
    faults = [f"{row.where} {row.message}" for row in found if isinstance(row, Fault)]
    assert faults == [
        "line 2 is not JSON",
        "line 3 is not a JSON object",
        "line 4 has no id",
        "line 5 (n) has no list of turns",
        "line 6 (r) has a message (1) that has the role 'Zé �[31m'; known are customer, bot, person and their like",
        "line 7 (t) has a message (1) that has a text that is not text",
        f"line 8 (d) has a message (1) that {NO_TIME}",
        "line 9 (f) has a message (1) that has a time before 1970 or in the future",
        "line 10 (s) has a message (1) that has a text that is not UTF-8 text, or holds half a character",
        "line 11 (l) has a message (1) that has a text of 20,001 characters; at most 20,000",
        f"line 12 ({'i' * 59}…) has an id of 201 characters; at most 200",
        "line 13 (m) has more than 5,000 messages",
        "line 14 has an id that is not text",
        "line 15 is not JSON",
        "line 16 is not JSON",
        "line 17 is longer than 8,000,000 characters",
    ]


async def test_broken_rows_do_not_keep_the_others_out_and_are_listed_up_to_a_bound(rt: Runtime, site: Site) -> None:
    lines = [json.dumps({"id": "a", "turns": HELLO}), *["{"] * 1500, json.dumps({"id": "b", "turns": HELLO})]
    report = await import_conversations(rt, site.own.project, read("\n".join(lines), name="x.jsonl"))
    assert (report.added, report.failed, report.rows, len(report.broken)) == (2, 1500, 1502, LISTED)


def test_jsonl_of_other_names_is_read() -> None:
    talk = {
        "sessao_id": "s1",
        "Hotel": "Centro",
        "messages": [{"sender": "user", "content": "Oi", "created_at": AT.isoformat()}],
    }
    assert fit(json.dumps(talk))[0] == ConversationRow("line 1 (s1)", "s1", (Told(C, "Oi", AT),), "Centro")
    mapped = {"k": "s1", "who": "user", "x": [{"who": "user", "said": "Oi"}]}
    reading = FileReading(columns=file_columns(pairs_of(["id=k", "turns=x", "role=who", "text=said"])))
    assert fit(json.dumps(mapped), reading)[0].said == (Told(C, "Oi"),)


def as_csv(*lines: tuple[object, ...], delimiter: str = ";") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(lines)
    return file.getvalue()


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_lines_of_csv_that_lie_among_each_other_become_conversations(delimiter: str) -> None:
    content = as_csv(
        ("ID da conversa", "Unidade", "Remetente", "Mensagem", "Data Hora"),
        ("b", "Centro", "cliente", "Oi, tudo bem?\nSou a Ana; quero reservar.", minute(3)),
        ("a", "", "robô", "Olá!", minute(2)),
        ("b", "Centro", "atendente", "Pois não.", minute(4)),
        ("a", "", "cliente", "Oi", minute(1)),
        delimiter=delimiter,
    )
    assert fit(content, name="x.csv") == [
        ConversationRow(
            "line 4 (a)", "a", (Told(C, "Oi", AT + timedelta(minutes=1)), Told(B, "Olá!", AT + timedelta(minutes=2)))
        ),
        ConversationRow(
            "line 2 (b)",
            "b",
            (
                Told(C, "Oi, tudo bem?\nSou a Ana; quero reservar.", AT + timedelta(minutes=3)),
                Told(P, "Pois não.", AT + timedelta(minutes=4)),
            ),
            "Centro",
        ),
    ]


def test_a_csv_of_other_names_is_read_and_the_mark_against_formulas_taken_away() -> None:
    reading = FileReading(columns=file_columns({"id": "conv", "role": "is_client", "text": "body"}))
    texts = ("=1+1", "-10% hoje", "'quoted'", "+55 11", "'=x")
    content = as_csv(
        ("id", "conv", "is_client", "body"), *((n, "7", "true", neutralised(text)) for n, text in enumerate(texts))
    )
    row = fit(content, reading, "x.csv")[0]
    assert (row.id, tuple(told.text for told in row.said)) == ("7", texts)


def test_broken_lines_of_csv_keep_their_conversation_out_and_no_other() -> None:
    content = as_csv(
        ("session_id", "role", "text"),
        ("ok", "user", "Oi"),
        ("wide", "user", "Oi"),
        ("wide", "user", "a", "b"),
        ("role", "nobody", "Oi"),
        ("", "user", "whose?"),
        ("", "", ""),
    )
    assert broken(content + 'open;user;"never closed\n' + "x" * 200_000) == [
        "line 6 has no id of a conversation",
        "line 8 is not CSV: field larger than field limit (131072)",
        "line 5 (role) has a message (1) that has the role 'nobody'; known are customer, bot, person and their like",
        "line 3 (wide) is left out: line 4 has more cells than the header",
    ]
    assert [row.id for row in read(content) if isinstance(row, ConversationRow)] == ["ok"]


def test_a_csv_whose_columns_cannot_be_told_is_refused_with_what_to_do() -> None:
    for content, told in (("a,b\n1,2\n", "id and role and text"), ("id,texto\n1,2\n", "role"), ("", "id")):
        with pytest.raises(UnreadableConversations, match=f"names no column for {told}.*--map"):
            read(content, name="x.csv")


def test_other_encodings_are_told_or_read_as_named() -> None:
    content = as_csv(("id", "papel", "texto"), ("1", "cliente", "Não há açúcar"), ("2", "cliente", "Oi"))
    assert broken(content.encode("cp1252")) == ["line 2 (1) is left out: line 2 is not UTF-8 text"]
    for encoding in ("cp1252", "utf-16", "utf-8-sig"):
        reading = FileReading(encoding="utf-8" if encoding != "cp1252" else encoding)
        assert fit(content.encode(encoding), reading)[0].said[0].text == "Não há açúcar"
    talk = json.dumps({"id": 1, "turns": [{"role": "user", "text": "açúcar"}]}, ensure_ascii=False)
    assert "is not UTF-8 text" in broken(talk.encode("latin-1"))[0]
    with pytest.raises(UnreadableText, match="No encoding is called"):
        read("", FileReading(encoding="klingon"))


def test_nul_characters_are_taken_out_and_other_hostile_text_stays_what_it_is() -> None:
    text = "'; drop table message; -- <script>alert(1)</script> \u202e \x1b[31m \\N \\. \t | ☃"
    row = fit(json.dumps({"id": "a\0b", "unit": "u\0", "turns": [{"role": "user", "text": f"{text}\0"}]}))[0]
    assert (row.id, row.unit, row.said[0].text) == ("ab", "u", text)


async def test_hostile_text_is_kept_letter_by_letter(rt: Runtime, site: Site) -> None:
    text = "'; drop table message; -- \u202e \x1b[31m \\N \\. \t | ☃\r\nline\\n {} %s"
    await bring(rt, site.own.project, {"id": "\\N", "unit": "\t\\", "turns": [{"role": "user", "text": text}]})
    assert [words for _, words, _ in (await kept(rt, site.own.project))["\\N"]] == [text]


# A second database


@pytest.fixture
def shop(server: EmbeddedPostgres) -> Generator[str]:
    """The database of a shop with the tables that such shops have."""
    name = f"shop_{uuid4().hex}"
    server.create_database(name)
    yield server.conninfo(name)
    server.drop_database(name)


SHOP = """
create table motel (id int primary key, name text);
create table session (id bigint primary key, motel_id int, created_at timestamptz);
create table message (id bigint primary key, session_id bigint, content text, remote bool, created_at timestamptz);
insert into motel values (1, 'Praia do Norte'), (2, null);
insert into session values (10, 1, '2026-11-25'), (11, 2, '1999-01-01'), (12, null, null), (13, 1, now());
insert into message values
    (5, 10, 'Oi, tem vaga?', true, '2026-11-20 10:00+00'),
    (1, 10, 'Temos, sim.', false, '2026-11-20 10:01+00'),
    (4, 10, '[IMAGE]', true, '2026-11-20 10:02+00'),
    (3, 10, 'Bonita!', false, '2026-11-20 10:02+00'),
    (8, 11, '<contact>Ana</contact>', true, '2026-11-20 10:00+00'),
    (7, 11, '', false, '2026-11-20 10:01+00'),
    (6, 11, null, null, '2026-11-20 10:02+00'),
    (9, 12, 'forever', true, 'infinity'),
    (2, 99, 'whose session is gone', true, '2026-11-20 10:00+00');
"""


def fill(shop: str, statements: str) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute(statements)  # pyright: ignore[reportArgumentType, reportCallIssue]


async def test_a_shops_database_is_read_by_times_and_not_by_ids(rt: Runtime, site: Site, shop: str) -> None:
    fill(shop, SHOP)
    done = await import_from(rt, "seaside", FromDatabase(shop), quiet=True)
    assert [(fault.where, fault.message) for fault in done.report.broken] == [
        ("session 12", f"has a message (1) that {NO_TIME}")
    ]
    assert (done.report.added, done.report.empty, done.report.messages) == (3, 1, 6)
    found = await kept(rt, site.own.project)
    assert [(author, text) for author, text, _ in found["10"]] == [
        ("customer", "Oi, tem vaga?"),
        ("bot", "Temos, sim."),
        ("bot", "Bonita!"),  # the same moment: by id
        ("customer", "[IMAGE]"),
    ]
    assert [text for _, text, _ in found["11"]] == ["<contact>Ana</contact>"]
    assert [text for _, text, _ in found["99"]] == ["whose session is gone"]
    talk = await stored(rt, site.own.project, "10")
    assert (talk.unit, talk.created_at) == ("Praia do Norte", AT)  # not when the session says that it began
    assert (await stored(rt, site.own.project, "11")).unit == "2"
    assert (await stored(rt, site.own.project, "99")).unit is None


async def test_the_same_database_again_brings_only_what_was_said_since(rt: Runtime, site: Site, shop: str) -> None:
    fill(shop, SHOP)
    await import_from(rt, "seaside", FromDatabase(shop), quiet=True)
    fill(shop, "insert into message values (50, 10, 'Obrigada!', true, '2026-11-20 11:00+00')")
    again = await import_from(rt, "seaside", FromDatabase(shop), quiet=True)
    assert (again.report.added, again.report.grown, again.report.unchanged, again.report.messages) == (0, 1, 2, 1)
    assert [text for _, text, _ in (await kept(rt, site.own.project))["10"]][-1] == "Obrigada!"


async def test_tables_and_columns_of_other_names_are_read(rt: Runtime, site: Site, shop: str) -> None:
    fill(
        shop,
        """
        create schema crm;
        create table crm."Chats" (uid uuid primary key, shop text);
        create table crm.lines (n serial, chat uuid, body text, who text, at timestamp);
        insert into crm."Chats" values ('00000000-0000-0000-0000-000000000001', 'Lagoa');
        insert into crm.lines (chat, body, who, at) values
            ('00000000-0000-0000-0000-000000000001', 'Oi', 'client', '2026-11-20 07:00'),
            ('00000000-0000-0000-0000-000000000001', 'Olá', 'Bia', '2026-11-20 07:01');
        """,
    )
    columns = ("session.id=uid", "session.motel_id=shop", "message.id=n", "message.session_id=chat")
    more = ("message.content=body", "message.remote=who", "message.created_at=at")
    layout = layout_of(pairs_of(["motel=", "session=crm.Chats", "message=crm.lines"]), pairs_of([*columns, *more]))
    reading = reading_of({"Bia": "person"}, "America/Sao_Paulo", None)
    done = await import_from(rt, "seaside", FromDatabase(shop, layout, reading), quiet=True)
    assert (done.report.added, done.report.failed) == (1, 0)
    name = "00000000-0000-0000-0000-000000000001"
    assert (await kept(rt, site.own.project))[name] == [
        ("customer", "Oi", AT),
        ("person", "Olá", AT + timedelta(minutes=1)),
    ]
    assert (await stored(rt, site.own.project, name)).unit == "Lagoa"
    bare = layout_of(
        pairs_of(["session=crm.Chats", "message=crm.lines"]), pairs_of([*columns, *more, "session.motel_id="])
    )
    again = await import_from(rt, "seaside", FromDatabase(shop, bare, reading), quiet=True)
    assert again.report.unchanged == 1


async def test_text_of_a_database_in_another_encoding_keeps_its_conversation_out(
    rt: Runtime, site: Site, server: EmbeddedPostgres
) -> None:
    name = f"old_{uuid4().hex}"
    assert site
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(
            f"create database {name} template template0 encoding sql_ascii locale 'C'"  # pyright: ignore[reportArgumentType, reportCallIssue]
        )
    try:
        fill(server.conninfo(name), SHOP.replace("Bonita!", "ok"))
        with psycopg.connect(server.conninfo(name), client_encoding="latin1") as connection:
            connection.execute("update message set content = %s where id = 1", ["não"])
        done = await import_from(rt, "seaside", FromDatabase(server.conninfo(name)), quiet=True)
    finally:
        server.drop_database(name)
    assert [fault.where for fault in done.report.broken] == ["session 10", "session 12"]
    assert "is not UTF-8 text" in done.report.broken[0].message
    assert done.report.added == 2


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ana:s3cret@127.0.0.1:1/shop",
        "postgresql+psycopg://ana:s3cret@127.0.0.1:1/shop",
        "postgresql://ana:s3cret@@@127.0.0.1/shop",
        "postgresql://ana:s3cret%ZZ@127.0.0.1/shop",
        "password=s3cret nonsense",
        "s3cret",
    ],
)
async def test_a_source_that_cannot_be_reached_is_told_without_its_password(
    rt: Runtime, site: Site, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert site
    wanted = FromDatabase(url)
    with pytest.raises(SourceUnreachable) as raised:
        await import_from(rt, "seaside", wanted, quiet=True)
    assert "s3cret" not in f"{raised.value!r} {raised.value.detail} {wanted!r} {caplog.text}"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


async def test_a_source_without_the_tables_is_told_what_is_missing(rt: Runtime, site: Site, shop: str) -> None:
    assert site
    with pytest.raises(SourceUnfit, match='relation "session" does not exist'):
        await import_from(rt, "seaside", FromDatabase(shop), quiet=True)
    fill(shop, SHOP)
    layout = Layout(columns={"message.content": 'body"; drop table message; --'})
    with pytest.raises(SourceUnfit, match="does not exist"):
        await import_from(rt, "seaside", FromDatabase(shop, layout), quiet=True)
    assert (await import_from(rt, "seaside", FromDatabase(shop), quiet=True)).report.added == 3


async def test_a_source_is_only_read(rt: Runtime, site: Site, shop: str) -> None:
    assert site
    fill(
        shop,
        SHOP
        + "create view peek as select id, nextval('s') from session;".replace("create", "create sequence s; create"),
    )
    with pytest.raises(SourceUnreachable):
        await import_from(rt, "seaside", FromDatabase(shop, Layout(tables={"session": "peek"})), quiet=True)


# The command


async def test_a_file_is_imported_with_its_progress(rt: Runtime, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "talks.jsonl"
    path.write_text("\n".join(json.dumps({"id": n, "turns": HELLO}) for n in range(3)) + "\n{\n")
    done = await import_from(rt, "seaside", FromFile(path), quiet=True)
    figures = done.figures()
    assert {name: figures[name] for name in ("added", "grown", "unchanged", "empty", "failed", "messages")} == {
        "added": 3,
        "grown": 0,
        "unchanged": 0,
        "empty": 0,
        "failed": 1,
        "messages": 6,
    }
    assert figures["broken"] == [{"where": "line 4", "message": "is not JSON"}]
    assert site
    with pytest.raises(UnreadableConversations, match="No such file"):
        await import_from(rt, "seaside", FromFile(tmp_path / "none.csv"), quiet=True)


def test_options_that_name_nothing_are_refused() -> None:
    for deed in (
        lambda: pairs_of(["role"]),
        lambda: file_columns({"rolle": "x"}),
        lambda: layout_of({"rooms": "x"}, {}),
        lambda: layout_of({}, {"motel.rooms": "x"}),
        lambda: reading_of({"x": "system"}, "UTC", None),
        lambda: reading_of({}, "Mars/Olympus", None),
        lambda: reading_of({}, "../../etc/passwd", None),
    ):
        with pytest.raises(UnknownName):
            deed()


# The API


async def post(client: httpx.AsyncClient, site: Site, *talks: Any, key: str | None = None) -> httpx.Response:
    headers = site.own.headers | {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    return await client.post(URL, content=json.dumps({"conversations": talks}), headers=headers)


async def test_a_batch_has_a_result_for_each_conversation(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await bring(rt, site.own.project, {"id": "old", "turns": HELLO}, {"id": "changed", "turns": HELLO})
    response = await post(
        client,
        site,
        {"id": "new", "turns": HELLO},
        {"id": "old", "turns": HELLO + MORE},
        {"id": "old", "turns": HELLO + MORE},
        {"id": "changed", "turns": MORE[::-1] + turns(("bot", "x", 0))},
        {"id": "hollow", "turns": []},
        {"id": "odd", "turns": HELLO, "mood": "good"},
        {"id": "role", "turns": [{"role": "ghost", "text": "x"}]},
        {"id": "nul\0", "turns": [{"role": "user", "text": "\ud83d"}]},
        7,
        {"reason": "smuggled", "id": "x"},
    )
    assert response.status_code == 201, response.text
    told = response.json()
    assert (told["added"], told["grown"], told["messages"]) == (1, 1, 4)
    assert [(one["id"], one["state"], one["messages"]) for one in told["data"]] == [
        ("new", "added", 2),
        ("old", "grown", 2),
        ("old", "unchanged", 0),
        ("changed", "differs", 0),
        ("hollow", "empty", 0),
        ("odd", "broken", 0),
        ("role", "broken", 0),
        ("nul�", "broken", 0),
        ("", "broken", 0),
        ("x", "broken", 0),
    ]
    assert [one["error"] for one in told["data"][5:9]] == [
        "mood: Extra inputs are not permitted",
        "has a message (1) that has the role 'ghost'; known are customer, bot, person and their like",
        "has a message (1) that has a text that is not UTF-8 text, or holds half a character",
        "Input should be a valid dictionary or object to extract fields from",
    ]
    new = told["data"][0]["conversation_id"]
    read_back = (await client.get(f"/api/v1/conversations/{new}", headers=site.own.headers)).json()
    assert [message["content"] for message in read_back["history"]] == [turn["text"] for turn in HELLO]
    assert (await client.get(f"/api/v1/conversations/{new}", headers=site.other.headers)).status_code == 404


async def test_a_resend_with_its_key_gets_the_same_answer(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    first = await post(client, site, {"id": "a", "turns": HELLO}, key='"k"')
    assert (first.status_code, first.json()["added"]) == (201, 1)
    again = await post(client, site, {"id": "a", "turns": HELLO}, key="k")
    assert again.json() == first.json()
    other = await post(client, site, {"id": "b", "turns": HELLO}, key="k")
    assert (other.status_code, other.json()["type"]) == (422, "urn:ouvidor:key_reused")
    assert (await kept(rt, site.own.project)).keys() == {"a"}
    unmarked = await post(client, site, {"id": "a", "turns": HELLO})
    assert unmarked.json()["data"][0]["state"] == "unchanged"


async def test_a_batch_of_no_or_too_many_conversations_is_refused(site: Site, client: httpx.AsyncClient) -> None:
    assert (await post(client, site)).status_code == 422
    many = await post(client, site, *({"id": n, "turns": []} for n in range(1001)))
    assert many.status_code == 422
    extra = {"conversations": [{"id": 1, "turns": []}], "project": "elsewhere"}
    assert (await client.post(URL, json=extra, headers=site.own.headers)).status_code == 422


# What stands beside it


async def test_imported_conversations_are_no_live_traffic(rt: Runtime, site: Site) -> None:
    await bring(rt, site.own.project, {"id": "a", "turns": turns(("customer", "Oi", 0), ("person", "Olá", 1))})
    async with rt.db.read() as session:
        overview = await read_overview(session, site.own.project, rt.clock())
    assert (overview.messages, overview.conversations, overview.first_replies.replies) == (0, 0, 0)


async def test_an_imported_conversation_cannot_be_answered(rt: Runtime, site: Site) -> None:
    await bring(rt, site.own.project, {"id": "a", "turns": HELLO})
    talk = await stored(rt, site.own.project, "a")
    with pytest.raises(HeldElsewhere):
        await reopen(
            rt, Caller(site.own.project, Actor("key", "x", site.own.project.id), PERMISSIONS[Role.OWNER]), talk.id
        )


async def test_retention_erases_imported_conversations_as_any_other(rt: Runtime, site: Site) -> None:
    await bring(rt, site.own.project, {"id": "a", "turns": HELLO})
    async with rt.db.begin() as session:
        project = await session.get_one(Project, site.own.project.id)
        project.retention_days = 30
    assert await erase_silent(rt, site.own.project.id) is None
    await bring(rt, site.own.project, {"id": "old", "turns": [{"role": "user", "text": "x", "at": "2025-01-01"}]})
    assert await erase_silent(rt, site.own.project.id) is not None
    async with rt.db.read() as session:
        left = (await session.execute(select(func.count()).select_from(Conversation))).scalar_one()
    assert left == 1


async def test_pages_show_where_a_conversation_was_held(rt: Runtime, client: httpx.AsyncClient) -> None:
    tenant = await furnish_pages(rt)
    await enter(rt, client, tenant.project)
    await bring(rt, tenant.project, {"id": "s-77", "unit": "Serra <b>", "turns": HELLO + MORE})
    talk = await stored(rt, tenant.project, "s-77")
    base = f"/projects/{tenant.project.name}"
    listed = (await client.get(f"{base}/conversations?origin=imported&unit=Serra+%3Cb%3E")).text
    assert "s-77" in listed
    assert "Serra &lt;b&gt;" in listed
    assert "s-77" not in (await client.get(f"{base}/conversations?origin=live")).text
    page = (await client.get(f"{base}/conversations/{talk.id}")).text
    positions = [page.index(turn["text"]) for turn in HELLO + MORE]
    assert positions == sorted(positions)
    assert "inbox?tab=all" not in page
    assert "s-77" not in (await client.get(f"{base}/inbox?tab=all")).text.replace(f"conversation={talk.id}", "")
    chat = await client.get(f"{base}/chat?helpdesk=s-77")
    assert chat.status_code == 200
    assert HELLO[0]["text"] not in chat.text

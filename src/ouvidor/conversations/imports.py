"""Bringing conversations in from elsewhere: in batches, again without doubles, nothing half-written."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import COMMAND, Actor, note
from ouvidor.accounts.models import Project
from ouvidor.conversations.import_reading import Row
from ouvidor.conversations.import_report import ImportReport, Outcome
from ouvidor.conversations.imported import ConversationRow, Told, dated, difference, first_new
from ouvidor.conversations.models import Author, Conversation, Message, Origin, Status
from ouvidor.db import new_id
from ouvidor.errors import Fault
from ouvidor.runtime import Runtime
from ouvidor.text import detect_language

CONVERSATIONS_AT_ONCE = 1000
MESSAGES_AT_ONCE = 20_000
CHARACTERS_AT_ONCE = 8_000_000
CHARACTERS_THAT_TELL_LANGUAGE = 400

NEW_CONVERSATIONS = """
copy conversation (id, project_id, origin, helpdesk_id, unit, status, episode, clarifications, messages, turns,
    language, created_at, last_message_at) from stdin
"""
NEW_MESSAGES = """
copy message (id, project_id, conversation_id, position, role, author, content, verified, created_at) from stdin
"""


@dataclass(frozen=True)
class _Stored:
    """A conversation that is there already; `said` is in order, with every time."""

    id: UUID
    messages: int
    last_message_at: datetime
    said: tuple[Told, ...]


@dataclass(frozen=True)
class _Addition:
    """Messages to write behind the first `position` ones of a conversation."""

    conversation_id: UUID
    position: int
    said: Sequence[Told]
    times: Sequence[datetime]


async def import_conversations(
    rt: Runtime,
    project: Project,
    rows: Iterable[Row] | AsyncIterable[Row],
    *,
    progress: Callable[[ImportReport], None] = lambda _: None,
    actor: Actor = COMMAND,
) -> ImportReport:
    """Bring conversations into the project as imported ones, closed, ready to be analysed.

    Up to 1,000 of them (fewer where they are long) are one transaction: an import that was cut short is continued by
    running it again. One that is there already gets the messages that are new; where it differs in another way it is
    left as it is and told. `progress` hears the report after each batch.
    """
    report = ImportReport()
    async for batch in _batches(rows):
        for row in batch:
            if isinstance(row, Fault):
                report.refuse(row)
        told = [row for row in batch if isinstance(row, ConversationRow)]
        if told:
            async with rt.db.begin() as session:
                outcomes = await write_rows(session, project, told, rt.clock(), actor)
            report.count(outcomes)
        progress(report)
    return report


async def write_rows(
    session: AsyncSession, project: Project, rows: Sequence[ConversationRow], now: datetime, actor: Actor
) -> list[Outcome]:
    """Write these conversations in the caller's transaction; what became of each, in their order.

    Imports into the same project wait for each other here; a conversation that is named twice counts twice, in turn.
    """
    lock = func.hashtextextended(f"conversation import {project.id}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(lock)))
    outcomes: dict[int, Outcome] = {}
    for numbers in _rounds(rows):
        written = await _write(session, project, [rows[number] for number in numbers], now)
        outcomes.update(zip(numbers, written, strict=True))
    told = [outcomes[number] for number in range(len(rows))]
    await _record(session, project, told, now, actor)
    return told


def _rounds(rows: Sequence[ConversationRow]) -> list[list[int]]:
    """The numbers of the rows in rounds in which no id comes twice."""
    rounds: list[list[int]] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows):
        place = seen.get(row.id, -1) + 1
        seen[row.id] = place
        if place == len(rounds):
            rounds.append([])
        rounds[place].append(number)
    return rounds


async def _write(
    session: AsyncSession, project: Project, rows: Sequence[ConversationRow], now: datetime
) -> list[Outcome]:
    stored = await _stored(session, project.id, [row.id for row in rows if row.said])
    outcomes: list[Outcome] = []
    added: list[tuple[ConversationRow, _Addition]] = []
    grown: list[_Addition] = []
    for row in rows:
        known = stored.get(row.id)
        if not row.said:
            outcomes.append(Outcome(row, "empty"))
        elif known is None:
            addition = _Addition(new_id(), 0, row.said, dated(row.said, now))
            added.append((row, addition))
            outcomes.append(Outcome(row, "added", addition.conversation_id, len(row.said)))
        else:
            outcome, addition = _compared(row, known, now)
            outcomes.append(outcome)
            grown += [addition] if addition else []
    await _add(session, project, added)
    await _grow(session, project, grown)
    return outcomes


def _compared(row: ConversationRow, known: _Stored, now: datetime) -> tuple[Outcome, _Addition | None]:
    """What is new of a conversation that is there."""
    first = first_new(known.said, row.said)
    if first is None:
        return Outcome(row, "differs", known.id, differs_from=difference(known.said, row.said)), None
    new = row.said[first:]
    if not new:
        return Outcome(row, "unchanged", known.id), None
    addition = _Addition(known.id, known.messages, new, dated(new, now, known.last_message_at))
    return Outcome(row, "grown", known.id, len(new)), addition


async def _stored(session: AsyncSession, project_id: UUID, names: Sequence[str]) -> dict[str, _Stored]:
    """Those of these conversations that are there, locked until the transaction ends in the order of an erasure."""
    own = (Conversation.project_id == project_id, Conversation.origin == Origin.IMPORTED)
    query = (
        select(Conversation.id, Conversation.helpdesk_id, Conversation.messages, Conversation.last_message_at)
        .where(*own, Conversation.helpdesk_id.in_(names))
        .order_by(Conversation.id)
        .with_for_update()
    )
    found = (await session.execute(query)).all()
    if not found:
        return {}
    columns = (Message.conversation_id, Message.author, Message.content, Message.created_at)
    ids = [row.id for row in found]
    theirs = (Message.project_id == project_id, Message.conversation_id.in_(ids), Message.author != Author.SYSTEM)
    messages = await session.execute(
        select(*columns).where(*theirs).order_by(Message.conversation_id, Message.position)
    )
    said = {
        conversation: tuple(Told(Author(row.author), row.content, row.created_at) for row in lines)
        for conversation, lines in groupby(messages, key=lambda row: row.conversation_id)
    }
    return {row.helpdesk_id: _Stored(row.id, row.messages, row.last_message_at, said.get(row.id, ())) for row in found}


async def _add(session: AsyncSession, project: Project, added: Sequence[tuple[ConversationRow, _Addition]]) -> None:
    if not added:
        return
    default = "en" if project.languages[0] == "en" else "pt"

    def record(row: ConversationRow, addition: _Addition) -> tuple[object, ...]:
        spoken = " ".join(told.text for told in row.said if told.author == Author.CUSTOMER)
        language = detect_language(spoken[:CHARACTERS_THAT_TELL_LANGUAGE], default) if spoken else None
        named = (addition.conversation_id, project.id, Origin.IMPORTED.value, row.id, row.unit, Status.CLOSED.value)
        return (*named, 1, 0, len(row.said), 0, language, addition.times[0], addition.times[-1])

    records = await asyncio.to_thread(lambda: [record(row, addition) for row, addition in added])
    await _copy(session, NEW_CONVERSATIONS, records)
    await _copy(session, NEW_MESSAGES, _messages(project.id, [addition for _, addition in added]))


async def _grow(session: AsyncSession, project: Project, grown: Sequence[_Addition]) -> None:
    if not grown:
        return
    await _copy(session, NEW_MESSAGES, _messages(project.id, grown))
    changes = [
        {"id": one.conversation_id, "messages": one.position + len(one.said), "last_message_at": one.times[-1]}
        for one in grown
    ]
    await session.execute(update(Conversation), changes)


def _messages(project_id: UUID, additions: Iterable[_Addition]) -> Iterator[tuple[object, ...]]:
    for addition in additions:
        spoken = zip(addition.said, addition.times, strict=True)
        for position, (told, at) in enumerate(spoken, start=addition.position + 1):
            role = "USER" if told.author == Author.CUSTOMER else "AGENT"
            where = (new_id(), project_id, addition.conversation_id, position)
            yield (*where, role, told.author.value, told.text, True, at)


async def _copy(session: AsyncSession, statement: str, records: Iterable[tuple[object, ...]]) -> None:
    """Write the records by COPY on the session's own connection, in its transaction."""
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for record in records:
            await copy.write_row(record)


async def _record(
    session: AsyncSession, project: Project, outcomes: Sequence[Outcome], now: datetime, actor: Actor
) -> None:
    report = ImportReport()
    report.count(outcomes)
    if report.messages:
        await note(
            session,
            actor,
            "conversation.imported",
            at=now,
            project_id=project.id,
            conversations=report.added + report.grown,
            messages=report.messages,
        )


async def _batches(rows: Iterable[Row] | AsyncIterable[Row]) -> AsyncGenerator[list[Row]]:
    """The rows in batches that fit a transaction; a file is read in a thread of its own."""
    if isinstance(rows, AsyncIterable):
        gathered = _Batch()
        async for row in rows:
            if gathered.add(row):
                yield gathered.taken()
        if gathered.rows:
            yield gathered.taken()
        return
    remaining = iter(rows)
    while batch := await asyncio.to_thread(_next_batch, remaining):
        yield batch


def _next_batch(remaining: Iterator[Row]) -> list[Row]:
    gathered = _Batch()
    for row in remaining:
        if gathered.add(row):
            break
    return gathered.taken()


class _Batch:
    """Rows for one transaction."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._messages = self._characters = 0

    def add(self, row: Row) -> bool:
        """Take one more; whether that is enough."""
        self.rows.append(row)
        if isinstance(row, ConversationRow):
            self._messages += len(row.said)
            self._characters += sum(len(told.text) for told in row.said)
        return (
            len(self.rows) >= CONVERSATIONS_AT_ONCE
            or self._messages >= MESSAGES_AT_ONCE
            or self._characters >= CHARACTERS_AT_ONCE
        )

    def taken(self) -> list[Row]:
        """What is there; the batch is empty afterwards."""
        taken, self.rows = self.rows, []
        self._messages = self._characters = 0
        return taken

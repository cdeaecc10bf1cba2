"""Reading conversations from CSV: one message a line, in any order; broken lines are told and passed by."""

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, TextIO

from ouvidor.conversations.import_reading import FIELDS, Field, FileReading, Row, UnreadableConversations, named
from ouvidor.conversations.imported import (
    MAX_ID_CHARACTERS,
    MAX_MESSAGES,
    BrokenRow,
    RawMessage,
    conversation_row,
    shown,
    text_of,
)
from ouvidor.conversations.text_files import BoundedLines, CsvText, cell
from ouvidor.errors import Fault
from ouvidor.inputs import storable

SPOOLED_AT_ONCE = 1000


class CsvRows:
    """The conversations of a CSV file, whose lines may stand in any order.

    The lines are first put aside in a temporary database on disk, which brings those of one conversation together;
    `total` is known from then on.
    """

    def __init__(self, file: TextIO, reading: FileReading, now: datetime) -> None:
        self._lines = BoundedLines(file)
        self._reading = reading
        self._now = now
        self.total: int | None = None

    def __iter__(self) -> Iterator[Row]:
        """First what is wrong with lines of no conversation, then the conversations.

        Raises:
            UnreadableConversations: the first line names no column for the id, the role or the text.
            UnreadableText: the first line is not CSV, or the file is not in the encoding named.
        """
        with closing(sqlite3.connect("", check_same_thread=False)) as aside:
            aside.execute("pragma journal_mode = off")
            aside.execute("create table said (id text, line integer, unit text, role text, words text, at text, fault)")
            yield from self._put_aside(aside)
            self.total = aside.execute("select count(distinct id) from said").fetchone()[0]
            rows = aside.execute("select id, line, unit, role, words, at, fault from said order by id, line")
            for identifier, lines in groupby(rows, key=itemgetter(0)):
                yield self._row(identifier, lines)

    def _put_aside(self, aside: sqlite3.Connection) -> Generator[Fault]:
        text = CsvText(self._lines)
        found = named(tuple(text.header), tuple(self._reading.columns.items()))
        places: dict[Field, int] = {name: text.header.index(found[name]) for name in FIELDS if name in found}
        _demand(places)
        batch: list[tuple[object, ...]] = []
        for line, cells in text.records():
            told = cells if isinstance(cells, Fault) else _spooled(line, cells, places, len(text.header))
            if isinstance(told, Fault):
                yield told
            elif told is not None:
                batch.append(told)
            if len(batch) == SPOOLED_AT_ONCE:
                _insert(aside, batch)
        _insert(aside, batch)

    def _row(self, identifier: str, lines: Iterable[tuple[Any, ...]]) -> Row:
        messages: list[RawMessage] = []
        first, unit, fault = 0, "", ""
        for _, line, told_unit, role, text, at, broken in lines:
            first, unit = first or line, unit or told_unit
            fault = fault or (f"line {line} {broken}" if broken else "")
            if len(messages) <= MAX_MESSAGES:
                messages.append(RawMessage(role, text, at))
        where = f"line {first} ({shown(identifier)})"
        if fault:
            return Fault(where, f"is left out: {fault}")
        try:
            return conversation_row(where, identifier, unit, messages, self._reading.values, self._now)
        except BrokenRow as broken:
            return Fault(where, str(broken))


def _spooled(line: int, cells: list[str], places: Mapping[Field, int], width: int) -> tuple[object, ...] | Fault | None:
    """The record as it is put aside; a fault where it belongs to no conversation, None where it is empty."""
    told = {name: cell(cells[place]) if place < len(cells) else "" for name, place in places.items()}
    if not any(told.values()):
        return None
    try:
        identifier = text_of(told["id"], "an id", MAX_ID_CHARACTERS)
    except BrokenRow as broken:
        return Fault(f"line {line}", str(broken))
    if not identifier:
        return Fault(f"line {line}", "has no id of a conversation")
    fault = "has more cells than the header" if len(cells) > width else ""
    if not fault and any(not _storable(text) for text in told.values()):
        fault = "is not UTF-8 text"
    if fault:
        return identifier, line, "", "", "", "", fault
    return identifier, line, told.get("unit", ""), told["role"], told["text"], told.get("at", ""), ""


def _insert(aside: sqlite3.Connection, batch: list[tuple[object, ...]]) -> None:
    aside.executemany("insert into said values (?, ?, ?, ?, ?, ?, ?)", batch)
    batch.clear()


def _demand(places: Mapping[Field, int]) -> None:
    missing = [name for name in ("id", "role", "text") if name not in places]
    if missing:
        told = " and ".join(missing)
        raise UnreadableConversations(
            f"The CSV's first line names no column for {told}: say which it is with --map {missing[0]}=COLUMN."
        )


def _storable(text: str) -> bool:
    try:
        storable(text)
    except ValueError:
        return False
    return True

"""Reading files of conversations: JSONL has one a line, CSV one message a line; broken ones are told and passed by."""

import io
import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from ouvidor.conversations.import_csv import CsvRows
from ouvidor.conversations.import_reading import (
    LONGEST_LINE,
    BoundedLines,
    FileReading,
    Form,
    Row,
    Source,
    UnreadableConversations,
    keys_of,
    named,
)
from ouvidor.conversations.imported import BrokenRow, RawMessage, conversation_row, shown
from ouvidor.errors import Fault


@contextmanager
def open_file(path: Path, reading: FileReading, now: datetime) -> Generator[Source]:
    """The conversations of a file, read as they are asked for.

    Raises:
        UnreadableConversations: missing, of no known kind, in an unknown encoding, or without a column it needs.
    """
    try:
        with path.open("rb") as stream:
            lines = sum(1 for _ in iter(lambda: stream.readline(LONGEST_LINE), b"")) if path.is_file() else None
            if lines is not None:
                stream.seek(0)
            with open_stream(stream, reading, now, name=path.name, lines=lines) as source:
                yield source
    except OSError as error:
        raise UnreadableConversations(f"{path}: {error.strerror or 'cannot be read'}.") from None


@contextmanager
def open_stream(
    stream: BinaryIO, reading: FileReading, now: datetime, *, name: str = "", lines: int | None = None
) -> Generator[Source]:
    """As `open_file`, from bytes, which stay open; `lines` is how many there are, where that is known.

    Raises:
        UnreadableConversations: the encoding is not known.
    """
    buffered = cast("io.BufferedReader", stream if hasattr(stream, "peek") else io.BufferedReader(_raw(stream)))
    begin = buffered.peek(4)[:4]
    encoding = "utf-16" if begin[:2] in {b"\xff\xfe", b"\xfe\xff"} else reading.encoding
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
        encoding = "utf-8-sig"
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    try:
        file = io.TextIOWrapper(buffered, encoding, errors=errors, newline="")
    except LookupError:
        raise UnreadableConversations(f"No encoding is called {shown(encoding)}; try utf-8 or cp1252.") from None
    try:
        if (reading.form or _form_of(name, begin)) == "csv":
            rows = CsvRows(file, reading, now)
            yield Source(rows, lambda: rows.total)
        else:
            yield Source(_json_rows(file, reading, now), lambda: lines)
    finally:
        file.detach()
        if buffered is not stream:
            buffered.detach()


def _raw(stream: BinaryIO) -> io.RawIOBase:
    return cast("io.RawIOBase", stream)


def row_of(where: str, value: object, reading: FileReading, now: datetime) -> Row:
    """One conversation as an object of JSON, or what is wrong with it."""
    if not isinstance(value, dict):
        return Fault(where, "is not a JSON object")
    told = cast("dict[str, Any]", value)
    found = named(keys_of(told), tuple(reading.columns.items()))
    identifier = told.get(found.get("id", ""))
    if isinstance(identifier, str | int) and str(identifier).strip():
        where = f"{where} ({shown(str(identifier).strip())})"
    try:
        messages = _messages(told.get(found.get("turns", "")), reading)
        unit = told.get(found.get("unit", ""))
        return conversation_row(where, identifier, unit, messages, reading.values, now)
    except BrokenRow as broken:
        return Fault(where, str(broken))


def _messages(turns: object, reading: FileReading) -> list[RawMessage]:
    if not isinstance(turns, list):
        raise BrokenRow("has no list of turns")
    messages: list[RawMessage] = []
    columns = tuple(reading.columns.items())
    for number, turn in enumerate(cast("list[object]", turns), start=1):
        if not isinstance(turn, dict):
            raise BrokenRow(f"has a message ({number}) that is not a JSON object")
        told = cast("dict[str, Any]", turn)
        found = named(keys_of(told), columns)
        role, text, at = (told.get(found.get(name, "")) for name in ("role", "text", "at"))
        messages.append(RawMessage(role, text, at))
    return messages


def _json_rows(file: TextIO, reading: FileReading, now: datetime) -> Generator[Row]:
    lines = BoundedLines(file)
    for text in lines:
        where = f"line {lines.number}"
        if lines.number == lines.cut:
            yield Fault(where, f"is longer than {LONGEST_LINE:,} characters")
            continue
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            yield Fault(where, "is not JSON")
            continue
        yield row_of(where, value, reading, now)


def _form_of(name: str, begin: bytes) -> Form:
    """The kind of a file by its name, else by its first letter: a brace begins JSON."""
    suffix = name.rpartition(".")[2].lower()
    if suffix in {"jsonl", "ndjson"}:
        return "jsonl"
    if suffix in {"csv", "tsv"}:
        return "csv"
    return "jsonl" if begin.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b""} else "csv"

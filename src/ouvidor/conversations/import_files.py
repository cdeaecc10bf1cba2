"""Reading files of conversations: JSONL has one a line, CSV one message a line; broken ones are told and passed by."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from ouvidor.conversations.import_csv import CsvRows
from ouvidor.conversations.import_reading import FileReading, Form, Row, Source, UnreadableConversations, named
from ouvidor.conversations.imported import BrokenRow, RawMessage, conversation_row, shown
from ouvidor.conversations.text_files import LONGEST_LINE, BoundedLines, decoded, json_lines, keys_of
from ouvidor.errors import Fault


@contextmanager
def open_file(path: Path, reading: FileReading, now: datetime) -> Generator[Source]:
    """The conversations of a file, read as they are asked for.

    Raises:
        UnreadableConversations: missing, of no known kind, or without a column it needs.
        UnreadableText: in an unknown encoding.
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
        UnreadableText: the encoding is not known.
    """
    with decoded(stream, reading.encoding) as text:
        if (reading.form or _form_of(name, text.begin)) == "csv":
            rows = CsvRows(text.file, reading, now)
            yield Source(rows, lambda: rows.total)
        else:
            yield Source(_json_rows(text.file, reading, now), lambda: lines)


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
    for number, value in json_lines(BoundedLines(file)):
        yield value if isinstance(value, Fault) else row_of(f"line {number}", value, reading, now)


def _form_of(name: str, begin: bytes) -> Form:
    """The kind of a file by its name, else by its first letter: a brace begins JSON."""
    suffix = name.rpartition(".")[2].lower()
    if suffix in {"jsonl", "ndjson"}:
        return "jsonl"
    if suffix in {"csv", "tsv"}:
        return "csv"
    return "jsonl" if begin.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b""} else "csv"

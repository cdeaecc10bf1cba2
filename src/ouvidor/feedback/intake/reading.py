"""Comments out of files: CSV, JSONL and JSON, read as they are asked for; broken ones are told and passed by.

Memory stays even whatever the length of a file. The same file gives the same comments under the same ids, so that
bringing it in once more doubles nothing.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO, TypeAlias, cast

from ouvidor.conversations.imported import BrokenRow, text_of
from ouvidor.conversations.text_files import (
    OTHER_ENCODING,
    BoundedLines,
    CsvText,
    UnreadableText,
    cell,
    columns_named,
    decoded,
    json_lines,
)
from ouvidor.errors import Fault
from ouvidor.feedback.intake.columns import (
    NAMES,
    CommentReading,
    Field,
    Form,
    fields_of,
    find_columns,
)
from ouvidor.feedback.intake.opening import Survey, form_of, opened, rewindable, survey
from ouvidor.feedback.intake.reading_json import list_values
from ouvidor.feedback.told import MAX_ID_CHARACTERS, Told, Unfit, told
from ouvidor.inputs import storable

LOOKED_AT = 20
"""Among so many objects at the beginning of a JSON file one must have a text."""
BROKEN = 422

Numbered: TypeAlias = tuple[int, object]


@dataclass(frozen=True)
class CommentFile:
    """A file of comments, to be read once: `columns` are the names in it, `found` tells which of them is which field.

    Of JSON they are those of the first objects. `digest` (hexadecimal) stands for the file and how it is read.
    `comments` come in order, duplicates included; the reason of an `Unfit` begins with its line, of JSON its number.
    `share` tells how much of the file was read, 0 to 1.
    """

    form: Form
    digest: str
    columns: tuple[str, ...]
    found: Mapping[Field, str]
    comments: Iterator[Told | Unfit]
    share: Callable[[], float]


@contextmanager
def open_comments(path: Path, reading: CommentReading, now: datetime) -> Generator[CommentFile]:
    """The comments of a file, read as they are asked for.

    Raises:
        UnreadableComments: missing, empty, of no known kind, or without a column for the text.
        UnreadableText: in another encoding than named, or not what its name says.
    """
    with opened(path) as stream, open_comment_stream(stream, reading, now, name=path.name) as comments:
        yield comments


@contextmanager
def open_comment_stream(
    stream: BinaryIO, reading: CommentReading, now: datetime, *, name: str = ""
) -> Generator[CommentFile]:
    """As `open_comments`, from bytes, which stay open; what cannot be read twice is first put into a temporary file."""
    with rewindable(stream) as again:
        seen = survey(again, reading)
        with decoded(again, reading.encoding) as text:
            yield _opened(text.file, reading, now, seen, name, lambda: again.tell() / seen.length)


def _opened(
    file: TextIO, reading: CommentReading, now: datetime, seen: Survey, name: str, share: Callable[[], float]
) -> CommentFile:
    form = reading.form or form_of(file, name)
    how = json.dumps([sorted(reading.columns.items()), reading.encoding, str(reading.values.zone)])
    digest = hashlib.sha256(f"{seen.sha256} {form} {how} {reading.values.time_format}".encode()).hexdigest()
    if form == "csv":
        text = CsvText(BoundedLines(file))
        found = csv_columns(text, reading)
        return CommentFile(form, digest, tuple(text.header), found, _of_csv(text, found, reading, now, seen), share)
    values = json_lines(BoundedLines(file)) if form == "jsonl" else list_values(file)
    first = list(islice(values, LOOKED_AT))
    keys = tuple(dict.fromkeys(key for _, value in first for key in _object(value)))
    objects = any(_object(value) for _, value in first)
    found = find_columns(keys, reading.columns) if objects else dict[Field, str]()
    what = "line" if form == "jsonl" else "comment"
    rows = _of_values(chain(first, values), what, reading, now, seen)
    return CommentFile(form, digest, keys, found, rows, share)


def csv_columns(text: CsvText, reading: CommentReading) -> dict[Field, str]:
    """Which columns of a CSV stand for which field.

    Raises:
        UnreadableText: the names of the columns are in another encoding.
        NoTextColumn, UnknownColumn: see `find_columns`.
    """
    try:
        for name in text.header:
            storable(name)
    except ValueError:
        raise UnreadableText(OTHER_ENCODING) from None
    return find_columns(text.header, reading.columns)


def _of_csv(
    text: CsvText, found: Mapping[Field, str], reading: CommentReading, now: datetime, seen: Survey
) -> Generator[Told | Unfit]:
    header = text.header
    places: dict[Field, int] = {name: header.index(column) for name, column in found.items()}
    fields = fields_of(header, places.values())
    for line, cells in text.records():
        if isinstance(cells, Fault):
            yield Unfit(None, BROKEN, f"{cells.where} {cells.message}")
            continue
        row = [cell(one) for one in cells]
        values: dict[Field, object] = {name: row[place] for name, place in places.items() if place < len(row)}
        if len(row) > len(header):
            yield Unfit(_stored_id(values.get("id")), BROKEN, f"line {line} has more cells than the header")
        elif any(row):
            others = {name: row[place] for place, name in fields.items() if place < len(row) and row[place]}
            yield _told(f"line {line}", values, others, seen.id_of(line), reading, now)


def _of_values(
    values: Iterator[Numbered], what: str, reading: CommentReading, now: datetime, seen: Survey
) -> Generator[Told | Unfit]:
    given = tuple(reading.columns.items())
    for number, value in values:
        where = f"{what} {number}"
        told_of = {"text": value} if isinstance(value, str) else _object(value)
        if isinstance(value, Fault):
            yield Unfit(None, BROKEN, f"{where} {value.message}")
        elif not isinstance(value, dict | str):
            yield Unfit(None, BROKEN, f"{where} is not a JSON object")
        else:
            keys = tuple(told_of)
            found, fields = _keys(keys, given)
            values_of: dict[Field, object] = {name: told_of[key] for name, key in found.items()}
            others = {name: text for place, name in fields.items() if (text := _as_text(told_of[keys[place]]))}
            yield _told(where, values_of, others, seen.id_of(number), reading, now)


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


@lru_cache(maxsize=256)
def _keys(keys: tuple[str, ...], given: tuple[tuple[Field, str], ...]) -> tuple[Mapping[Field, str], Mapping[int, str]]:
    found = columns_named(keys, dict(given), NAMES)
    return found, fields_of(keys, [keys.index(key) for key in found.values()])


def _as_text(value: object) -> object:
    """A value of JSON as text: `true`, 4.5, a list or an object as in the file."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _told(
    where: str,
    values: Mapping[Field, object],
    others: Mapping[str, object],
    own_id: str,
    reading: CommentReading,
    now: datetime,
) -> Told | Unfit:
    """The comment of these values; `own_id` is its id where it has none."""
    try:
        return told(
            text_of(values.get("id"), "an id", MAX_ID_CHARACTERS) or own_id,
            values.get("text"),
            fields=others,
            author=values.get("author"),
            written_at=values.get("written_at"),
            reading=reading.values,
            now=now,
        )
    except BrokenRow as broken:
        return Unfit(_stored_id(values.get("id")), BROKEN, f"{where} {broken}")


def _stored_id(value: object) -> str | None:
    """An id as far as it is one."""
    try:
        return text_of(value, "an id", MAX_ID_CHARACTERS) or None
    except BrokenRow:
        return None

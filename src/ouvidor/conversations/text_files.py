"""Text files of strangers: encodings, lines that may be too long to hold, records of CSV, names of columns."""

import csv
import io
import json
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, TextIO, TypeVar, cast

from ouvidor.conversations.imported import shown
from ouvidor.csv_cells import restored
from ouvidor.errors import Fault, Unprocessable
from ouvidor.text import fold

LONGEST_LINE = 8_000_000
"""Characters of a line that are read; a conversation is a line of JSONL, so no longer one fits."""
MOST_KEYS = 100
LONGEST_KEY = 200
DELIMITERS = ",;\t|"
NO_DELIMITER = "\x1f"
TOO_LONG = f"is longer than {LONGEST_LINE:,} characters"
OTHER_ENCODING = "The file is not in the encoding named; save it as UTF-8, or name another with --encoding."
_EXCEL_TELLS = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
FieldName = TypeVar("FieldName", bound=str)
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class UnreadableText(Unprocessable):
    """The file is not text that can be read: save it as UTF-8, or name its encoding."""


@dataclass(frozen=True)
class Decoded:
    """A file as text with its line ends as they are, and its first bytes, at most four."""

    file: TextIO
    begin: bytes


@contextmanager
def decoded(stream: BinaryIO, encoding: str) -> Generator[Decoded]:
    """Bytes as text; they stay open. A mark of UTF-16 goes before what is named; that of UTF-8 is passed by.

    What is not UTF-8 becomes half a surrogate pair, which `inputs.storable` tells; in other encodings it becomes �.

    Raises:
        UnreadableText: the encoding is not known.
    """
    buffered = cast("io.BufferedReader", stream if hasattr(stream, "peek") else io.BufferedReader(_raw(stream)))
    begin = buffered.peek(4)[:4]
    if begin[:2] in UTF_16_MARKS:
        encoding = "utf-16"
    if is_utf_8(encoding):
        encoding = "utf-8-sig"
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    try:
        file = io.TextIOWrapper(buffered, encoding, errors=errors, newline="")
    except LookupError:
        raise UnreadableText(f"No encoding is called {shown(encoding)}; try utf-8 or cp1252.") from None
    try:
        yield Decoded(file, begin)
    finally:
        file.detach()
        if buffered is not stream:
            buffered.detach()


def _raw(stream: BinaryIO) -> io.RawIOBase:
    return cast("io.RawIOBase", stream)


def is_utf_8(encoding: str) -> bool:
    """Whether this names UTF-8."""
    return encoding.lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig"}


class BoundedLines:
    """The lines of a text; of one over LONGEST_LINE only the beginning is kept, and `cut` is then its number.

    `number` is that of the line read last, `quotes` how many quotation marks there were so far.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0
        self.cut = 0
        self.quotes = 0

    def __iter__(self) -> Iterator[str]:
        """Each line with its end."""
        while line := self._read():
            self.number += 1
            if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
                self.cut = self.number
                while (rest := self._read()) and not rest.endswith(("\n", "\r")):
                    pass
            yield line

    def _read(self) -> str:
        try:
            line = self._file.readline(LONGEST_LINE)
        except UnicodeError:
            raise UnreadableText(OTHER_ENCODING) from None
        self.quotes += line.count('"')
        return line


def json_lines(lines: BoundedLines) -> Generator[tuple[int, object]]:
    """The value of each line that is not empty, with the line's number; a `Fault` where it cannot be read."""
    for text in lines:
        where = f"line {lines.number}"
        if lines.number == lines.cut:
            yield lines.number, Fault(where, TOO_LONG)
        elif text.strip():
            try:
                yield lines.number, json.loads(text)
            except (ValueError, RecursionError):
                yield lines.number, Fault(where, "is not JSON")


class CsvText:
    """A CSV file behind its first line: `header` are the names in that, `delimiter` what stands between cells.

    The delimiter is the commonest of DELIMITERS in the first line, or what Excel's line `sep=;` before it names; a
    header of one name has none, so that its lines may hold commas.

    Raises:
        UnreadableText: the first line is not CSV.
    """

    def __init__(self, lines: BoundedLines) -> None:
        self._lines = lines
        self._each = iter(lines)
        first = next(self._each, "")
        told = _EXCEL_TELLS.fullmatch(first)
        if told:
            first = next(self._each, "")
        likely = max(DELIMITERS, key=first.count)
        self.delimiter = told[1] if told else likely if likely in first else NO_DELIMITER
        self._reader = csv.reader(self._from(first), delimiter=self.delimiter, strict=True)
        try:
            self.header = [cell(name) for name in next(self._reader, list[str]())]
        except csv.Error as error:
            raise UnreadableText(f"The CSV's first line is not CSV: {error}.") from None

    def _from(self, first: str) -> Iterator[str]:
        yield first
        yield from self._each

    def records(self) -> Generator[tuple[int, list[str] | Fault]]:
        """Each record that is not empty, its cells as they are in the file, with the number of its first line."""
        while True:
            line, quotes = self._lines.number + 1, self._lines.quotes
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "field limit" in str(error):
                    self._leave_cell(quotes)
                yield line, Fault(f"line {line}", f"is not CSV: {error}")
                continue
            if self._lines.cut >= line:
                yield line, Fault(f"line {line}", TOO_LONG)
            elif cells:
                yield line, cells

    def _leave_cell(self, quotes: int) -> None:
        """Pass by the other lines of a cell that is too long, so that they are not taken for records."""
        while (self._lines.quotes - quotes) % 2 and next(self._each, ""):
            pass


def cell(text: str) -> str:
    """The text without NUL, and without the mark by which our exports keep spreadsheets from calculating."""
    return restored(text.replace("\0", ""))


def keys_of(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that may be names of fields."""
    return tuple(name for name in islice(told, MOST_KEYS) if len(name) <= LONGEST_KEY)


def columns_named(
    names: Iterable[str], given: Mapping[FieldName, str], known: Mapping[FieldName, str]
) -> dict[FieldName, str]:
    """Which of these names stands for which field: the one that is `given`, else the surest that is `known`.

    `known` holds for each field its names in lower case without accents, words joined by `_`, the surest first,
    separated by spaces. A field whose given name is not there has none.
    """
    there = list(names)
    plain = {"_".join(fold(name).replace("-", " ").split()): name for name in reversed(there)}
    found: dict[FieldName, str] = {}
    for field, usual in known.items():
        if field in given:
            choice = given[field] if given[field] in there else None
        else:
            choice = next((plain[name] for name in usual.split() if name in plain), None)
        if choice is not None:
            found[field] = choice
    return found

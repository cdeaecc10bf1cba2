"""Files of comments before they are read: opened, looked over once, and of which kind."""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from ouvidor.conversations.text_files import UTF_16_MARKS, BoundedLines, UnreadableText, columns_named, is_utf_8
from ouvidor.feedback.intake.columns import NAMES, CommentReading, Form, UnreadableComments
from ouvidor.feedback.intake.reading_json import lists_objects

DIGITS_OF_FILE = 20
"""Hexadecimal digits of a file's SHA-256 that begin the ids of comments that have none of their own: 80 bits."""
LINES_OF_ANOTHER_ENCODING = 3
NOT_UTF_8 = "The file is not UTF-8: save it as UTF-8, or name its encoding with --encoding (of Excel often cp1252)."
BEGINNING = 4096
BYTES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Survey:
    """What the bytes of a file tell: their SHA-256 (hexadecimal), and how many there are."""

    sha256: str
    length: int

    def id_of(self, number: int) -> str:
        """An id for what stands in this place of the file."""
        return f"{self.sha256[:DIGITS_OF_FILE]}-{number}"


@contextmanager
def opened(path: Path) -> Generator[BinaryIO]:
    """The bytes of a file, or of standard input where the path is `-`.

    Raises:
        UnreadableComments: missing, a folder, or not ours to read.
    """
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UnreadableComments(f"{path}: {error.strerror or 'cannot be read'}.") from None
    with stream:
        yield stream


@contextmanager
def rewindable(stream: BinaryIO) -> Generator[BinaryIO]:
    """The bytes from their beginning, to be read as often as need be; from a temporary file where they come once."""
    if stream.seekable():
        stream.seek(0)
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        yield copy


def survey(stream: BinaryIO, reading: CommentReading) -> Survey:
    """What the bytes tell; the stream is at its beginning again.

    Raises:
        UnreadableComments: there are none.
        UnreadableText: they are said to be UTF-8, and nothing that is more than ASCII in them is.
    """
    digest, first = hashlib.sha256(), b""
    fine = foul = 0
    for line in iter(lambda: stream.readline(BYTES_AT_ONCE), b""):
        first = first or line
        digest.update(line)
        if not line.isascii():
            fits = _is_utf_8(line)
            fine, foul = fine + fits, foul + (not fits)
    if not first:
        raise UnreadableComments("The file is empty.")
    marked = first[:2] in UTF_16_MARKS or not is_utf_8(reading.encoding)
    if not marked and not fine and foul >= LINES_OF_ANOTHER_ENCODING:
        raise UnreadableText(NOT_UTF_8)
    length = stream.tell()
    stream.seek(0)
    return Survey(digest.hexdigest(), length)


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def form_of(file: TextIO, name: str) -> Form:
    """The kind of a file by its name, else by how it begins; the file is at its beginning again.

    JSON in lines is known by a second line that begins with a brace, or a first that is an object without a list of
    objects.
    """
    suffix = name.rpartition(".")[2].lower()
    if suffix in {"csv", "tsv"}:
        return "csv"
    if suffix in {"jsonl", "ndjson"}:
        return "jsonl"
    sign = file.read(BEGINNING).lstrip()[:1]
    file.seek(0)
    if sign != "{":
        return "json" if suffix == "json" or sign == "[" else "csv"
    first, second = [*islice((line for line in BoundedLines(file) if line.strip()), 2), ""][:2]
    file.seek(0)
    return "jsonl" if second.lstrip()[:1] == "{" or _is_one_comment(first) else "json"


def _is_one_comment(line: str) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict):
        return False
    keys = cast("dict[str, object]", value)
    return "text" in columns_named(keys, {}, NAMES) or not lists_objects(keys)

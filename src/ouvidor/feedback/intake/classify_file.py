"""A CSV of comments classified into another: its columns in their order, then what each comment was sorted into."""

import csv
import re
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ouvidor.conversations.imported import BrokenRow, text_of
from ouvidor.conversations.text_files import NO_DELIMITER, BoundedLines, CsvText, cell, decoded
from ouvidor.csv_cells import neutralised
from ouvidor.engines.embeddings import Embedder
from ouvidor.errors import Fault
from ouvidor.feedback.classification import Classification, Sentiment
from ouvidor.feedback.classifier import BATCH, Classifier, classify
from ouvidor.feedback.intake.columns import CommentReading, UnreadableComments
from ouvidor.feedback.intake.opening import form_of, opened, rewindable, survey
from ouvidor.feedback.intake.reading import csv_columns
from ouvidor.feedback.intake.writing import whole_file
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.feedback.told import MAX_TEXT_CHARACTERS
from ouvidor.text import Language

ADDED: Mapping[Language, tuple[str, ...]] = {
    "pt": ("categoria", "tags", "confianca", "sentimento", "idioma", "erro"),
    "en": ("category", "tags", "confidence", "sentiment", "language", "error"),
}
"""The columns that are added, the last one for what is wrong with a row."""
SENTIMENTS: Mapping[Language, Mapping[Sentiment, str]] = {
    "pt": {"positive": "positivo", "neutral": "neutro", "negative": "negativo"},
    "en": {"positive": "positive", "neutral": "neutral", "negative": "negative"},
}
OURS = "_ouvidor"
"""Ends the name of an added column whose own name the file has already."""
_HALF_CHARACTERS = re.compile("[\ud800-\udfff]")

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class FileToClassify:
    """A CSV and how it is read, the file that it becomes, and the language of the added columns (None: the taxonomy's).

    `force` has `out` replaced where it is there already.
    """

    path: Path
    out: Path
    reading: CommentReading = field(default_factory=CommentReading)
    language: Language | None = None
    force: bool = False


@dataclass(frozen=True)
class ClassifiedFile:
    """How many rows there were, how many of them could not be read, and how many are of each category, by name."""

    rows: int
    failed: int
    categories: Mapping[str, int]
    seconds: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds if self.seconds else 0.0

    def figures(self) -> dict[str, object]:
        """For programs."""
        return {
            "rows": self.rows,
            "classified": self.rows - self.failed,
            "failed": self.failed,
            "categories": dict(self.categories),
            "seconds": round(self.seconds, 2),
            "per_second": round(self.rate, 1),
        }


@dataclass(frozen=True)
class CsvComments:
    """A CSV to classify, to be read once; `share` tells how much of it was read, 0 to 1."""

    text: CsvText
    place: int
    share: Callable[[], float]

    def rows(self) -> Generator["_Row"]:
        """Each row with its comment, or with what is wrong with it."""
        width = len(self.text.header)
        for line, cells in self.text.records():
            if isinstance(cells, Fault):
                yield _Row([""] * width, "", f"{cells.where} {cells.message}")
                continue
            row = [cell(one) for one in cells]
            there = [*row[:width], *[""] * (width - len(row))]
            if len(row) > width:
                yield _Row(there, "", f"line {line} has more cells than the header")
            else:
                yield _row(there, there[self.place], f"line {line}")


@dataclass(frozen=True)
class _Row:
    cells: list[str]
    words: str
    fault: str


def _row(cells: list[str], text: str, where: str) -> _Row:
    try:
        words = text_of(text, "a text", MAX_TEXT_CHARACTERS)
    except BrokenRow as broken:
        return _Row(cells, "", f"{where} {broken}")
    return _Row(cells, words, "" if words else f"{where} has no text")


@contextmanager
def open_csv(path: Path, reading: CommentReading) -> Generator[CsvComments]:
    """The rows of a CSV file, read as they are asked for.

    Raises:
        UnreadableComments: missing, empty, no CSV, or without a column for the text.
        UnreadableText: in another encoding than named.
    """
    with opened(path) as stream, rewindable(stream) as again:
        length = survey(again, reading).length
        with decoded(again, reading.encoding) as file:
            if (reading.form or form_of(file.file, path.name)) != "csv":
                raise UnreadableComments(f"{path} is not CSV; only CSV files are classified into files.")
            text = CsvText(BoundedLines(file.file))
            place = text.header.index(csv_columns(text, reading)["text"])
            yield CsvComments(text, place, lambda: again.tell() / length)


async def classify_file(
    wanted: FileToClassify,
    classifier: Classifier,
    embedder: Embedder,
    progress: Progress = lambda _rows, _share: None,
) -> ClassifiedFile:
    """Write the file's rows with their classification to `out`, which is there when it is whole.

    Order and duplicates are kept; a row that cannot be read has no category and says why in the last column. What a
    spreadsheet would run as a formula is marked. `progress` is told rows and the share of the file after each batch.

    Raises:
        UnreadableComments, UnreadableText: see `open_csv`.
        FileIsThere, Unwritable: see `whole_file`.
        EmbeddingFailed: a server of vectors gave none.
    """
    begun, rows, failed, counts = time.monotonic(), 0, 0, Counter[str]()
    taxonomy = classifier.taxonomy
    language = wanted.language or taxonomy.language
    with open_csv(wanted.path, wanted.reading) as given, whole_file(wanted.out, force=wanted.force) as file:
        write = _writer(file, given.text)
        write([[*given.text.header, *_added(given.text.header, language)]])
        for batch in _batches(given.rows()):
            found = iter(await classify([row.words for row in batch if not row.fault], classifier, embedder))
            judged = [(row, None if row.fault else next(found)) for row in batch]
            write([*row.cells, *_cells(row, one, taxonomy, language)] for row, one in judged)
            counts.update(one.category for _, one in judged if one)
            rows, failed = rows + len(batch), failed + sum(bool(row.fault) for row in batch)
            progress(rows, given.share())
    named = {one.name(language): counts[one.code] for one in taxonomy.categories}
    return ClassifiedFile(rows, failed, named, time.monotonic() - begun)


def _batches(rows: Iterator[_Row]) -> Generator[list[_Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _writer(file: TextIO, text: CsvText) -> Callable[[Iterable[Sequence[str]]], None]:
    """Writes rows in the form of the file that was read."""
    delimiter = "," if text.delimiter == NO_DELIMITER else text.delimiter
    to: Any = csv.writer(file, delimiter=delimiter)

    def write(rows: Iterable[Sequence[str]]) -> None:
        to.writerows([neutralised(_HALF_CHARACTERS.sub("�", one)) for one in row] for row in rows)

    return write


def _added(header: Sequence[str], language: Language) -> list[str]:
    return [f"{name}{OURS}" if name in header else name for name in ADDED[language]]


def _cells(row: _Row, judged: Classification | None, taxonomy: Taxonomy, language: Language) -> list[str]:
    if judged is None:
        return ["", "", "", "", "", row.fault]
    return [
        taxonomy.category(judged.category).name(language),
        "; ".join(tag.code for tag in judged.tags),
        f"{judged.confidence:.4f}",
        SENTIMENTS[language][judged.sentiment],
        judged.language,
        "",
    ]

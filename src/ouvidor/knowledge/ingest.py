"""Reading knowledge files: JSONL and CSV rows become sections, broken rows are told with their line."""

import csv
import hashlib
import io
import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from ouvidor.errors import Fault, Unprocessable
from ouvidor.text import Language, detect_language, fold

MAX_CHARACTERS = 50_000
MAX_PHRASINGS = 1000

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "key": ("id", "key", "chave", "codigo", "code"),
    "question": ("question", "pergunta", "duvida"),
    "answer": ("answer", "resposta"),
    "title": ("title", "titulo", "heading"),
    "content": ("content", "conteudo", "text", "texto", "body", "corpo"),
    "tier": ("type", "tipo", "tier", "nivel", "level"),
    "tags": ("tags", "etiquetas", "categorias", "categories"),
    "language": ("language", "idioma", "lingua", "lang"),
    "phrasings": ("phrasings", "variacoes", "frases", "alternatives", "utterances", "outras_perguntas"),
}
_FIELD_OF = {name: field for field, names in COLUMNS.items() for name in names}


class UnreadableFile(Unprocessable):
    """The file is not one that can be imported: use JSONL (one object a line) or CSV with a header line, in UTF-8."""


class BrokenRow(Exception):
    """A row that cannot become a section; the message says why."""


@dataclass(frozen=True)
class SectionInput:
    """A section as its source gives it; `heading` is the question or else the title."""

    key: str
    question: str | None
    title: str | None
    content: str
    tier: Literal["N1", "N2"]
    tags: tuple[str, ...]
    language: Language
    phrasings: tuple[str, ...]

    @property
    def heading(self) -> str | None:
        """The question, else the title."""
        return self.question or self.title

    def digest(self) -> bytes:
        """SHA-256 over every field: equal where a re-import changes nothing."""
        parts = [self.key, self.question, self.title, self.content, self.tier, self.tags, self.language]
        return hashlib.sha256(json.dumps([*parts, self.phrasings], ensure_ascii=False).encode()).digest()


Row = tuple[int, SectionInput | Fault]


def read_sections(path: Path, default_language: Language | None = None) -> Iterator[Row]:
    """Each row of a JSONL or CSV file with its line number: a section, or what is wrong with it.

    Raises:
        UnreadableFile: missing, neither kind of file, not UTF-8, or a CSV without a known column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from read_stream(file, path.suffix, default_language)
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else (error.strerror or "cannot be read")
        raise UnreadableFile(f"{path} {reason}. Use JSONL or CSV in UTF-8.") from None


def read_stream(file: TextIO, suffix: str, default_language: Language | None = None) -> Iterator[Row]:
    """As `read_sections`, from an open file; `suffix` tells the kind (`.jsonl`, `.csv`)."""
    kinds = {".jsonl": _json_rows, ".ndjson": _json_rows, ".csv": _csv_rows}
    rows = kinds.get(suffix.lower())
    if rows is None:
        raise UnreadableFile
    seen: dict[str, int] = {}
    for line, row in rows(file):
        yield line, _checked(line, row, default_language, seen)


def section_input(row: Mapping[str, Any], default_language: Language | None = None) -> SectionInput:
    """One row as a section; columns are recognised by their Portuguese or English name.

    Raises:
        BrokenRow: nothing to answer with, an unknown tier or language, or a field of the wrong kind or size.
    """
    named = {
        _FIELD_OF[name]: value for name, value in _by_plain_name(row) if name in _FIELD_OF and value not in (None, "")
    }
    question, title = _text(named, "question"), _text(named, "title")
    content = "\n\n".join(filter(None, (_text(named, "answer"), _text(named, "content"))))
    phrasings = _texts(named, "phrasings")
    if not content and not phrasings:
        raise BrokenRow("has no text to answer with: give answer (resposta), content (conteudo) or phrasings (frases)")
    content = content or question or title or phrasings[0]
    language = _language(named, default_language, " ".join(filter(None, (question, content))))
    key = _text(named, "key") or hashlib.sha256((question or title or content).encode()).hexdigest()[:24]
    return SectionInput(
        key=key,
        question=question,
        title=title,
        content=content,
        tier=_tier(named),
        tags=_texts(named, "tags"),
        language=language,
        phrasings=phrasings,
    )


def _checked(
    line: int, row: Mapping[str, Any] | str, default_language: Language | None, seen: dict[str, int]
) -> SectionInput | Fault:
    try:
        if isinstance(row, str):
            raise BrokenRow(row)
        section = section_input(row, default_language)
        if section.key in seen:
            raise BrokenRow(f"repeats the id {section.key!r} of line {seen[section.key]}")
    except BrokenRow as broken:
        return Fault(f"line {line}", str(broken))
    seen[section.key] = line
    return section


def _json_rows(file: TextIO) -> Generator[tuple[int, Mapping[str, Any] | str]]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            yield line, "is not JSON"
            continue
        yield line, row if isinstance(row, dict) else "is not a JSON object"


def _csv_rows(file: TextIO) -> Generator[tuple[int, Mapping[str, Any] | str]]:
    start = file.read(4096)
    delimiter = max(",;\t", key=start.partition("\n")[0].count)
    reader = csv.DictReader(_Rest(start, file), delimiter=delimiter, restkey="\0rest")
    known = [name for name in reader.fieldnames or () if _plain(name) in _FIELD_OF]
    if not known:
        raise UnreadableFile("The CSV's first line names no known column (question, answer, content, pergunta, …).")
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"is not CSV: {error}"
            continue
        yield line, row if "\0rest" not in row else "has more cells than the header"


class _Rest(io.TextIOBase):
    """Lines of a file whose beginning was already read."""

    def __init__(self, start: str, file: TextIO) -> None:
        self._lines = iter((start + file.readline()).splitlines(keepends=True))
        self._file = file

    def __iter__(self) -> "_Rest":
        return self

    def __next__(self) -> str:
        line = next(self._lines, None) or self._file.readline()
        if not line:
            raise StopIteration
        return line


def _plain(name: str) -> str:
    return "_".join(fold(name).split())


def _by_plain_name(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((_plain(str(name)), value) for name, value in row.items() if name)


def _text(named: Mapping[str, Any], field: str) -> str | None:
    value = named.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BrokenRow(f"has a {field} that is not text")
    text = str(value).replace("\0", "").strip()
    if len(text) > MAX_CHARACTERS:
        raise BrokenRow(f"has a {field} of {len(text):,} characters; at most {MAX_CHARACTERS:,}")
    return text or None


def _texts(named: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """A JSON list, or the text of a CSV cell split at `|` (tags also at `,` and `;`)."""
    value = named.get(field, ())
    if isinstance(value, str):
        separators = "|\n" if field == "phrasings" else "|\n,;"
        value = value.translate({ord(mark): "|" for mark in separators}).split("|")
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise BrokenRow(f"has {field} that are not a list of texts")
    texts = tuple(dict.fromkeys(part.replace("\0", "").strip() for part in value if part.strip()))
    if len(texts) > MAX_PHRASINGS:
        raise BrokenRow(f"has {len(texts):,} {field}; at most {MAX_PHRASINGS:,}")
    return texts


def _tier(named: Mapping[str, Any]) -> Literal["N1", "N2"]:
    tier = (_text(named, "tier") or "N1").upper()
    if tier not in {"N1", "N2"}:
        raise BrokenRow(f"has the type {tier!r}; there are N1 and N2")
    return "N2" if tier == "N2" else "N1"


def _language(named: Mapping[str, Any], default: Language | None, text: str) -> Language:
    given = fold(_text(named, "language") or "")
    if not given:
        return detect_language(text, default or "pt")
    if given[:2] not in {"pt", "en"} and given not in {"portugues", "ingles"}:
        raise BrokenRow(f"has the language {given!r}; there are pt and en")
    return "en" if given == "ingles" or given.startswith("en") else "pt"

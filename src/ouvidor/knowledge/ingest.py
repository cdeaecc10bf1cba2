"""Reading knowledge files: JSONL and CSV rows become sections, broken rows are told with their line."""

import csv
import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TextIO, cast

from ouvidor.errors import Fault, Unprocessable
from ouvidor.inputs import storable
from ouvidor.text import Language, detect_language, fold

MAX_CHARACTERS = 50_000
MAX_PHRASINGS = 1000
MAX_PHRASING_CHARACTERS = 2000
MAX_KEY_CHARACTERS = 200
CHARACTERS_THAT_TELL_LANGUAGE = 1000

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
    key = _key(named) or hashlib.sha256((question or title or content).encode()).hexdigest()[:24]
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
        except (ValueError, RecursionError):
            yield line, "is not JSON"
            continue
        yield line, row if isinstance(row, dict) else "is not a JSON object"


def _csv_rows(file: TextIO) -> Generator[tuple[int, Mapping[str, Any] | str]]:
    first = file.readline()
    reader = csv.reader(chain((first,), file), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        header = next(reader, list[str]())
    except csv.Error as error:
        raise UnreadableFile(f"The CSV's first line is not CSV: {error}.") from None
    if not any(_plain(name) in _FIELD_OF for name in header):
        raise UnreadableFile("The CSV's first line names no known column (question, answer, content, pergunta, …).")
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"is not CSV: {error}"
            continue
        if len(cells) > len(header):
            yield line, "has more cells than the header"
        elif cells:
            yield line, dict(zip(header, cells, strict=False))


def _plain(name: str) -> str:
    return "_".join(fold(name).split())


def _by_plain_name(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((_plain(str(name)), value) for name, value in row.items() if name)


def _key(named: Mapping[str, Any]) -> str | None:
    key = _text(named, "key")
    if key and len(key) > MAX_KEY_CHARACTERS:
        raise BrokenRow(f"has an id of {len(key):,} characters; at most {MAX_KEY_CHARACTERS}")
    return key


def _text(named: Mapping[str, Any], field: str) -> str | None:
    value = named.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BrokenRow(f"has a {field} that is not text")
    text = _plain_text(str(value), field)
    if len(text) > MAX_CHARACTERS:
        raise BrokenRow(f"has a {field} of {len(text):,} characters; at most {MAX_CHARACTERS:,}")
    return text or None


def _texts(named: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """A JSON list, or the text of a CSV cell split at `|` (tags also at `,` and `;`)."""
    value: Any = named.get(field, ())
    if isinstance(value, str):
        separators = "|\n" if field == "phrasings" else "|\n,;"
        value = value.translate({ord(mark): "|" for mark in separators}).split("|")
    if not isinstance(value, list | tuple):
        raise BrokenRow(f"has {field} that are not a list of texts")
    texts: dict[str, None] = {}
    for part in cast("Sequence[object]", value):
        if not isinstance(part, str):
            raise BrokenRow(f"has {field} that are not a list of texts")
        texts[_plain_text(part, field)] = None
    texts.pop("", None)
    if len(texts) > MAX_PHRASINGS:
        raise BrokenRow(f"has {len(texts):,} {field}; at most {MAX_PHRASINGS:,}")
    longest = max(map(len, texts), default=0)
    if longest > MAX_PHRASING_CHARACTERS:
        raise BrokenRow(f"has {field} of {longest:,} characters; at most {MAX_PHRASING_CHARACTERS:,} each")
    return tuple(texts)


def _plain_text(text: str, field: str) -> str:
    """Without NUL characters, which PostgreSQL cannot hold, and white space around it."""
    try:
        return storable(text.replace("\0", "")).strip()
    except ValueError:
        raise BrokenRow(f"has a {field} with half a character (a lone surrogate)") from None


def _tier(named: Mapping[str, Any]) -> Literal["N1", "N2"]:
    tier = (_text(named, "tier") or "N1").upper()
    if tier not in {"N1", "N2"}:
        raise BrokenRow(f"has the type {tier!r}; there are N1 and N2")
    return "N2" if tier == "N2" else "N1"


def _language(named: Mapping[str, Any], default: Language | None, text: str) -> Language:
    given = fold(_text(named, "language") or "")
    if not given:
        return detect_language(text[:CHARACTERS_THAT_TELL_LANGUAGE], default or "pt")
    if given[:2] not in {"pt", "en"} and given not in {"portugues", "ingles"}:
        raise BrokenRow(f"has the language {given!r}; there are pt and en")
    return "en" if given == "ingles" or given.startswith("en") else "pt"

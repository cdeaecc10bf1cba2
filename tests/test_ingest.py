"""Knowledge files as people write them: columns in two languages, broken rows told by line, the rest read."""

import json
from pathlib import Path
from typing import Any

import pytest

from ouvidor.errors import Fault
from ouvidor.knowledge.ingest import (
    MAX_CHARACTERS,
    MAX_PHRASINGS,
    BrokenRow,
    SectionInput,
    UnreadableFile,
    read_sections,
    section_input,
)


def written(folder: Path, text: str | bytes, name: str = "knowledge.csv") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def sections_of(path: Path) -> list[SectionInput]:
    rows = [row for _, row in read_sections(path)]
    broken = [row for row in rows if isinstance(row, Fault)]
    assert broken == []
    return [row for row in rows if isinstance(row, SectionInput)]


def faults_of(path: Path) -> dict[str, str]:
    return {row.where: row.message for _, row in read_sections(path) if isinstance(row, Fault)}


def keys_of(path: Path) -> list[str]:
    return [row.key for _, row in read_sections(path) if isinstance(row, SectionInput)]


def jsonl(*rows: Any) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)


WANTED = SectionInput(
    key="pets",
    question="Posso levar meu cachorro?",
    title="Animais",
    content="Sim, até 10 kg.",
    tier="N2",
    tags=("quartos", "regras"),
    language="pt",
    phrasings=("aceita cachorro", "pet pode"),
)


def test_json_columns_in_english(tmp_path: Path) -> None:
    row = {
        "id": "pets",
        "question": WANTED.question,
        "title": WANTED.title,
        "answer": WANTED.content,
        "type": "n2",
        "tags": ["quartos", "regras"],
        "language": "pt-BR",
        "phrasings": ["aceita cachorro", "pet pode"],
    }
    assert sections_of(written(tmp_path, jsonl(row), "a.jsonl")) == [WANTED]
    assert sections_of(written(tmp_path, jsonl(row), "a.NDJSON")) == [WANTED]


def test_json_columns_in_portuguese(tmp_path: Path) -> None:
    row = {
        "Código": "pets",
        "Dúvida": WANTED.question,
        "TÍTULO": WANTED.title,
        "Conteúdo": WANTED.content,
        "Nível": "N2",
        "etiquetas": "quartos, regras",
        "Idioma": "português",
        "Outras perguntas": "aceita cachorro | pet pode",
    }
    assert sections_of(written(tmp_path, jsonl(row), "a.jsonl")) == [WANTED]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("beginning", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_of_any_spreadsheet(tmp_path: Path, mark: str, beginning: bytes, end: str) -> None:
    header = ("id", "Pergunta", "título", "Resposta", "Tipo", "tags", "idioma", "frases")
    cells = ("pets", WANTED.question, WANTED.title, '"Sim, até 10 kg."', "N2", '"quartos;regras"', "pt")
    lines = [header, (*cells, '"aceita cachorro|pet pode"')]
    text = end.join(mark.join(str(cell) for cell in line) for line in lines)
    assert sections_of(written(tmp_path, beginning + text.encode())) == [WANTED]


def test_a_quoted_cell_holds_line_breaks_quotes_and_separators(tmp_path: Path) -> None:
    text = 'id,question,answer\na,Why?,"First line;\nsecond ""line"", third\u2028part"\n\nb,How?,So.\n'
    first, second = sections_of(written(tmp_path, text))
    assert first.content == 'First line;\nsecond "line", third\u2028part'
    assert second.key == "b"


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    text = 'id,question,answer\na,Why?,"one\ntwo\nthree"\n\nb,How?,\nc,What?,x,y,z\nd,Who?,Me.\n'
    path = written(tmp_path, text)
    assert keys_of(path) == ["a", "d"]
    assert list(faults_of(path)) == ["line 6", "line 7"]
    assert "more cells than the header" in faults_of(path)["line 7"]


def test_a_quote_that_never_ends_is_told_and_not_swallowed(tmp_path: Path) -> None:
    path = written(tmp_path, 'id,answer\na,Fine.\nb,"never ends\nc,Lost.\n')
    assert keys_of(path) == ["a"]
    assert list(faults_of(path)) == ["line 3"]
    assert "not CSV" in faults_of(path)["line 3"]


def test_broken_rows_are_told_and_the_rest_lands(tmp_path: Path) -> None:
    rows = (
        {"id": "good", "answer": "Yes."},
        "{broken",
        '["a", "list"]',
        {"id": "empty", "question": "What?"},
        {"id": "tier", "answer": "x", "type": "N3"},
        {"id": "tongue", "answer": "x", "language": "fr"},
        {"id": "kind", "answer": {"text": "x"}},
        {"id": True, "answer": "x"},
        {"id": "tags", "answer": "x", "tags": [1]},
        {"id": "phrasings", "answer": "x", "phrasings": {"a": "b"}},
        {"id": "long", "answer": "x" * (MAX_CHARACTERS + 1)},
        {"id": "many", "answer": "x", "phrasings": [str(number) for number in range(MAX_PHRASINGS + 1)]},
        {"id": "x" * 201, "answer": "x"},
        '{"id": "half", "answer": "\\ud83d"}',
        '{"id": ' + "9" * 5000 + ', "answer": "x"}',
        {"id": "good", "answer": "Again."},
        "",
        {"id": "last", "answer": "Yes."},
    )
    path = written(tmp_path, jsonl(*rows), "a.jsonl")
    assert keys_of(path) == ["good", "last"]
    faults = faults_of(path)
    assert list(faults) == [f"line {number}" for number in range(2, 17)]
    assert "N3" in faults["line 5"]
    assert "'good' of line 1" in faults["line 16"]


def test_the_deepest_json_is_a_broken_row(tmp_path: Path) -> None:
    path = written(tmp_path, jsonl("[" * 200_000, {"id": "good", "answer": "Yes."}), "a.jsonl")
    assert keys_of(path) == ["good"]
    assert list(faults_of(path)) == ["line 1"]


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert list(read_sections(written(tmp_path, "", "a.jsonl"))) == []
    assert list(read_sections(written(tmp_path, "\n \n", "a.jsonl"))) == []
    assert list(read_sections(written(tmp_path, "id,answer\n"))) == []


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", b"", "no known column"),
        ("a.csv", b"colour,size\nred,9\n", "no known column"),
        ("a.csv", b'"id,answer\n', "not CSV"),
        ("a.jsonl", '{"answer": "não"}'.encode("latin-1"), "not UTF-8"),
        ("a.csv", "id,answer\na,não\n".encode("utf-16"), "not UTF-8"),
        ("a.xlsx", b"PK", "JSONL"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, text: bytes, says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        list(read_sections(written(tmp_path, text, name)))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        list(read_sections(tmp_path / "nowhere.jsonl"))


def test_unknown_columns_are_left_aside() -> None:
    assert section_input({"id": 7, "answer": "Yes.", "colour": "red"}) == section_input({"id": "7", "answer": "Yes."})


def test_the_answer_joins_the_content() -> None:
    section = section_input({"question": "Why?", "answer": "Because.", "content": "More of it."})
    assert section.content == "Because.\n\nMore of it."


def test_a_section_without_an_id_is_known_by_its_question() -> None:
    keys = {section_input({"question": "Why?", "answer": answer}).key for answer in ("one", "two")}
    assert len(keys) == 1
    assert section_input({"title": "Why?", "answer": "one"}).key in keys
    assert section_input({"question": "How?", "answer": "one"}).key not in keys


def test_phrasings_alone_make_a_section() -> None:
    section = section_input({"id": "greet", "phrasings": ["hello there", " hello there ", "", "good day"]})
    assert section.phrasings == ("hello there", "good day")
    assert section.content == "hello there"


def test_a_question_may_hold_what_separates_phrasings() -> None:
    section = section_input(
        {"answer": "x", "phrasings": "one, with a comma; and more\ntwo|three", "tags": "a, b;c|d\ne"}
    )
    assert section.phrasings == ("one, with a comma; and more", "two", "three")
    assert section.tags == ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("row", "language"),
    [
        ({"question": "Qual é o horário?", "answer": "Das 8 às 22 horas."}, "pt"),
        ({"question": "Que horas abre?", "answer": "O restaurante abre cedo todos os dias."}, "pt"),
        ({"question": "When does it open?", "answer": "It opens at eight every day."}, "en"),
        ({"answer": "8-22", "language": "English"}, "en"),
        ({"answer": "It opens at eight every day.", "language": "PT"}, "pt"),
        ({"answer": "It opens at eight.", "idioma": "inglês"}, "en"),
    ],
)
def test_language_is_given_or_detected(row: dict[str, str], language: str) -> None:
    assert section_input(row).language == language


def test_a_text_without_a_language_takes_the_default() -> None:
    assert section_input({"id": "a", "answer": "8-22"}, "en").language == "en"
    assert section_input({"id": "a", "answer": "8-22"}, "pt").language == "pt"


def test_nul_characters_are_left_out() -> None:
    section = section_input({"id": "a\0b", "answer": "one\0two", "phrasings": ["x\0y"], "tags": ["t\0"]})
    assert (section.key, section.content, section.phrasings, section.tags) == ("ab", "onetwo", ("xy",), ("t",))


def test_every_field_counts_in_the_digest() -> None:
    row = {"id": "a", "question": "q", "title": "t", "answer": "x", "tags": ["g"], "phrasings": ["p"], "language": "en"}
    changes = {
        "id": "b",
        "question": "r",
        "title": "u",
        "answer": "y",
        "tags": ["h"],
        "phrasings": ["s"],
        "language": "pt",
        "type": "N2",
    }
    digests = {section_input(row).digest()} | {
        section_input({**row, name: value}).digest() for name, value in changes.items()
    }
    assert len(digests) == 1 + len(changes)
    assert section_input(dict(reversed(row.items()))).digest() in digests


def test_a_row_with_nothing_to_say_is_broken() -> None:
    with pytest.raises(BrokenRow, match="no text to answer with"):
        section_input({"id": "a", "answer": "  ", "content": None})

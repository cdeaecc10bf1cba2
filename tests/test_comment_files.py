"""Comments out of CSV, JSONL and JSON: what is understood, what is left out and told, and the same file once more."""

import csv
import io
import json
import os
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from command_line import CommandLine
from factories import Site
from sqlalchemy import func, select

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import Project
from ouvidor.conversations.import_command import reading_of
from ouvidor.conversations.text_files import LONGEST_LINE, UnreadableText
from ouvidor.csv_cells import neutralised
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.evals.comments import read_comments
from ouvidor.feedback.classifier import classifier_for
from ouvidor.feedback.command import (
    FileToExport,
    UnknownCategory,
    classify_by_default,
    classify_by_project,
    export_to_file,
    golden_to_file,
    import_comments,
)
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.intake.classify_file import FileToClassify, classify_file
from ouvidor.feedback.intake.columns import (
    CommentReading,
    NoTextColumn,
    UnknownColumn,
    UnreadableComments,
    fields_named,
)
from ouvidor.feedback.intake.import_file import FileToImport, ImportedFile
from ouvidor.feedback.intake.reading import CommentFile, open_comment_stream, open_comments
from ouvidor.feedback.intake.reading_json import CHUNK, NoList
from ouvidor.feedback.intake.receive import NoComments
from ouvidor.feedback.intake.writing import FileIsThere, Unwritable
from ouvidor.feedback.jobs.control import pause_job
from ouvidor.feedback.learning.correcting import correct
from ouvidor.feedback.models import Comment, CommentJob
from ouvidor.feedback.taxonomy import DEFAULT
from ouvidor.feedback.told import Told, Unfit
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PLAIN = CommentReading()
WORDS_ALONE = NoEmbedder("left out by this test")


def looked_at(content: str | bytes, reading: CommentReading = PLAIN, name: str = "") -> CommentFile:
    with open_comment_stream(as_stream(content), reading, NOW, name=name) as file:
        return file


def read(content: str | bytes, reading: CommentReading = PLAIN, name: str = "") -> list[Told | Unfit]:
    with open_comment_stream(as_stream(content), reading, NOW, name=name) as file:
        return list(file.comments)


def as_stream(content: str | bytes) -> io.BytesIO:
    return io.BytesIO(content if isinstance(content, bytes) else content.encode())


def texts(found: Sequence[Told | Unfit]) -> list[str]:
    """The words of each, and in brackets why it has none."""
    return [one.text if isinstance(one, Told) else f"[{one.reason}]" for one in found]


def as_csv(*rows: Sequence[object], delimiter: str = ",") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue()


def rows_of(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Columns


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_known_columns_are_found_and_all_others_are_fields(delimiter: str) -> None:
    header = ("Comentário", "ID", "Autor", "Data", "artista", "Álbum", "Categoria")
    row = ("Adorei; muito, muito\nbom", "7", "ana", "2026-11-20T10:00:00-03:00", "Lia Serpa", "", "SPAM")
    told = read(as_csv(header, row, delimiter=delimiter), name="x.csv")
    assert told == [
        Told("Adorei; muito, muito\nbom", "7", {"artista": "Lia Serpa"}, "ana", datetime(2026, 11, 20, 13, tzinfo=UTC))
    ]


def test_columns_of_other_names_are_told_and_an_empty_name_means_none() -> None:
    content = as_csv(("texto", "resposta livre", "nome", "when"), ("x", "Gostei", "Álbum azul", "20/11/2026 07:00"))
    columns = fields_named({"text": "resposta livre", "author": "", "written_at": "when"})
    reading = CommentReading(columns=columns, values=reading_of({}, "America/Sao_Paulo", "%d/%m/%Y %H:%M"))
    (told,) = read(content, reading)
    assert isinstance(told, Told)
    assert (told.text, told.author, told.fields) == ("Gostei", None, {"texto": "x", "nome": "Álbum azul"})
    assert told.written_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_names_of_fields_are_cut_and_never_the_same() -> None:
    long = "O que você achou do nosso atendimento? Conte com as suas palavras, sem pressa"
    header = ("texto", long, f"{long}!", "", "canal", "canal")
    (told,) = read(as_csv(header, ("oi", "a", "b", "c", "d", "e")))
    assert isinstance(told, Told)
    assert told.fields == {long[:60]: "a", f"{long[:53]} (3)": "b", "column 4": "c", "canal": "d", "canal (6)": "e"}


@pytest.mark.parametrize(
    "content",
    ["nota,canal\n5,app\n", '{"nota": 5, "canal": "app"}', '[{"nota": 5}, {"canal": "app"}]'],
)
def test_without_a_column_for_the_text_the_file_is_refused_with_what_to_do(content: str) -> None:
    with pytest.raises(NoTextColumn, match=r"there are nota, canal\. Name the one that does with --map text=COLUMN\."):
        read(content)


def test_columns_that_are_not_there_and_fields_that_nobody_has_are_refused() -> None:
    with pytest.raises(UnknownColumn, match=r"no column 'mensagen' for text; there are texto"):
        read("texto\noi\n", CommentReading(columns={"text": "mensagen"}))
    with pytest.raises(UnknownColumn, match=r"no field 'category' to map; there are text, id"):
        fields_named({"category": "x"})


# CSV as it comes


def test_a_mark_of_utf8_one_of_excel_and_a_single_column_are_understood() -> None:
    assert texts(read("\ufeffsep=;\ntexto;nota\nbom, mesmo;5\n")) == ["bom, mesmo"]
    assert texts(read('\ufefftexto\nAdorei, muito bom\n"a ""b"", c"\n\n')) == ["Adorei, muito bom", 'a "b", c']


def test_broken_rows_are_told_with_their_line_and_the_others_are_read() -> None:
    content = as_csv(
        ("id", "texto", "data"),
        ("1", "primeiro", ""),
        ("2", "  ", ""),
        ("3", "a", "", "b"),
        ("4", "quando?", "ontem"),
        ("5", "x" * 20_001, ""),
        ("6",),
        ("", "", ""),
        ("8", "nul\0o", "2026-11-20"),
        ("9", "=1+1", ""),
        ("9", "=1+1", ""),
    )
    found = read(content + '10,"a"b,\n11,último,\n')
    assert texts(found) == [
        "primeiro",
        "[line 3 has no text]",
        "[line 4 has more cells than the header]",
        "[line 5 has a time that cannot be read; use ISO 8601, such as 2026-11-21T14:05:00-03:00]",
        "[line 6 has a text of 20,001 characters; at most 20,000]",
        "[line 7 has no text]",
        "nulo",
        "=1+1",
        "=1+1",
        "[line 12 is not CSV: ',' expected after '\"']",
        "último",
    ]
    assert [one.id for one in found] == ["1", "2", "3", "4", "5", "6", "8", "9", "9", None, "11"]


def test_a_cell_of_a_megabyte_costs_its_own_row_and_no_other() -> None:
    huge = "uma linha, com vírgula\n" * 50_000
    found = read(as_csv(("texto", "id"), ("antes", "1"), (huge, "2"), ("depois", "3")))
    assert texts(found) == ["antes", "[line 3 is not CSV: field larger than field limit (131072)]", "depois"]
    endless = read(f"texto,id\nantes,1\n{'x' * (LONGEST_LINE + 10)},2\ndepois,3\n")
    assert texts(endless)[0::2] == ["antes", "depois"]


def test_a_cell_that_is_marked_against_spreadsheets_is_read_as_its_text() -> None:
    formulas = ["=1+1", "-10% hoje", "'entre aspas'", "+55 11", "'=x", "@ana"]
    assert texts(read(as_csv(("texto",), *([neutralised(one)] for one in formulas)))) == formulas


def test_other_encodings_are_read_as_named_and_told_where_they_are_not() -> None:
    content = as_csv(("texto", "coração"), ("não", "1"), ("açaí", "2"), ("ótimo", "3"))
    with pytest.raises(UnreadableText, match="name its encoding with --encoding"):
        read(content.encode("cp1252"))
    for encoding in ("cp1252", "utf-16", "utf-8-sig"):
        reading = CommentReading(encoding=encoding if encoding == "cp1252" else "utf-8")
        assert texts(read(content.encode(encoding), reading)) == ["não", "açaí", "ótimo"]
    one = b"texto\nn\xe3o\nsim\n"
    assert texts(read(one)) == ["[line 2 has a text that is not UTF-8 text, or holds half a character]", "sim"]
    with pytest.raises(UnreadableText, match="No encoding is called klingon"):
        read(content, CommentReading(encoding="klingon"))


def test_what_is_no_file_of_comments_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableComments, match="The file is empty"):
        read("")
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UnreadableComments), open_comments(path, PLAIN, NOW):
            pass
    assert read("texto,id\n") == []


# JSON


def test_jsonl_is_read_line_by_line() -> None:
    lines = ['{"texto": "um", "id": 1}', "", "{oops", "[1]", '"solto"', '{"id": "4"}', '{"texto": "\\ud83d"}']
    for name in ("x.jsonl", "x.json", ""):
        found = read(
            "\n".join([*lines, '{"texto": "fim", "nota": 4.5, "ok": true, "nada": null, "l": [1]}']), name=name
        )
        assert texts(found) == [
            "um",
            "[line 3 is not JSON]",
            "[line 4 is not a JSON object]",
            "solto",
            "[line 6 has no text]",
            "[line 7 has a text that is not UTF-8 text, or holds half a character]",
            "fim",
        ]
        assert isinstance(found[-1], Told)
        assert found[-1].fields == {"nota": "4.5", "ok": "true", "l": "[1]"}


def test_a_list_is_found_wherever_it_stands() -> None:
    comments = [{"texto": 'a "]" b', "id": "1"}, {"texto": "c\\", "id": "2"}]
    wrapped = {"meta": {"tags": ["x", "[{"], "n": 1}, "dados": {"itens": comments}, "outros": [{"texto": "não"}]}
    for value in (comments, wrapped):
        for indent in (None, 2):
            found = read(json.dumps(value, indent=indent), name="x.json")
            assert [(one.text, one.id) for one in found if isinstance(one, Told)] == [('a "]" b', "1"), ("c\\", "2")]
            assert len(found) == 2
    with pytest.raises(NoList, match="holds no list of objects"):
        read('{"a": {"b": ["texto"]},\n"c": 1}', name="x.json")


@pytest.mark.parametrize("before", [0, CHUNK - 400, CHUNK - 40, CHUNK])
def test_broken_values_in_the_middle_of_a_list_are_told_and_passed_by(before: int) -> None:
    """Wherever they lie between two readings of the file."""
    middle = r'{"texto": "b \" ], ", bad}, nope, 3, {"texto": "c"} {"texto": "d"},, {"texto": "e"}}'
    last = '{"texto": "f", "x": [1, {"y": "]"}]}'
    found = read(f'[{" " * before}{{"texto": "a"}}, {middle}, {last}]', name="x.json")
    assert texts(found) == [
        "a",
        "[comment 2 is not JSON]",
        "[comment 3 is not JSON]",
        "[comment 4 is not a JSON object]",
        "c",
        "d",
        "e",
        "[comment 8 is not JSON]",
        "f",
    ]


def test_a_list_that_breaks_off_is_told() -> None:
    cut = "is not there: the file ends before its list does"
    assert texts(read('[{"texto": "a"}, {"texto": "b"}')) == ["a", "b", f"[comment 3 {cut}]"]
    endless = "[comment 2 is not JSON and has no end; nothing after it was read]"
    assert texts(read('[{"texto": "a"}, {"texto": "b}, {"texto": "c"}]')) == ["a", endless]


def test_a_value_too_long_to_hold_and_one_too_deep_are_passed_by() -> None:
    long = json.dumps({"texto": "x" * (LONGEST_LINE + CHUNK)})
    deep = "[" * 100_000 + "]" * 100_000
    found = read(f'[{{"texto": "a"}}, {long}, {deep}, {{"texto": "z"}}]')
    assert texts(found) == ["a", "[comment 2 is longer than 8,000,000 characters]", "[comment 3 is not JSON]", "z"]


# Again, and much


@pytest.mark.parametrize("form", ["csv", "jsonl", "json"])
def test_the_same_file_gives_the_same_ids_and_another_file_others(form: str) -> None:
    content = {
        "csv": "texto,id\num,\num,\ndois,7\n",
        "jsonl": '{"texto": "um"}\n{"texto": "um"}\n{"texto": "dois", "id": 7}',
        "json": '[{"texto": "um"}, {"texto": "um"}, {"texto": "dois", "id": 7}]',
    }[form]
    name = f"x.{form}"
    first = [one.id for one in read(content, name=name)]
    assert first == [one.id for one in read(content, name=name)]
    assert len(set(first)) == 3
    assert first[2] == "7"
    assert first[0] not in {one.id for one in read(f"{content}\n", name=name)}
    assert looked_at(content, name=name).digest == looked_at(content, name=name).digest
    mapped = CommentReading(columns={"author": ""})
    assert looked_at(content, name=name).digest != looked_at(content, mapped, name).digest


class Endless(io.RawIOBase):
    """Bytes that are made as they are read, so that the file itself takes no memory."""

    def __init__(self, begin: bytes, row: bytes, rows: int, end: bytes) -> None:
        self._parts = (begin, row, rows, end)
        self._length = len(begin) + rows * len(row) + len(end)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset if whence == 0 else self._at + offset if whence == 1 else self._length + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        begin, row, rows, end = self._parts
        wanted = min(len(buffer), self._length - self._at)
        if self._at < len(begin):
            piece = begin[self._at :]
        elif self._at < len(begin) + rows * len(row):
            place = (self._at - len(begin)) % len(row)
            piece = (row * (wanted // len(row) + 2))[place : place + len(begin) + rows * len(row) - self._at]
        else:
            piece = end[self._at - self._length :]
        piece = piece[:wanted]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "begin", "row", "end"),
    [
        ("x.csv", b"texto,artista\n", "Adorei a música nova!,Lia\n".encode(), b""),
        ("x.jsonl", b"", '{"texto": "Adorei a música nova!", "artista": "Lia"}\n'.encode(), b""),
        ("x.json", b"[", '{"texto": "Adorei a música nova!", "artista": "Lia"},'.encode(), b"]"),
    ],
)
def test_memory_stays_even_over_a_hundred_thousand_rows(name: str, begin: bytes, row: bytes, end: bytes) -> None:
    stream = io.BufferedReader(Endless(begin, row, 100_000, end))
    tracemalloc.start()
    try:
        with open_comment_stream(stream, PLAIN, NOW, name=name) as file:
            count = sum(isinstance(one, Told) for one in file.comments)
            share = file.share()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert share == 1
    assert peak < 12_000_000


# A file classified into another


async def classified(tmp_path: Path, content: str | bytes, **how: Any) -> tuple[list[list[str]], Any]:
    given, out = tmp_path / "given.csv", tmp_path / "out.csv"
    given.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = await classify_by_default(WORDS_ALONE, FileToClassify(given, out, **how), quiet=True)
    delimiter = ";" if ";" in given.read_text("latin-1").partition("\n")[0] else ","
    return rows_of(out, delimiter), done


async def test_a_file_is_classified_with_its_columns_order_and_duplicates(tmp_path: Path) -> None:
    spam, praise = "Ganhe dinheiro rápido, clique no link e confira!!!", "Amei o álbum novo, parabéns a todos!"
    given = [("1", spam, "a, b"), ("2", praise, ""), ("1", spam, "a, b"), ("3", "When does the shop open?", "x")]
    rows, done = await classified(tmp_path, as_csv(("id", "texto", "obs"), *given))
    assert rows[0] == ["id", "texto", "obs", "categoria", "tags", "confianca", "sentimento", "idioma", "erro"]
    assert [tuple(row[:3]) for row in rows[1:]] == given
    assert [row[3] for row in rows[1:]] == ["SPAM", "ELOGIO", "SPAM", "DÚVIDA"]
    assert [row[7] for row in rows[1:]] == ["pt", "pt", "pt", "en"]
    assert rows[2][6] == "positivo"
    assert all(0 < float(row[5]) <= 1 and row[8] == "" for row in rows[1:])
    assert (done.rows, done.failed) == (4, 0)
    assert done.categories == {"ELOGIO": 1, "CRÍTICA": 0, "SUGESTÃO": 0, "DÚVIDA": 1, "SPAM": 2}
    english, _ = await classified(tmp_path, as_csv(("texto", "category"), (praise, "x")), language="en", force=True)
    assert english[0][2:] == ["category_ouvidor", "tags", "confidence", "sentiment", "language", "error"]
    assert (english[1][2], english[1][5]) == ("PRAISE", "positive")


async def test_broken_rows_are_carried_over_with_what_is_wrong(tmp_path: Path) -> None:
    content = b'id;texto\n1;muito bom\n2;\n3;a;b\n4;n\xe3o\n5\n\n6;"a"b\n7;bom\0 mesmo\n'
    rows, done = await classified(tmp_path, content)
    assert [row[:2] for row in rows[1:]] == [
        ["1", "muito bom"],
        ["2", ""],
        ["3", "a"],
        ["4", "n�o"],
        ["5", ""],
        ["", ""],
        ["7", "bom mesmo"],
    ]
    assert [row[-1] for row in rows[1:]] == [
        "",
        "line 3 has no text",
        "line 4 has more cells than the header",
        "line 5 has a text that is not UTF-8 text, or holds half a character",
        "line 6 has no text",
        "line 8 is not CSV: ';' expected after '\"'",
        "",
    ]
    assert (done.rows, done.failed) == (7, 5)


async def test_formulas_are_marked_and_come_back(tmp_path: Path) -> None:
    said = ["=1+1 é o preço?", "'=marcado", "@ana adorei", "'aspas'", "-10% hoje"]
    rows, _ = await classified(tmp_path, as_csv(("texto", "=x"), *([neutralised(one), "+1"] for one in said)))
    assert [row[0] for row in rows[1:]] == [neutralised(one) for one in said]
    assert {row[1] for row in rows[1:]} == {"'+1"}
    assert rows[0][1] == "'=x"
    assert texts(read((tmp_path / "out.csv").read_bytes())) == said


async def test_a_file_that_is_there_is_replaced_only_if_wanted_and_never_by_half_a_file(tmp_path: Path) -> None:
    given, out = tmp_path / "given.csv", tmp_path / "out.csv"
    given.write_text("texto\nbom\n")
    out.write_text("precious")
    with pytest.raises(FileIsThere, match="--force"):
        await classify_by_default(WORDS_ALONE, FileToClassify(given, out), quiet=True)
    classifier = await classifier_for(DEFAULT, WORDS_ALONE)

    def break_off(_rows: int, _share: float) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await classify_file(FileToClassify(given, out, force=True), classifier, WORDS_ALONE, break_off)
    assert out.read_text() == "precious"
    assert names_in(tmp_path) == ["given.csv", "out.csv"]
    await classify_file(FileToClassify(given, out, force=True), classifier, WORDS_ALONE)
    assert len(rows_of(out)) == 2
    for wrong in (tmp_path, tmp_path / "none" / "out.csv"):
        with pytest.raises(Unwritable):
            await classify_file(FileToClassify(given, wrong, force=True), classifier, WORDS_ALONE)


async def test_only_csv_with_a_text_is_classified_into_a_file(tmp_path: Path) -> None:
    other = tmp_path / "x.json"
    other.write_text('[{"texto": "bom"}]')
    with pytest.raises(UnreadableComments, match="is not CSV"):
        await classify_by_default(WORDS_ALONE, FileToClassify(other, tmp_path / "out.csv"), quiet=True)
    with pytest.raises(NoTextColumn, match="there are a, b"):
        await classified(tmp_path, "a,b\n1,2\n")
    with pytest.raises(UnreadableComments, match="empty"):
        await classified(tmp_path, "")
    assert not (tmp_path / "out.csv").exists()
    rows, _ = await classified(tmp_path, "texto,id\n")
    assert len(rows) == 1


async def test_by_a_project_its_own_language_names_what_is_added(rt: Runtime, site: Site, tmp_path: Path) -> None:
    given, out = tmp_path / "given.csv", tmp_path / "out.csv"
    given.write_text("text\nI love this place\n")
    await classify_by_project(rt, site.own.project.name, FileToClassify(given, out), quiet=True)
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, site.own.project)
        stored = await session.scalar(select(func.count()).select_from(Comment))
    assert rows_of(out)[0][1] == {"pt": "categoria", "en": "category"}[taxonomy.language]
    assert rows_of(out)[1][1] == taxonomy.category("praise").name(taxonomy.language)
    assert stored == 0


# Brought in, and out again


async def brought(rt: Runtime, project: Project, path: Path, *, wait: bool = True, **how: Any) -> ImportedFile:
    return await import_comments(rt, project.name, FileToImport(path, CommentReading(**how), wait), quiet=True)


async def kept(rt: Runtime, project: Project) -> dict[str, str]:
    async with rt.db.read() as session:
        query = select(Comment.external_id, Comment.content).where(Comment.project_id == project.id)
        return {row.external_id: row.content for row in await session.execute(query)}


async def jobs(rt: Runtime) -> int:
    async with rt.db.read() as session:
        return await session.scalar(select(func.count()).select_from(CommentJob)) or 0


async def test_a_file_comes_in_once_however_often_it_is_given(rt: Runtime, site: Site, tmp_path: Path) -> None:
    project, path = site.own.project, tmp_path / "maio.csv"
    path.write_text("texto,id,artista\nbom,,Lia\nbom,,Lia\nruim,7,Lia\n,8,\nruim,7,Lia\n")
    first = await brought(rt, project, path)
    assert (first.job.state, first.job.done, first.job.failed, first.resumed) == ("done", 4, 1, False)
    assert (first.job.source, first.job.name) == ("command", "maio.csv")
    assert [(one.position, one.reason) for one in first.left_out] == [(4, "line 5 has no text")]
    there = await kept(rt, project)
    assert sorted(there.values()) == ["bom", "bom", "ruim"]
    again = await brought(rt, project, path)
    assert (again.job.done, again.job.failed) == (4, 1)
    assert await kept(rt, project) == there
    assert json.dumps(again.figures())


async def test_what_was_cut_short_goes_on_with_the_same_job(rt: Runtime, site: Site, tmp_path: Path) -> None:
    project, path = site.own.project, tmp_path / "x.jsonl"
    path.write_text("\n".join(json.dumps({"texto": f"comentário {number}"}) for number in range(700)))
    begun = await brought(rt, project, path, wait=False)
    assert (begun.job.state, begun.job.total, begun.job.done) == ("pending", 700, 0)
    going_on = await brought(rt, project, path)
    assert (going_on.job.id, going_on.resumed, going_on.job.done) == (begun.job.id, True, 700)
    assert (await jobs(rt), len(await kept(rt, project))) == (1, 700)
    await brought(rt, project, path, wait=False)
    other = await brought(rt, project, path, columns={"author": ""})
    assert (other.resumed, other.job.done, len(await kept(rt, project))) == (False, 700, 700)


async def test_another_projects_open_job_is_not_taken_up(rt: Runtime, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("texto\nbom\n")
    theirs = await brought(rt, site.other.project, path, wait=False)
    ours = await brought(rt, site.own.project, path)
    assert (ours.resumed, ours.job.id != theirs.job.id) == (False, True)


async def test_a_paused_job_is_left_as_it_is(rt: Runtime, site: Site, tmp_path: Path) -> None:
    project, path = site.own.project, tmp_path / "x.csv"
    path.write_text("texto\nbom\n")
    begun = await brought(rt, project, path, wait=False)
    await pause_job(rt, project, begun.job.id, COMMAND)
    held = await brought(rt, project, path)
    assert (held.job.id, held.job.state, held.job.left) == (begun.job.id, "paused", 1)


async def test_a_file_without_comments_begins_no_job(rt: Runtime, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("texto,id\n")
    with pytest.raises(NoComments):
        await brought(rt, site.own.project, path)
    assert await jobs(rt) == 0


async def test_what_is_exported_comes_in_elsewhere_as_it_was(rt: Runtime, site: Site, tmp_path: Path) -> None:
    path, out = tmp_path / "x.csv", tmp_path / "out.csv"
    said = {"1": "=1+1 adorei demais", "2": "Que horas abre a loja?", "3": "'-marcado"}
    path.write_text(
        as_csv(("id", "texto", "artista"), *((one, neutralised(text), "Lia") for one, text in said.items()))
    )
    await brought(rt, site.own.project, path)
    name = site.own.project.name
    await export_to_file(rt, name, FileToExport(out, CommentFilter(artist="Lia")))
    await brought(rt, site.other.project, out)
    assert await kept(rt, site.other.project) == said
    await export_to_file(rt, name, FileToExport(out, CommentFilter(category="QUESTION"), form="contract", force=True))
    assert [row[0] for row in rows_of(out)[1:]] == ["2"]
    with pytest.raises(FileIsThere):
        await export_to_file(rt, name, FileToExport(out))
    with pytest.raises(UnknownCategory, match="no category of"):
        await export_to_file(rt, name, FileToExport(tmp_path / "y.csv", CommentFilter(category="fofoca")))


async def test_golden_cases_are_written_as_evaluations_take_them(rt: Runtime, site: Site, tmp_path: Path) -> None:
    path, out, project = tmp_path / "x.csv", tmp_path / "golden.csv", site.own.project
    path.write_text("id,texto\n1,Adorei o show\n2,Detestei o show\n")
    await brought(rt, project, path)
    async with rt.db.read() as session:
        one = await session.scalar(select(Comment.id).where(Comment.external_id == "2"))
    assert one is not None
    await correct(rt, project, one, "spam", actor=COMMAND)
    await golden_to_file(rt, project.name, out, force=False)
    (case,) = read_comments(out)
    assert (case.text, case.category) == ("Detestei o show", "spam")


# At the command line


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(test_folder: Path) -> Generator[Run]:
    """Runs `ouvidor …` with a data folder of its own, without a model for vectors."""
    folder = test_folder / f"files-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o711)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OUVIDOR_")}
    environment |= {
        "OUVIDOR_DATA_DIR": str(folder),
        "OUVIDOR_MODEL_DIR": str(folder),
        "NO_COLOR": "1",
        "COLUMNS": "160",
    }
    commands = CommandLine()
    yield lambda *words: commands.run(words, environment, folder)
    commands.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_file_is_classified_without_a_database(run: Run, tmp_path: Path) -> None:
    given, out = tmp_path / "f.csv", tmp_path / "g.csv"
    given.write_text("quem;fala\nana;Adorei o show!\nbia;\n")
    unknown = run("classify", str(given), "--out", str(out))
    assert (unknown.returncode, out.exists()) == (1, False)
    assert "there are quem, fala. Name the one that does with --map text=COLUMN." in unknown.stderr
    done = run("classify", str(given), "--out", str(out), "--map", "text=fala", "--json-summary")
    assert done.returncode == 2, done.stderr
    told = json.loads(done.stdout)
    assert (told["rows"], told["classified"], told["failed"], told["categories"]["ELOGIO"]) == (2, 1, 1, 1)
    assert rows_of(out, ";")[1][:3] == ["ana", "Adorei o show!", "ELOGIO"]
    there = run("classify", str(given), "--out", str(out), "--map", "text=fala")
    assert (there.returncode, "--force" in there.stderr) == (1, True)
    assert not (tmp_path / "server").exists()


@pytest.mark.slow
def test_files_come_in_and_go_out(run: Run, tmp_path: Path) -> None:
    assert run("project", "create", "shop").returncode == 0
    given, out = tmp_path / "f.json", tmp_path / "g.csv"
    given.write_text(json.dumps([{"texto": "Adorei o show!", "artista": "Lia"}, {"texto": ""}]))
    first = run("comments", "import", str(given), "-p", "shop")
    assert first.returncode == 2, first.stderr
    assert "1 comments in, 1 left out; 1 in" in first.stdout
    assert "2: comment 2 has no text" in first.stderr
    again = run("comments", "import", str(given), "-p", "shop", "--json")
    assert (again.returncode, json.loads(again.stdout)["job"]["done"]) == (2, 1)
    assert run("comments", "export", "-p", "shop", "--out", str(out), "--field", "artista=Lia").returncode == 0
    assert len(rows_of(out)) == 2
    taught = run("comments", "retrain", "-p", "shop")
    assert (taught.returncode, "correct some comments first" in taught.stderr) == (1, True)

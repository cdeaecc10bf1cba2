"""How files of comments call their columns, and how somebody says so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ouvidor.conversations.imported import Reading, shown
from ouvidor.conversations.text_files import columns_named
from ouvidor.errors import Unprocessable
from ouvidor.feedback.told import MAX_FIELD_NAME_CHARACTERS
from ouvidor.text import fold

Form: TypeAlias = Literal["csv", "jsonl", "json"]
Field: TypeAlias = Literal["text", "id", "author", "written_at"]

NAMES: Mapping[Field, str] = {
    "text": "texto text comentario comment texto_do_comentario comment_text content conteudo mensagem message body "
    "corpo review avaliacao depoimento feedback opiniao resposta",
    "id": "external_id id comment_id comentario_id id_comentario id_do_comentario review_id uuid",
    "author": "author autor autora author_name nome_do_autor user usuario username user_name nome_usuario cliente "
    "customer nome name",
    "written_at": "written_at created_at criado_em escrito_em publicado_em published_at posted_at enviado_em sent_at "
    "timestamp datetime date_time data_hora carimbo_de_data/hora data date data_publicacao quando time",
}
"""How columns and keys are called, in Portuguese and English, the surest name first."""
FIELDS: tuple[Field, ...] = ("text", "id", "author", "written_at")
NOT_KEPT = frozenset({"category", "categoria"})
"""What a comment is about is for the classifier to say: what a file holds of it is neither believed nor kept."""
COLUMNS_TOLD = 30
ROOM = len(" (1000)")


class UnreadableComments(Unprocessable):
    """The file is not one that comments can be read from: use CSV with a header line, JSONL, or JSON with a list."""


class NoTextColumn(UnreadableComments):
    """No column is known to hold the text of the comments: name the one that does with --map text=COLUMN."""


class UnknownColumn(UnreadableComments):
    """A column that was named is not in the file."""


@dataclass(frozen=True)
class CommentReading:
    """How a file is read: its kind (None: told by its name or beginning), text encoding, columns, and values.

    `columns` gives the file's own name of a field where it is not one of `NAMES`; an empty one says that there is none.
    """

    form: Form | None = None
    encoding: str = "utf-8"
    columns: Mapping[Field, str] = field(default_factory=dict[Field, str])
    values: Reading = field(default_factory=Reading)


def fields_named(given: Mapping[str, str]) -> dict[Field, str]:
    """The columns that somebody names, as a reading takes them.

    Raises:
        UnknownColumn: a field that comments do not have.
    """
    known: dict[str, Field] = {name: name for name in FIELDS}
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise UnknownColumn(f"A comment has no field {shown(unknown)!r} to map; there are {', '.join(FIELDS)}.")
    return {known[name]: column for name, column in given.items()}


def find_columns(names: Sequence[str], columns: Mapping[Field, str]) -> dict[Field, str]:
    """Which of these names stands for which field; `text` is always among them.

    Raises:
        NoTextColumn: none is known to stand for the text.
        UnknownColumn: one of `columns` is not there.
    """
    for wanted, column in columns.items():
        if column and column not in names:
            raise UnknownColumn(f"The file has no column {shown(column)!r} for {wanted}; {_there_are(names)}.")
    found = columns_named(names, columns, NAMES)
    if "text" not in found:
        raise NoTextColumn(
            f"No column is known to hold the text of the comments; {_there_are(names)}. "
            "Name the one that does with --map text=COLUMN."
        )
    return found


def fields_of(names: Sequence[str], read: Collection[int]) -> dict[int, str]:
    """Under which name the column of each place is kept as a field: its own, cut where it is too long for one.

    The places that are `read` as something else and those of NOT_KEPT are left out; no two have the same name.
    """
    kept: dict[int, str] = {}
    for place, name in enumerate(names):
        if place in read or fold(name.strip()) in NOT_KEPT:
            continue
        wanted = (name.strip() or f"column {place + 1}")[:MAX_FIELD_NAME_CHARACTERS].strip()
        taken = wanted in kept.values()
        kept[place] = f"{wanted[: MAX_FIELD_NAME_CHARACTERS - ROOM]} ({place + 1})" if taken else wanted
    return kept


def _there_are(names: Sequence[str]) -> str:
    listed = ", ".join(shown(name) or "(no name)" for name in names[:COLUMNS_TOLD])
    return f"there are {listed}{', …' if len(names) > COLUMNS_TOLD else ''}"

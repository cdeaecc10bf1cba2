"""Comments in the names of the published contract (`/api/comentarios`): what is sent, and what is answered."""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, Self, TypeAlias, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from ouvidor.conversations.imported import BrokenRow, shown
from ouvidor.feedback.intake.sending import as_text, id_of_unfit
from ouvidor.feedback.jobs.control import JobOut
from ouvidor.feedback.jobs.items import ItemOut
from ouvidor.feedback.read import CommentOut
from ouvidor.feedback.refusals import Refusal
from ouvidor.feedback.told import (
    MAX_AUTHOR_CHARACTERS,
    MAX_FIELD_CHARACTERS,
    MAX_FIELD_NAME_CHARACTERS,
    MAX_FIELDS,
    MAX_ID_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    Told,
    Unfit,
    is_number,
    told,
)
from ouvidor.inputs import storable

Id: TypeAlias = str | int | float
"""As it came; a float only where it was refused."""

OURS = frozenset({"id", "texto", "autor", "categoria", "tags_funcionalidades", "confianca"})
"""Members that are no fields of a comment; those of an answer that is sent back are neither believed nor kept."""
NO_OBJECT = "is not an object with `texto`"
NOT_ACCEPTED = 422

ONE: JsonDict = {
    "id": 4711,
    "texto": "Amei o clipe novo, que história linda",
    "artista": "Marina Sol",
    "album": "Laje",
}
SORTED: JsonDict = {
    "id": 4711,
    "texto": "Amei o clipe novo, que história linda",
    "categoria": "ELOGIO",
    "tags_funcionalidades": [{"codigo": "clip_narrativa", "explicacao": "A história que o clipe conta."}],
    "confianca": 0.83,
}
LISTED: JsonDict = {
    **SORTED,
    "id": "4711",
    "autor": None,
    "campos": {"artista": "Marina Sol", "album": "Laje"},
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
}
REFUSED: JsonDict = {
    "id": "4712",
    "erro": {
        "type": "urn:ouvidor:unfit_comment",
        "title": "A value cannot be accepted",
        "status": 422,
        "detail": "The comment has no text.",
    },
}


class SentComment(BaseModel):
    """A comment to classify. Other members that are text, numbers or booleans are kept with it; the rest is ignored."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"example": ONE},
    )

    id: str | int | None = Field(
        default=None,
        description=f"Yours, unique in the project, at most {MAX_ID_CHARACTERS} characters; 7 and `7` are the same. "
        "Without one the comment gets one.",
    )
    texto: str = Field(description=f"At most {MAX_TEXT_CHARACTERS:,} characters.")
    autor: str | None = Field(default=None, description="Who wrote it: an erasure finds it by that.")


class NamedTag(BaseModel):
    """What a comment is about."""

    codigo: str
    explicacao: str


class SortedComment(BaseModel):
    """A comment and what it is sorted into; `confianca`, 0 to 1, tells how sure that is."""

    model_config = ConfigDict(json_schema_extra={"example": SORTED})

    id: Id = Field(description="As it was sent.")
    texto: str
    categoria: str = Field(description="The name in the project's own taxonomy.")
    tags_funcionalidades: list[NamedTag]
    confianca: float

    @classmethod
    def of(cls, comment: CommentOut, sent_as: Id | None = None) -> Self:
        """From ours; `sent_as` is the id in the kind in which it came."""
        return cls(**_named(comment, sent_as))


class ListedComment(SortedComment):
    """A comment of the list: `campos` is what else came with it, as text."""

    model_config = ConfigDict(json_schema_extra={"example": LISTED})

    id: str = Field(description="As text.")  # pyright: ignore[reportIncompatibleVariableOverride] - narrower, and never set again
    autor: str | None
    campos: dict[str, str]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def listed(cls, comment: CommentOut) -> Self:
        """From ours."""
        return cls(
            **_named(comment, None),
            autor=comment.author,
            campos=comment.fields,
            created_at=comment.received_at,
            updated_at=comment.updated_at,
        )


class RefusedComment(BaseModel):
    """A comment of a list that was not taken in; the others are not touched by it."""

    model_config = ConfigDict(json_schema_extra={"example": REFUSED})

    id: Id | None = Field(description="As it was sent, as far as it can be told.")
    erro: Refusal


class AcceptedJob(BaseModel):
    """Comments that are classified in the background: `prontos` are done, `falhas` have failed.

    `estado` is `pending`, `running`, `done` or `failed`; also `paused` and `cancelled`, by somebody's word.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "estado": "running",
                "total": 2500,
                "prontos": 1000,
                "falhas": 1,
                "created_at": "2026-11-21T09:00:00Z",
                "finished_at": None,
            }
        }
    )

    id: UUID
    estado: Literal["pending", "running", "paused", "done", "failed", "cancelled"]
    total: int
    prontos: int
    falhas: int
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: JobOut) -> Self:
        """From ours."""
        return cls(
            id=job.id,
            estado=job.state,
            total=job.total,
            prontos=job.done,
            falhas=job.failed,
            created_at=job.created_at,
            finished_at=job.finished_at,
        )


class JobItem(BaseModel):
    """A comment of a job; `posicao` counts from 1 in the order in which they were sent, duplicates included.

    `resultado` is there once `estado` is `done`, `erro` where it is `failed`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "posicao": 1,
                "id": 4711,
                "estado": "done",
                "resultado": SORTED,
                "erro": None,
            }
        }
    )

    posicao: int
    id: Id | None = Field(description="As it was sent.")
    estado: Literal["pending", "running", "done", "failed"]
    resultado: SortedComment | None
    erro: Refusal | None

    @classmethod
    def of(cls, item: ItemOut, *, numbered: bool) -> Self:
        """From ours; `numbered` are ids that came as numbers."""
        sent_as = int(item.id) if numbered and item.id else item.id
        return cls(
            posicao=item.position,
            id=sent_as,
            estado=item.state,
            resultado=SortedComment.of(item.comment, sent_as) if item.comment else None,
            erro=item.error,
        )


class JobItems(BaseModel):
    """One page of a job's comments, in order; `last_id`, a position, is the next page's `after`."""

    object: Literal["list"] = "list"
    data: list[JobItem]
    first_id: int | None
    last_id: int | None
    has_more: bool


class ListPage(BaseModel):
    """One page of comments; `last_id` is the next page's `after`."""

    object: Literal["list"] = "list"
    data: list[ListedComment]
    first_id: str | None
    last_id: str | None
    has_more: bool


def told_of(value: object, now: datetime) -> Told | Unfit:
    """What somebody sent as a comment, or what is wrong with it; members that cannot be kept are ignored."""
    if not isinstance(value, dict):
        return Unfit(None, NOT_ACCEPTED, NO_OBJECT)
    sent = cast("Mapping[str, object]", value)
    author = sent.get("autor")
    fits = isinstance(author, str) and len(author) <= MAX_AUTHOR_CHARACTERS and _is_storable(author)
    try:
        return told(sent.get("id"), sent.get("texto"), fields=_fields(sent), author=author if fits else None, now=now)
    except BrokenRow as broken:
        return Unfit(id_of_unfit(sent.get("id")), NOT_ACCEPTED, str(broken), is_number(sent.get("id")))


def sent_as(value: object) -> Id | None:
    """The id of what somebody sent, in its kind; None where there is none, or nothing that is one."""
    told_id = cast("Mapping[str, object]", value).get("id") if isinstance(value, dict) else None
    match told_id:
        case bool():
            return None
        case int():
            return told_id
        case float():
            return told_id if math.isfinite(told_id) else None
        case str() if told_id.replace("\0", "").strip():
            return told_id if len(told_id) <= MAX_ID_CHARACTERS and _is_utf_8(told_id) else shown(told_id)
        case _:
            return None


def answer_of(result: CommentOut | Unfit, sent: object) -> SortedComment | RefusedComment:
    """What came of one comment of a list, under the id with which it was sent."""
    if isinstance(result, Unfit):
        return RefusedComment(id=sent_as(sent), erro=Refusal.of(result))
    return SortedComment.of(result, sent_as(sent))


def _fields(sent: Mapping[str, object]) -> dict[str, object]:
    """The members that can be kept, the first of them where there are too many."""
    found: Iterator[tuple[str, str]] = (
        (name, text) for name, value in sent.items() if name not in OURS and (text := as_text(value)) is not None
    )
    fitting = [(name, text) for name, text in found if _fits(name, text)]
    return dict(fitting[:MAX_FIELDS])


def _fits(name: str, text: str) -> bool:
    short = len(name) <= MAX_FIELD_NAME_CHARACTERS and len(text) <= MAX_FIELD_CHARACTERS
    return short and bool(name.strip()) and _is_storable(name) and _is_storable(text)


def _is_storable(text: str) -> bool:
    try:
        storable(text)
    except ValueError:
        return False
    return True


def _is_utf_8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _named(comment: CommentOut, sent: Id | None) -> dict[str, Any]:
    return {
        "id": comment.external_id if sent is None else sent,
        "texto": comment.text,
        "categoria": comment.category_name,
        "tags_funcionalidades": [NamedTag(codigo=tag.code, explicacao=tag.explanation) for tag in comment.tags],
        "confianca": comment.confidence,
    }

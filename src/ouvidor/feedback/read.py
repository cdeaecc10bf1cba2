"""Comments as clients read them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.errors import NotFound
from ouvidor.feedback.classification import Sentiment, TagGiven
from ouvidor.feedback.models import Comment, CommentClassification
from ouvidor.feedback.taxonomy import Taxonomy


class UnknownComment(NotFound):
    """This project has no comment with that id."""


class CommentOut(BaseModel):
    """A comment and what it is sorted into now.

    `category` is a code of the taxonomy and `category_name` its name there: a person's where one has corrected it
    (`corrected_at`), else the AI's, which stays in `given_category`. `confidence` is the AI's in its own value.
    `taxonomy` is the number of the version that it was sorted by (0: the default). `waits` tells why a person is to
    look at it.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "external_id": "4711",
                "text": "Amei o clipe novo, que história linda",
                "category": "praise",
                "category_name": "ELOGIO",
                "given_category": "praise",
                "tags": [{"code": "clip_narrativa", "explanation": "A história do clipe."}],
                "confidence": 0.83,
                "sentiment": "positive",
                "language": "pt",
                "fields": {"artista": "Marina Sol", "album": "Laje"},
                "author": None,
                "waits": None,
                "corrected_at": None,
                "taxonomy": 0,
                "written_at": "2026-11-20T21:12:00Z",
                "received_at": "2026-11-21T09:00:00Z",
                "updated_at": "2026-11-21T09:00:00Z",
            }
        }
    )

    id: UUID
    external_id: str
    text: str
    category: str
    category_name: str
    given_category: str
    tags: list[TagGiven]
    confidence: float = Field(description="That the AI's category is right, 0 to 1.")
    sentiment: Sentiment
    language: str
    fields: dict[str, str]
    author: str | None
    waits: Literal["unsure", "blind"] | None
    corrected_at: datetime | None
    taxonomy: int
    written_at: datetime
    received_at: datetime
    updated_at: datetime


class ClassificationOut(BaseModel):
    """One classification of a comment's history: by the local classifier, a language model or a person, and with what.

    `version` is the prompt's label or the local model's; `confidence` is null where a person classified, and
    `withdrawn_at` tells when that person's word was taken back.
    """

    by: Literal["local", "model", "person"]
    model: str
    version: str
    prompt_version: UUID | None
    person: str | None
    taxonomy: int
    category: str
    tags: list[TagGiven]
    sentiment: Sentiment
    language: str
    confidence: float | None
    withdrawn_at: datetime | None
    created_at: datetime


def comment_out(row: Comment, taxonomy: Taxonomy) -> CommentOut:
    """The comment as clients read it; a category that the taxonomy has no more goes by its code."""
    return CommentOut(
        id=row.id,
        external_id=row.external_id,
        text=row.content,
        category=row.category,
        category_name=name_of(row.category, taxonomy),
        given_category=row.given_category,
        tags=[TagGiven.model_validate(tag) for tag in row.tags],
        confidence=row.confidence,
        sentiment=row.sentiment,  # pyright: ignore[reportArgumentType] - the table allows no other
        language=row.language,
        fields=row.fields,
        author=row.author,
        waits=row.waits,  # pyright: ignore[reportArgumentType] - the table allows no other
        corrected_at=row.corrected_at,
        taxonomy=row.taxonomy,
        written_at=row.written_at,
        received_at=row.received_at,
        updated_at=row.updated_at,
    )


def name_of(code: str, taxonomy: Taxonomy) -> str:
    """The category's name in the taxonomy's language, else its code."""
    return taxonomy.category(code).name(taxonomy.language) if code in taxonomy.codes else code


async def read_comment(session: AsyncSession, project_id: UUID, comment_id: UUID) -> Comment:
    """A comment of the project.

    Raises:
        UnknownComment: the project has none of this id.
    """
    own = (Comment.project_id == project_id, Comment.id == comment_id)
    found = (await session.execute(select(Comment).where(*own))).scalar_one_or_none()
    if found is None:
        raise UnknownComment
    return found


async def read_comments(session: AsyncSession, project_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Comment]:
    """Those of these comments that the project has."""
    query = select(Comment).where(Comment.project_id == project_id, Comment.id.in_(ids))
    return {row.id: row for row in (await session.execute(query)).scalars()}


async def history_of(session: AsyncSession, project_id: UUID, comment_id: UUID) -> list[ClassificationOut]:
    """Every classification that a comment of the project ever had, the newest first."""
    own = (CommentClassification.project_id == project_id, CommentClassification.comment_id == comment_id)
    order = (CommentClassification.created_at.desc(), CommentClassification.id.desc())
    rows = (await session.execute(select(CommentClassification).where(*own).order_by(*order))).scalars()
    return [ClassificationOut.model_validate(row, from_attributes=True) for row in rows]

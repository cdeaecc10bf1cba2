"""Tables of a project's knowledge: sections, their search terms, their vectors, and what is known of the whole."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.db import Base, new_id


class Tier(StrEnum):
    """Who may answer from a section: the bot alone, or the bot and then a specialist."""

    N1 = "N1"
    N2 = "N2"


class Section(Base):
    """One unit of knowledge: a question with its answer, or a titled passage.

    `key` is the source's own id of it (unique in the project); `digest` tells whether a re-import changes anything;
    `number` counts from 1 in the project: the short name under which postings and vectors refer to it, never used
    twice. `embedded_by` names the model of its vectors.
    """

    __tablename__ = "section"
    __table_args__ = (
        UniqueConstraint("project_id", "key"),
        UniqueConstraint("project_id", "number"),
        CheckConstraint("tier in ('N1', 'N2')", name="tier"),
        CheckConstraint("language in ('pt', 'en')", name="language"),
        CheckConstraint("question is not null or title is not null or content <> ''", name="not_empty"),
        Index("ix_section_page", "project_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    number: Mapped[int]
    key: Mapped[str]
    question: Mapped[str | None]
    title: Mapped[str | None]
    content: Mapped[str]
    phrasings: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tier: Mapped[str]
    language: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    heading_length: Mapped[int]
    content_length: Mapped[int]
    phrasings_length: Mapped[int]
    embedded_by: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Posting(Base):
    """The sections that hold a term, packed as `postings.POSTING`; one row for each block of section numbers.

    `language` is that of the sections: a term is a stem and means something in its own language only.
    """

    __tablename__ = "posting"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    term: Mapped[str] = mapped_column(primary_key=True)
    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    postings: Mapped[bytes] = mapped_column(LargeBinary)


class SectionVector(Base):
    """One of a section's vectors (L2-normalised): of its heading, the whole, a phrasing, or a window of a long text."""

    __tablename__ = "section_vector"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "section_number"], ["section.project_id", "section.number"], ondelete="CASCADE"
        ),
        CheckConstraint("kind in ('heading', 'whole', 'phrasing', 'window')", name="kind"),
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    section_number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    embedding: Mapped[Any] = mapped_column(HALFVEC())


class KnowledgeState(Base):
    """What search needs to know of a whole knowledge base.

    `statistics` holds, for each language, the number of sections and the total lengths of their fields; `newest_number`
    is the last that a section got; `revision` grows with each change, so that what a process remembers can be told
    from what is; `profile` is what the confidence of an answer is measured against, made by a job from the state of
    `profiled_revision`; `vectors_by` names the model whose vectors are in place.
    """

    __tablename__ = "knowledge_state"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    statistics: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    newest_number: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    profile: Mapped[bytes | None] = mapped_column(LargeBinary)
    profiled_revision: Mapped[int | None] = mapped_column(BigInteger)
    vectors_by: Mapped[str | None]

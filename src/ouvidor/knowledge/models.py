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
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
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
    `number` is the short name under which terms and vectors refer to it; `embedded_by` names the model of its vectors.
    """

    __tablename__ = "section"
    __table_args__ = (
        UniqueConstraint("project_id", "key"),
        UniqueConstraint("project_id", "number"),
        CheckConstraint("tier in ('N1', 'N2')", name="tier"),
        CheckConstraint("language in ('pt', 'en')", name="language"),
        CheckConstraint("question is not null or title is not null or content <> ''", name="not_empty"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity())
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
    """How often a term stands in each field of a section, and its BM25 weight there.

    `language` is the section's: a term is a stem and means something in its own language only.
    """

    __tablename__ = "posting"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "section_number"], ["section.project_id", "section.number"], ondelete="CASCADE"
        ),
        Index("ix_posting_section", "project_id", "section_number"),
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    term: Mapped[str] = mapped_column(primary_key=True)
    section_number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    weight: Mapped[float]
    in_heading: Mapped[int] = mapped_column(SmallInteger)
    in_content: Mapped[int] = mapped_column(SmallInteger)
    in_phrasings: Mapped[int] = mapped_column(SmallInteger)


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
    section_number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    embedding: Mapped[Any] = mapped_column(HALFVEC())


class KnowledgeState(Base):
    """What search needs to know of a whole knowledge base.

    `statistics` holds, for each language, the number of sections and the mean lengths of their fields; `revision`
    grows with each change, so that what a process remembers can be told from what is; `profile` is what the
    confidence of an answer is measured against, made by a job from the state of `profiled_revision`; `vectors_by`
    names the model whose vectors are in place.
    """

    __tablename__ = "knowledge_state"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    statistics: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    profile: Mapped[bytes | None] = mapped_column(LargeBinary)
    profiled_revision: Mapped[int | None] = mapped_column(BigInteger)
    vectors_by: Mapped[str | None]

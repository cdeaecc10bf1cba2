"""Tables of prompts: versions that never change, and which of them was active since when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.db import Base, new_id


class PromptVersion(Base):
    """One wording of a project's prompt; `digest` is the SHA-256 of its text in hexadecimal."""

    __tablename__ = "prompt_version"
    __table_args__ = (
        UniqueConstraint("project_id", "name", "number"),
        UniqueConstraint("project_id", "name", "digest"),
        UniqueConstraint("project_id", "name", "id"),
        CheckConstraint("number >= 1", name="number"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    name: Mapped[str]
    number: Mapped[int]
    digest: Mapped[str]
    text: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    author_id: Mapped[UUID | None]
    author_name: Mapped[str]
    created_at: Mapped[datetime]


class PromptActivation(Base):
    """From `at` on this version is the project's active one; without a version, the shipped default."""

    __tablename__ = "prompt_activation"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "name", "version_id"],
            ["prompt_version.project_id", "prompt_version.name", "prompt_version.id"],
            ondelete="CASCADE",
        ),
        Index("ix_prompt_activation_newest", "project_id", "name", "at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    name: Mapped[str]
    version_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    at: Mapped[datetime]

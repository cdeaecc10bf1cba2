"""Tables of tenants and of those who may enter: projects, API keys, users, memberships, sign-ins, resend marks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.accounts.rules import Mode, SpecialistReply
from ouvidor.db import Base, new_id


class Project(Base):
    """A tenant: one company or brand with its knowledge, its rules and its conversations."""

    __tablename__ = "project"
    __table_args__ = (
        CheckConstraint("mode in ('clarification', 'handover', 'both')", name="mode"),
        CheckConstraint("n2_reply in ('answer_and_transfer', 'transfer_only')", name="n2_reply"),
        CheckConstraint("max_clarifications between 0 and 10", name="max_clarifications"),
        CheckConstraint("expiry_minutes between 1 and 10080", name="expiry_minutes"),
        CheckConstraint("sections_shown between 1 and 50", name="sections_shown"),
        CheckConstraint("relevance_gate is null or relevance_gate between 0 and 1", name="relevance_gate"),
        CheckConstraint(r"name ~ '^[a-z0-9][a-z0-9_-]{1,62}$'", name="name"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    mode: Mapped[str] = mapped_column(default=Mode.BOTH)
    n2_reply: Mapped[str] = mapped_column(default=SpecialistReply.ANSWER_AND_TRANSFER)
    max_clarifications: Mapped[int] = mapped_column(default=2)
    expiry_minutes: Mapped[int] = mapped_column(default=30)
    sections_shown: Mapped[int] = mapped_column(default=10)
    relevance_gate: Mapped[float | None]
    clarification_phrase: Mapped[str | None]
    transfer_phrase: Mapped[str | None]
    error_phrase: Mapped[str | None]
    persona: Mapped[str] = mapped_column(default="")
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), default=lambda: ["pt", "en"])
    demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A program's credential for one project; only its digest is kept."""

    __tablename__ = "api_key"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    label: Mapped[str]
    hint: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class User(Base):
    """A person who signs in on the pages."""

    __tablename__ = "account"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    username: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Membership(Base):
    """A person's place in a project."""

    __tablename__ = "membership"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True, index=True)


class SignIn(Base):
    """A browser's sign-in; only the cookie's digest is kept."""

    __tablename__ = "sign_in"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class IdempotencyKey(Base):
    """A request that a client marked, so that sending it again does nothing twice."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("project_id", "route", "key"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    route: Mapped[str]
    key: Mapped[str]
    body_digest: Mapped[bytes] = mapped_column(LargeBinary)
    started_at: Mapped[datetime]
    running: Mapped[bool] = mapped_column(default=True)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    subject_id: Mapped[UUID | None]

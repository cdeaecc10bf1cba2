"""Tables of tenants and of those who may enter them, of how they prove who they are, and of what they did."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.accounts.rules import HandoverTo, Mode, SpecialistReply
from ouvidor.db import Base, new_id


class Project(Base):
    """A tenant: one company or brand with its knowledge, its rules and its conversations.

    `phrases` holds the project's own wording by name and language, `{"transfer": {"pt": "…"}}`; what is missing there
    is the default. `hold_minutes` is how long a customer waits for a person who has left before the queue has them
    again; `retention_days` how long a silent conversation is kept (null: for good). `mask_personal_data` tells
    whether a language model sees e-mail addresses, numbers and the like replaced. `active_prompts` names the version
    in use of each prompt, `{"reply": {"id": "…", "number": 3}}`, so that a turn need not look it up; what is missing
    there is the shipped text. `analysis_goal` is what the project wants to come of a conversation, in its own words;
    `analysis_budget` what analyses may cost in a calendar month (UTC), in dollars (null: no limit); a conversation is
    analysed once it was silent for `analysis_idle_minutes`; with `analysis_paused` none is.
    """

    __tablename__ = "project"
    __table_args__ = (
        CheckConstraint("mode in ('clarification', 'handover', 'both')", name="mode"),
        CheckConstraint("n2_reply in ('answer_and_transfer', 'transfer_only')", name="n2_reply"),
        CheckConstraint("max_clarifications between 0 and 10", name="max_clarifications"),
        CheckConstraint("expiry_minutes between 1 and 10080", name="expiry_minutes"),
        CheckConstraint("sections_shown between 1 and 50", name="sections_shown"),
        CheckConstraint("relevance_gate is null or relevance_gate between 0 and 1", name="relevance_gate"),
        CheckConstraint("handover_to in ('inbox', 'elsewhere')", name="handover_to"),
        CheckConstraint("hold_minutes between 1 and 10080", name="hold_minutes"),
        CheckConstraint("retention_days is null or retention_days between 1 and 36500", name="retention_days"),
        CheckConstraint("analysis_budget is null or analysis_budget >= 0", name="analysis_budget"),
        CheckConstraint("analysis_idle_minutes between 1 and 10080", name="analysis_idle_minutes"),
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
    phrases: Mapped[dict[str, dict[str, str]]] = mapped_column(JSONB, default=dict)
    handover_to: Mapped[str] = mapped_column(default=HandoverTo.INBOX)
    hold_minutes: Mapped[int] = mapped_column(default=30)
    retention_days: Mapped[int | None]
    persona: Mapped[str] = mapped_column(default="")
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), default=lambda: ["pt", "en"])
    mask_personal_data: Mapped[bool] = mapped_column(default=True)
    active_prompts: Mapped[dict[str, dict[str, Any]]] = mapped_column(JSONB, default=dict)
    analysis_goal: Mapped[str] = mapped_column(default="")
    analysis_budget: Mapped[Decimal | None]
    analysis_idle_minutes: Mapped[int] = mapped_column(default=30)
    analysis_paused: Mapped[bool] = mapped_column(default=False)
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
    """A person who signs in. `name` is what customers read; operators may make projects."""

    __tablename__ = "account"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    username: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str]
    operator: Mapped[bool] = mapped_column(default=False)
    demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    @property
    def shown_name(self) -> str:
        """The name for others to read."""
        return self.name or self.username


class Membership(Base):
    """A person's place in a project: their role, and whether they are there to answer (see `accounts.presence`)."""

    __tablename__ = "membership"
    __table_args__ = (CheckConstraint("role in ('owner', 'manager', 'auditor', 'agent', 'viewer')", name="role"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str]
    away: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SignIn(Base):
    """A browser's sign-in; only the cookie's digest is kept."""

    __tablename__ = "sign_in"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    browser: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class TokenFamily(Base):
    """A sign-in through the API: all access and refresh tokens that descend from one login, for one project or none."""

    __tablename__ = "token_family"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    program: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class RefreshToken(Base):
    """One refresh token, good for one use; a second use revokes its family. Only its digest is kept."""

    __tablename__ = "refresh_token"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    family_id: Mapped[UUID] = mapped_column(ForeignKey("token_family.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Invitation(Base):
    """A link that lets one person join a project in a role; only the digest of its secret is kept."""

    __tablename__ = "invitation"
    __table_args__ = (CheckConstraint("role in ('owner', 'manager', 'auditor', 'agent', 'viewer')", name="role"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    role: Mapped[str]
    invitee: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    invited_by: Mapped[str]
    invited_by_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[str | None]
    revoked_at: Mapped[datetime | None]


class Attempts(Base):
    """Failed sign-ins under one key (a digest of a name, an address or both) since a moment."""

    __tablename__ = "attempts"

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    count: Mapped[int]
    started_at: Mapped[datetime]


class AuditEntry(Base):
    """Who did what to what: written once, never changed (the database refuses), free of customers' words and ids."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        CheckConstraint("actor_kind in ('user', 'key', 'command', 'system')", name="actor_kind"),
        Index("ix_audit_entry_project_newest", "project_id", "id"),
        Index("ix_audit_entry_actor_newest", "actor_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID | None]
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    action: Mapped[str]
    subject_kind: Mapped[str | None]
    subject_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)


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

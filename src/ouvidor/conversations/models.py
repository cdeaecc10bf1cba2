"""Tables of conversations: messages in order, turns with their decision, and the sections each turn was shown."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.db import Base, new_id


class Status(StrEnum):
    """Who has the conversation."""

    BOT = "bot"
    WAITING = "waiting"
    PERSON = "person"
    CLOSED = "closed"


class TurnState(StrEnum):
    """How far a turn has come: a running one whose process died stays so until its request is sent again."""

    RUNNING = "running"
    ANSWERED = "answered"
    LOST = "lost"
    FAILED = "failed"
    SILENT = "silent"


class Origin(StrEnum):
    """Where a conversation was held: here, or elsewhere and brought in to be analysed."""

    LIVE = "live"
    IMPORTED = "imported"


class Author(StrEnum):
    """Who wrote a message; a notice of the `system` tells the customer that the conversation changed hands."""

    CUSTOMER = "customer"
    BOT = "bot"
    PERSON = "person"
    SYSTEM = "system"


class Conversation(Base):
    """All that one customer's helpdesk id has said and been told; its episodes follow each other.

    `newest_turn_id` decides races: only the newest turn may reply. `holder_id` is the user or API key that answers
    while the status is `person`; `waiting_since` the moment from which the customer waits for a person's word;
    `customer_id` who the customer is in the caller's system, where it was told. An imported conversation is closed, and
    its `helpdesk_id` is the id that it had where it was held; `unit` is the shop, hotel or branch that it is about.
    `analysed_messages` is how many of its messages an analysis has taken note of, or has on its list.
    """

    __tablename__ = "conversation"
    __table_args__ = (
        UniqueConstraint("project_id", "origin", "helpdesk_id"),
        CheckConstraint("status in ('bot', 'waiting', 'person', 'closed')", name="status"),
        CheckConstraint("origin in ('live', 'imported')", name="origin"),
        CheckConstraint("clarifications >= 0", name="clarifications"),
        CheckConstraint("(status = 'person') = (holder_id is not null)", name="holder"),
        CheckConstraint("episode >= 1", name="episode"),
        Index("ix_conversation_newest", "project_id", "last_message_at", "id"),
        Index("ix_conversation_status", "project_id", "status", "waiting_since"),
        Index(
            "ix_conversation_customer", "project_id", "customer_id", postgresql_where=text("customer_id is not null")
        ),
        Index(
            "ix_conversation_unanalysed",
            "project_id",
            "last_message_at",
            postgresql_where=text("messages > analysed_messages"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    origin: Mapped[str] = mapped_column(default=Origin.LIVE)
    helpdesk_id: Mapped[str]
    unit: Mapped[str | None]
    customer_id: Mapped[str | None]
    status: Mapped[str] = mapped_column(default=Status.BOT)
    episode: Mapped[int] = mapped_column(default=1)
    clarifications: Mapped[int] = mapped_column(default=0)
    messages: Mapped[int] = mapped_column(default=0)
    analysed_messages: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    turns: Mapped[int] = mapped_column(default=0)
    newest_turn_id: Mapped[UUID | None]
    language: Mapped[str | None]
    holder_id: Mapped[UUID | None]
    holder_name: Mapped[str | None]
    waiting_since: Mapped[datetime | None]
    handover_reason: Mapped[str | None]
    created_at: Mapped[datetime]
    last_message_at: Mapped[datetime]


class Turn(Base):
    """One request to answer: what was decided and why, in which language, with what confidence, how long it took.

    `searched_for` is the question as it was searched for, where it had to be completed from the conversation.
    `withheld` is a draft that was not sent and `findings` why: `[{"kind": "number", "what": "45 %"}]`. `degraded` is
    the language model's fault where the local rule answered in its place. `trimmed_messages` and `trimmed_sections` are
    how many of the conversation and of those found did not fit the engine.
    """

    __tablename__ = "turn"
    __table_args__ = (
        UniqueConstraint("conversation_id", "number"),
        CheckConstraint("state in ('running', 'answered', 'lost', 'failed', 'silent')", name="state"),
        CheckConstraint("move is null or move in ('answer', 'clarify', 'handover')", name="move"),
        CheckConstraint("confidence is null or confidence between 0 and 1", name="confidence"),
        Index("ix_turn_newest", "project_id", "started_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    number: Mapped[int]
    episode: Mapped[int]
    state: Mapped[str] = mapped_column(default=TurnState.RUNNING)
    move: Mapped[str | None]
    reason: Mapped[str | None]
    language: Mapped[str | None]
    confidence: Mapped[float | None]
    gate: Mapped[float | None]
    clarifications: Mapped[int | None]
    model: Mapped[str | None]
    prompt_version: Mapped[UUID | None]
    prompt_label: Mapped[str | None]
    searched_for: Mapped[str | None]
    withheld: Mapped[str | None]
    findings: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    degraded: Mapped[str | None]
    trimmed_messages: Mapped[int] = mapped_column(default=0)
    trimmed_sections: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class Message(Base):
    """One message. `verified` is false for history that a client told and the store does not know.

    `author_id` and `author_name` tell the person who wrote it: a user, or an API key that speaks for one.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("conversation_id", "position"),
        CheckConstraint("role in ('USER', 'AGENT')", name="role"),
        CheckConstraint("author in ('customer', 'bot', 'person', 'system')", name="author"),
        CheckConstraint("position >= 1", name="position"),
        Index("ix_message_newest", "project_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    turn_id: Mapped[UUID | None] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    role: Mapped[str]
    author: Mapped[str]
    author_id: Mapped[UUID | None]
    author_name: Mapped[str | None]
    content: Mapped[str]
    verified: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class ShownSection(Base):
    """A section as a turn saw it; the text stays true when the section changes or goes."""

    __tablename__ = "shown_section"
    __table_args__ = (
        CheckConstraint("score between 0 and 1", name="score"),
        CheckConstraint("tier in ('N1', 'N2')", name="tier"),
    )

    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    section_id: Mapped[UUID | None] = mapped_column(ForeignKey("section.id", ondelete="SET NULL"), index=True)
    heading: Mapped[str | None]
    content: Mapped[str]
    tier: Mapped[str]
    score: Mapped[float]
    cited: Mapped[bool]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))

"""Tables of the analysis: verdicts, the list of what is to be done, runs with their progress, and what they cost."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.db import Base, new_id
from ouvidor.engines.batch_rows import ProviderBatch


class ItemState(StrEnum):
    """Where a conversation stands on its way to an analysis."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    PARKED = "parked"
    CANCELLED = "cancelled"


class RunState(StrEnum):
    """Where a run stands; `paused` and `cancelled` are somebody's word, or that of the budget."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


class RunKind(StrEnum):
    """Why a run was begun: by the clock, by somebody, over what was analysed before, or as a provider's batch."""

    SWEEP = "sweep"
    MANUAL = "manual"
    AGAIN = "again"
    BATCH = "batch"


COUNTED = (
    "satisfaction",
    "resolved",
    "goal_reached",
    "handed_over",
    "input_tokens",
    "output_tokens",
    "cost",
    "unit",
    "language",
    "version",
    "model",
    "topics",
    "fault_kinds",
)
"""What the dashboard counts and filters by: columns of the index that it reads in place of the wide table."""


class Analysis(Base):
    """A verdict on a conversation up to the message at the position `covers`.

    `version` names what judged: the prompt's label, or that of the local analyst with its version; there is one
    analysis for each conversation, position and version, and `current` marks the latest of a conversation. `evidence`
    holds the supporting positions of each verdict. `fault_kinds` repeats the kinds of `faults`, for filters; `unit`,
    `began_at` and `ended_at` repeat the conversation's, so that the dashboard reads one table. Prices are dollars a
    million tokens, `cost` is dollars; null where the model's price is not known, and zero for the local analyst.
    `input_tokens` counts all that was read, cached or not. `addressed` tells that somebody in the conversation spoke to
    the analyst; `trimmed_messages` how many lines of it did not fit the analyst.
    """

    __tablename__ = "analysis"
    __table_args__ = (
        UniqueConstraint("conversation_id", "covers", "version"),
        CheckConstraint("satisfaction between 0 and 10", name="satisfaction"),
        CheckConstraint("effort between 0 and 10", name="effort"),
        CheckConstraint("confidence between 0 and 1", name="confidence"),
        CheckConstraint("sentiment in ('positive', 'neutral', 'negative')", name="sentiment"),
        CheckConstraint("resolved in ('yes', 'no', 'unknown')", name="resolved"),
        CheckConstraint("goal_reached in ('yes', 'no', 'unknown')", name="goal_reached"),
        CheckConstraint("covers >= 1", name="covers"),
        CheckConstraint("language ~ '^[a-z]{2}$'", name="language"),
        CheckConstraint("jsonb_array_length(summary) >= 1", name="summary"),
        CheckConstraint(
            "fault_kinds <@ array['wrong_language', 'contradiction', 'price_mismatch', 'unanswered_question', "
            "'false_promise', 'asks_again', 'loop', 'never_closes']",
            name="fault_kinds",
        ),
        Index("ix_analysis_current", "conversation_id", unique=True, postgresql_where=text("current")),
        Index(
            "ix_analysis_newest",
            "project_id",
            "began_at",
            "id",
            postgresql_include=COUNTED,
            postgresql_where=text("current"),
        ),
        Index(
            "ix_analysis_worst",
            "project_id",
            "satisfaction",
            text("began_at desc"),
            text("id desc"),
            postgresql_where=text("current"),
        ),
        Index("ix_analysis_made", "project_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("analysis_run.id", ondelete="SET NULL"), index=True)
    covers: Mapped[int]
    current: Mapped[bool] = mapped_column(default=True)
    version: Mapped[str]
    prompt_version: Mapped[UUID | None]
    model: Mapped[str]
    satisfaction: Mapped[int] = mapped_column(SmallInteger)
    sentiment: Mapped[str]
    resolved: Mapped[str]
    goal_reached: Mapped[str]
    effort: Mapped[int] = mapped_column(SmallInteger)
    language: Mapped[str]
    topics: Mapped[list[str]] = mapped_column(ARRAY(Text))
    fault_kinds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    faults: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    summary: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    improvements: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    evidence: Mapped[dict[str, list[int]]] = mapped_column(JSONB)
    confidence: Mapped[float]
    addressed: Mapped[bool] = mapped_column(default=False)
    trimmed_messages: Mapped[int] = mapped_column(default=0)
    handed_over: Mapped[bool]
    unit: Mapped[str | None]
    input_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    input_price: Mapped[Decimal | None]
    output_price: Mapped[Decimal | None]
    cost: Mapped[Decimal | None]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    created_at: Mapped[datetime]


class AnalysisRun(Base):
    """An order to analyse: who gave it, how far it has come, and why it stands still.

    A project has one at most that is running or paused, but for provider batches: what is ordered meanwhile joins it.
    `done`, tokens and `cost` (dollars, failed attempts included) grow with each analysis; what is left and parked is
    counted from its items, and `total` and `parked` are frozen when it ends. `paused_for` is who or what paused it: a
    person's name, `budget`, or `price_unknown`; of a run that was cancelled because the provider has no batches it is
    `batches_unsupported`. `since` bounds the beginning of the conversations. `batch_retries` is how many more batches a
    conversation may go into that got no answer in one; after that it is analysed the usual way.
    """

    __tablename__ = "analysis_run"
    __table_args__ = (
        CheckConstraint("kind in ('sweep', 'manual', 'again', 'batch')", name="kind"),
        CheckConstraint("state in ('running', 'paused', 'cancelled', 'done')", name="state"),
        Index("ix_analysis_run_newest", "project_id", "created_at"),
        Index(
            "ix_analysis_run_open",
            "project_id",
            unique=True,
            postgresql_where=text("state in ('running', 'paused') and kind <> 'batch'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default=RunState.RUNNING)
    ordered_by: Mapped[str] = mapped_column(default="")
    since: Mapped[datetime | None]
    paused_for: Mapped[str | None]
    batch_retries: Mapped[int] = mapped_column(SmallInteger, default=2)
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    parked: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost: Mapped[Decimal] = mapped_column(default=Decimal(0))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class AnalysisItem(Base):
    """A conversation on the list of what is to be analysed; one row each, whatever becomes of it.

    While `running` it is leased to a worker until `leased_until` (the database's time); `lease` tells this taking from
    another. `reserved` is what it may cost, in dollars, held against the month's budget. After a failure it is due
    again at `due_at`; after the fifth it is `parked` with its `reason`, and so it is after ten workers died over it
    (`losses`).
    """

    __tablename__ = "analysis_item"
    __table_args__ = (
        CheckConstraint("state in ('pending', 'running', 'done', 'parked', 'cancelled')", name="state"),
        CheckConstraint("attempts >= 0 and losses >= 0", name="attempts"),
        CheckConstraint("(state = 'running') = (lease is not null)", name="lease"),
        Index("ix_analysis_item_due", "run_id", "due_at", postgresql_where=text("state = 'pending'")),
        Index("ix_analysis_item_leased", "project_id", "leased_until", postgresql_where=text("state = 'running'")),
        Index("ix_analysis_item_run", "run_id", "state"),
    )

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("analysis_run.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(default=ItemState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    lease: Mapped[UUID | None]
    leased_until: Mapped[datetime | None]
    reserved: Mapped[Decimal] = mapped_column(default=Decimal(0))
    reason: Mapped[str | None]
    updated_at: Mapped[datetime]


class AnalysisBatch(ProviderBatch, Base):
    """A batch of conversations at the provider of the language model, and how far we have come with it.

    `model`, `version`, `prompt_version`, `tokens` (those left for data), `goal` and `masked` are what its requests were
    made with, so that they can be made again when the answers come. `stored` counts those that gave a verdict.
    """

    __tablename__ = "analysis_batch"
    __table_args__ = (
        CheckConstraint("state in ('filling', 'uploaded', 'submitted', 'ended', 'closed')", name="state"),
        CheckConstraint("state in ('filling', 'closed') or file_id is not null", name="file_id"),
        CheckConstraint("state not in ('submitted', 'ended') or provider_id is not null", name="provider_id"),
        Index("ix_analysis_batch_open", "next_at", postgresql_where=text("state <> 'closed'")),
        Index("ix_analysis_batch_run", "run_id", "created_at"),
    )

    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("analysis_run.id", ondelete="CASCADE"))
    model: Mapped[str]
    version: Mapped[str]
    prompt_version: Mapped[UUID | None]
    tokens: Mapped[int]
    goal: Mapped[str]
    masked: Mapped[bool]


class AnalysisBatchRequest(Base):
    """A conversation in a batch, as it was when the request was written.

    `digest` (SHA-256) is of what the model was given of it: a request that cannot be made again letter by letter has
    marks that nobody can undo.
    """

    __tablename__ = "analysis_batch_request"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("analysis_batch.id", ondelete="CASCADE"), primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(
        ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    covers: Mapped[int]
    messages: Mapped[int]
    handed_over: Mapped[bool]
    digest: Mapped[str]
    answered: Mapped[bool] = mapped_column(default=False)


class AnalysisMonth(Base):
    """What the analyses of a project took in a month, failed attempts and repeats included; `cost` is dollars."""

    __tablename__ = "analysis_month"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost: Mapped[Decimal] = mapped_column(default=Decimal(0))


class AnalysisWorker(Base):
    """A process that takes part in the analyses, and when it was last alive (the database's time)."""

    __tablename__ = "analysis_worker"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    seen_at: Mapped[datetime]

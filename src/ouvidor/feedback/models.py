"""Tables of the comments: what people wrote, what it was sorted into and by whom, and the work that waits."""

from datetime import date, datetime
from decimal import Decimal
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
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.db import Base, new_id
from ouvidor.engines.batch_rows import ProviderBatch


class JobKind(StrEnum):
    """Why comments are classified: they come in, or those that are there are gone over again."""

    INTAKE = "intake"
    AGAIN = "again"


class JobState(StrEnum):
    """Where a job stands; `paused` is somebody's word, or that of the budget. `failed`: it could not be read at all."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    """Where one comment of a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Waits(StrEnum):
    """Why a comment waits for a person: little confidence, or the random share that is looked at blindly."""

    UNSURE = "unsure"
    BLIND = "blind"


class By(StrEnum):
    """What classified: the local classifier, a language model, or a person."""

    LOCAL = "local"
    MODEL = "model"
    PERSON = "person"


class ModelState(StrEnum):
    """What became of a training: `kept_out` was worse than what is in use."""

    TRAINING = "training"
    PROMOTED = "promoted"
    KEPT_OUT = "kept_out"
    FAILED = "failed"


class TaxonomyVersion(Base):
    """A taxonomy of a project as it was saved, counted from 1; never changed. `content` is a `taxonomy.Taxonomy`.

    A project without one has the default, which becomes number 0 when another is saved. At most one is `active`.
    `preview` is a `moves.Preview`, without a word of a comment; `weights` is the `classifier.Trained` that was trained
    for it, where the categories differ from those in use.
    """

    __tablename__ = "taxonomy_version"
    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        Index("ix_taxonomy_version_active", "project_id", unique=True, postgresql_where=text("active")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    number: Mapped[int]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    active: Mapped[bool] = mapped_column(default=False)
    preview: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    weights: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    saved_by: Mapped[str]
    created_at: Mapped[datetime]


class CommentRules(Base):
    """How a project's comments are dealt with; a project without a row has these defaults.

    Those of a confidence under `unsure_below`, and a random `blind_share`, wait for a person. `budget` is US dollars a
    month for a language model (None: no bound); without `by_model` the local classifier is used though there is one.
    `ignored_tags` are codes of proposed tags that the project does not want to be shown.
    """

    __tablename__ = "comment_rules"
    __table_args__ = (
        CheckConstraint("unsure_below between 0 and 1", name="unsure_below"),
        CheckConstraint("blind_share between 0 and 1", name="blind_share"),
        CheckConstraint("budget is null or budget >= 0", name="budget"),
    )

    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    unsure_below: Mapped[float] = mapped_column(default=0.6)
    blind_share: Mapped[float] = mapped_column(default=0.02)
    budget: Mapped[Decimal | None]
    by_model: Mapped[bool] = mapped_column(default=True)
    ignored_tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)


class Comment(Base):
    """What somebody wrote, and what it is sorted into now.

    `external_id` is the caller's id of it, unique in the project (our own id where the caller has none); `fields` are
    whatever else came with it (artist, album, channel), as text; `author` names who wrote it, where that is known:
    what an erasure finds it by. `written_at` is when it was written, as told, else when it came; `received_at` when it
    came; `updated_at` when its classification last changed.

    `category`, `tags` and `sentiment` are what counts: a person's where one has corrected it (`corrected_at`), else the
    AI's, which stay in `given_category` and in the history. `confidence` is the AI's in its own value. `tag_codes`
    repeats the codes of `tags`, for filters. `terms` are its folded stems (`text.terms`) in its language. `taxonomy`
    is the number of the version that it was sorted by (0: the default). `waits` tells that a person is to look at it,
    and why.
    """

    __tablename__ = "comment"
    __table_args__ = (
        UniqueConstraint("project_id", "external_id"),
        CheckConstraint("sentiment in ('positive', 'neutral', 'negative')", name="sentiment"),
        CheckConstraint("language ~ '^[a-z]{2}$'", name="language"),
        CheckConstraint("confidence between 0 and 1", name="confidence"),
        CheckConstraint("waits in ('unsure', 'blind')", name="waits"),
        Index(
            "ix_comment_newest",
            "project_id",
            text("written_at desc"),
            text("id desc"),
            postgresql_include=["category", "given_category", "sentiment", "language", "confidence"],
        ),
        Index("ix_comment_category", "project_id", "category", text("written_at desc"), text("id desc")),
        Index("ix_comment_confidence", "project_id", "confidence", "id"),
        Index("ix_comment_waits", "project_id", "confidence", "id", postgresql_where=text("waits is not null")),
        Index(
            "ix_comment_corrected",
            "project_id",
            "corrected_at",
            postgresql_where=text("corrected_at is not null"),
        ),
        Index("ix_comment_author", "project_id", "author", postgresql_where=text("author is not null")),
        Index("ix_comment_terms", "terms", postgresql_using="gin"),
        Index("ix_comment_tags", "tag_codes", postgresql_using="gin"),
        Index("ix_comment_fields", "fields", postgresql_using="gin", postgresql_ops={"fields": "jsonb_path_ops"}),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    external_id: Mapped[str]
    content: Mapped[str]
    fields: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    author: Mapped[str | None]
    language: Mapped[str]
    sentiment: Mapped[str]
    category: Mapped[str]
    given_category: Mapped[str]
    tags: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    tag_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    confidence: Mapped[float]
    taxonomy: Mapped[int]
    waits: Mapped[str | None]
    corrected_at: Mapped[datetime | None]
    terms: Mapped[Any] = mapped_column(TSVECTOR)
    written_at: Mapped[datetime]
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CommentVector(Base):
    """The vector of a comment (L2-normalised), by the model of the name `made_by`."""

    __tablename__ = "comment_vector"

    comment_id: Mapped[UUID] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    made_by: Mapped[str]
    embedding: Mapped[Any] = mapped_column(HALFVEC())


class CommentClassification(Base):
    """One classification of a comment, of all that it ever had: by whom, with which version, by which taxonomy.

    `version` is the prompt's label, or that of the local model; of a person's it is empty, `confidence` null and
    `person` their name. `cost` is US dollars: the comment's share of its call (null: price unknown).

    Of a person's word `waited` is what the comment had waited for (`blind` only where the AI's value was not shown),
    `deed` names the words that were said of many comments at once, and `withdrawn_at` tells that it was taken back.
    """

    __tablename__ = "comment_classification"
    __table_args__ = (
        CheckConstraint("by in ('local', 'model', 'person')", name="by"),
        CheckConstraint("(by = 'person') = (confidence is null)", name="confidence"),
        CheckConstraint("waited in ('unsure', 'blind')", name="waited"),
        CheckConstraint("by = 'person' or num_nonnulls(waited, deed, withdrawn_at) = 0", name="person"),
        Index("ix_comment_classification_comment", "comment_id", "created_at"),
        Index("ix_comment_classification_said", "project_id", "created_at", postgresql_where=text("by = 'person'")),
        Index("ix_comment_classification_deed", "deed", postgresql_where=text("deed is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    comment_id: Mapped[UUID] = mapped_column(ForeignKey("comment.id", ondelete="CASCADE"))
    by: Mapped[str]
    model: Mapped[str]
    version: Mapped[str]
    prompt_version: Mapped[UUID | None]
    person: Mapped[str | None]
    taxonomy: Mapped[int]
    category: Mapped[str]
    tags: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    sentiment: Mapped[str]
    language: Mapped[str]
    confidence: Mapped[float | None]
    cost: Mapped[Decimal | None]
    waited: Mapped[str | None]
    deed: Mapped[UUID | None]
    withdrawn_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class CommentJob(Base):
    """Comments that are classified in the background: a list or file that came in, or what is there, once more.

    `source` tells where it came from (`api`, `csv`, `json`, `command`, `taxonomy`, `model`, `again`), `name` the file's
    name. `done` and `failed` count its items; `cost` is US dollars, failed attempts included. `rate` is items a second
    of late, as it stood at `counted_at`. `paused_for` is a person's name, `budget` or `price_unknown`. `reason` says
    why it failed as a whole. By `digest`, which stands for a file and how it is read, an open job is found again.
    """

    __tablename__ = "comment_job"
    __table_args__ = (
        CheckConstraint("kind in ('intake', 'again')", name="kind"),
        CheckConstraint("state in ('pending', 'running', 'paused', 'done', 'failed', 'cancelled')", name="state"),
        Index("ix_comment_job_newest", "project_id", "created_at"),
        Index("ix_comment_job_open", "created_at", postgresql_where=text("state in ('pending', 'running', 'paused')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    kind: Mapped[str]
    source: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    digest: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=JobState.PENDING)
    ordered_by: Mapped[str]
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost: Mapped[Decimal] = mapped_column(default=Decimal(0))
    batched: Mapped[bool] = mapped_column(default=False)
    rate: Mapped[float | None]
    counted_at: Mapped[datetime | None]
    paused_for: Mapped[str | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class CommentItem(Base):
    """One comment of a job, in the order in which it came (`position` from 1), and what became of it.

    `numbered` tells that the caller's id came as a number.

    What is yet to be stored holds its words here; as soon as it is stored, `comment_id` names it and they are gone. Of
    a job over what is there `comment_id` is known from the beginning. While `running` it is leased until
    `leased_until` (the database's time); a group that is done together has one `lease`. `reserved` is what it may cost,
    in dollars. After a failure it is due again at `due_at`; what cannot be stored at all is `failed` with the HTTP
    `status` and the sentence of its error (`reason`).
    """

    __tablename__ = "comment_item"
    __table_args__ = (
        CheckConstraint("state in ('pending', 'running', 'done', 'failed')", name="state"),
        CheckConstraint("(state = 'running') = (lease is not null)", name="lease"),
        Index("ix_comment_item_due", "job_id", "position", "due_at", postgresql_where=text("state = 'pending'")),
        Index(
            "ix_comment_item_twins",
            "job_id",
            "external_id",
            postgresql_where=text("state = 'running' or state = 'pending' and reason is not null"),
        ),
        Index("ix_comment_item_leased", "leased_until", postgresql_where=text("state = 'running'")),
        Index("ix_comment_item_comment", "comment_id"),
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("comment_job.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    external_id: Mapped[str | None]
    numbered: Mapped[bool] = mapped_column(default=False)
    content: Mapped[str | None]
    fields: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    author: Mapped[str | None]
    written_at: Mapped[datetime | None]
    comment_id: Mapped[UUID | None] = mapped_column(ForeignKey("comment.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(default=ItemState.PENDING)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    losses: Mapped[int] = mapped_column(SmallInteger, default=0)
    due_at: Mapped[datetime]
    lease: Mapped[UUID | None]
    leased_until: Mapped[datetime | None]
    reserved: Mapped[Decimal] = mapped_column(default=Decimal(0))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    reason: Mapped[str | None]


class CommentModel(Base):
    """A local classifier that was trained for a project, counted from 1; at most one is `active`.

    `weights` is a `classifier.Trained`; `corrections` how many it learnt from; `measured` holds the macro-F1 of it and
    of what was in use before, on the same held-out folds, and its reliability bins. `taxonomy` is the version's number.
    """

    __tablename__ = "comment_model"
    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        CheckConstraint("state in ('training', 'promoted', 'kept_out', 'failed')", name="state"),
        CheckConstraint("state <> 'promoted' or weights is not null", name="weights"),
        CheckConstraint("not active or state = 'promoted'", name="active"),
        Index("ix_comment_model_active", "project_id", unique=True, postgresql_where=text("active")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    number: Mapped[int]
    taxonomy: Mapped[int]
    state: Mapped[str] = mapped_column(default=ModelState.TRAINING)
    active: Mapped[bool] = mapped_column(default=False)
    corrections: Mapped[int] = mapped_column(default=0)
    measured: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    weights: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    reason: Mapped[str | None]
    ordered_by: Mapped[str]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class CommentMonth(Base):
    """What the classifications of a project took of a language model in a month; `cost` is dollars."""

    __tablename__ = "comment_month"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost: Mapped[Decimal] = mapped_column(default=Decimal(0))


class CommentUpload(Base):
    """A file that somebody has sent and whose columns they are looking at; gone when it is read, or at `expires_at`.

    Only those who may send comments in see it. `content` are its bytes.
    """

    __tablename__ = "comment_upload"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class CommentView(Base):
    """A choice of filters that somebody saved under a name; `query` is that of the page's address."""

    __tablename__ = "comment_view"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    name: Mapped[str]
    query: Mapped[str]
    saved_by: Mapped[str]
    created_at: Mapped[datetime]


class CommentBatch(ProviderBatch, Base):
    """A batch of comments at the provider of the language model, and how far we have come with it.

    What its requests were made with (`model`, `version`, `prompt_version`, `taxonomy`) stands here, so that answers are
    read by it. A request is about several comments; `stored` counts those comments that have a classification by it.
    """

    __tablename__ = "comment_batch"
    __table_args__ = (
        CheckConstraint("state in ('filling', 'uploaded', 'submitted', 'ended', 'closed')", name="state"),
        CheckConstraint("state in ('filling', 'closed') or file_id is not null", name="file_id"),
        CheckConstraint("state not in ('submitted', 'ended') or provider_id is not null", name="provider_id"),
        Index("ix_comment_batch_open", "next_at", postgresql_where=text("state <> 'closed'")),
    )

    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    job_id: Mapped[UUID] = mapped_column(ForeignKey("comment_job.id", ondelete="CASCADE"), index=True)
    model: Mapped[str]
    version: Mapped[str]
    prompt_version: Mapped[UUID | None]
    taxonomy: Mapped[int]


class CommentBatchItem(Base):
    """A comment of a batch: the request that it is in, counted from 1, and its number within it.

    Once something came of the request it is `answered`, and nothing ever comes of it again.
    """

    __tablename__ = "comment_batch_item"
    __table_args__ = (
        ForeignKeyConstraint(
            ["job_id", "position"], ["comment_item.job_id", "comment_item.position"], ondelete="CASCADE"
        ),
        Index("ix_comment_batch_item_item", "job_id", "position"),
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("comment_batch.id", ondelete="CASCADE"), primary_key=True)
    request: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    job_id: Mapped[UUID]
    position: Mapped[int]
    answered: Mapped[bool] = mapped_column(default=False)

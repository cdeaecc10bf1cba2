"""comments: what people wrote, taxonomies, classifications with their history, jobs, models, saved views"""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects import postgresql

revision = "comments"
down_revision = "analysis"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_comment()
    create_comment_job()
    create_comment_model()
    create_comment_month()
    create_comment_rules()
    create_comment_upload()
    create_comment_view()
    create_taxonomy_version()
    create_comment_batch()
    create_comment_classification()
    create_comment_item()
    create_comment_vector()
    create_comment_batch_item()


def create_comment() -> None:
    op.create_table(
        "comment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("sentiment", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("given_category", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tag_codes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("taxonomy", sa.Integer(), nullable=False),
        sa.Column("waits", sa.Text(), nullable=True),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("terms", postgresql.TSVECTOR(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("language ~ '^[a-z]{2}$'", name=op.f("ck_comment_language")),
        sa.CheckConstraint("sentiment in ('positive', 'neutral', 'negative')", name=op.f("ck_comment_sentiment")),
        sa.CheckConstraint("waits in ('unsure', 'blind')", name=op.f("ck_comment_waits")),
        sa.CheckConstraint("confidence between 0 and 1", name=op.f("ck_comment_confidence")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
        sa.UniqueConstraint("project_id", "external_id", name=op.f("uq_comment_project_id_external_id")),
    )
    op.create_index(
        "ix_comment_author",
        "comment",
        ["project_id", "author"],
        unique=False,
        postgresql_where=sa.text("author is not null"),
    )
    op.create_index(
        "ix_comment_category",
        "comment",
        ["project_id", "category", sa.literal_column("written_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index("ix_comment_confidence", "comment", ["project_id", "confidence", "id"], unique=False)
    op.create_index(
        "ix_comment_corrected",
        "comment",
        ["project_id", "corrected_at"],
        unique=False,
        postgresql_where=sa.text("corrected_at is not null"),
    )
    op.create_index(
        "ix_comment_fields",
        "comment",
        ["fields"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"fields": "jsonb_path_ops"},
    )
    op.create_index(
        "ix_comment_newest",
        "comment",
        ["project_id", sa.literal_column("written_at desc"), sa.literal_column("id desc")],
        unique=False,
        postgresql_include=["category", "given_category", "sentiment", "language", "confidence"],
    )
    op.create_index("ix_comment_tags", "comment", ["tag_codes"], unique=False, postgresql_using="gin")
    op.create_index("ix_comment_terms", "comment", ["terms"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_comment_waits",
        "comment",
        ["project_id", "confidence", "id"],
        unique=False,
        postgresql_where=sa.text("waits is not null"),
    )


def create_comment_job() -> None:
    op.create_table(
        "comment_job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ordered_by", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("batched", sa.Boolean(), nullable=False),
        sa.Column("rate", sa.Double(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_for", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('intake', 'again')", name=op.f("ck_comment_job_kind")),
        sa.CheckConstraint(
            "state in ('pending', 'running', 'paused', 'done', 'failed', 'cancelled')",
            name=op.f("ck_comment_job_state"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_job_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_job")),
    )
    op.create_index("ix_comment_job_newest", "comment_job", ["project_id", "created_at"], unique=False)
    op.create_index(
        "ix_comment_job_open",
        "comment_job",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("state in ('pending', 'running', 'paused')"),
    )


def create_comment_model() -> None:
    op.create_table(
        "comment_model",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("taxonomy", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("measured", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("weights", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ordered_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("not active or state = 'promoted'", name=op.f("ck_comment_model_active")),
        sa.CheckConstraint("state <> 'promoted' or weights is not null", name=op.f("ck_comment_model_weights")),
        sa.CheckConstraint(
            "state in ('training', 'promoted', 'kept_out', 'failed')", name=op.f("ck_comment_model_state")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_model_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_model")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_comment_model_project_id_number")),
    )
    op.create_index(
        "ix_comment_model_active", "comment_model", ["project_id"], unique=True, postgresql_where=sa.text("active")
    )


def create_comment_month() -> None:
    op.create_table(
        "comment_month",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_month_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "month", name=op.f("pk_comment_month")),
    )


def create_comment_rules() -> None:
    op.create_table(
        "comment_rules",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("unsure_below", sa.Double(), nullable=False),
        sa.Column("blind_share", sa.Double(), nullable=False),
        sa.Column("budget", sa.Numeric(), nullable=True),
        sa.Column("by_model", sa.Boolean(), nullable=False),
        sa.Column("ignored_tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint("blind_share between 0 and 1", name=op.f("ck_comment_rules_blind_share")),
        sa.CheckConstraint("budget is null or budget >= 0", name=op.f("ck_comment_rules_budget")),
        sa.CheckConstraint("unsure_below between 0 and 1", name=op.f("ck_comment_rules_unsure_below")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_rules_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_comment_rules")),
    )


def create_comment_upload() -> None:
    op.create_table(
        "comment_upload",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_upload_project_id_project"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["account.id"], name=op.f("fk_comment_upload_user_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_upload")),
    )
    for column in ("project_id", "user_id", "expires_at"):
        op.create_index(op.f(f"ix_comment_upload_{column}"), "comment_upload", [column], unique=False)


def create_comment_view() -> None:
    op.create_table(
        "comment_view",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("saved_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_view_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_view")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_comment_view_project_id_name")),
    )


def create_taxonomy_version() -> None:
    op.create_table(
        "taxonomy_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("preview", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("weights", sa.LargeBinary(), nullable=True),
        sa.Column("saved_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_taxonomy_version_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taxonomy_version")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_taxonomy_version_project_id_number")),
    )
    op.create_index(
        "ix_taxonomy_version_active",
        "taxonomy_version",
        ["project_id"],
        unique=True,
        postgresql_where=sa.text("active"),
    )


def create_comment_batch() -> None:
    op.create_table(
        "comment_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Uuid(), nullable=True),
        sa.Column("taxonomy", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("output_file_id", sa.Text(), nullable=True),
        sa.Column("error_file_id", sa.Text(), nullable=True),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('filling', 'uploaded', 'submitted', 'ended', 'closed')", name=op.f("ck_comment_batch_state")
        ),
        sa.CheckConstraint(
            "state in ('filling', 'closed') or file_id is not null", name=op.f("ck_comment_batch_file_id")
        ),
        sa.CheckConstraint(
            "state not in ('submitted', 'ended') or provider_id is not null", name=op.f("ck_comment_batch_provider_id")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["comment_job.id"], name=op.f("fk_comment_batch_job_id_comment_job"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_batch_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_batch")),
    )
    op.create_index(op.f("ix_comment_batch_job_id"), "comment_batch", ["job_id"], unique=False)
    op.create_index(
        "ix_comment_batch_open",
        "comment_batch",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'closed'"),
    )


def create_comment_classification() -> None:
    op.create_table(
        "comment_classification",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("comment_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Uuid(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("taxonomy", sa.Integer(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sentiment", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("cost", sa.Numeric(), nullable=True),
        sa.Column("waited", sa.Text(), nullable=True),
        sa.Column("deed", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(by = 'person') = (confidence is null)", name=op.f("ck_comment_classification_confidence")),
        sa.CheckConstraint("by in ('local', 'model', 'person')", name=op.f("ck_comment_classification_by")),
        sa.CheckConstraint("waited in ('unsure', 'blind')", name=op.f("ck_comment_classification_waited")),
        sa.CheckConstraint(
            "by = 'person' or num_nonnulls(waited, deed, withdrawn_at) = 0",
            name=op.f("ck_comment_classification_person"),
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            ["comment.id"],
            name=op.f("fk_comment_classification_comment_id_comment"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_comment_classification_project_id_project"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_classification")),
    )
    op.create_index(
        "ix_comment_classification_comment", "comment_classification", ["comment_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_comment_classification_deed",
        "comment_classification",
        ["deed"],
        unique=False,
        postgresql_where=sa.text("deed is not null"),
    )
    op.create_index(
        "ix_comment_classification_said",
        "comment_classification",
        ["project_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("by = 'person'"),
    )


def create_comment_item() -> None:
    op.create_table(
        "comment_item",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("numbered", sa.Boolean(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comment_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("losses", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reserved", sa.Numeric(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'running') = (lease is not null)", name=op.f("ck_comment_item_lease")),
        sa.CheckConstraint("state in ('pending', 'running', 'done', 'failed')", name=op.f("ck_comment_item_state")),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_comment_item_comment_id_comment"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["comment_job.id"], name=op.f("fk_comment_item_job_id_comment_job"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_item_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_comment_item")),
    )
    op.create_index("ix_comment_item_comment", "comment_item", ["comment_id"], unique=False)
    op.create_index(
        "ix_comment_item_due",
        "comment_item",
        ["job_id", "position", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_comment_item_leased",
        "comment_item",
        ["leased_until"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_comment_item_twins",
        "comment_item",
        ["job_id", "external_id"],
        unique=False,
        postgresql_where=sa.text("state = 'running' or state = 'pending' and reason is not null"),
    )


def create_comment_vector() -> None:
    op.create_table(
        "comment_vector",
        sa.Column("comment_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("embedding", HALFVEC(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_comment_vector_comment_id_comment"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comment_vector_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("comment_id", name=op.f("pk_comment_vector")),
    )
    op.create_index(op.f("ix_comment_vector_project_id"), "comment_vector", ["project_id"], unique=False)


def create_comment_batch_item() -> None:
    op.create_table(
        "comment_batch_item",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("request", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["comment_batch.id"],
            name=op.f("fk_comment_batch_item_batch_id_comment_batch"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_id", "position"],
            ["comment_item.job_id", "comment_item.position"],
            name=op.f("fk_comment_batch_item_job_id_position_comment_item"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("batch_id", "request", "number", name=op.f("pk_comment_batch_item")),
    )
    op.create_index("ix_comment_batch_item_item", "comment_batch_item", ["job_id", "position"], unique=False)

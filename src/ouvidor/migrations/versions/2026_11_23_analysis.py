"""analysis: verdicts on conversations, the list of what is to be done, runs, what a month cost; imported conversations"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "analysis"
down_revision = "language_model"
branch_labels = None
depends_on = None

CONVERSATION_COLUMNS = (
    sa.Column("origin", sa.Text(), nullable=False, server_default="live"),
    sa.Column("unit", sa.Text(), nullable=True),
)
PROJECT_COLUMNS = (
    sa.Column("analysis_goal", sa.Text(), nullable=False, server_default=""),
    sa.Column("analysis_budget", sa.Numeric(), nullable=True),
    sa.Column("analysis_idle_minutes", sa.Integer(), nullable=False, server_default="30"),
    sa.Column("analysis_paused", sa.Boolean(), nullable=False, server_default=sa.false()),
)
CHECKS = (
    ("conversation", "origin", "origin in ('live', 'imported')"),
    ("project", "analysis_budget", "analysis_budget is null or analysis_budget >= 0"),
    ("project", "analysis_idle_minutes", "analysis_idle_minutes between 1 and 10080"),
)

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


def upgrade() -> None:
    for table, columns in (("conversation", CONVERSATION_COLUMNS), ("project", PROJECT_COLUMNS)):
        for column in columns:
            op.add_column(table, column)
            if column.server_default is not None:
                op.alter_column(table, column.name, server_default=None)
    for table, name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    op.drop_constraint(op.f("uq_conversation_project_id_helpdesk_id"), "conversation", type_="unique")
    op.create_unique_constraint(
        op.f("uq_conversation_project_id_origin_helpdesk_id"), "conversation", ["project_id", "origin", "helpdesk_id"]
    )
    op.add_column("conversation", sa.Column("analysed_messages", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ix_conversation_unanalysed",
        "conversation",
        ["project_id", "last_message_at"],
        unique=False,
        postgresql_where=sa.text("messages > analysed_messages"),
    )
    create_analysis_worker()
    create_analysis_month()
    create_analysis_run()
    create_analysis()
    create_analysis_item()
    create_analysis_batch()
    create_analysis_batch_request()


def create_analysis_worker() -> None:
    op.create_table(
        "analysis_worker",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analysis_worker")),
    )


def create_analysis_month() -> None:
    op.create_table(
        "analysis_month",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_analysis_month_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "month", name=op.f("pk_analysis_month")),
    )


def create_analysis_run() -> None:
    op.create_table(
        "analysis_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ordered_by", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_for", sa.Text(), nullable=True),
        sa.Column("batch_retries", sa.SmallInteger(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("parked", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('sweep', 'manual', 'again', 'batch')", name=op.f("ck_analysis_run_kind")),
        sa.CheckConstraint("state in ('running', 'paused', 'cancelled', 'done')", name=op.f("ck_analysis_run_state")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_analysis_run_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analysis_run")),
    )
    op.create_index("ix_analysis_run_newest", "analysis_run", ["project_id", "created_at"], unique=False)
    op.create_index(
        "ix_analysis_run_open",
        "analysis_run",
        ["project_id"],
        unique=True,
        postgresql_where=sa.text("state in ('running', 'paused') and kind <> 'batch'"),
    )


def create_analysis() -> None:
    op.create_table(
        "analysis",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("covers", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Uuid(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("satisfaction", sa.SmallInteger(), nullable=False),
        sa.Column("sentiment", sa.Text(), nullable=False),
        sa.Column("resolved", sa.Text(), nullable=False),
        sa.Column("goal_reached", sa.Text(), nullable=False),
        sa.Column("effort", sa.SmallInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("fault_kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("faults", postgresql.JSONB(), nullable=False),
        sa.Column("summary", postgresql.JSONB(), nullable=False),
        sa.Column("improvements", postgresql.JSONB(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("addressed", sa.Boolean(), nullable=False),
        sa.Column("trimmed_messages", sa.Integer(), nullable=False),
        sa.Column("handed_over", sa.Boolean(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("input_price", sa.Numeric(), nullable=True),
        sa.Column("output_price", sa.Numeric(), nullable=True),
        sa.Column("cost", sa.Numeric(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "fault_kinds <@ array['wrong_language', 'contradiction', 'price_mismatch', 'unanswered_question', 'false_promise', 'asks_again', 'loop', 'never_closes']",
            name=op.f("ck_analysis_fault_kinds"),
        ),
        sa.CheckConstraint("goal_reached in ('yes', 'no', 'unknown')", name=op.f("ck_analysis_goal_reached")),
        sa.CheckConstraint("language ~ '^[a-z]{2}$'", name=op.f("ck_analysis_language")),
        sa.CheckConstraint("resolved in ('yes', 'no', 'unknown')", name=op.f("ck_analysis_resolved")),
        sa.CheckConstraint("sentiment in ('positive', 'neutral', 'negative')", name=op.f("ck_analysis_sentiment")),
        sa.CheckConstraint("confidence between 0 and 1", name=op.f("ck_analysis_confidence")),
        sa.CheckConstraint("covers >= 1", name=op.f("ck_analysis_covers")),
        sa.CheckConstraint("effort between 0 and 10", name=op.f("ck_analysis_effort")),
        sa.CheckConstraint("jsonb_array_length(summary) >= 1", name=op.f("ck_analysis_summary")),
        sa.CheckConstraint("satisfaction between 0 and 10", name=op.f("ck_analysis_satisfaction")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_analysis_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_analysis_project_id_project"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["analysis_run.id"], name=op.f("fk_analysis_run_id_analysis_run"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analysis")),
        sa.UniqueConstraint(
            "conversation_id", "covers", "version", name=op.f("uq_analysis_conversation_id_covers_version")
        ),
    )
    op.create_index(
        "ix_analysis_current", "analysis", ["conversation_id"], unique=True, postgresql_where=sa.text("current")
    )
    op.create_index("ix_analysis_made", "analysis", ["project_id", "created_at"], unique=False)
    op.create_index(
        "ix_analysis_newest",
        "analysis",
        ["project_id", "began_at", "id"],
        unique=False,
        postgresql_include=COUNTED,
        postgresql_where=sa.text("current"),
    )
    op.create_index(
        "ix_analysis_worst",
        "analysis",
        ["project_id", "satisfaction", sa.text("began_at desc"), sa.text("id desc")],
        unique=False,
        postgresql_where=sa.text("current"),
    )
    op.create_index(op.f("ix_analysis_run_id"), "analysis", ["run_id"], unique=False)


def create_analysis_item() -> None:
    op.create_table(
        "analysis_item",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reserved", sa.Numeric(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 'running') = (lease is not null)", name=op.f("ck_analysis_item_lease")),
        sa.CheckConstraint(
            "state in ('pending', 'running', 'done', 'parked', 'cancelled')", name=op.f("ck_analysis_item_state")
        ),
        sa.CheckConstraint("attempts >= 0 and losses >= 0", name=op.f("ck_analysis_item_attempts")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_analysis_item_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_analysis_item_project_id_project"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["analysis_run.id"], name=op.f("fk_analysis_item_run_id_analysis_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_analysis_item")),
    )
    op.create_index(
        "ix_analysis_item_due",
        "analysis_item",
        ["run_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_analysis_item_leased",
        "analysis_item",
        ["project_id", "leased_until"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index("ix_analysis_item_run", "analysis_item", ["run_id", "state"], unique=False)


def create_analysis_batch() -> None:
    op.create_table(
        "analysis_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Uuid(), nullable=True),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("masked", sa.Boolean(), nullable=False),
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
            "state in ('filling', 'uploaded', 'submitted', 'ended', 'closed')", name=op.f("ck_analysis_batch_state")
        ),
        sa.CheckConstraint(
            "state in ('filling', 'closed') or file_id is not null", name=op.f("ck_analysis_batch_file_id")
        ),
        sa.CheckConstraint(
            "state not in ('submitted', 'ended') or provider_id is not null",
            name=op.f("ck_analysis_batch_provider_id"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_analysis_batch_project_id_project"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["analysis_run.id"], name=op.f("fk_analysis_batch_run_id_analysis_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analysis_batch")),
    )
    op.create_index(
        "ix_analysis_batch_open",
        "analysis_batch",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.create_index("ix_analysis_batch_run", "analysis_batch", ["run_id", "created_at"], unique=False)


def create_analysis_batch_request() -> None:
    op.create_table(
        "analysis_batch_request",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("covers", sa.Integer(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("handed_over", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["analysis_batch.id"],
            name=op.f("fk_analysis_batch_request_batch_id_analysis_batch"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_analysis_batch_request_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("batch_id", "conversation_id", name=op.f("pk_analysis_batch_request")),
    )
    op.create_index(
        op.f("ix_analysis_batch_request_conversation_id"), "analysis_batch_request", ["conversation_id"], unique=False
    )

"""language_model: prompts, records of engine calls, shared rate limits, what was withheld and why"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "language_model"
down_revision = "people"
branch_labels = None
depends_on = None

IMMUTABLE = """
create function refuse_rewording() returns trigger language plpgsql as $$
begin
    raise exception 'a version of a prompt never changes';
end
$$;
create trigger prompt_version_stays before update on prompt_version
    for each row execute function refuse_rewording();
"""
TURN_COLUMNS = (
    sa.Column("prompt_version", sa.Uuid(), nullable=True),
    sa.Column("prompt_label", sa.Text(), nullable=True),
    sa.Column("searched_for", sa.Text(), nullable=True),
    sa.Column("withheld", sa.Text(), nullable=True),
    sa.Column("findings", postgresql.JSONB(), nullable=False, server_default="[]"),
    sa.Column("degraded", sa.Text(), nullable=True),
    sa.Column("trimmed_sections", sa.Integer(), nullable=False, server_default="0"),
)
PROJECT_COLUMNS = (
    sa.Column("mask_personal_data", sa.Boolean(), nullable=False, server_default=sa.true()),
    sa.Column("active_prompts", postgresql.JSONB(), nullable=False, server_default="{}"),
)


def upgrade() -> None:
    create_rate_allowance()
    create_engine_call()
    create_prompts()
    for table, columns in (("turn", TURN_COLUMNS), ("project", PROJECT_COLUMNS)):
        for column in columns:
            op.add_column(table, column)
            if column.server_default is not None:
                op.alter_column(table, column.name, server_default=None)


def create_rate_allowance() -> None:
    op.create_table(
        "rate_allowance",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_allowance")),
    )


def create_engine_call() -> None:
    op.create_table(
        "engine_call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("turn_id", sa.Uuid(), nullable=True),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Uuid(), nullable=True),
        sa.Column("prompt_label", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latency", sa.Double(), nullable=False),
        sa.Column("first_token", sa.Double(), nullable=True),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_read_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("cost", sa.Numeric(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.CheckConstraint("latency >= 0", name=op.f("ck_engine_call_latency")),
        sa.CheckConstraint("retries >= 0", name=op.f("ck_engine_call_retries")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_engine_call_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engine_call")),
    )
    op.create_index(
        "ix_engine_call_conversation",
        "engine_call",
        ["conversation_id"],
        unique=False,
        postgresql_where=sa.text("conversation_id is not null"),
    )
    op.create_index("ix_engine_call_newest", "engine_call", ["project_id", "at"], unique=False)
    op.create_index(op.f("ix_engine_call_turn_id"), "engine_call", ["turn_id"], unique=False)


def create_prompts() -> None:
    op.create_table(
        "prompt_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_prompt_version_number")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_prompt_version_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_version")),
        sa.UniqueConstraint("project_id", "name", "digest", name=op.f("uq_prompt_version_project_id_name_digest")),
        sa.UniqueConstraint("project_id", "name", "id", name=op.f("uq_prompt_version_project_id_name_id")),
        sa.UniqueConstraint("project_id", "name", "number", name=op.f("uq_prompt_version_project_id_name_number")),
    )
    op.create_table(
        "prompt_activation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "name", "version_id"],
            ["prompt_version.project_id", "prompt_version.name", "prompt_version.id"],
            name=op.f("fk_prompt_activation_project_id_name_version_id_prompt_version"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_prompt_activation_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_activation")),
    )
    op.create_index(
        "ix_prompt_activation_newest", "prompt_activation", ["project_id", "name", "at", "id"], unique=False
    )
    op.execute(IMMUTABLE)

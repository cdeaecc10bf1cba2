"""people: roles, invitations, tokens, the audit log, holders of conversations, erasures and exports"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "people"
down_revision = "foundation"
branch_labels = None
depends_on = None

CHECKS = (
    ("membership", "role", "role in ('owner', 'manager', 'auditor', 'agent', 'viewer')"),
    ("project", "handover_to", "handover_to in ('inbox', 'elsewhere')"),
    ("project", "hold_minutes", "hold_minutes between 1 and 10080"),
    ("project", "retention_days", "retention_days is null or retention_days between 1 and 36500"),
    ("conversation", "holder", "(status = 'person') = (holder_id is not null)"),
    ("message", "author", "author in ('customer', 'bot', 'person', 'system')"),
)
PHRASES = """
update project set phrases = coalesce((
    select jsonb_object_agg(name, wordings) from (
        select phrase.name, jsonb_object_agg(language, phrase.wording) as wordings
        from (values ('clarification', clarification_phrase), ('transfer', transfer_phrase), ('error', error_phrase))
            as phrase (name, wording), unnest(languages) as language
        where phrase.wording is not null group by phrase.name
    ) as own
), '{}')
"""
MESSAGE_WORDS = """
create index ix_message_words on message using gin (
    to_tsvector('simple', translate(lower(content), 'áàâãäéèêëíìîïóòôõöúùûüçñ', 'aaaaaeeeeiiiiooooouuuucn'))
)
"""
APPEND_ONLY = """
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end
$$;
create trigger audit_entry_stays before update or delete on audit_entry
    for each row execute function refuse_change();
create trigger audit_entry_is_not_emptied before truncate on audit_entry
    for each statement execute function refuse_change();
"""


def upgrade() -> None:
    create_tables()
    add_columns()


def create_tables() -> None:
    op.create_table(
        "attempts",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempts")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "actor_kind in ('user', 'key', 'command', 'system')", name=op.f("ck_audit_entry_actor_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_actor_newest", "audit_entry", ["actor_id", "id"], unique=False)
    op.create_index("ix_audit_entry_project_newest", "audit_entry", ["project_id", "id"], unique=False)
    op.create_table(
        "data_export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("conversation_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('conversation', 'customer')", name=op.f("ck_data_export_kind")),
        sa.CheckConstraint("state in ('pending', 'running', 'done', 'failed')", name=op.f("ck_data_export_state")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_data_export_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_export")),
    )
    op.create_index("ix_data_export_newest", "data_export", ["project_id", "id"], unique=False)
    op.create_table(
        "erasure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("subject_digest", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'done') = (done_at is not null)", name=op.f("ck_erasure_done_at")),
        sa.CheckConstraint("kind in ('conversation', 'customer', 'retention')", name=op.f("ck_erasure_kind")),
        sa.CheckConstraint("state <> 'done' or subject is null", name=op.f("ck_erasure_subject")),
        sa.CheckConstraint("state in ('pending', 'running', 'done', 'failed')", name=op.f("ck_erasure_state")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_erasure_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index("ix_erasure_newest", "erasure", ["project_id", "id"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("invitee", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("invited_by_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role in ('owner', 'manager', 'auditor', 'agent', 'viewer')", name=op.f("ck_invitation_role")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_invitation_project_id_project"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("digest", name=op.f("uq_invitation_digest")),
    )
    op.create_index(op.f("ix_invitation_project_id"), "invitation", ["project_id"], unique=False)
    op.create_table(
        "token_family",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("program", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_token_family_project_id_project"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["account.id"], name=op.f("fk_token_family_user_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_family")),
    )
    op.create_index(op.f("ix_token_family_project_id"), "token_family", ["project_id"], unique=False)
    op.create_index(op.f("ix_token_family_user_id"), "token_family", ["user_id"], unique=False)
    op.create_table(
        "refresh_token",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["family_id"], ["token_family.id"], name=op.f("fk_refresh_token_family_id_token_family"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_refresh_token")),
    )
    op.create_index(op.f("ix_refresh_token_family_id"), "refresh_token", ["family_id"], unique=False)


def add_columns() -> None:
    op.add_column("account", sa.Column("name", sa.Text(), nullable=False, server_default=""))
    op.alter_column("account", "name", server_default=None)
    op.add_column("account", sa.Column("operator", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("account", "operator", server_default=None)
    op.add_column("conversation", sa.Column("customer_id", sa.Text(), nullable=True))
    op.add_column("conversation", sa.Column("holder_id", sa.Uuid(), nullable=True))
    op.add_column("conversation", sa.Column("holder_name", sa.Text(), nullable=True))
    op.add_column("conversation", sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("conversation", sa.Column("handover_reason", sa.Text(), nullable=True))
    op.create_index(
        "ix_conversation_customer",
        "conversation",
        ["project_id", "customer_id"],
        unique=False,
        postgresql_where=sa.text("customer_id is not null"),
    )
    op.create_index("ix_conversation_status", "conversation", ["project_id", "status", "waiting_since"], unique=False)
    op.add_column("membership", sa.Column("role", sa.Text(), nullable=False, server_default="owner"))
    op.alter_column("membership", "role", server_default=None)
    op.add_column("membership", sa.Column("away", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("membership", "away", server_default=None)
    op.add_column("membership", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "membership", sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
    )
    op.alter_column("membership", "created_at", server_default=None)
    op.add_column("message", sa.Column("author_id", sa.Uuid(), nullable=True))
    op.add_column("message", sa.Column("author_name", sa.Text(), nullable=True))
    op.add_column(
        "project", sa.Column("phrases", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}")
    )
    op.alter_column("project", "phrases", server_default=None)
    op.add_column("project", sa.Column("handover_to", sa.Text(), nullable=False, server_default="inbox"))
    op.alter_column("project", "handover_to", server_default=None)
    op.add_column("project", sa.Column("hold_minutes", sa.Integer(), nullable=False, server_default="30"))
    op.alter_column("project", "hold_minutes", server_default=None)
    op.add_column("project", sa.Column("retention_days", sa.Integer(), nullable=True))
    op.execute(PHRASES)
    op.drop_column("project", "transfer_phrase")
    op.drop_column("project", "clarification_phrase")
    op.drop_column("project", "error_phrase")
    op.add_column("sign_in", sa.Column("browser", sa.Text(), nullable=False, server_default=""))
    op.alter_column("sign_in", "browser", server_default=None)
    op.execute("update conversation set status = 'waiting' where status = 'person'")
    op.execute("update conversation set waiting_since = last_message_at where status = 'waiting'")
    for table, name, rule in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, if_exists=True)
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
    for table, moment in (("message", "created_at"), ("turn", "started_at")):
        op.create_index(f"ix_{table}_newest", table, ["project_id", moment], unique=False)
        op.drop_index(op.f(f"ix_{table}_project_id"), table_name=table)
    op.execute(MESSAGE_WORDS)
    op.execute(APPEND_ONLY)

"""Alembic's entry: runs migrations on the connection that `ouvidor.migrations.run` hands over."""

from alembic import context

from ouvidor.tables import METADATA


def is_ours(_thing: object, name: str | None, kind: str, reflected: bool, _compare_to: object) -> bool:  # noqa: FBT001 - Alembic's signature
    """Leave out the vector indexes that jobs make for large projects, and the word index over an expression."""
    unmodelled = str(name).startswith(("ix_section_vector_", "near_comment_")) or name == "ix_message_words"
    return not (kind == "index" and reflected and unmodelled)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    compare_server_default=False,
    transaction_per_migration=True,
    include_object=is_ours,
)
with context.begin_transaction():
    context.run_migrations()

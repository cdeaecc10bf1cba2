"""The job queue's tables (Procrastinate 3.10) in a schema of their own, and the vector type.

The schema file is a frozen copy: later versions of Procrastinate come as later migrations.
"""

from pathlib import Path

from alembic import op

revision = "job_queue"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = Path(__file__).parent.parent / "procrastinate_3_10.sql"


def upgrade() -> None:
    op.execute("create extension if not exists vector")
    op.execute("create schema jobs")
    op.execute("set local search_path to jobs, public")
    op.get_bind().connection.cursor().execute(SCHEMA.read_text())
    op.execute("set local search_path to public")


def downgrade() -> None:
    op.execute("drop schema jobs cascade")

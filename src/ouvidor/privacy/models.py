"""Tables of what was erased and exported: receipts that outlive the data, and exports that do not outlive a week."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.db import Base, new_id


class Erasure(Base):
    """An order to erase, and its receipt.

    `subject` names what is to be erased and is itself erased when that is done; `subject_digest` (HMAC-SHA256 with the
    installation's secret) stays, so that somebody who knows the id can prove that it was erased. `counts` tells how
    many rows of each kind went.
    """

    __tablename__ = "erasure"
    __table_args__ = (
        CheckConstraint("kind in ('conversation', 'customer', 'retention')", name="kind"),
        CheckConstraint("state in ('pending', 'running', 'done', 'failed')", name="state"),
        CheckConstraint("(state = 'done') = (done_at is not null)", name="done_at"),
        CheckConstraint("state <> 'done' or subject is null", name="subject"),
        Index("ix_erasure_newest", "project_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    kind: Mapped[str]
    subject: Mapped[str | None]
    subject_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(default="pending")
    counts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class DataExport(Base):
    """All that is kept of one customer or conversation, as a file that waits to be fetched for a week.

    `content` is a JSON document; `conversation_ids` are those in it, so that erasing one of them takes the file along.
    """

    __tablename__ = "data_export"
    __table_args__ = (
        CheckConstraint("kind in ('conversation', 'customer')", name="kind"),
        CheckConstraint("state in ('pending', 'running', 'done', 'failed')", name="state"),
        Index("ix_data_export_newest", "project_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    kind: Mapped[str]
    subject: Mapped[str]
    state: Mapped[str] = mapped_column(default="pending")
    conversation_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), default=list)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]

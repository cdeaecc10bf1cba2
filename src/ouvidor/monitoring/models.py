"""The table of engine calls."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.db import Base, new_id


class EngineCall(Base):
    """One run of an engine; see `ouvidor.engines.calls.CallRecord`, which is written here.

    A call outlives its conversation, without its content; so nothing refers to the conversation but its id.
    """

    __tablename__ = "engine_call"
    __table_args__ = (
        CheckConstraint("latency >= 0", name="latency"),
        CheckConstraint("retries >= 0", name="retries"),
        Index("ix_engine_call_newest", "project_id", "at"),
        Index("ix_engine_call_conversation", "conversation_id", postgresql_where=text("conversation_id is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID | None]
    turn_id: Mapped[UUID | None] = mapped_column(index=True)
    task: Mapped[str]
    model: Mapped[str]
    prompt_version: Mapped[UUID | None]
    prompt_label: Mapped[str]
    at: Mapped[datetime]
    latency: Mapped[float]
    first_token: Mapped[float | None]
    retries: Mapped[int]
    fault: Mapped[str | None]
    degraded: Mapped[bool]
    input_tokens: Mapped[int | None]
    cache_read_tokens: Mapped[int | None]
    cache_write_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    cost: Mapped[Decimal | None]
    prompt: Mapped[str | None]
    answer: Mapped[str | None]

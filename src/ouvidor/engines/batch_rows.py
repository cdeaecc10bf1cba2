"""What is written down of a provider's batch, whatever it carries."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.db import new_id


class BatchState(StrEnum):
    """How far we have come with a provider's batch; `closed` when nothing is left to do."""

    FILLING = "filling"
    UPLOADED = "uploaded"
    SUBMITTED = "submitted"
    ENDED = "ended"
    CLOSED = "closed"


class ProviderBatch:
    """The columns of a table of batches that the steps of a batch need.

    The id marks the batch at the provider, and is the lease of what it carries. `status` is the provider's word, and
    `completed` how many answers it speaks of; `answered` counts requests with a row in a file of results. `failures`
    are those in a row of the step it is at, which is tried again at `next_at`; `held_until` (the database's time) tells
    that a process is at work on it. `reason` is why it brought less than was asked.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    state: Mapped[str] = mapped_column(default=BatchState.FILLING)
    requests: Mapped[int] = mapped_column(default=0)
    answered: Mapped[int] = mapped_column(default=0)
    stored: Mapped[int] = mapped_column(default=0)
    file_id: Mapped[str | None]
    provider_id: Mapped[str | None]
    status: Mapped[str | None]
    output_file_id: Mapped[str | None]
    error_file_id: Mapped[str | None]
    completed: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None]
    next_at: Mapped[datetime]
    held_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

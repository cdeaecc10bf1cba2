"""Whether this process can do its work: its database answers and has the form that the program knows."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ouvidor.errors import Fault, Unavailable
from ouvidor.runtime import Runtime

PATIENCE_SECONDS = 3.0
WORKER_SILENT = timedelta(seconds=20)
FORM = text("select version_num from public.alembic_version")
HEARTBEAT = text("select now() - max(last_heartbeat) from jobs.procrastinate_workers")


class NotReady(Unavailable):
    """This process cannot do its work yet; `errors` names each part that is missing."""


@dataclass(frozen=True)
class Readiness:
    """A process that can work; `worker` tells whether background jobs are being run somewhere."""

    worker: Literal["ok", "absent"]


async def readiness(rt: Runtime, newest_form: Callable[[], str | None]) -> Readiness:
    """How this process stands; `newest_form` is the newest migration that the program knows.

    Raises:
        NotReady: the database does not answer, or has another form.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), rt.db.read() as session:
            form = await session.scalar(FORM)
            silent: timedelta | None = await session.scalar(HEARTBEAT)
    except (SQLAlchemyError, OSError):
        raise NotReady(faults=[Fault("database", "does not answer, or was never migrated")]) from None
    if form != await asyncio.to_thread(newest_form):
        raise NotReady(faults=[Fault("migrations", "the database has another form: run `ouvidor migrate`")])
    return Readiness(worker="absent" if silent is None or silent > WORKER_SILENT else "ok")

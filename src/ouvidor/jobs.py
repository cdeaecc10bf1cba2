"""The job queue (Procrastinate on our own PostgreSQL) and how a deed puts a job into it."""

from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.db import SEARCH_PATH


def job_app(conninfo: str) -> App:
    """The queue of the database behind `conninfo` (libpq form); its tables live in the schema `jobs`."""
    return App(connector=PsycopgConnector(conninfo=conninfo, kwargs={"options": SEARCH_PATH}, min_size=1, max_size=6))


async def enqueue(session: AsyncSession, app: App, name: str, *, once: str | None = None, **arguments: Any) -> bool:
    """Put the job `name` into the queue within the caller's transaction: a rollback drops it.

    `once` names jobs that need not wait twice: while one of that name waits, another is not added; while one runs, the
    next waits.

    Returns:
        Whether a job was added.
    """
    connection = await session.connection()
    raw = (await connection.get_raw_connection()).driver_connection
    deferrer = app.configure_task(name, allow_unknown=True, queueing_lock=once, lock=once, connection=raw)
    try:
        async with session.begin_nested():
            await session.connection()  # sends the savepoint, before the job goes past SQLAlchemy
            await deferrer.defer_async(**arguments)
    except AlreadyEnqueued:
        return False
    return True

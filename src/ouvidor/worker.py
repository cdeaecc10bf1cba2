"""Every job and schedule of the product, on one screen."""

import asyncio
import logging
from uuid import UUID

from procrastinate import App, JobContext, RetryStrategy
from procrastinate.jobs import Status

from ouvidor.accounts.idempotency import sweep_old_keys
from ouvidor.knowledge.index import index_knowledge
from ouvidor.knowledge.store import INDEX_JOB
from ouvidor.runtime import Runtime

HEARTBEAT_SECONDS = 5
STALLED_SECONDS = 20
MOST_ATTEMPTS = 5

log = logging.getLogger(__name__)


def add_jobs(app: App) -> None:
    """Make the product's jobs known to this queue; nothing happens where they are."""
    if INDEX_JOB in app.tasks:  # pyright: ignore[reportUnknownMemberType] - not typed by Procrastinate
        return
    retry = RetryStrategy(max_attempts=MOST_ATTEMPTS, exponential_wait=2)
    app.task(name=INDEX_JOB, pass_context=True, retry=retry)(index)
    for name, deed, cron in (
        ("jobs.rescue", rescue, "* * * * * */10"),
        ("accounts.sweep", sweep, "17 * * * *"),
    ):
        app.periodic(cron=cron)(app.task(name=name, queueing_lock=name, pass_context=True)(deed))


async def index(context: JobContext, project: str) -> None:
    """Vectors and profile of what an import changed."""
    await index_knowledge(_runtime(context), UUID(project))


async def rescue(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Take up the jobs of workers that died."""
    await rescue_stalled(context.app)


async def rescue_stalled(app: App) -> None:
    """Put the jobs of workers without a heartbeat for 20 seconds back; those tried five times have failed."""
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        if job.attempts < MOST_ATTEMPTS:
            await manager.retry_job(job)
        elif job.id is not None:
            await manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=False)


async def sweep(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Forget resend marks of yesterday."""
    rt = _runtime(context)
    async with rt.db.begin() as session:
        await sweep_old_keys(session, rt.clock())


async def work(rt: Runtime, *, once: bool = False) -> None:
    """Run jobs until cancelled; with `once` until none is left. A lost database is waited for."""
    add_jobs(rt.jobs)
    while True:
        try:
            await rt.jobs.run_worker_async(
                wait=not once,
                concurrency=rt.settings.worker_concurrency,
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
                shutdown_graceful_timeout=3,
                fetch_job_polling_interval=1,
                delete_jobs="successful",
                additional_context={"runtime": rt},
            )
        except Exception:
            log.exception("The worker lost its queue and begins again in a second.")
        if once or _asked_to_stop():
            return
        await asyncio.sleep(1)


def _asked_to_stop() -> bool:
    """Whether this task was cancelled: Procrastinate ends in order then, and returns as if nothing had happened."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _runtime(context: JobContext) -> Runtime:
    return context.additional_context["runtime"]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - not typed by Procrastinate

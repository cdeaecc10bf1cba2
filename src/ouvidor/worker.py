"""Every job and schedule of the product, on one screen."""

import asyncio
import logging
from uuid import UUID

from procrastinate import App, JobContext, RetryStrategy
from procrastinate.jobs import Status

from ouvidor.accounts.idempotency import sweep_old_keys
from ouvidor.accounts.signins import sweep_signins
from ouvidor.accounts.throttle import sweep_attempts
from ouvidor.accounts.tokens import sweep_families
from ouvidor.conversations.abandoned import return_abandoned
from ouvidor.knowledge.catch_up import leave_index_jobs
from ouvidor.knowledge.index import index_knowledge
from ouvidor.knowledge.store import INDEX_JOB
from ouvidor.monitoring.keep import delete_old_calls
from ouvidor.privacy.erase import ERASE_JOB, carry_out_erasure
from ouvidor.privacy.export import EXPORT_JOB, make_export, sweep_old_exports
from ouvidor.privacy.retention import RETENTION_JOB, begin_night, erase_silent
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
    app.task(name=ERASE_JOB, pass_context=True, retry=retry)(erase)
    app.task(name=EXPORT_JOB, pass_context=True, retry=retry)(export)
    app.task(name=RETENTION_JOB, pass_context=True, retry=retry)(retain)
    for name, deed, cron in (
        ("jobs.rescue", rescue, "* * * * * */10"),
        ("conversations.abandoned", return_to_queue, "* * * * *"),
        ("knowledge.catch_up", catch_up, "*/5 * * * *"),
        ("accounts.sweep", sweep, "17 * * * *"),
        ("privacy.sweep", sweep_exports, "47 * * * *"),
        ("monitoring.sweep", sweep_calls, "7 4 * * *"),
        ("privacy.night", begin_retention, "23 3 * * *"),
    ):
        app.periodic(cron=cron)(app.task(name=name, queueing_lock=name, pass_context=True)(deed))


async def index(context: JobContext, project: str) -> None:
    """Vectors and profile of what an import changed."""
    await index_knowledge(_runtime(context), UUID(project))


async def erase(context: JobContext, project: str, erasure: str) -> None:
    """What somebody ordered to be erased."""
    await carry_out_erasure(_runtime(context), UUID(project), UUID(erasure))


async def export(context: JobContext, project: str, export: str) -> None:
    """What somebody ordered to be exported."""
    await make_export(_runtime(context), UUID(project), UUID(export))


async def retain(context: JobContext, project: str) -> None:
    """Erase what a project has kept for long enough."""
    await erase_silent(_runtime(context), UUID(project))


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


async def return_to_queue(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Give customers who wait for somebody who has left to the next person."""
    await return_abandoned(_runtime(context))


async def catch_up(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Have vectors made that a change of the model, or a failure of its server, has left to be made."""
    await leave_index_jobs(_runtime(context))


async def sweep(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Forget resend marks of yesterday, counts of attempts, and sign-ins that have ended."""
    rt = _runtime(context)
    async with rt.db.begin() as session:
        await sweep_old_keys(session, rt.clock())
        await sweep_attempts(session, rt.clock())
        await sweep_signins(session, rt.clock())
        await sweep_families(session, rt.clock())


async def sweep_exports(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Delete exports that nobody may fetch any more."""
    rt = _runtime(context)
    async with rt.db.begin() as session:
        await sweep_old_exports(session, rt.clock())


async def sweep_calls(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Delete records of engine calls that were kept for long enough."""
    await delete_old_calls(_runtime(context))


async def begin_retention(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Leave a job for each project that keeps conversations for a time."""
    await begin_night(_runtime(context))


async def work(rt: Runtime, *, once: bool = False) -> None:
    """Run jobs until cancelled; with `once` until none is left. A lost database is waited for."""
    add_jobs(rt.jobs)
    begun = False
    while True:
        try:
            if not begun:
                await leave_index_jobs(rt)
                begun = True
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

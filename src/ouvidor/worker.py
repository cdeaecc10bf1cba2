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
from ouvidor.analysis.batch_advance import advance_batches
from ouvidor.analysis.jobs import SWEEP_JOB
from ouvidor.analysis.jobs import sweep as sweep_for_analysis
from ouvidor.analysis.work import Analyst, work_off
from ouvidor.conversations.abandoned import return_abandoned
from ouvidor.engines.batches import BATCH_JOB
from ouvidor.feedback.intake.uploads import sweep_uploads
from ouvidor.feedback.jobs.batches import advance_comment_batches
from ouvidor.feedback.jobs.upkeep import INDEX_JOB as INDEX_COMMENTS_JOB
from ouvidor.feedback.jobs.upkeep import begin_night as begin_night_of_comments
from ouvidor.feedback.jobs.upkeep import give_back
from ouvidor.feedback.jobs.vectors import embed_comments, leave_vector_jobs
from ouvidor.feedback.jobs.work import Commenter
from ouvidor.feedback.jobs.work import work_off as work_off_comments
from ouvidor.feedback.learning.train import RETRAIN_JOB, retrain
from ouvidor.feedback.taxonomies.moves import PREVIEW_JOB, make_preview
from ouvidor.knowledge.catch_up import leave_index_jobs
from ouvidor.knowledge.index import index_knowledge
from ouvidor.knowledge.store import INDEX_JOB
from ouvidor.monitoring.keep import delete_old_calls
from ouvidor.privacy.erase import ERASE_JOB, carry_out_erasure
from ouvidor.privacy.export import EXPORT_JOB, make_export, sweep_old_exports
from ouvidor.privacy.retention import RETENTION_JOB, begin_night, erase_silent
from ouvidor.runtime import Runtime
from ouvidor.settings import Settings

LONGEST_HEARTBEAT_SECONDS = 5.0
HEARTBEATS_BEFORE_STALLED = 4
MOST_ATTEMPTS = 5
EVERY_MINUTE = "* * * * *"

log = logging.getLogger(__name__)


def add_jobs(app: App, settings: Settings) -> None:
    """Make the product's jobs known to this queue; nothing happens where they are."""
    if INDEX_JOB in app.tasks:  # pyright: ignore[reportUnknownMemberType] - not typed by Procrastinate
        return
    retry = RetryStrategy(max_attempts=MOST_ATTEMPTS, exponential_wait=2)
    app.task(name=INDEX_JOB, pass_context=True, retry=retry)(index)
    app.task(name=INDEX_COMMENTS_JOB, pass_context=True, retry=retry)(index_comments)
    app.task(name=ERASE_JOB, pass_context=True, retry=retry)(erase)
    app.task(name=EXPORT_JOB, pass_context=True, retry=retry)(export)
    app.task(name=RETENTION_JOB, pass_context=True, retry=retry)(retain)
    app.task(name=PREVIEW_JOB, pass_context=True, retry=retry)(preview_taxonomy)
    app.task(name=RETRAIN_JOB, pass_context=True, retry=retry)(learn_corrections)
    for name, deed, cron in (
        ("jobs.rescue", rescue, "* * * * * */10"),
        ("conversations.abandoned", return_to_queue, "* * * * *"),
        (SWEEP_JOB, sweep_analyses, settings.analysis_cron),
        (BATCH_JOB, watch_batches, "* * * * * */30"),
        ("comments.tidy", give_back_comments, EVERY_MINUTE),
        ("comments.night", look_after_comments, "37 4 * * *"),
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


async def index_comments(context: JobContext, project: str) -> None:
    """What makes many comments quick to find: vectors where they are missing, and the index over many."""
    await embed_comments(_runtime(context), UUID(project))


async def erase(context: JobContext, project: str, erasure: str) -> None:
    """What somebody ordered to be erased."""
    await carry_out_erasure(_runtime(context), UUID(project), UUID(erasure))


async def export(context: JobContext, project: str, export: str) -> None:
    """What somebody ordered to be exported."""
    await make_export(_runtime(context), UUID(project), UUID(export))


async def retain(context: JobContext, project: str) -> None:
    """Erase what a project has kept for long enough."""
    await erase_silent(_runtime(context), UUID(project))


async def learn_corrections(context: JobContext, project: str, model: str) -> None:
    """A training of a project's classifier of comments that somebody ordered."""
    await retrain(_runtime(context), UUID(project), UUID(model))


async def rescue(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Take up the jobs of workers that died."""
    await rescue_stalled(context.app, _runtime(context).settings.stalled_seconds)


async def rescue_stalled(app: App, seconds: int) -> None:
    """Put the jobs of workers without a heartbeat for so many seconds back; those tried five times have failed."""
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=seconds):
        if job.attempts < MOST_ATTEMPTS:
            await manager.retry_job(job)
        elif job.id is not None:
            await manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=False)


async def return_to_queue(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Give customers who wait for somebody who has left to the next person."""
    await return_abandoned(_runtime(context))


async def sweep_analyses(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Put conversations that have fallen due on the list of what is to be analysed."""
    await sweep_for_analysis(_runtime(context))


async def watch_batches(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Take the provider's batches as far as they go now."""
    await advance_batches(_runtime(context))
    await advance_comment_batches(_runtime(context))


async def preview_taxonomy(context: JobContext, project: str, number: int) -> None:
    """What another version of a taxonomy would move, as somebody ordered."""
    await make_preview(_runtime(context), UUID(project), number)


async def give_back_comments(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Give back the comments that dead workers held, forget those of cancelled jobs, and files kept for an hour."""
    rt = _runtime(context)
    await give_back(rt)
    async with rt.db.begin() as session:
        await sweep_uploads(session, rt.clock())


async def look_after_comments(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Forget what old jobs of comments were made of, and see that comments are quick to find."""
    await begin_night_of_comments(_runtime(context))


async def catch_up(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - Procrastinate gives it
    """Have vectors made that a change of the model, or a failure of its server, has left to be made."""
    await leave_index_jobs(_runtime(context))
    await leave_vector_jobs(_runtime(context))


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
    """Run jobs, analyse conversations and classify comments until cancelled; with `once` until none is left.

    A lost database is waited for.
    """
    if once:
        await _run_jobs(rt, once=True)
        await work_off(rt)
        await work_off_comments(rt)
        await _run_jobs(rt, once=True)
        return
    pools = [asyncio.create_task(_analyse(rt)), asyncio.create_task(_classify(rt))]
    try:
        await _run_jobs(rt, once=False)
    finally:
        for pool in pools:
            pool.cancel()
        await asyncio.gather(*pools, return_exceptions=True)


async def run_queue(rt: Runtime) -> None:
    """Run the jobs of the queue until none is left that could be run now."""
    await _run_jobs(rt, once=True)


async def _analyse(rt: Runtime) -> None:
    """Take part in the analyses until cancelled.

    Where they are swept up every minute, the first sweep does not wait for the minute.
    """
    swept = rt.settings.analysis_cron != EVERY_MINUTE
    while True:
        try:
            if not swept:
                await sweep_for_analysis(rt)
                swept = True
            await Analyst(rt).work()
        except Exception:
            log.exception("The analyses broke off and begin again in a second.")
        await asyncio.sleep(1)


async def _classify(rt: Runtime) -> None:
    """Take part in classifying comments until cancelled."""
    while True:
        try:
            await Commenter(rt).work()
        except Exception:
            log.exception("Classifying comments broke off and begins again in a second.")
        await asyncio.sleep(1)


async def _run_jobs(rt: Runtime, *, once: bool) -> None:
    add_jobs(rt.jobs, rt.settings)
    begun, stalled = False, rt.settings.stalled_seconds
    while True:
        try:
            if not begun:
                await leave_index_jobs(rt)
                begun = True
            await rt.jobs.run_worker_async(
                wait=not once,
                concurrency=rt.settings.worker_concurrency,
                install_signal_handlers=False,
                update_heartbeat_interval=min(LONGEST_HEARTBEAT_SECONDS, stalled / HEARTBEATS_BEFORE_STALLED),
                stalled_worker_timeout=stalled,
                shutdown_graceful_timeout=None if once else 3,  # pyright: ignore[reportArgumentType] - None: it is waited for
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

"""What is done after many comments came, and every night."""

from datetime import timedelta
from uuid import UUID

from procrastinate import App
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.feedback.jobs.claim import tidy
from ouvidor.jobs import enqueue
from ouvidor.runtime import Runtime

INDEX_JOB = "comments.index"
KEPT = timedelta(days=30)
"""How long the items of a job that has ended are kept; the comments that it brought stay."""

LONG_ENDED = text("""
select id from comment_job j where finished_at < :before and exists (select from comment_item i where i.job_id = j.id)
""")
DELETE = text("delete from comment_item where job_id = :job")
HAVE_COMMENTS = text("select id from project p where exists (select from comment c where c.project_id = p.id)")


async def leave_index_job(session: AsyncSession, app: App, project_id: UUID) -> None:
    """Have the project's comments made quick to find."""
    await enqueue(session, app, INDEX_JOB, once=f"{INDEX_JOB}:{project_id}", project=str(project_id))


async def give_back(rt: Runtime) -> None:
    """Give back what dead workers held, also where no job goes on, and forget what was cancelled."""
    async with rt.db.begin() as session:
        await tidy(session, rt.clock())


async def begin_night(rt: Runtime) -> None:
    """Forget the items of jobs that ended thirty days ago, a job in each transaction; look after every project."""
    async with rt.db.read() as session:
        jobs = list((await session.execute(LONG_ENDED, {"before": rt.clock() - KEPT})).scalars())
        projects = list((await session.execute(HAVE_COMMENTS)).scalars())
    for job in jobs:
        async with rt.db.begin() as session:
            await session.execute(DELETE, {"job": job})
    async with rt.db.begin() as session:
        for project_id in projects:
            await leave_index_job(session, rt.jobs, project_id)

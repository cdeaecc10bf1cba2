"""The sweep: what has fallen due comes on the list, by the clock."""

from ouvidor.accounts.models import Project
from ouvidor.analysis.claim import tidy
from ouvidor.analysis.due import projects_with_work
from ouvidor.analysis.order import sweep_project
from ouvidor.runtime import Runtime

SWEEP_JOB = "analysis.sweep"


async def sweep(rt: Runtime) -> None:
    """Put whatever is due in any project on its list. May be cut short and begun again at any point."""
    now = rt.clock()
    async with rt.db.begin() as session:
        await tidy(session, now)
        found = [await session.get_one(Project, one) for one in await projects_with_work(session, now)]
    for project in found:
        await sweep_project(rt, project)

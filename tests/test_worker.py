"""Jobs: enqueued with the deed that makes them true, run once, taken up again when a worker dies."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import OpenRuntime
from factories import HOTEL, add_sections, build_tenant
from sqlalchemy import text as sql

from ouvidor.jobs import enqueue
from ouvidor.runtime import DatabaseAddress, Runtime
from ouvidor.worker import add_jobs, rescue_stalled, work

pytestmark = pytest.mark.anyio


async def jobs_of(rt: Runtime) -> list[tuple[str, str]]:
    """Those that deeds have left; what the clock leaves comes and goes by itself."""
    async with rt.db.read() as session:
        by_deeds = "from procrastinate_jobs where queueing_lock is distinct from task_name order by id"
        rows = await session.execute(sql(f"select task_name, status::text {by_deeds}"))
        return [(row.task_name, row.status) for row in rows]


async def test_an_import_leaves_one_job_and_a_worker_does_it(rt: Runtime) -> None:
    tenant = await build_tenant(rt, "shop")
    await add_sections(rt, tenant.project, HOTEL[:2])
    await add_sections(rt, tenant.project, HOTEL[2:])
    assert await jobs_of(rt) == [("knowledge.index", "todo")]
    await work(rt, once=True)
    assert await jobs_of(rt) == []


async def test_a_rolled_back_deed_leaves_no_job(rt: Runtime) -> None:
    with pytest.raises(RuntimeError, match="changed my mind"):
        async with rt.db.begin() as session:
            await enqueue(session, rt.jobs, "knowledge.index", project="x")
            raise RuntimeError("changed my mind")
    assert await jobs_of(rt) == []


async def test_a_job_that_waits_already_leaves_the_deed_whole(rt: Runtime) -> None:
    tenant = await build_tenant(rt, "shop")
    for title, added in (("one", True), ("two", False)):
        async with rt.db.begin() as session:
            await session.execute(sql("update project set title = :title"), {"title": title})
            assert await enqueue(session, rt.jobs, "knowledge.index", once="x", project=str(tenant.project.id)) is added
    async with rt.db.read() as session:
        assert (await session.execute(sql("select title from project"))).scalar_one() == "two"
    assert await jobs_of(rt) == [("knowledge.index", "todo")]


DYING = """
import asyncio, sys
from pathlib import Path
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings
from ouvidor import worker

async def never_ends(context, project):
    print("started", flush=True)
    await asyncio.sleep(3600)

async def main(url, conninfo, folder):
    address = DatabaseAddress(url, conninfo)
    async with open_runtime(Settings(data_dir=Path(folder)), address, embedder=NoEmbedder("test")) as rt:
        rt.jobs.task(name="knowledge.index", pass_context=True)(never_ends)
        await worker.work(rt)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_the_job_of_a_killed_worker_is_taken_up(
    opened: OpenRuntime, database: DatabaseAddress, tmp_path: Path
) -> None:
    async with opened() as rt:
        tenant = await build_tenant(rt, "shop")
        await add_sections(rt, tenant.project, HOTEL)
    program = [sys.executable, "-c", DYING, database.url, database.conninfo, str(tmp_path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"started\n"
        process.kill()
    async with opened() as rt:
        add_jobs(rt.jobs, rt.settings)
        assert ("knowledge.index", "doing") in await jobs_of(rt)
        async with rt.db.begin() as session:
            await session.execute(sql("update procrastinate_workers set last_heartbeat = now() - interval '1 minute'"))
        await rescue_stalled(rt.jobs, rt.settings.stalled_seconds)
        assert ("knowledge.index", "todo") in await jobs_of(rt)
        await work(rt, once=True)
        assert not [name for name, _ in await jobs_of(rt) if name == "knowledge.index"]


async def test_a_worker_that_is_cancelled_ends(rt: Runtime) -> None:
    """Procrastinate takes the cancellation for itself; ours must not begin again after it."""
    task = asyncio.create_task(work(rt))
    await wait_for_worker(rt)
    task.cancel()
    async with asyncio.timeout(20):
        await asyncio.wait({task})
    assert task.done()


async def wait_for_worker(rt: Runtime) -> None:
    async with asyncio.timeout(20):
        while True:
            async with rt.db.read() as session:
                if (await session.execute(sql("select count(*) from procrastinate_workers"))).scalar_one():
                    return
            await asyncio.sleep(0.02)

"""Workers are killed at random moments over a batch: every conversation has exactly one result, and few are paid twice.

`make torture` does it 200 times over 5,000 conversations.
"""

import os
import random
from pathlib import Path

import pytest
from analyses import add_talks, verdict
from conftest import OpenRuntime
from factories import build_tenant
from nursery import kill_at_random, number, nursery
from stub_llm import counts, stub

from ouvidor.analysis.jobs import sweep
from ouvidor.runtime import DatabaseAddress

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TORTURE = bool(os.environ.get("OUVIDOR_TORTURE"))
KILLS, TALKS = (200, 5000) if TORTURE else (20, 1000)
LATENCY = 0.25

LEFT = "select count(*) from analysis_item where state in ('pending', 'running')"
UNDER_WAY = "select count(*) from analysis_item where state = 'running'"


async def test_workers_that_are_killed_lose_nothing_and_repeat_little(
    opened: OpenRuntime, database: DatabaseAddress, tmp_path: Path
) -> None:
    chance, in_flight = random.Random(20), 0
    async with opened() as rt:
        tenant = await build_tenant(rt, "shop")
        await add_talks(rt, tenant.project, TALKS)
        await sweep(rt)

        async def left() -> int:
            return await number(rt, LEFT)

        async def note_in_flight() -> None:
            nonlocal in_flight
            in_flight += await number(rt, UNDER_WAY)

        with stub(tmp_path, verdict(), latency=LATENCY) as llm:
            model = {"llm_base_url": f"{llm}/v1", "llm_model": "gpt-4o-mini", "analysis_concurrency": 16}
            with nursery(database, tmp_path, **model) as workers:
                kills = await kill_at_random(workers, chance, KILLS, left, killed=note_in_flight)
            calls = counts(llm)["received"]
        assert kills == KILLS
        assert await number(rt, "select count(*) from analysis") == TALKS
        assert await number(rt, "select count(distinct conversation_id) from analysis where current") == TALKS
        assert await number(rt, "select count(*) from analysis_item where state = 'done'") == TALKS
        assert await number(rt, "select sum(done) from analysis_run") == TALKS
    print(f"{kills} kills, {calls} calls for {TALKS} conversations, at most {in_flight} in flight at the kills")
    assert TALKS <= calls <= TALKS + in_flight

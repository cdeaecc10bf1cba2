"""Workers are killed at random moments over jobs of comments: none is lost, none doubled, each has exactly one result.

`make torture` does it 60 times over 100,000 comments.
"""

import os
import random
from pathlib import Path
from typing import Any

import pytest
from conftest import OpenRuntime
from factories import build_tenant
from nursery import kill_at_random, number, nursery
from stub_llm import stub

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import Project
from ouvidor.feedback.intake.receive import begin_job
from ouvidor.feedback.llm.fitting import MOST_TOGETHER
from ouvidor.feedback.told import Told
from ouvidor.runtime import DatabaseAddress, Runtime

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TORTURE = bool(os.environ.get("OUVIDOR_TORTURE"))
KILLS = 60 if TORTURE else 10
LOCAL, BY_MODEL = (100_000, 5_000) if TORTURE else (2_000, 1_000)
LATENCY = 0.2
TEXTS = (
    "Amei o atendimento, voltarei sempre!",
    "Demoraram 40 minutos e o prato veio frio…",
    "Vocês podiam abrir aos domingos",
    "How much is parking?",
)

LEFT = "select count(*) from comment_item where state in ('pending', 'running')"


def comments(job: int, count: int) -> list[Told]:
    """Of ten the ninth is the same as the first, and the tenth has its id with other words."""
    told: list[Told] = []
    for place in range(count):
        own = place if place % 10 < 8 else place // 10 * 10
        words = f"{TEXTS[own % len(TEXTS)]} {job} {own}{' e não volto' if place % 10 == 9 else ''}"
        told.append(Told(words, id=f"{job}-{own}"))
    return told


def answer() -> dict[str, Any]:
    """A model's answer to any call."""
    known = {"category": "praise", "tags": [], "confidence": 0.9, "sentiment": "positive", "language": "pt"}
    return {"comments": [{"n": number, **known} for number in range(1, MOST_TOGETHER + 1)]}


async def has_exactly_one_result_for_each(rt: Runtime, jobs: int, count: int) -> None:
    every, twins, others = jobs * count, jobs * count // 10, jobs * count // 10
    distinct = every - twins - others
    assert await number(rt, "select count(*) from comment_item") == every
    assert await number(rt, "select count(*) from comment_item where state = 'done'") == every - others
    assert await number(rt, "select count(*) from comment_item where status = 409 and position % 10 = 0") == others
    assert await number(rt, "select count(distinct comment_id) from comment_item") == distinct
    assert await number(rt, "select count(*) from comment_item where state = 'done' and content is not null") == 0
    assert await number(rt, "select count(*) from comment") == distinct
    assert (
        await number(rt, "select count(distinct external_id) from comment where content not like '%volto'") == distinct
    )
    assert await number(rt, "select count(*) from comment_classification") == distinct
    assert await number(rt, "select count(distinct comment_id) from comment_classification") == distinct
    assert await number(rt, "select count(*) from comment_job where state = 'done' and finished_at is not null") == jobs
    assert await number(rt, "select sum(done) from comment_job") == every - others
    assert await number(rt, "select sum(failed) from comment_job") == others


async def die_over(rt: Runtime, project: Project, count: int, workers: Any) -> int:
    """Jobs of so many comments, one after the other, until as many workers died as should; how many jobs."""
    chance, kills, jobs = random.Random(20), 0, 0

    async def left() -> int:
        return await number(rt, LEFT)

    while kills < KILLS:
        jobs += 1
        await begin_job(rt, project, comments(jobs, count), source="api", actor=COMMAND)
        kills += await kill_at_random(workers, chance, KILLS - kills, left, longest=0.8)
    return jobs


async def test_the_local_classifier_loses_and_doubles_nothing(
    opened: OpenRuntime, database: DatabaseAddress, tmp_path: Path
) -> None:
    async with opened() as rt:
        tenant = await build_tenant(rt, "shop")
        with nursery(database, tmp_path) as workers:
            jobs = await die_over(rt, tenant.project, LOCAL, workers)
        await has_exactly_one_result_for_each(rt, jobs, LOCAL)
    print(f"{KILLS} kills over {jobs} jobs of {LOCAL} comments")


async def test_a_language_model_loses_and_doubles_nothing(
    opened: OpenRuntime, database: DatabaseAddress, tmp_path: Path
) -> None:
    async with opened() as rt:
        tenant = await build_tenant(rt, "shop")
        with (
            stub(tmp_path, answer(), latency=LATENCY) as llm,
            nursery(database, tmp_path, llm_base_url=f"{llm}/v1", llm_model="gpt-4o-mini") as workers,
        ):
            jobs = await die_over(rt, tenant.project, BY_MODEL, workers)
        await has_exactly_one_result_for_each(rt, jobs, BY_MODEL)
        assert await number(rt, "select count(*) from comment_classification where by <> 'model'") == 0

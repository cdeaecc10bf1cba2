"""The classifier learning from corrections: trained in the background, promoted when not worse, gone back from."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from access_cases import add_person, bearer_of
from comment_factories import build_comment
from conftest import MovedClock
from factories import Site, Tenant
from numpy.typing import NDArray
from sqlalchemy import select, text

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import AuditEntry
from ouvidor.accounts.permissions import Role
from ouvidor.engines.embeddings import EmbeddingFailed, NoEmbedder
from ouvidor.errors import Unprocessable
from ouvidor.evals.own_comments import run_for_project
from ouvidor.feedback import classifier, examples
from ouvidor.feedback.classifier import classify, learn
from ouvidor.feedback.examples import Example, own_examples
from ouvidor.feedback.in_use import in_use
from ouvidor.feedback.learning.correcting import correct
from ouvidor.feedback.learning.train import RETRAIN_JOB, WEIGHT
from ouvidor.feedback.learning.train import retrain as carry_out
from ouvidor.feedback.models import CommentModel
from ouvidor.feedback.taxonomy import DEFAULT
from ouvidor.runtime import DatabaseAddress, Runtime
from ouvidor.worker import add_jobs, rescue_stalled, work

pytestmark = pytest.mark.anyio

API = "/api/v1/comments"
ODD = [f"{start} é brasa mora {end}" for start in ("esse som", "a banda", "o clipe") for end in ("bicho", "meu", "tio")]
"""Words that nobody taught the classifier: praise to those who write so."""


class Noticing(NoEmbedder):
    """No model, or (`failing`) a server of vectors that gives none; tells when a training asks for it."""

    def __init__(self) -> None:
        super().__init__("left out by this test")
        self.asked = asyncio.Event()
        self.failing = False

    @property
    def available(self) -> bool:
        self.asked.set()
        return self.failing

    async def embed(self, *_: object, **__: object) -> NDArray[np.float32]:
        raise EmbeddingFailed("timeout")


@pytest.fixture
def embedder() -> Noticing:
    return Noticing()


@pytest.fixture
def fewer_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fourth of ours: what is shown here needs no more, and a training takes as long as it has examples."""
    few = own_examples()[::4]
    for module in (examples, classifier):
        monkeypatch.setattr(module, "own_examples", lambda: few)


async def teach(rt: Runtime, tenant: Tenant, words: list[str], category: str, clock: MovedClock) -> None:
    clock.advance(seconds=1)
    for each in words:
        comment = await build_comment(rt, tenant.project, each, waits="unsure")
        await correct(rt, tenant.project, comment, category, actor=COMMAND)


async def models(client: httpx.AsyncClient, tenant: Tenant) -> dict[str, Any]:
    answer = await client.get(f"{API}/models", headers=tenant.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def retrain(client: httpx.AsyncClient, rt: Runtime, tenant: Tenant) -> dict[str, Any]:
    ordered = await client.post(f"{API}/models/retrain", headers=tenant.headers)
    assert (ordered.status_code, ordered.json()["state"]) == (202, "training")
    await work(rt, once=True)
    return (await models(client, tenant))["data"][0]


async def category_of(rt: Runtime, tenant: Tenant, words: str) -> tuple[str, str]:
    use = await in_use(rt, tenant.project)
    (found,) = await classify([words], use.classifier, rt.embedder)
    return found.category, use.local_version


@pytest.mark.slow
async def test_corrections_teach_the_next_model(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock
) -> None:
    before, shipped = await category_of(rt, site.own, "o disco é brasa mora")
    assert before != "spam"
    await teach(rt, site.own, ODD, "spam", clock)
    told = await models(client, site.own)
    assert (told["active"], told["corrections"], told["new"], told["suggested"]) == (0, 9, 9, False)
    model = await retrain(client, rt, site.own)
    assert (model["number"], model["state"], model["active"], model["corrections"]) == (1, "promoted", True, 9)
    measured = model["measured"]
    assert measured["new_after"] > measured["new_before"]
    assert measured["after"]["log_loss"] < measured["after"]["raw_log_loss"] * 1.001
    assert (measured["known"], measured["new"]) == (0, 9)
    assert sum(one["count"] for one in measured["after"]["bins"]) == measured["after"]["examples"]
    assert await category_of(rt, site.own, "o disco é brasa mora") == ("spam", "model 1")
    assert (await models(client, site.own))["new"] == 0
    assert await category_of(rt, site.other, "o disco é brasa mora") == (before, shipped)

    again = await client.post(f"{API}/models/retrain", headers=site.own.headers)
    assert (again.status_code, again.json()["type"]) == (409, "urn:ouvidor:nothing_to_learn")
    await teach(rt, site.own, ["demorou, que pedrada", "demorou, que paulada"], "praise", clock)
    model = await retrain(client, rt, site.own)
    assert (model["number"], model["measured"]["known"], model["measured"]["new"]) == (2, 9, 2)


@pytest.mark.usefixtures("fewer_examples")
@pytest.mark.slow
async def test_going_back_to_an_earlier_model(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock
) -> None:
    _, shipped = await category_of(rt, site.own, "x")
    await teach(rt, site.own, ODD, "spam", clock)
    await retrain(client, rt, site.own)
    for number, version in ((0, shipped), (1, "model 1"), (1, "model 1")):
        answer = await client.post(f"{API}/models/{number}/activate", headers=site.own.headers)
        assert (answer.status_code, answer.json()) == (200, {"active": number})
        assert (await category_of(rt, site.own, "x"))[1] == version
    assert (await client.post(f"{API}/models/7/activate", headers=site.own.headers)).status_code == 404
    assert (await client.post(f"{API}/models/1/activate", headers=site.other.headers)).status_code == 404
    async with rt.db.read() as session:
        query = select(AuditEntry.action, AuditEntry.details).where(AuditEntry.action.startswith("comment_model."))
        entries = [
            (row.action, row.details.get("model")) for row in await session.execute(query.order_by(AuditEntry.id))
        ]
    assert entries == [
        ("comment_model.ordered", 1),
        ("comment_model.promoted", None),
        ("comment_model.activated", 0),
        ("comment_model.activated", 1),
    ]


@pytest.mark.usefixtures("fewer_examples")
@pytest.mark.slow
async def test_a_model_that_is_worse_is_kept_out(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock
) -> None:
    """Corrections that contradict themselves and everything known make no better classifier."""
    praise = ["amei o show", "que show lindo", "show maravilhoso", "amo demais", "perfeito", "lindo demais", "top"]
    for turn, words in enumerate(praise * 3):
        await teach(rt, site.own, [f"{words} {turn}"], ("spam", "criticism", "question")[turn % 3], clock)
    model = await retrain(client, rt, site.own)
    assert (model["state"], model["reason"], model["active"]) == ("kept_out", "worse", False)
    assert (await category_of(rt, site.own, "amei o show"))[1] != "model 1"
    refused = await client.post(f"{API}/models/1/activate", headers=site.own.headers)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:ouvidor:never_promoted")
    told = await models(client, site.own)
    assert (told["new"], told["suggested"]) == (21, False)
    await teach(rt, site.own, [f"outra coisa {number}" for number in range(20)], "question", clock)
    assert (await models(client, site.own))["suggested"] is True


@pytest.mark.usefixtures("fewer_examples")
@pytest.mark.slow
async def test_orders_while_one_is_trained_join_it(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock
) -> None:
    await teach(rt, site.own, ODD, "spam", clock)
    numbers = [
        (await client.post(f"{API}/models/retrain", headers=site.own.headers)).json()["number"] for _ in range(3)
    ]
    assert numbers == [1, 1, 1]
    await work(rt, once=True)
    assert [model["number"] for model in (await models(client, site.own))["data"]] == [1]


@pytest.mark.usefixtures("fewer_examples")
@pytest.mark.slow
async def test_a_model_is_not_put_into_use_over_one_it_was_not_compared_with(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock, embedder: Noticing
) -> None:
    await teach(rt, site.own, ODD, "spam", clock)
    await retrain(client, rt, site.own)
    await teach(rt, site.own, ["demorou, que pedrada"], "praise", clock)
    await client.post(f"{API}/models/retrain", headers=site.own.headers)
    async with rt.db.read() as session:
        model = (await session.execute(select(CommentModel.id).where(CommentModel.number == 2))).scalar_one()
    embedder.asked.clear()
    training = asyncio.create_task(carry_out(rt, site.own.project.id, model))
    await embedder.asked.wait()
    await client.post(f"{API}/models/0/activate", headers=site.own.headers)
    await training
    told = await models(client, site.own)
    assert (told["data"][0]["state"], told["data"][0]["reason"], told["active"]) == ("kept_out", "other_model", 0)


DYING = """
import asyncio, sys
from pathlib import Path
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings
from ouvidor.worker import work

async def main(url, conninfo, folder):
    address = DatabaseAddress(url, conninfo)
    async with open_runtime(Settings(data_dir=Path(folder)), address, embedder=NoEmbedder("test")) as rt:
        await work(rt)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.usefixtures("fewer_examples")
@pytest.mark.slow
async def test_a_training_that_was_killed_is_taken_up(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock, database: DatabaseAddress
) -> None:
    await teach(rt, site.own, ODD, "spam", clock)
    await client.post(f"{API}/models/retrain", headers=site.own.headers)
    program = [sys.executable, "-c", DYING, database.url, database.conninfo, str(rt.settings.data_dir)]
    with subprocess.Popen(program) as process:
        async with asyncio.timeout(60):
            while not (await models(client, site.own))["data"][0]["measured"]:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        process.kill()
    told = (await models(client, site.own))["data"][0]
    assert (told["state"], told["measured"], told["reason"]) == ("training", {"attempts": 1}, None)
    async with rt.db.begin() as session:
        await session.execute(text("update procrastinate_workers set last_heartbeat = now() - interval '1 minute'"))
    add_jobs(rt.jobs, rt.settings)
    await rescue_stalled(rt.jobs, rt.settings.stalled_seconds)
    await work(rt, once=True)
    told = await models(client, site.own)
    assert [(model["number"], model["state"]) for model in told["data"]] == [(1, "promoted")]


@pytest.mark.usefixtures("fewer_examples")
@pytest.mark.slow
async def test_a_training_without_vectors_says_so_and_is_tried_again(
    rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock, embedder: Noticing
) -> None:
    await teach(rt, site.own, ODD, "spam", clock)
    await client.post(f"{API}/models/retrain", headers=site.own.headers)
    embedder.failing = True
    await work(rt, once=True)
    failed = (await models(client, site.own))["data"][0]
    assert (failed["state"], failed["reason"]) == ("failed", "no_vectors")
    embedder.failing = False
    async with rt.db.begin() as session:
        due = text("update procrastinate_jobs set scheduled_at = now() where task_name = :name")
        await session.execute(due, {"name": RETRAIN_JOB})
    await work(rt, once=True)
    assert [(one["number"], one["state"]) for one in (await models(client, site.own))["data"]] == [(1, "promoted")]


@pytest.mark.usefixtures("fewer_examples")
async def test_a_project_is_measured_on_what_its_people_corrected(
    rt: Runtime, site: Site, clock: MovedClock, tmp_path: Path
) -> None:
    name = site.own.project.name
    with pytest.raises(Unprocessable, match="Nobody has corrected"):
        await run_for_project(rt, name, None, [])
    await teach(rt, site.own, ["amei demais", "Amei  DEMAIS", "que show lindo"], "praise", clock)
    await teach(rt, site.own, ["amei demais"], "spam", clock)
    measured = await run_for_project(rt, name, None, [])
    assert (measured.figures["cases"], measured.figures["accuracy"], measured.figures["in_folds"]) == (2, 0.5, 0)
    assert measured.figures["per_category"]["SPAM"]["support"] == 1
    assert measured.figures["confusion"]["SPAM"]["ELOGIO"] == 1
    assert measured.short == []
    assert "SPAM" in (await run_for_project(rt, name, None, ["SPAM=.8/.8/.8"])).short[0]
    file = tmp_path / "cases.csv"
    file.write_text("texto,categoria\nELOGIO: adorei,elogio\n'=ganhe seguidores agora clique no link,spam\n")
    assert (await run_for_project(rt, name, file, [])).figures["cases"] == 2


@pytest.mark.slow
async def test_what_the_model_has_learnt_is_judged_by_others(rt: Runtime, site: Site, clock: MovedClock) -> None:
    """The model in use gets its own lesson right; one that has not had it says what was said before."""
    odd = "brasa mora, bicho, brasa mora"
    before, _ = await category_of(rt, site.own, odd)
    await teach(rt, site.own, [odd], "spam", clock)
    lesson = Example(text=odd, category="spam", language="pt", weight=WEIGHT)
    weights = (await learn(DEFAULT, rt.embedder, [lesson])).to_bytes()
    told = {"number": 1, "taxonomy": 0, "state": "promoted", "active": True, "ordered_by": "test"}
    told |= {"measured": {"learnt_until": clock.now.isoformat()}, "weights": weights, "created_at": clock.now}
    async with rt.db.begin() as session:
        session.add(CommentModel(project_id=site.own.project.id, **told))
    assert (before, (await category_of(rt, site.own, odd))[0]) == ("criticism", "spam")
    await teach(rt, site.own, ["que show lindo"], "praise", clock)
    figures = (await run_for_project(rt, site.own.project.name, None, [])).figures
    assert (figures["cases"], figures["in_folds"], figures["accuracy"]) == (2, 1, 0.5)
    assert figures["confusion"]["SPAM"]["CRÍTICA"] == 1
    assert (figures["blind_cases"], figures["blind_low"], figures["blind_high"]) == (0, 0, 1)


@pytest.mark.usefixtures("fewer_examples")
async def test_only_managers_train(rt: Runtime, client: httpx.AsyncClient, site: Site, clock: MovedClock) -> None:
    await teach(rt, site.own, ODD[:1], "spam", clock)
    agent = await bearer_of(rt, await add_person(rt, "ana", (site.own.project, Role.AGENT)), site.own.project)
    assert (await client.post(f"{API}/models/retrain", headers=agent)).status_code == 403
    assert (await client.get(f"{API}/models", headers=agent)).status_code == 200

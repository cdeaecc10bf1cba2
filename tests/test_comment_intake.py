"""Comments coming in: classified, stored once for each id, what is broken told beside what is not."""

from pathlib import Path
from uuid import UUID

import pytest
from conftest import MovedClock
from factories import Site
from sqlalchemy import func, select

from ouvidor.accounts.audit import Actor
from ouvidor.engines.embeddings import Embedder, load_embedder
from ouvidor.feedback.in_use import in_use
from ouvidor.feedback.intake.receive import NoComments, begin_job, take_in
from ouvidor.feedback.judge import judge_locally
from ouvidor.feedback.models import (
    Comment,
    CommentClassification,
    CommentItem,
    CommentJob,
    CommentRules,
    CommentVector,
)
from ouvidor.feedback.read import CommentOut, history_of
from ouvidor.feedback.store import store_again
from ouvidor.feedback.told import Told, Unfit
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

PRAISE = "Amei o hotel, café da manhã maravilhoso e equipe muito atenciosa!"
CRITICISM = "Péssimo atendimento, esperei duas horas e ninguém resolveu meu problema."
ANA = Actor("user", "Ana Prado")


def out(result: CommentOut | Unfit) -> CommentOut:
    assert isinstance(result, CommentOut)
    return result


async def counts(rt: Runtime) -> tuple[int, int]:
    async with rt.db.read() as session:
        comments = await session.scalar(select(func.count()).select_from(Comment))
        entries = await session.scalar(select(func.count()).select_from(CommentClassification))
    return comments or 0, entries or 0


async def test_comments_are_classified_and_stored_in_order(rt: Runtime, site: Site, clock: MovedClock) -> None:
    told = [
        Told(PRAISE, "a-1", {"canal": "site"}, author="tapir"),
        Told(CRITICISM),
        Told("Vocês aceitam cachorro?", written_at=clock().replace(year=2025)),
    ]
    first, second, third = map(out, await take_in(rt, site.own.project, told))
    assert [first.category, second.category, third.category] == ["praise", "criticism", "question"]
    assert (first.external_id, first.fields, first.author) == ("a-1", {"canal": "site"}, "tapir")
    assert UUID(second.external_id) == second.id
    assert (first.sentiment, second.sentiment) == ("positive", "negative")
    assert {one.language for one in (first, second, third)} == {"pt"}
    assert (third.written_at, third.received_at) == (clock().replace(year=2025), clock())
    assert first.taxonomy == 0
    async with rt.db.read() as session:
        (entry,) = await history_of(session, site.own.project.id, first.id)
    assert (entry.by, entry.model, entry.version, entry.category) == ("local", "local", "comments 1", "praise")
    assert entry.confidence == first.confidence


async def test_an_id_is_one_comment_of_its_project(rt: Runtime, site: Site) -> None:
    (first,) = await take_in(rt, site.own.project, [Told(PRAISE, "7")])
    same, other, doubled, fresh, contradicting = await take_in(
        rt, site.own.project, [Told(PRAISE, "7"), Told(CRITICISM, "7"), *[Told("Ótimo!", "8")] * 2, Told("Ruim", "8")]
    )
    assert same == first
    assert isinstance(other, Unfit)
    assert (other.id, other.status) == ("7", 409)
    assert isinstance(contradicting, Unfit)
    assert contradicting.status == 409
    assert doubled == fresh
    assert out(fresh).text == "Ótimo!"
    (elsewhere,) = await take_in(rt, site.other.project, [Told(CRITICISM, "7")])
    assert out(elsewhere).id != out(first).id
    assert await counts(rt) == (3, 3)


async def test_what_is_broken_stays_in_its_place(rt: Runtime, site: Site) -> None:
    broken = Unfit("x", 422, "has no text")
    results = await take_in(rt, site.own.project, [broken, Told(PRAISE, "1"), broken])
    assert results[0] == results[2] == broken
    assert out(results[1]).external_id == "1"
    assert await take_in(rt, site.own.project, [broken]) == [broken]


async def test_the_unsure_and_a_random_share_wait_for_a_person(rt: Runtime, site: Site) -> None:
    many = [Told(f"{PRAISE} {number}") for number in range(60)]
    async with rt.db.begin() as session:
        session.add(CommentRules(project_id=site.own.project.id, unsure_below=0.0, blind_share=0.5))
        session.add(CommentRules(project_id=site.other.project.id, unsure_below=1.0, blind_share=0.0))
    drawn = [out(one).waits for one in await take_in(rt, site.own.project, many)]
    assert set(drawn) == {None, "blind"}
    assert 10 <= drawn.count("blind") <= 50
    assert {out(one).waits for one in await take_in(rt, site.other.project, many[:5])} == {"unsure"}


async def test_a_job_holds_every_item_with_its_words(rt: Runtime, site: Site) -> None:
    items = [Told(PRAISE, "1", {"artista": "Lia"}), Unfit(None, 422, "has no text"), Told(PRAISE, "1")]
    job_id = await begin_job(rt, site.own.project, iter(items), source="csv", name="maio.csv", actor=ANA)
    async with rt.db.read() as session:
        job = await session.get_one(CommentJob, job_id)
        rows = (await session.execute(select(CommentItem).order_by(CommentItem.position))).scalars().all()
    assert (job.state, job.total, job.done, job.failed) == ("pending", 3, 0, 1)
    assert (job.source, job.name, job.ordered_by) == ("csv", "maio.csv", "Ana Prado")
    assert [row.position for row in rows] == [1, 2, 3]
    assert [row.state for row in rows] == ["pending", "failed", "pending"]
    assert (rows[0].content, rows[0].fields) == (PRAISE, {"artista": "Lia"})
    assert (rows[1].status, rows[1].reason, rows[1].content) == (422, "has no text", None)


async def test_a_job_that_holds_nothing_or_breaks_off_leaves_nothing(rt: Runtime, site: Site) -> None:
    def breaks_off() -> list[Told]:
        raise OSError("the disk is gone")

    with pytest.raises(NoComments):
        await begin_job(rt, site.own.project, [], source="api", actor=ANA)
    with pytest.raises(OSError, match="disk"):
        await begin_job(rt, site.own.project, (one for _ in [0] for one in breaks_off()), source="csv", actor=ANA)
    async with rt.db.read() as session:
        assert (await session.execute(select(CommentJob))).first() is None


async def test_a_persons_word_outlives_the_next_classification(rt: Runtime, site: Site, clock: MovedClock) -> None:
    project = site.own.project
    first, second = map(out, await take_in(rt, project, [Told(PRAISE, "1"), Told(PRAISE, "2")]))
    async with rt.db.begin() as session:
        row = await session.get_one(Comment, first.id)
        row.category, row.corrected_at = "suggestion", clock()
    use = await in_use(rt, project)
    verdicts = await judge_locally(use, [CRITICISM, CRITICISM])
    clock.advance(hours=1)
    async with rt.db.begin() as session:
        pairs = list(zip([first.id, second.id], verdicts, strict=True))
        assert await store_again(session, project.id, pairs, use.taxonomy, use.rules, clock()) == {first.id, second.id}
        assert await store_again(session, site.other.project.id, pairs, use.taxonomy, use.rules, clock()) == set()
    async with rt.db.read() as session:
        kept, moved = [await session.get_one(Comment, one.id) for one in (first, second)]
        assert (kept.category, kept.given_category) == ("suggestion", "criticism")
        assert (moved.category, moved.given_category, moved.updated_at) == ("criticism", "criticism", clock())
        assert len(await history_of(session, project.id, first.id)) == 2


class TestWithVectors:
    @pytest.fixture
    def embedder(self, test_folder: Path) -> Embedder:
        return load_embedder(test_folder, None, threads=1)

    async def test_each_comment_has_its_vector(self, rt: Runtime, site: Site) -> None:
        results = [out(one) for one in await take_in(rt, site.own.project, [Told(PRAISE), Told(CRITICISM)])]
        async with rt.db.read() as session:
            rows = {row.comment_id: row for row in (await session.execute(select(CommentVector))).scalars()}
        assert rows.keys() == {one.id for one in results}
        lengths = [sum(number * number for number in row.embedding) for row in rows.values()]
        assert lengths == pytest.approx([1.0, 1.0], abs=0.01)

"""What another version of the taxonomy would move: comments classified with it, on trial, before anything changes.

Ordered by somebody, made by a job, kept with the version. It holds ids and counts, and no words of comments.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, zip_longest
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project
from ouvidor.errors import NotFound
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.classifier import Classifier, Trained, classifier_for, learn, sort_texts
from ouvidor.feedback.examples import Example
from ouvidor.feedback.in_use import InUse, in_use
from ouvidor.feedback.learning.golden import golden_cases
from ouvidor.feedback.learning.train import MOST_LEARNT, example_of
from ouvidor.feedback.models import Comment, TaxonomyVersion
from ouvidor.feedback.taxonomies.changes import teaches_the_same
from ouvidor.feedback.taxonomies.versions import lock_taxonomies, note_taxonomy, read_version, row_of
from ouvidor.feedback.taxonomy import DEFAULT, Code, Taxonomy
from ouvidor.jobs import enqueue
from ouvidor.knowledge.embedding import embedder_of
from ouvidor.runtime import Runtime

PREVIEW_JOB = "comments.preview"
MOST = 2_000
AT_ONCE = 500
EXAMPLES = 10
GIVEN_UP = timedelta(minutes=10)
"""After so long without an end a preview may be ordered anew."""

SAMPLE = text("""
select comment.id, content, category, confidence, corrected_at is not null as corrected
from comment join (
    select id from comment where project_id = :project order by hashtextextended(id::text, 0) limit :most
) as chosen using (id)
order by comment.id
""")
"""Drawn by chance, and always alike, so that versions can be compared."""
OF_TAGS = text("""
select code, count(*) as comments from comment, unnest(tag_codes) as code
where project_id = :project and code = any(:codes) group by code
""")


class UnknownPreview(NotFound):
    """Nobody has ordered a preview of this version; order one."""


class Cell(BaseModel):
    """How many comments of the category `was` would be in `becomes`; `about` is that of all, `count` of the sample."""

    was: Code
    becomes: Code
    count: int
    about: int


class Moved(BaseModel):
    """A comment that would move: its category and confidence now, and those that it would have."""

    comment: UUID
    was: Code
    becomes: Code
    confidence_was: float
    confidence: float


class OfTag(BaseModel):
    """A tag and about how many comments it is given to."""

    code: str
    comments: int


class Moves(BaseModel):
    """What would move if all comments were classified again by the local classifier.

    `sampled` of `total` comments were tried, drawn by chance; where they are fewer, `about` says of all what was found
    of them. Persons' words stay (`corrections_kept`) unless their category is gone (`corrections_lost`, by category);
    both are counts of all comments. `tags_gone` are counted in all comments, `tags_added` in what was tried, for all.
    """

    total: int
    sampled: int
    cells: list[Cell]
    examples: list[Moved]
    corrections_kept: int
    corrections_lost: dict[Code, int]
    tags_gone: list[OfTag]
    tags_added: list[OfTag]

    @property
    def moved(self) -> int:
        """About how many would be in another category."""
        return sum(cell.about for cell in self.cells if cell.was != cell.becomes)


class Preview(BaseModel):
    """A preview and how far it is: `done` of `of` comments tried, against the version of number `against`.

    Where a classifier was `trained` for it, `learnt` counts the corrections that it learnt, the last one of the moment
    `learnt_until`; `by_model` tells that a
    language model does the work in this project, which may decide otherwise than the local classifier that was tried.
    """

    state: Literal["waiting", "running", "done", "failed"]
    ordered_by: str
    ordered_at: datetime
    finished_at: datetime | None = None
    against: int = 0
    done: int = 0
    of: int = 0
    learnt: int = 0
    learnt_until: datetime | None = None
    trained: bool = False
    by_model: bool = False
    moves: Moves | None = None

    @property
    def under_way(self) -> bool:
        """Whether it is yet to end."""
        return self.state in {"waiting", "running"}


@dataclass(frozen=True)
class Tried:
    """A comment of the sample as it is now."""

    id: UUID
    text: str
    category: Code
    confidence: float
    corrected: bool


@dataclass(frozen=True)
class Stock:
    """What the preview is made of: the sample, of how many, corrections by category, uses of tags that would go."""

    sample: tuple[Tried, ...]
    total: int
    corrected: dict[Code, int] = field(default_factory=dict[Code, int])
    tags: dict[str, int] = field(default_factory=dict[str, int])


async def order_preview(rt: Runtime, project: Project, number: int, *, actor: Actor) -> Preview:
    """Have a job find out what this version would move; one that is under way is not ordered twice.

    Raises:
        UnknownTaxonomyVersion: there is none of this number.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        await lock_taxonomies(session, project.id)
        row = await row_of(session, project, number)
        known = Preview.model_validate(row.preview) if row.preview else None
        if known and known.under_way and now - known.ordered_at < GIVEN_UP:
            return known
        ordered = Preview(state="waiting", ordered_by=actor.name, ordered_at=now)
        row.preview = ordered.model_dump(mode="json")
        await session.flush()
        ids = {"project": str(project.id), "number": number}
        await enqueue(session, rt.jobs, PREVIEW_JOB, once=f"{PREVIEW_JOB} {row.id}", **ids)
        await note_taxonomy(session, actor, "taxonomy.previewed", row, now, number=number)
        return ordered


async def read_preview(session: AsyncSession, project: Project, number: int) -> Preview:
    """The preview of a version, as far as it is.

    Raises:
        UnknownTaxonomyVersion: there is none of this number.
        UnknownPreview: nobody ordered one.
    """
    own = (TaxonomyVersion.project_id == project.id, TaxonomyVersion.number == number)
    kept = await session.scalar(select(TaxonomyVersion.preview).where(*own))
    if kept is None:
        await read_version(session, project, number)
        raise UnknownPreview
    return Preview.model_validate(kept)


async def make_preview(rt: Runtime, project_id: UUID, number: int) -> None:
    """Try the version on the project's comments; nothing where no preview waits. A failure is noted, and raised."""
    async with rt.db.read() as session:
        project = await session.get(Project, project_id)
        if project is None:
            return
        own = (TaxonomyVersion.project_id == project_id, TaxonomyVersion.number == number)
        kept = await session.scalar(select(TaxonomyVersion.preview).where(*own))
    if kept is None or kept["state"] == "done":
        return
    try:
        await _make(rt, project, number, Preview.model_validate(kept))
    except Exception:
        failed = Preview.model_validate(kept | {"state": "failed", "finished_at": rt.clock()})
        await _keep(rt, project_id, number, failed)
        raise


async def _make(rt: Runtime, project: Project, number: int, ordered: Preview) -> None:
    use = await in_use(rt, project)
    async with rt.db.read() as session:
        taxonomy = (await read_version(session, project, number)).taxonomy
        stock = await _stock(session, project.id, use.taxonomy, taxonomy)
        cases = await golden_cases(session, project.id, taxonomy)
    said = sorted(cases, key=lambda case: case.corrected_at)[-MOST_LEARNT:]
    about = {"against": use.number, "of": len(stock.sample), "by_model": use.by_model}
    running = ordered.model_copy(update={"state": "running", **about})
    await _keep(rt, project.id, number, running)
    trained = await _train(use, taxonomy, [example_of(one, taxonomy) for one in said])
    if trained is not None:
        until = max((one.corrected_at for one in said), default=None)
        running = running.model_copy(update={"trained": True, "learnt": len(said), "learnt_until": until})
    ready = trained or (use.classifier.trained if set(use.taxonomy.codes) == set(taxonomy.codes) else None)
    classifier = await classifier_for(taxonomy, use.embedder, ready)
    found = await _classified(rt, project, number, running, stock.sample, classifier)
    moves = moves_of(use.taxonomy, taxonomy, stock, found)
    done = running.model_copy(update={"state": "done", "done": len(found), "finished_at": rt.clock(), "moves": moves})
    await _keep(rt, project.id, number, done, trained.to_bytes() if trained else None)


async def _train(use: InUse, taxonomy: Taxonomy, corrections: Sequence[Example]) -> Trained | None:
    """A classifier for the version, unless the one in use, or the one that ships, is what training would give."""
    if teaches_the_same(use.taxonomy, taxonomy) or (teaches_the_same(DEFAULT, taxonomy) and not corrections):
        return None
    return await learn(taxonomy, use.embedder, corrections)


async def _classified(
    rt: Runtime, project: Project, number: int, running: Preview, sample: Sequence[Tried], classifier: Classifier
) -> list[Classification]:
    found: list[Classification] = []
    embedder = embedder_of(rt, project)
    for start in range(0, len(sample), AT_ONCE):
        texts = [one.text for one in sample[start : start + AT_ONCE]]
        found += (await sort_texts(texts, classifier, embedder)).classifications
        await _keep(rt, project.id, number, running.model_copy(update={"done": len(found)}))
    return found


def moves_of(before: Taxonomy, after: Taxonomy, stock: Stock, found: Sequence[Classification]) -> Moves:
    """What the classifications of the sample, in order, come to."""
    shift = [
        Moved(
            comment=one.id,
            was=one.category,
            becomes=one.category if one.corrected and one.category in after.codes else given.category,
            confidence_was=one.confidence,
            confidence=given.confidence,
        )
        for one, given in zip(stock.sample, found, strict=True)
    ]
    counts = Counter((one.was, one.becomes) for one in shift)
    known = {tag.code for tag in before.tags}
    wanted = {tag.code for tag in after.tags}
    given_tags = Counter(tag.code for given in found for tag in given.tags)
    scale = stock.total / len(stock.sample) if stock.sample else 1.0
    return Moves(
        total=stock.total,
        sampled=len(stock.sample),
        cells=[
            Cell(was=was, becomes=becomes, count=count, about=round(count * scale))
            for (was, becomes), count in counts.most_common()
        ],
        examples=_telling(shift),
        corrections_kept=sum(count for code, count in stock.corrected.items() if code in after.codes),
        corrections_lost={code: count for code, count in stock.corrected.items() if code not in after.codes},
        tags_gone=[OfTag(code=code, comments=stock.tags.get(code, 0)) for code in sorted(known - wanted)],
        tags_added=[OfTag(code=code, comments=round(given_tags[code] * scale)) for code in sorted(wanted - known)],
    )


def _telling(shift: Sequence[Moved]) -> list[Moved]:
    """At most EXAMPLES that move: of each kind of move in turn, the frequent kinds first, the surest first."""
    kinds: dict[tuple[Code, Code], list[Moved]] = {}
    for one in sorted(shift, key=lambda one: (-one.confidence, one.comment)):
        if one.was != one.becomes:
            kinds.setdefault((one.was, one.becomes), []).append(one)
    frequent = sorted(kinds.values(), key=len, reverse=True)
    turns = chain.from_iterable(zip_longest(*frequent))
    return [one for one in turns if one is not None][:EXAMPLES]


async def _stock(session: AsyncSession, project_id: UUID, before: Taxonomy, after: Taxonomy) -> Stock:
    own = Comment.project_id == project_id
    rows = await session.execute(SAMPLE, {"project": project_id, "most": MOST})
    sample = tuple(Tried(row.id, row.content, row.category, row.confidence, row.corrected) for row in rows)
    total = await session.scalar(select(func.count()).select_from(Comment).where(own)) or 0
    said = select(Comment.category, func.count().label("comments")).where(own, Comment.corrected_at.is_not(None))
    corrected = await session.execute(said.group_by(Comment.category))
    gone = {tag.code for tag in before.tags} - {tag.code for tag in after.tags}
    tags = await session.execute(OF_TAGS, {"project": project_id, "codes": list(gone)})
    return Stock(
        sample=sample,
        total=total,
        corrected={row.category: row.comments for row in corrected},
        tags={row.code: row.comments for row in tags},
    )


async def _keep(rt: Runtime, project_id: UUID, number: int, preview: Preview, weights: bytes | None = None) -> None:
    """Keep how far it is; what was trained as well, once it is done."""
    own = (TaxonomyVersion.project_id == project_id, TaxonomyVersion.number == number)
    kept = update(TaxonomyVersion).where(*own).values(preview=preview.model_dump(mode="json"))
    async with rt.db.begin() as session:
        await session.execute(kept.values(weights=weights) if preview.state == "done" else kept)

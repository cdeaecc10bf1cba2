"""What a batch of comments brought: each row joined to its comments by their numbers, read, and stored once."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.engines.base import Brief, FaultKind
from ouvidor.engines.batches import BatchRow
from ouvidor.engines.spending import Spent, spent_on
from ouvidor.engines.structured import Unusable, parse
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.in_use import InUse, in_use
from ouvidor.feedback.jobs.claim import Group, Item
from ouvidor.feedback.jobs.settle import Result, Settled, Troubled, settle
from ouvidor.feedback.jobs.work import NO_ANSWER, OUR_ERROR
from ouvidor.feedback.judge import Failure, Judged, verdicts_of
from ouvidor.feedback.llm.asking import Asking, asking_with
from ouvidor.feedback.llm.by_model import Asked
from ouvidor.feedback.llm.task import COMMENTS
from ouvidor.feedback.models import CommentBatch, CommentJob, JobKind
from ouvidor.feedback.taxonomies.versions import UnknownTaxonomyVersion, read_version
from ouvidor.feedback.told import Told
from ouvidor.pool import REFUSED
from ouvidor.runtime import Runtime

OUTDATED = "could not be classified: the categories have changed since the model was asked"

SENT = text("""
select q.request, q.number, i.position, i.attempts, i.external_id, i.content, i.fields, i.author, i.written_at,
    i.comment_id, coalesce(i.content, c.content) as words
from comment_batch_item q
join comment_item i on i.job_id = q.job_id and i.position = q.position
left join comment c on c.id = i.comment_id
where q.batch_id = :batch and q.request = any(:requests) and not q.answered
order by q.request, q.number
""")
ANSWERED = text("""
update comment_batch_item set answered = true
where batch_id = :batch and request = :request and not answered returning number
""")
"""Who sets the mark counts and stores the row, and nobody else ever does."""

log = logging.getLogger(__name__)


class _StoredByAnother(Exception):
    """Another process has stored what came of this request."""


@dataclass(frozen=True)
class _Sent:
    """A request without an answer yet: its comments by their numbers, and their words; what was erased is missing."""

    request: int
    items: dict[int, Item]
    words: dict[int, str]

    @property
    def texts(self) -> list[str]:
        """What was asked about, in the order of the numbers, empty where it is gone."""
        return [self.words.get(number, "") for number in range(1, max(self.items) + 1)]


async def store_rows(
    rt: Runtime, batch: CommentBatch, job: CommentJob, project: Project, rows: Sequence[BatchRow]
) -> int:
    """Store what these rows tell; how many of them answer no request that waits: the unknown and the doubled.

    May be cut short and begun again at any point: what is stored is stored once, and paid for once.
    """
    first: dict[int, BatchRow] = {}
    for row in rows:
        if row.custom_id.isascii() and row.custom_id.isdecimal() and not row.unanswered:
            first.setdefault(int(row.custom_id[:9]), row)
    if not first:
        return sum(not row.unanswered for row in rows)
    sent = await _sent(rt, batch, first)
    reading = await _reading(rt, batch, project)
    stored = 0
    for one in sent:
        stored += await _store(rt, batch, job, project, await _read(rt, reading, one, first[one.request]))
    return sum(not row.unanswered for row in rows) - stored


async def _sent(rt: Runtime, batch: CommentBatch, requests: dict[int, BatchRow]) -> list[_Sent]:
    items: defaultdict[int, dict[int, Item]] = defaultdict(dict)
    words: defaultdict[int, dict[int, str]] = defaultdict(dict)
    async with rt.db.read() as session:
        for row in await session.execute(SENT, {"batch": batch.id, "requests": list(requests)}):
            items[row.request][row.number] = Item(row.position, row.attempts, _told(row), row.comment_id)
            if row.words is not None:
                words[row.request][row.number] = row.words
    return [_Sent(request, items[request], words[request]) for request in sorted(items)]


def _told(row: Any) -> Told | None:
    if row.content is None:
        return None
    return Told(row.content, row.external_id, row.fields, row.author, row.written_at)


@dataclass(frozen=True)
class _Reading:
    """What answers are read with: how they were `asked` for (None where the taxonomy is gone), what is in `use` now."""

    batch: CommentBatch
    project: Project
    use: InUse
    asked: Asking | None

    @property
    def brief(self) -> Brief:
        """What went along with the requests, but for the prompt's words."""
        return Brief(self.project.id, version=self.batch.prompt_version, label=self.batch.version)


async def _reading(rt: Runtime, batch: CommentBatch, project: Project) -> _Reading:
    use = await in_use(rt, project)
    async with rt.db.read() as session:
        try:
            taxonomy = (await read_version(session, project, batch.taxonomy)).taxonomy
        except UnknownTaxonomyVersion:
            return _Reading(batch, project, use, None)
    return _Reading(batch, project, use, asking_with(Brief(), taxonomy, rt.settings.llm_context_tokens))


@dataclass(frozen=True)
class _Answer:
    """What came of a request: for each of its comments a result; `fault` where none could be read."""

    sent: _Sent
    row: BatchRow
    brief: Brief
    results: tuple[Result, ...]
    use: InUse
    spent: Spent
    fault: FaultKind | None


async def _read(rt: Runtime, reading: _Reading, sent: _Sent, row: BatchRow) -> _Answer:
    """The classifications that the row holds, or why there are none."""
    model = row.made_by(reading.batch.model)
    spent = spent_on(model, row.usage, rt.settings, batch=True)
    found, fault = _found(reading, sent, row)
    numbers = list(sent.items)
    asked = Asked(
        answers=[found[number - 1] for number in numbers],
        model=model,
        label=reading.batch.version,
        prompt_version=reading.batch.prompt_version,
        spent=spent,
        fault=fault,
        calls=1,
    )
    use = replace(reading.use, number=reading.batch.taxonomy)
    texts = sent.texts
    verdicts = await verdicts_of(rt, reading.project, use, asked, [texts[number - 1] for number in numbers])
    results = tuple(_result(reading, one) for one in verdicts.judged)
    return _Answer(sent, row, reading.brief, results, reading.use, spent, fault)


def _found(reading: _Reading, sent: _Sent, row: BatchRow) -> tuple[Sequence[Classification | None], FaultKind | None]:
    """What the row says of each comment of the request, by number; nobody undoes the marks in it."""
    texts = sent.texts
    nothing: list[Classification | None] = [None] * len(texts)
    if row.fault is not None or reading.asked is None:
        return nothing, row.fault
    try:
        return reading.asked.read(parse(reading.asked.task.output, row.text), texts), None
    except Unusable:
        return nothing, "bad_output"


def _result(reading: _Reading, judged: Judged | Failure) -> Result:
    """What is stored; of a category that there is not any more nothing is."""
    if isinstance(judged, Failure):
        return (
            Troubled(OUTDATED, counts=False)
            if reading.asked is None
            else Troubled(NO_ANSWER.format(fault=judged.reason))
        )
    known = judged.classification.category in reading.use.taxonomy.codes
    return judged if known else Troubled(OUTDATED, counts=False)


async def _store(rt: Runtime, batch: CommentBatch, job: CommentJob, project: Project, answer: _Answer) -> bool:
    """Store what came of a request; a comment that the database refuses harms no other. False where another did it."""
    items = tuple(answer.sent.items.values())
    group = Group(batch.id, job.id, JobKind(job.kind), project, by_model=True, items=items)
    whole = Settled(group, answer.results, answer.use, answer.spent, calls=1)
    try:
        try:
            await _store_together(rt, batch.id, answer.sent.request, [whole])
        except REFUSED as error:
            log.warning("A classification of a batch could not be stored: %s.", type(error).__name__)
            await _store_together(rt, batch.id, answer.sent.request, _apart(whole))
    except _StoredByAnother:
        return False
    row, fault = answer.row, answer.fault
    told = row.record(COMMENTS, answer.brief, batch.model, project_id=project.id, at=rt.clock(), fault=fault)
    rt.calls.add(told)
    return True


async def _store_together(rt: Runtime, batch_id: UUID, request: int, parts: Sequence[Settled]) -> None:
    """Store these parts of a request and mark it as answered, in this order: as whoever erases comments locks them.

    Where there are several parts, one that is refused is stored as an error of ours.
    """
    async with rt.db.begin() as session:
        for one in parts:
            if len(parts) == 1:
                await settle(session, one, rt.clock())
            else:
                await _settle_or_fail(session, one, rt.clock())
        if (await session.execute(ANSWERED, {"batch": batch_id, "request": request})).first() is None:
            raise _StoredByAnother
        await _count(session, batch_id, sum(isinstance(result, Judged) for one in parts for result in one.results))


async def _settle_or_fail(session: AsyncSession, part: Settled, now: datetime) -> None:
    try:
        async with session.begin_nested():
            await settle(session, part, now)
    except REFUSED:
        await settle(session, replace(part, results=tuple(Troubled(OUR_ERROR) for _ in part.results)), now)


def _apart(whole: Settled) -> list[Settled]:
    """Each comment alone, behind nothing that could be refused: what the call took."""
    empty = replace(whole, group=replace(whole.group, items=()), results=())
    return [
        empty,
        *(
            replace(whole, group=replace(whole.group, items=(item,)), results=(result,), spent=Spent(), calls=0)
            for item, result in zip(whole.group.items, whole.results, strict=True)
        ),
    ]


async def _count(session: AsyncSession, batch_id: UUID, stored: int) -> None:
    values = {"answered": CommentBatch.answered + 1, "stored": CommentBatch.stored + stored}
    await session.execute(update(CommentBatch).where(CommentBatch.id == batch_id).values(values))

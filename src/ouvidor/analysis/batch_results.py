"""What a provider's batch brought: each row joined to its conversation by its key, read, and stored once."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.analysis.analyse import Conversation, prepare, read_conversations
from ouvidor.analysis.batch_filling import asked_of, digest_of
from ouvidor.analysis.claim import Taken
from ouvidor.analysis.models import AnalysisBatch
from ouvidor.analysis.store import EMPTY, HOLD, Done, Failed, Finished, store
from ouvidor.analysis.task import ANALYSE
from ouvidor.analysis.work import OUR_ERROR
from ouvidor.engines.base import Brief
from ouvidor.engines.batches import BatchRow
from ouvidor.engines.calls import CallRecord
from ouvidor.engines.spending import spent_on
from ouvidor.engines.structured import Unusable, parse
from ouvidor.pool import REFUSED
from ouvidor.runtime import Runtime

OUTDATED = "outdated"
"""The request cannot be made again as it was: of what the model marked nobody knows what it stands for."""

SENT = text("""
select q.conversation_id, q.covers, q.messages, q.handed_over, q.digest, i.attempts
from analysis_batch_request q
join analysis_item i on i.conversation_id = q.conversation_id and i.lease = q.batch_id and i.state = 'running'
where q.batch_id = :batch and q.conversation_id = any(:ids) and not q.answered
""")
ANSWERED = text("""
update analysis_batch_request set answered = true
where batch_id = :batch and conversation_id = any(:ids) and not answered returning conversation_id
""")
"""Who sets the mark counts and stores the row, and nobody else ever does."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Sent:
    """A request that has no answer yet."""

    taken: Taken
    covers: int
    messages: int
    handed_over: bool
    digest: str


@dataclass(frozen=True)
class _Answer:
    """What came of a request, and the row that told it."""

    row: BatchRow
    finished: Finished


async def store_rows(rt: Runtime, batch: AnalysisBatch, project: Project, rows: Sequence[BatchRow]) -> int:
    """Store what these rows tell; how many of them answer no request that waits: the unknown and the doubled.

    May be cut short and begun again at any point: what is stored is stored once, and paid for once.
    """
    first: dict[UUID, BatchRow] = {}
    for row in rows:
        key = _key(row)
        if key is not None and not row.unanswered:
            first.setdefault(key, row)
    goals = {project.id: batch.goal}
    async with rt.db.read() as session:
        found = await session.execute(SENT, {"batch": batch.id, "ids": list(first)})
        sent = {one.taken.conversation_id: one for one in (_sent(batch, told) for told in found)}
        conversations = await read_conversations(session, list(sent), goals)
    answers = await asyncio.to_thread(_read, rt, batch, sent, conversations, first)
    await _store(rt, batch, project, answers)
    return sum(not row.unanswered for row in rows) - len(answers)


def _key(row: BatchRow) -> UUID | None:
    try:
        return UUID(row.custom_id)
    except ValueError:
        return None


def _sent(batch: AnalysisBatch, told: Row[Any]) -> _Sent:
    taken = Taken(told.conversation_id, batch.project_id, batch.run_id, batch.id, told.attempts)
    return _Sent(taken, told.covers, told.messages, told.handed_over, told.digest)


def _read(
    rt: Runtime,
    batch: AnalysisBatch,
    sent: Mapping[UUID, _Sent],
    conversations: Mapping[UUID, Conversation],
    rows: Mapping[UUID, BatchRow],
) -> list[_Answer]:
    return [
        _Answer(rows[key], _finished(rt, batch, one, conversations.get(key), rows[key]))
        for key, one in sorted(sent.items())
    ]


def _finished(
    rt: Runtime, batch: AnalysisBatch, sent: _Sent, conversation: Conversation | None, row: BatchRow
) -> Finished:
    """The verdict that the row holds, or why there is none."""
    model = row.made_by(batch.model)
    spent = spent_on(model, row.usage, rt.settings, batch=True)
    if row.fault is not None:
        return Failed(sent.taken, row.fault, spent)
    as_sent = None if conversation is None else _as_sent(conversation, sent)
    if as_sent is None:
        return Failed(sent.taken, EMPTY, spent, hopeless=True)
    prepared = prepare(as_sent, _brief_of(batch), batch.tokens)
    question = asked_of(prepared)
    if digest_of(question) != sent.digest:
        return Failed(sent.taken, OUTDATED, spent, counts=False)
    try:
        verdict = parse(ANALYSE.output, row.text, question.unmask)
    except Unusable:
        return Failed(sent.taken, "bad_output", spent)
    return Done(sent.taken, prepared.judged(verdict, model, spent))


def _as_sent(conversation: Conversation, sent: _Sent) -> Conversation | None:
    """The conversation as it was when it was asked about; it may have grown since."""
    lines = tuple(line for line in conversation.transcript.lines if line.position <= sent.covers)
    if not lines:
        return None
    grown = conversation.messages != sent.messages
    return replace(
        conversation,
        messages=sent.messages,
        ended_at=lines[-1].at or conversation.ended_at if grown else conversation.ended_at,
        transcript=replace(conversation.transcript, lines=lines, handed_over=sent.handed_over),
    )


async def _store(rt: Runtime, batch: AnalysisBatch, project: Project, answers: Sequence[_Answer]) -> None:
    """Store these together; one that the database refuses harms no other."""
    if not answers:
        return
    try:
        stored = await _store_together(rt, batch, answers)
    except REFUSED as error:
        if len(answers) > 1:
            for one in answers:
                await _store(rt, batch, project, [one])
            return
        log.warning("A verdict of a batch could not be stored: %s.", type(error).__name__)
        (refused,) = answers
        failed = Failed(refused.finished.taken, OUR_ERROR, refused.finished.spent)
        stored = await _store_together(rt, batch, [_Answer(refused.row, failed)])
    for one in stored:
        rt.calls.add(_record(rt, batch, one))


def _brief_of(batch: AnalysisBatch) -> Brief:
    """What went along with its requests, but for the prompt's words."""
    return Brief(project_id=batch.project_id, version=batch.prompt_version, label=batch.version, mask=batch.masked)


async def _store_together(rt: Runtime, batch: AnalysisBatch, answers: Sequence[_Answer]) -> list[_Answer]:
    ids = [one.finished.taken.conversation_id for one in answers]
    async with rt.db.begin() as session:
        await session.execute(HOLD, {"ids": ids})
        ours = set((await session.execute(ANSWERED, {"batch": batch.id, "ids": ids})).scalars())
        mine = [one for one in answers if one.finished.taken.conversation_id in ours]
        kept = await store(session, [one.finished for one in mine], rt.clock())
        await _count(session, batch.id, len(mine), kept)
    return mine


async def _count(session: AsyncSession, batch_id: UUID, answered: int, stored: int) -> None:
    values = {"answered": AnalysisBatch.answered + answered, "stored": AnalysisBatch.stored + stored}
    await session.execute(update(AnalysisBatch).where(AnalysisBatch.id == batch_id).values(values))


def _record(rt: Runtime, batch: AnalysisBatch, answer: _Answer) -> CallRecord:
    finished = answer.finished
    unusable = isinstance(finished, Failed) and finished.reason == "bad_output"
    return answer.row.record(
        ANALYSE.name,
        _brief_of(batch),
        batch.model,
        project_id=batch.project_id,
        conversation_id=finished.taken.conversation_id,
        at=rt.clock(),
        fault="bad_output" if unusable else None,
    )

"""How a batch gets its requests: conversations are leased to it some at a time and written to its file."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.analysis.analyse import Conversation, Prepared, prepare, read_conversations
from ouvidor.analysis.batch_costs import batch_terms
from ouvidor.analysis.budget import BUDGET, PRICE_UNKNOWN, Terms, affordable
from ouvidor.analysis.claim import LEASE, LOCK, Taken
from ouvidor.analysis.models import AnalysisBatch, AnalysisRun, RunState
from ouvidor.analysis.store import EMPTY, Failed, hand_back, store
from ouvidor.analysis.task import ANALYSE
from ouvidor.engines.asking import Question, question_of
from ouvidor.engines.base import Brief
from ouvidor.engines.batch_rows import BatchState
from ouvidor.engines.batches import RequestFile, request_line
from ouvidor.engines.spending import Spent
from ouvidor.engines.tokens import tokens_for_data
from ouvidor.prompts.active import brief
from ouvidor.runtime import Runtime

GROUP = 200

WAITING = text("""
select conversation_id, attempts from analysis_item
where run_id = :run and state = 'pending' and due_at <= :now order by due_at, conversation_id limit :most
""")
LEASED = text("""
select conversation_id, attempts from analysis_item
where run_id = :run and state = 'running' and lease = :batch order by due_at, conversation_id
""")
FORGET = text("delete from analysis_batch_request where batch_id = :batch")
WRITE_DOWN = text("""
insert into analysis_batch_request (batch_id, conversation_id, covers, messages, handed_over, digest, answered)
select :batch, c.id, told.covers, told.messages, told.handed_over, told.digest, false
from unnest(
    cast(:ids as uuid[]), cast(:covers as int[]), cast(:messages as int[]), cast(:handed_over as bool[]),
    cast(:digests as text[])
) as told (id, covers, messages, handed_over, digest)
join conversation c on c.id = told.id
order by c.id for key share of c
returning conversation_id
""")
"""What was erased meanwhile is not among those returned, and is not asked about."""


@dataclass(frozen=True)
class Request:
    """A conversation as it stands in the file."""

    taken: Taken
    conversation: Conversation
    digest: str
    line: bytes


class Filling:
    """One batch while its file is written; whatever was written before for it is forgotten."""

    def __init__(self, rt: Runtime, batch: AnalysisBatch, project: Project, file: RequestFile) -> None:
        self._rt = rt
        self._batch = batch
        self._project = project
        self._file = file

    async def fill(self) -> None:
        """Write as many requests as fit and as the budget allows; what is leased and does not fit is given back."""
        known = await brief(self._rt, self._project, ANALYSE.name, {"company": self._project.title})
        tokens = tokens_for_data(ANALYSE, known.prompt, self._rt.settings.llm_context_tokens)
        terms = await batch_terms(self._rt, self._project)
        leased = await self._begin_anew(known, tokens)
        for start in range(0, len(leased), GROUP):
            group = leased[start : start + GROUP]
            if not await self._write(group, known, tokens):
                await self._give_back(leased[start + GROUP :])
                return
        while self._file.left:
            group = await self._lease(terms, min(GROUP, self._file.left))
            if not group or not await self._write(group, known, tokens):
                return

    async def _begin_anew(self, known: Brief, tokens: int) -> list[Taken]:
        """Note with what the requests are made; what a process leased that did not come to the end."""
        batch = self._batch
        made_with = {
            "model": self._rt.engine.name,
            "version": known.label,
            "prompt_version": known.version,
            "tokens": tokens,
            "goal": self._project.analysis_goal,
            "masked": known.mask,
        }
        async with self._rt.db.begin() as session:
            await session.execute(FORGET, {"batch": batch.id})
            await session.execute(update(AnalysisBatch).where(AnalysisBatch.id == batch.id).values(**made_with))
            rows = await session.execute(LEASED, {"run": batch.run_id, "batch": batch.id})
            return [self._taken(row.conversation_id, row.attempts) for row in rows]

    async def _lease(self, terms: Terms, most: int) -> list[Taken]:
        """The next conversations of the run, leased; none where it is held up or nothing is left."""
        now, batch = self._rt.clock(), self._batch
        async with self._rt.db.begin() as session:
            await session.execute(LOCK)
            run = await waiting_run(session, batch.run_id)
            if run is None:
                return []
            values = {"run": batch.run_id, "now": now, "most": most}
            waiting = {row.conversation_id: row.attempts for row in await session.execute(WAITING, values)}
            if not waiting:
                return []
            found = await affordable(session, terms, list(waiting), now)
            if found.paused_for is not None:
                run.state, run.paused_for = RunState.PAUSED, found.paused_for
            elif run.state == RunState.PAUSED and found.reserves:
                run.state, run.paused_for = RunState.RUNNING, None
            ids = list(found.reserves)
            values = {
                "ids": ids,
                "leases": [batch.id] * len(ids),
                "reserved": list(found.reserves.values()),
                "now": now,
            }
            leased = (await session.execute(LEASE, values | {"seconds": self._rt.settings.stalled_seconds})).scalars()
            return [self._taken(one, waiting[one]) for one in sorted(leased)]

    async def _write(self, group: Sequence[Taken], known: Brief, tokens: int) -> bool:
        """Write these down and into the file; whether there may be room for more."""
        goals = {self._project.id: self._project.analysis_goal}
        async with self._rt.db.read() as session:
            found = await read_conversations(session, [one.conversation_id for one in group], goals)
        made = await asyncio.to_thread(self._requests, group, found, known, tokens)
        fit = made[: self._file.that_fit([one.line for one in made])]
        hopeless = [Failed(one, EMPTY, Spent(), called=False, hopeless=True) for one in group if not _has(found, one)]
        if made[len(fit) :] and not self._file.requests and not fit:
            hopeless.append(Failed(made[0].taken, "too_large", Spent(), called=False, hopeless=True))
        now = self._rt.clock()
        async with self._rt.db.begin() as session:
            kept = set((await session.execute(WRITE_DOWN, self._values(fit))).scalars()) if fit else set[UUID]()
            await store(session, hopeless, now)
            await hand_back(session, [one.taken for one in made[len(fit) :]], now)
        for one in fit:
            if one.taken.conversation_id in kept:
                self._file.add(one.line)
        return len(fit) == len(made)

    def _requests(
        self, group: Sequence[Taken], found: dict[UUID, Conversation], known: Brief, tokens: int
    ) -> list[Request]:
        made: list[Request] = []
        for taken in group:
            conversation = found.get(taken.conversation_id)
            if conversation is not None:
                question = asked_of(prepare(conversation, known, tokens))
                key, model = str(taken.conversation_id), self._rt.engine.name
                line = request_line(key, model, question, ANALYSE.name, ANALYSE.output)
                made.append(Request(taken, conversation, digest_of(question), line))
        return made

    def _values(self, fit: Sequence[Request]) -> dict[str, object]:
        return {
            "batch": self._batch.id,
            "ids": [one.conversation.id for one in fit],
            "covers": [one.conversation.covers for one in fit],
            "messages": [one.conversation.messages for one in fit],
            "handed_over": [one.conversation.transcript.handed_over for one in fit],
            "digests": [one.digest for one in fit],
        }

    async def _give_back(self, taken: Sequence[Taken]) -> None:
        async with self._rt.db.begin() as session:
            await hand_back(session, taken, self._rt.clock())

    def _taken(self, conversation_id: UUID, attempts: int) -> Taken:
        return Taken(conversation_id, self._batch.project_id, self._batch.run_id, self._batch.id, attempts)


def asked_of(prepared: Prepared) -> Question:
    """What the model is asked about it, as in a single call."""
    return question_of(ANALYSE, prepared.transcript, prepared.brief)


def digest_of(question: Question) -> str:
    """SHA-256 of what the model is given to judge, in hexadecimal."""
    return hashlib.sha256(question.user.encode("utf-8", "replace")).hexdigest()


async def waiting_run(session: AsyncSession, run_id: UUID) -> AnalysisRun | None:
    """The run, locked, if something new of it may begin: it is not held up, but perhaps for money."""
    query = (
        select(AnalysisRun)
        .join(Project, Project.id == AnalysisRun.project_id)
        .where(
            AnalysisRun.id == run_id,
            ~Project.analysis_paused,
            (AnalysisRun.state == RunState.RUNNING)
            | ((AnalysisRun.state == RunState.PAUSED) & AnalysisRun.paused_for.in_((BUDGET, PRICE_UNKNOWN))),
        )
        .with_for_update(of=AnalysisRun)
    )
    return (await session.execute(query)).scalar_one_or_none()


def new_batch(rt: Runtime, run: AnalysisRun) -> AnalysisBatch:
    """A batch of this run without requests, to be filled now by who makes it."""
    return AnalysisBatch(
        project_id=run.project_id,
        run_id=run.id,
        state=BatchState.FILLING,
        model=rt.engine.name,
        version="",
        tokens=0,
        goal="",
        masked=True,
        next_at=rt.clock(),
        created_at=rt.clock(),
    )


def _has(found: dict[UUID, Conversation], taken: Taken) -> bool:
    return taken.conversation_id in found

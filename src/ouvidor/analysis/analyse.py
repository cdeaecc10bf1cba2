"""One conversation analysed: read, fitted to the analyst, judged, and what that took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.analysis.addressed import without_addresses
from ouvidor.analysis.budget import LINE_TOKENS
from ouvidor.analysis.local.rate import VERSION as LOCAL_VERSION
from ouvidor.analysis.task import ANALYSE
from ouvidor.analysis.transcript import Line, Transcript
from ouvidor.analysis.verdict import Verdict, grounded_in
from ouvidor.engines.base import Brief
from ouvidor.engines.local import LOCAL
from ouvidor.engines.spending import Spent, spent_on
from ouvidor.engines.tokens import estimate_tokens, tokens_for_data
from ouvidor.prompts.active import brief
from ouvidor.runtime import Runtime

READ_AT_BEGINNING = 200
READ_AT_END = 1800
"""Of a conversation with more messages than both together, those between are not even read."""
SHARE_OF_BEGINNING = 3
LONGEST_SHARE = 4
"""The beginning gets a third of what fits; one line at most a quarter."""
LEFT_OUT = " […] "

CONVERSATIONS = text("""
select c.id, c.project_id, c.messages, c.unit, c.created_at, c.last_message_at,
    c.handover_reason is not null or c.status in ('waiting', 'person')
        or exists (select from turn t where t.conversation_id = c.id and t.move = 'handover') as handed_over
from conversation c where c.id = any(:ids)
""")
MESSAGES = text("""
select m.conversation_id, m.position, m.author, m.content, m.created_at
from message m join conversation c on c.id = m.conversation_id
where m.conversation_id = any(:ids) and m.author <> 'system'
    and (m.position <= :beginning or m.position > c.messages - :end)
order by m.conversation_id, m.position
""")


@dataclass(frozen=True)
class Conversation:
    """A conversation as it was read to be judged; `messages` is how many it had then, notices included."""

    id: UUID
    project_id: UUID
    messages: int
    unit: str | None
    began_at: datetime
    ended_at: datetime
    transcript: Transcript

    @property
    def covers(self) -> int:
        """The position of the last message that was read."""
        return self.transcript.lines[-1].position


@dataclass(frozen=True)
class Judged:
    """A verdict on a conversation, by whom, and what it took.

    `version` names the analyst: the prompt's label, or the local analyst's version. `trimmed` is how many messages did
    not fit; `addressed` that something in it spoke to the analyst, which then did not read that.
    """

    conversation: Conversation
    verdict: Verdict
    version: str
    prompt_version: UUID | None
    model: str
    spent: Spent
    addressed: bool = False
    trimmed: int = 0


@dataclass(frozen=True)
class Prepared:
    """A conversation as its analyst gets it, with the words that go along."""

    conversation: Conversation
    transcript: Transcript
    brief: Brief
    addressed: bool
    trimmed: int

    def judged(self, verdict: Verdict, model: str, spent: Spent) -> Judged:
        """What this verdict of this model on it is kept as."""
        return Judged(
            conversation=self.conversation,
            verdict=grounded_in(verdict, self.transcript),
            version=LOCAL_VERSION if model == LOCAL else self.brief.label,
            prompt_version=None if model == LOCAL else self.brief.version,
            model=model,
            spent=spent,
            addressed=self.addressed,
            trimmed=self.trimmed,
        )


async def read_conversations(
    session: AsyncSession, ids: Sequence[UUID], goals: Mapping[UUID, str]
) -> dict[UUID, Conversation]:
    """These conversations with their words; those without any, or that are gone, are missing.

    `goals` holds what each project wants to come of a conversation.
    """
    lines: dict[UUID, list[Line]] = {}
    values = {"ids": list(ids), "beginning": READ_AT_BEGINNING, "end": READ_AT_END}
    rows = (await session.execute(CONVERSATIONS, {"ids": list(ids)})).all()
    for row in await session.execute(MESSAGES, values):
        speaker = cast("Literal['customer', 'bot', 'person']", row.author)
        line = Line(row.position, speaker, row.content, row.created_at)
        lines.setdefault(row.conversation_id, []).append(line)
    return {
        row.id: Conversation(
            id=row.id,
            project_id=row.project_id,
            messages=row.messages,
            unit=row.unit,
            began_at=row.created_at,
            ended_at=row.last_message_at,
            transcript=Transcript(
                lines=tuple(lines[row.id]),
                goal=goals.get(row.project_id, ""),
                handed_over=row.handed_over or any(line.speaker == "person" for line in lines[row.id]),
            ),
        )
        for row in rows
        if row.id in lines
    }


def prepare(conversation: Conversation, known: Brief, tokens: int) -> Prepared:
    """The conversation as the analyst gets it: without what speaks to it, and as much as fits into so many tokens."""
    spoken, addressed = without_addresses(conversation.transcript)
    fit = fitted(spoken, tokens)
    unread = max(0, conversation.messages - READ_AT_BEGINNING - READ_AT_END)
    return Prepared(conversation, fit, known, addressed, trimmed=unread + len(spoken.lines) - len(fit.lines))


async def judge(rt: Runtime, project: Project, conversation: Conversation) -> Judged:
    """The verdict of the project's analyst on this conversation; never called inside a transaction.

    Raises:
        EngineFailed: a language model gave no usable answer.
    """
    known = await brief(rt, project, ANALYSE.name, {"company": project.title}, conversation_id=conversation.id)
    prepared = prepare(conversation, known, tokens_for_data(ANALYSE, known.prompt, rt.settings.llm_context_tokens))
    outcome = await rt.engine.run(ANALYSE, prepared.transcript, prepared.brief)
    spent = spent_on(outcome.model, outcome.effort.usage, rt.settings)
    return prepared.judged(outcome.output, outcome.model, spent)


def fitted(transcript: Transcript, tokens: int) -> Transcript:
    """As much of the transcript as fits into that many tokens: its beginning and its end.

    The beginning gets a third, the rest goes to the last lines; a line that would take more than a quarter is cut in
    its middle. Positions stay as they are, so a gap tells what is missing.
    """
    if sum(map(_tokens_of, transcript.lines)) <= tokens:
        return transcript
    lines = [_shortened(line, tokens // LONGEST_SHARE) for line in transcript.lines]
    first = _that_fit(lines, tokens // SHARE_OF_BEGINNING)
    left = tokens - sum(map(_tokens_of, lines[:first]))
    last = _that_fit(lines[first:][::-1], left)
    kept = [*lines[:first], *lines[max(first, len(lines) - last) :]]
    return replace(transcript, lines=tuple(kept or lines[-1:]))


def _that_fit(lines: Sequence[Line], tokens: int) -> int:
    """How many of the first lines fit."""
    for kept, line in enumerate(lines):
        tokens -= _tokens_of(line)
        if tokens < 0:
            return kept
    return len(lines)


def _tokens_of(line: Line) -> int:
    return estimate_tokens(line.text) + LINE_TOKENS


def _shortened(line: Line, tokens: int) -> Line:
    if _tokens_of(line) <= tokens:
        return line
    half = max(1, (tokens - LINE_TOKENS) // 2)
    return replace(line, text=f"{line.text[:half]}{LEFT_OUT}{line.text[-half:]}")

"""The document of an export: all that is kept of one conversation or customer, in a form that programs can read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.analysis.models import Analysis
from ouvidor.conversations.models import Conversation, Message, ShownSection, Turn
from ouvidor.feedback.models import Comment, CommentClassification
from ouvidor.monitoring.models import EngineCall
from ouvidor.privacy.purge_comments import written_by
from ouvidor.privacy.subjects import Kind, belongs_to

CHUNK = 200


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class SectionShown(_Row):
    """A section as the turn saw it; `cited` where the reply rests on it."""

    rank: int
    section_id: UUID | None
    heading: str | None
    content: str
    tier: str
    score: float
    cited: bool


class TurnKept(_Row):
    """What was decided in a turn, why, and on which sections; `withheld` is a draft that was not sent."""

    id: UUID
    number: int
    episode: int
    state: str
    move: str | None
    reason: str | None
    language: str | None
    confidence: float | None
    gate: float | None
    clarifications: int | None
    model: str | None
    prompt_label: str | None
    searched_for: str | None
    withheld: str | None
    findings: list[dict[str, str]]
    degraded: str | None
    started_at: datetime
    answered_at: datetime | None
    sections: list[SectionShown] = []


class MessageKept(_Row):
    """One message; `author` is customer, bot, person or system."""

    id: UUID
    turn_id: UUID | None
    position: int
    role: str
    author: str
    author_name: str | None
    content: str
    verified: bool
    created_at: datetime


class CallKept(_Row):
    """One run of an engine about the conversation; `prompt` and `answer` where the operator has them recorded."""

    turn_id: UUID | None
    task: str
    model: str
    prompt_label: str
    at: datetime
    latency: float
    fault: str | None
    degraded: bool
    prompt: str | None
    answer: str | None


class AnalysisKept(_Row):
    """What was judged of the conversation up to the message at the position `covers`, by whom."""

    covers: int
    version: str
    model: str
    satisfaction: int
    sentiment: str
    resolved: str
    goal_reached: str
    effort: int
    language: str
    topics: list[str]
    summary: list[dict[str, Any]]
    improvements: list[dict[str, Any]]
    faults: list[dict[str, Any]]
    confidence: float
    created_at: datetime


class ConversationKept(_Row):
    """One conversation with everything in it."""

    id: UUID
    helpdesk_id: str
    origin: str
    unit: str | None
    customer_id: str | None
    status: str
    episode: int
    language: str | None
    handover_reason: str | None
    holder_name: str | None
    waiting_since: datetime | None
    created_at: datetime
    last_message_at: datetime
    history: list[MessageKept] = []
    decisions: list[TurnKept] = []
    calls: list[CallKept] = []
    analyses: list[AnalysisKept] = []


class CommentKept(_Row):
    """One comment and what it was sorted into; `classifications` is every one that it ever had, the oldest first."""

    id: UUID
    external_id: str
    content: str
    fields: dict[str, str]
    author: str | None
    language: str
    sentiment: str
    category: str
    tags: list[dict[str, str]]
    confidence: float
    written_at: datetime
    received_at: datetime
    classifications: list["ClassificationKept"] = []


class ClassificationKept(_Row):
    """One classification of a comment, by the local classifier, a model or a person."""

    by: str
    model: str
    version: str
    category: str
    tags: list[dict[str, str]]
    sentiment: str
    confidence: float | None
    created_at: datetime


class PersonalData(BaseModel):
    """All that is kept of one conversation or customer."""

    form: Literal["ouvidor-personal-data/1"] = "ouvidor-personal-data/1"
    project: str = Field(examples=["ventara"])
    kind: Kind = Field(examples=["customer"])
    id: str = Field(examples=["4711"])
    made_at: datetime
    conversations: list[ConversationKept]
    comments: list[CommentKept] = []


async def read_conversations_of(
    session: AsyncSession, project_id: UUID, kind: Kind, subject: str
) -> list[ConversationKept]:
    """Every conversation that is meant, the oldest first, whole."""
    query = select(Conversation).where(belongs_to(project_id, kind, subject)).order_by(Conversation.id)
    rows = (await session.execute(query)).scalars().all()
    told: list[ConversationKept] = []
    for first in range(0, len(rows), CHUNK):
        told += await _read_some(session, rows[first : first + CHUNK])
    return told


async def read_comments_of(session: AsyncSession, project_id: UUID, author: str) -> list[CommentKept]:
    """Every comment of the project that names this author, the oldest first, with its history."""
    query = select(Comment).where(written_by(project_id, author)).order_by(Comment.id)
    told = {row.id: CommentKept.model_validate(row) for row in (await session.execute(query)).scalars()}
    entries = select(CommentClassification).where(CommentClassification.comment_id.in_(told))
    order = (CommentClassification.created_at, CommentClassification.id)
    for entry in (await session.execute(entries.order_by(*order))).scalars():
        told[entry.comment_id].classifications.append(ClassificationKept.model_validate(entry))
    return list(told.values())


async def _read_some(session: AsyncSession, rows: Sequence[Conversation]) -> list[ConversationKept]:
    told = {row.id: ConversationKept.model_validate(row) for row in rows}
    messages = select(Message).where(Message.conversation_id.in_(told)).order_by(Message.position)
    for message in (await session.execute(messages)).scalars():
        told[message.conversation_id].history.append(MessageKept.model_validate(message))
    turns = select(Turn).where(Turn.conversation_id.in_(told)).order_by(Turn.number)
    decided: dict[UUID, TurnKept] = {}
    for turn in (await session.execute(turns)).scalars():
        decided[turn.id] = TurnKept.model_validate(turn)
        told[turn.conversation_id].decisions.append(decided[turn.id])
    sections = select(ShownSection).where(ShownSection.turn_id.in_(decided)).order_by(ShownSection.rank)
    for section in (await session.execute(sections)).scalars():
        decided[section.turn_id].sections.append(SectionShown.model_validate(section))
    analyses = select(Analysis).where(Analysis.conversation_id.in_(told)).order_by(Analysis.created_at, Analysis.id)
    for analysis in (await session.execute(analyses)).scalars():
        told[analysis.conversation_id].analyses.append(AnalysisKept.model_validate(analysis))
    calls = select(EngineCall).where(EngineCall.conversation_id.in_(told)).order_by(EngineCall.at, EngineCall.id)
    for call in (await session.execute(calls)).scalars():
        if call.conversation_id is not None:
            told[call.conversation_id].calls.append(CallKept.model_validate(call))
    return list(told.values())

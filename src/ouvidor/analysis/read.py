"""Reading analyses: pages of them, one with its evidence, and the earlier ones of the same conversation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.analysis.models import Analysis
from ouvidor.analysis.verdict import BotFault, Evidence, Judgement, Point, Sentiment
from ouvidor.analysis.wanted import AnalysisFilter, Condition
from ouvidor.errors import NotFound

Order = Literal["newest", "worst"]

ORDERS: dict[Order, str] = {"newest": "began_at desc, id desc", "worst": "satisfaction, began_at desc, id desc"}
FOLLOWS: dict[Order, str] = {
    "newest": "(analysis.began_at, analysis.id) < (cast(:began_at as timestamptz), cast(:last as uuid))",
    "worst": "(analysis.satisfaction > :rating or analysis.satisfaction = :rating"
    " and (analysis.began_at, analysis.id) < (cast(:began_at as timestamptz), cast(:last as uuid)))",
}
PAGE = """
select analysis.*, conversation.helpdesk_id from analysis
join conversation on conversation.id = analysis.conversation_id
where analysis.id in (select id from analysis where {chosen} order by {order} limit :limit)
order by {qualified}
"""
ONE = """
select analysis.*, conversation.helpdesk_id from analysis
join conversation on conversation.id = analysis.conversation_id
where analysis.project_id = :project and analysis.id = :id
"""
HISTORY = """
select analysis.*, conversation.helpdesk_id from analysis
join conversation on conversation.id = analysis.conversation_id
where analysis.project_id = :project and analysis.conversation_id = :conversation
order by analysis.current desc, analysis.created_at desc, analysis.id desc
"""


class UnknownAnalysis(NotFound):
    """This project has no analysis with that id."""


class AnalysisOut(BaseModel):
    """What an analysis says of a conversation up to the message at the position `covers`.

    `current` marks the newest of its conversation; `version` names what judged: the prompt's label, or the local
    analyst with its version. `addressed` tells that somebody in the conversation spoke to the analyst.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "conversation_id": "0199f3a1-0000-7e0f-8a51-b0c9d3e4f5a6",
                "helpdesk_id": "4711",
                "unit": "Maresia Centro",
                "began_at": "2026-11-20T09:12:00Z",
                "ended_at": "2026-11-20T09:31:00Z",
                "satisfaction": 3,
                "sentiment": "negative",
                "resolved": "no",
                "goal_reached": "no",
                "effort": 8,
                "language": "pt",
                "topics": ["refund"],
                "handed_over": False,
                "summary": [{"text": "The guest asked three times for the refund of R$ 480.", "at": [1, 5, 9]}],
                "improvements": [{"text": "Answer the question of message 5 at once.", "at": [6]}],
                "faults": [{"kind": "unanswered_question", "what": "When will it be paid back?", "at": [5]}],
                "evidence": {"satisfaction": [9], "sentiment": [9], "resolved": [10], "goal": [10], "effort": [5, 9]},
                "confidence": 0.81,
                "covers": 10,
                "current": True,
                "version": "analysis 3",
                "prompt_version": None,
                "model": "gpt-5-mini",
                "addressed": False,
                "trimmed_messages": 0,
                "input_tokens": 1210,
                "output_tokens": 310,
                "input_price": 0.25,
                "output_price": 2.0,
                "cost": 0.0009225,
                "created_at": "2026-11-20T10:02:00Z",
            }
        }
    )

    id: UUID
    conversation_id: UUID
    helpdesk_id: str
    unit: str | None
    began_at: datetime
    ended_at: datetime
    satisfaction: int = Field(description="0 to 10.")
    sentiment: Sentiment
    resolved: Judgement
    goal_reached: Judgement
    effort: int = Field(description="The customer's, 0 to 10.")
    language: str
    topics: list[str]
    handed_over: bool
    summary: list[Point]
    improvements: list[Point]
    faults: list[BotFault]
    evidence: Evidence
    confidence: float = Field(description="That the satisfaction is right within two points, 0 to 1.")
    covers: int
    current: bool
    version: str
    prompt_version: UUID | None
    model: str
    addressed: bool
    trimmed_messages: int = Field(description="Messages of it that did not fit the analyst.")
    input_tokens: int
    output_tokens: int
    input_price: float | None = Field(description="US dollars per million tokens; null: unknown.")
    output_price: float | None = Field(description="US dollars per million tokens; null: unknown.")
    cost: float | None = Field(description="US dollars; null: unknown.")
    created_at: datetime


class AnalysisPage(BaseModel):
    """One page of analyses."""

    object: Literal["list"] = "list"
    data: list[AnalysisOut]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool


async def list_analyses(
    session: AsyncSession,
    project_id: UUID,
    wanted: AnalysisFilter,
    *,
    after: UUID | None = None,
    limit: int,
    order: Order = "newest",
) -> AnalysisPage:
    """A page of the current analyses, from the one after `after`: newest conversation first, or least satisfied.

    Raises:
        UnknownAnalysis: `after` is no analysis of this project.
    """
    last = None if after is None else await _one(session, project_id, after)
    return await analyses_behind(session, project_id, wanted, last, limit=limit, order=order)


async def analyses_behind(
    session: AsyncSession,
    project_id: UUID,
    wanted: AnalysisFilter,
    last: Row[Any] | AnalysisOut | None,
    *,
    limit: int,
    order: Order = "newest",
) -> AnalysisPage:
    """The page behind `last`, which need not be there any more."""
    rows = await _page(session, project_id, wanted, last, limit=limit + 1, order=order)
    data = [analysis_out(row) for row in rows[:limit]]
    return AnalysisPage(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(rows) > limit,
    )


async def read_analysis(session: AsyncSession, project_id: UUID, analysis_id: UUID) -> AnalysisOut:
    """One analysis of the project, current or not.

    Raises:
        UnknownAnalysis: the project has no such analysis.
    """
    return analysis_out(await _one(session, project_id, analysis_id))


async def analyses_of(session: AsyncSession, project_id: UUID, conversation_id: UUID) -> list[AnalysisOut]:
    """All analyses of a conversation of the project: the current one, then the others, the newest first."""
    rows = await session.execute(text(HISTORY), {"project": project_id, "conversation": conversation_id})
    return [analysis_out(row) for row in rows]


async def analysis_of(session: AsyncSession, project_id: UUID, conversation_id: UUID) -> UUID | None:
    """The id of the current analysis of a conversation of the project, if it has one."""
    own = (Analysis.project_id == project_id, Analysis.conversation_id == conversation_id, Analysis.current)
    return (await session.execute(select(Analysis.id).where(*own))).scalar_one_or_none()


def analysis_out(row: Row[Any]) -> AnalysisOut:
    """The analysis as clients read it."""
    return AnalysisOut.model_validate(row, from_attributes=True)


async def _one(session: AsyncSession, project_id: UUID, analysis_id: UUID) -> Row[Any]:
    found = (await session.execute(text(ONE), {"project": project_id, "id": analysis_id})).one_or_none()
    if found is None:
        raise UnknownAnalysis
    return found


async def _page(
    session: AsyncSession,
    project_id: UUID,
    wanted: AnalysisFilter,
    last: Row[Any] | AnalysisOut | None,
    *,
    limit: int,
    order: Order,
) -> Sequence[Row[Any]]:
    """The rows of a page; which ones is read from the index of the figures alone."""
    chosen = wanted.condition()
    if last is not None:
        begins = {"began_at": last.began_at, "last": last.id, "rating": last.satisfaction}
        values = {name: value for name, value in begins.items() if f":{name}" in FOLLOWS[order]}
        chosen = Condition(f"{chosen.text} and {FOLLOWS[order]}", {**chosen.values, **values})
    qualified = ", ".join(f"analysis.{column}" for column in ORDERS[order].split(", "))
    query = PAGE.format(chosen=chosen.text, order=ORDERS[order], qualified=qualified)
    return (await session.execute(text(query), {"project": project_id, "limit": limit, **chosen.values})).all()

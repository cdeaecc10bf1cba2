"""`/api/v1/analysis/`: analyses as flat rows, one for each conversation, under the names of the published contract."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select, tuple_

from ouvidor.accounts.access import Allowed, BearerDep, refuse_demo_from_afar
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.analysis.models import Analysis
from ouvidor.conversations.models import Conversation
from ouvidor.errors import Unauthenticated
from ouvidor.problems import problem_responses
from ouvidor.runtime import Runtime, RuntimeDep

AT_ONCE = 500

router = APIRouter(prefix="/api/v1/analysis", tags=["analyses"])


class FlatAnalysis(BaseModel):
    """The current analysis of a conversation. `summary` and `improvement` are bullets, one in each line.

    Prices are dollars a million tokens, null where nobody lists them. The session is the conversation, under the id
    that it has in the helpdesk; the motel is its unit, or the project where it has none.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "satisfaction": 8,
                "summary": "- Asked for a room on 12 March.\n- Booked for R$ 340.",
                "improvement": "- Name the check-in time with the booking.",
                "input_tokens": 1042,
                "output_tokens": 311,
                "input_tokens_price": 0.15,
                "output_tokens_price": 0.6,
                "llm_model": "gpt-4o-mini",
                "created_at": "2026-11-21T12:00:00Z",
                "session_id": "4711",
                "session_created_at": "2026-11-21T10:12:00Z",
                "motel_id": "Pousada Sol",
                "motel_name": "Pousada Sol",
            }
        }
    )

    id: UUID
    satisfaction: int
    summary: str
    improvement: str
    input_tokens: int
    output_tokens: int
    input_tokens_price: float | None
    output_tokens_price: float | None
    llm_model: str
    created_at: datetime
    session_id: str
    session_created_at: datetime
    motel_id: str
    motel_name: str

    @classmethod
    def of(cls, analysis: Analysis, helpdesk_id: str, project: "Shown") -> "FlatAnalysis":
        """From the table's row."""
        return cls(
            id=analysis.id,
            satisfaction=analysis.satisfaction,
            summary=_bullets(analysis.summary),
            improvement=_bullets(analysis.improvements),
            input_tokens=analysis.input_tokens,
            output_tokens=analysis.output_tokens,
            input_tokens_price=_number(analysis.input_price),
            output_tokens_price=_number(analysis.output_price),
            llm_model=analysis.model,
            created_at=analysis.created_at,
            session_id=helpdesk_id,
            session_created_at=analysis.began_at,
            motel_id=analysis.unit or project.name,
            motel_name=analysis.unit or project.title,
        )


@dataclass(frozen=True)
class Shown:
    """A project whose analyses the caller may see."""

    id: UUID
    name: str
    title: str


class ReaderOrDemo(Allowed):
    """Open to whoever may read analyses; without a credential the demo's are open to programs on this machine."""

    def __init__(self) -> None:
        super().__init__(Permission.ANALYSES_READ)

    async def __call__(self, request: Request, rt: RuntimeDep, credentials: BearerDep) -> list[Shown]:  # pyright: ignore[reportIncompatibleMethodOverride] - projects in place of a caller
        """The projects.

        Raises:
            Unauthenticated: no credential, and there is no demo; or one that is not valid.
            MissingScope, MissingPermission: the key or the person may not do this.
            DemoOffLoopback: the demo, from another machine.
        """
        if credentials is not None:
            project = (await super().__call__(request, rt, credentials)).project
            return [Shown(project.id, project.name, project.title)]
        async with rt.db.read() as session:
            query = select(Project.id, Project.name, Project.title).where(Project.demo).order_by(Project.name)
            found = [Shown(*row) for row in (await session.execute(query)).all()]
        if not found:
            raise Unauthenticated
        refuse_demo_from_afar(request)
        return found


@router.get(
    "/",
    summary="Analyses as flat rows",
    response_model=list[FlatAnalysis],
    response_class=StreamingResponse,
    responses=problem_responses(401, 403),
)
async def get_analyses(rt: RuntimeDep, projects: Annotated[list[Shown], Depends(ReaderOrDemo())]) -> StreamingResponse:
    """Every current analysis of the project, in the order in which they were made. In the demo no key is needed."""
    return StreamingResponse(_rows(rt, projects), media_type="application/json")


async def _rows(rt: Runtime, projects: Sequence[Shown]) -> AsyncGenerator[str]:
    """One JSON array, a chunk of 500 rows at a time; no transaction stays open."""
    between = "["
    for project in projects:
        after: tuple[datetime, UUID] | None = None
        while rows := await _chunk(rt, project, after):
            yield between + ",".join(FlatAnalysis.of(row, name, project).model_dump_json() for row, name in rows)
            between, after = ",", (rows[-1][0].created_at, rows[-1][0].id)
    yield "]" if between == "," else "[]"


async def _chunk(rt: Runtime, project: Shown, after: tuple[datetime, UUID] | None) -> list[tuple[Analysis, str]]:
    query = (
        select(Analysis, Conversation.helpdesk_id)
        .join(Conversation, Conversation.id == Analysis.conversation_id)
        .where(Analysis.project_id == project.id, Analysis.current)
        .order_by(Analysis.created_at, Analysis.id)
        .limit(AT_ONCE)
    )
    if after is not None:
        query = query.where(tuple_(Analysis.created_at, Analysis.id) > after)
    async with rt.db.read() as session:
        return [(row[0], row[1]) for row in (await session.execute(query)).all()]


def _bullets(points: Sequence[dict[str, str]]) -> str:
    return "\n".join(f"- {point['text']}" for point in points)


def _number(price: Decimal | None) -> float | None:
    return None if price is None else float(price)

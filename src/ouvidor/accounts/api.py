"""Our own routes of the project behind a key."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from ouvidor.accounts.access import Caller, public, requires
from ouvidor.accounts.permissions import Permission
from ouvidor.problems import problem_responses

router = APIRouter()

Reader = Annotated[Caller, requires(Permission.PROJECT_READ)]


class ProjectOut(BaseModel):
    """A project and its rules; phrases that are missing are the defaults in the customer's language."""

    id: UUID
    name: str
    title: str
    mode: Literal["clarification", "handover", "both"]
    n2_reply: Literal["answer_and_transfer", "transfer_only"]
    max_clarifications: int
    expiry_minutes: int
    sections_shown: int
    relevance_gate: float | None
    phrases: dict[str, dict[str, str]]
    handover_to: Literal["inbox", "elsewhere"]
    hold_minutes: int
    retention_days: int | None
    persona: str
    languages: list[Literal["pt", "en"]]


class Alive(BaseModel):
    """The server answers."""

    status: Literal["ok"] = "ok"


@router.get("/api/v1/project", tags=["project"], summary="The key's project", responses=problem_responses(401, 403))
async def get_project(caller: Reader) -> ProjectOut:
    """The project that this API key belongs to."""
    return ProjectOut.model_validate(caller.project, from_attributes=True)


@router.get("/healthz", tags=["operation"], summary="Alive?", dependencies=[public()])
async def get_health() -> Alive:
    """Whether this process answers."""
    return Alive()

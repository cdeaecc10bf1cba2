"""Our own routes of projects: the caller's own with its rules, a person's projects, and what each role may do."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ouvidor.accounts.access import Caller, LoggedIn, requires, requires_person
from ouvidor.accounts.paging import After, Limit, Page
from ouvidor.accounts.permissions import KEY_SCOPES, PERMISSIONS, Permission, Role
from ouvidor.accounts.projects import (
    Languages,
    Place,
    ProjectChanges,
    Title,
    change_project,
    found_project,
    places_of,
)
from ouvidor.accounts.roles import PERMISSION_MEANING, ROLE_MEANING
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter()

Reader = Annotated[Caller, requires(Permission.PROJECT_READ)]
Writer = Annotated[Caller, requires(Permission.PROJECT_WRITE)]
Person = Annotated[LoggedIn, requires_person()]


class ProjectOut(BaseModel):
    """A project and its rules; phrases that are missing are the defaults in the customer's language."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "name": "maresia",
                "title": "Rede Maresia de hotéis",
                "mode": "both",
                "n2_reply": "answer_and_transfer",
                "max_clarifications": 2,
                "expiry_minutes": 30,
                "sections_shown": 10,
                "relevance_gate": None,
                "phrases": {"transfer": {"pt": "Vou chamar alguém da recepção."}},
                "handover_to": "inbox",
                "hold_minutes": 30,
                "retention_days": 365,
                "mask_personal_data": True,
                "persona": "o assistente da Rede Maresia",
                "languages": ["pt", "en"],
                "analysis_goal": "a reserva foi fechada",
                "analysis_budget": 20.0,
                "analysis_idle_minutes": 30,
                "analysis_paused": False,
            }
        }
    )

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
    mask_personal_data: bool
    persona: str
    languages: list[Literal["pt", "en"]]
    analysis_goal: str
    analysis_budget: float | None
    analysis_idle_minutes: int
    analysis_paused: bool


class OwnProject(BaseModel):
    """A project that the person belongs to, and as what."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "name": "maresia",
                "title": "Rede Maresia de hotéis",
                "role": "owner",
                "created_at": "2026-11-20T09:12:00Z",
            }
        }
    )

    id: UUID
    name: str
    title: str
    role: Role
    created_at: datetime

    @classmethod
    def of(cls, place: Place) -> "OwnProject":
        """From the person's place in it."""
        project = place.project
        return cls(
            id=project.id, name=project.name, title=project.title, role=place.role, created_at=project.created_at
        )


class NewProject(BaseModel):
    """A project to make."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "maresia", "title": "Rede Maresia de hotéis", "languages": ["pt"]}},
    )

    name: str = Field(description="2 to 63 of a-z, 0-9, - and _; it stays for good.", max_length=63)
    title: Title = Field(description="As people read it; can be changed.")
    languages: Languages = Field(default=["pt", "en"], description="Languages answered in, the preferred one first.")


class PermissionOut(BaseModel):
    """One thing that somebody may be allowed to do; `for_keys` is whether an API key may hold it as a scope."""

    name: Permission
    meaning: str = Field(examples=["Read and search the knowledge."])
    for_keys: bool


class RoleOut(BaseModel):
    """A role and everything that it allows."""

    name: Role
    meaning: str = Field(examples=["Answers customers."])
    permissions: list[Permission]


class RolesOut(BaseModel):
    """The one table of permissions."""

    roles: list[RoleOut]
    permissions: list[PermissionOut]


@router.get("/api/v1/project", tags=["project"], summary="The caller's project", responses=problem_responses(401, 403))
async def get_project(caller: Reader) -> ProjectOut:
    """The project that this API key belongs to, or that the person chose at login."""
    return ProjectOut.model_validate(caller.project, from_attributes=True)


@router.patch(
    "/api/v1/project",
    tags=["project"],
    summary="Change its rules",
    responses=problem_responses(400, 401, 403, 422),
)
async def patch_project(rt: RuntimeDep, caller: Writer, changes: ProjectChanges) -> ProjectOut:
    """Change what is sent and leave the rest; it counts from the next turn on.

    Of phrases, too, only those that are sent change: null or an empty text goes back to the default.
    """
    async with rt.db.begin() as session:
        changed = await change_project(session, caller.project.id, changes, actor=caller.actor, now=rt.clock())
    return ProjectOut.model_validate(changed, from_attributes=True)


@router.get("/api/v1/projects", tags=["project"], summary="Your projects", responses=problem_responses(401, 403, 422))
async def get_projects(rt: RuntimeDep, person: Person, after: After = None, limit: Limit = 20) -> Page[OwnProject]:
    """The projects that the person belongs to, the newest first; name one at login to work in it."""
    async with rt.db.read() as session:
        places = await places_of(session, person.user.id)
    return Page[OwnProject].of(places, lambda place: place.project.id, OwnProject.of, after=after, limit=limit)


@router.post(
    "/api/v1/projects",
    tags=["project"],
    summary="Make a project",
    status_code=201,
    responses=problem_responses(400, 401, 403, 409, 422),
)
async def post_project(rt: RuntimeDep, person: Person, wanted: NewProject) -> OwnProject:
    """Make a project and be its owner; for operators of the installation only."""
    now = rt.clock()
    async with rt.db.begin() as session:
        made = await found_project(
            session, person.user, wanted.name, title=wanted.title, languages=wanted.languages, now=now
        )
    return OwnProject.of(Place(made, Role.OWNER))


@router.get(
    "/api/v1/roles",
    tags=["members"],
    summary="What each role may do",
    responses=problem_responses(401, 403),
    dependencies=[requires(Permission.PROJECT_READ)],
)
async def get_roles() -> RolesOut:
    """Every role with its permissions, and what each permission means; the table is the same in all projects."""
    return RolesOut(
        roles=[
            RoleOut(
                name=role,
                meaning=ROLE_MEANING[role],
                permissions=[permission for permission in Permission if permission in allowed],
            )
            for role, allowed in PERMISSIONS.items()
        ],
        permissions=[
            PermissionOut(name=permission, meaning=meaning, for_keys=permission in KEY_SCOPES)
            for permission, meaning in PERMISSION_MEANING.items()
        ],
    )

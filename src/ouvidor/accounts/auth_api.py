"""Our own routes of people who use the API: log in, refresh, log out, change the password, and who am I."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from ouvidor.accounts.access import LoggedIn, public, refuse_demo_from_afar, requires_person
from ouvidor.accounts.login import (
    ApiLogin,
    Here,
    begin_api_login,
    change_password,
    continue_api_login,
    end_api_login,
    log_in,
    sign_out_everywhere,
)
from ouvidor.accounts.models import User
from ouvidor.accounts.passwords import LONGEST_PASSWORD
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.projects import Place, places_of
from ouvidor.accounts.throttle import address_of
from ouvidor.accounts.tokens import project_of_login
from ouvidor.accounts.users import LONGEST_NAME, LONGEST_USERNAME, rename_user
from ouvidor.inputs import StorableText
from ouvidor.problems import problem_responses
from ouvidor.runtime import Runtime, RuntimeDep

router = APIRouter(prefix="/api/v1", tags=["people"])

PersonDep = Annotated[LoggedIn, requires_person()]
UserAgent = Annotated[str, Header(include_in_schema=False)]
Username = Annotated[StorableText, Field(min_length=1, max_length=LONGEST_USERNAME)]
Password = Annotated[StorableText, Field(min_length=1, max_length=LONGEST_PASSWORD)]


class LoginIn(BaseModel):
    """Name and password; the tokens are for the project named, else for the first of the person's."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"username": "marina", "password": "correct horse battery", "project": "seaside"}
        },
    )

    username: Username
    password: Password
    project: Annotated[StorableText, Field(max_length=63)] | None = Field(
        default=None, description="Name of a project that the person belongs to; without it the first by title."
    )


class RefreshIn(BaseModel):
    """A refresh token that was not used yet."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"refresh": "ouv_refresh_…"}})

    refresh: StorableText = Field(min_length=1, max_length=200)


class PasswordIn(BaseModel):
    """The password so far, and the one to have from now on: 10 to 1000 characters."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"old": "correct horse battery", "new": "staple of the harbour"}}
    )

    old: Password
    new: Password


class MeIn(BaseModel):
    """What a person may change of themselves."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Marina Duarte"}})

    name: StorableText = Field(
        max_length=LONGEST_NAME, description="As customers and colleagues read it; empty: the user name."
    )


class TokensOut(BaseModel):
    """An access token for the header `Authorization`, and the refresh token, good for one use, that gives the next."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "access": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…",
                "refresh": "ouv_refresh_…",
                "token_type": "Bearer",
                "expires_in": 900,
                "project": "seaside",
            }
        }
    )

    access: str
    refresh: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds until the access token ends.")
    project: str | None = Field(description="Name of the project that the tokens are for; null for a person of none.")

    @classmethod
    def of(cls, login: ApiLogin) -> "TokensOut":
        """From the deed's answer."""
        name = login.project.name if login.project else None
        tokens = login.tokens
        return cls(access=tokens.access, refresh=tokens.refresh, expires_in=tokens.expires_in, project=name)


class PlaceOut(BaseModel):
    """A project of the person, and their role in it."""

    project: str
    title: str
    role: Role


class MeOut(BaseModel):
    """The person behind the access token; `current` is the project that the token is for."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "username": "marina",
                "name": "Marina Duarte",
                "operator": False,
                "current": {"project": "seaside", "title": "Seaside", "role": "agent"},
                "memberships": [{"project": "seaside", "title": "Seaside", "role": "agent"}],
            }
        }
    )

    id: UUID
    username: str
    name: str = Field(description="As customers and colleagues read it; the user name where none was given.")
    operator: bool = Field(description="Whether the person may make projects.")
    current: PlaceOut | None
    memberships: list[PlaceOut]


class Done(BaseModel):
    """It is done."""

    status: Literal["ok"] = "ok"


@router.post(
    "/auth/login",
    summary="Log in",
    responses=problem_responses(400, 401, 403, 404, 422, 429),
    dependencies=[public()],
)
async def post_login(request: Request, rt: RuntimeDep, asked: LoginIn, user_agent: UserAgent = "") -> TokensOut:
    """Tokens for a person's name and password.

    The access token holds for 15 minutes, the login for 30 days. Too many wrong attempts are answered with 429 and
    `Retry-After` before the password is looked at.
    """
    user = await log_in(rt, asked.username, asked.password, address=address_of(request))
    if user.demo:
        refuse_demo_from_afar(request)
    return TokensOut.of(await begin_api_login(rt, user, project=asked.project, program=user_agent))


@router.post(
    "/auth/refresh",
    summary="Refresh",
    responses=problem_responses(400, 401, 422),
    dependencies=[public()],
)
async def post_refresh(rt: RuntimeDep, asked: RefreshIn) -> TokensOut:
    """The next tokens of a login.

    A refresh token is good for one use. Its second use means that somebody has a copy: the whole login ends then.
    """
    return TokensOut.of(await continue_api_login(rt, asked.refresh))


@router.post("/auth/logout", summary="Log out", responses=problem_responses(401, 403))
async def post_logout(rt: RuntimeDep, person: PersonDep) -> Done:
    """End this login: its access and refresh tokens are worth nothing from now on."""
    await end_api_login(rt, person.user, person.family_id)
    return Done()


@router.post("/auth/logout-everywhere", summary="Log out everywhere", responses=problem_responses(401, 403))
async def post_logout_everywhere(rt: RuntimeDep, person: PersonDep) -> Done:
    """End every login of the person through the API and every sign-in on the pages, this one too."""
    await sign_out_everywhere(rt, person.user)
    return Done()


@router.post("/auth/password", summary="Change the password", responses=problem_responses(400, 401, 403, 422, 429))
async def post_password(request: Request, rt: RuntimeDep, person: PersonDep, asked: PasswordIn) -> Done:
    """Change the person's own password. This login stays; every other one, and every sign-in on the pages, ends."""
    here = Here(family_id=person.family_id)
    await change_password(rt, person.user, asked.old, asked.new, address=address_of(request), here=here)
    return Done()


@router.get("/me", summary="Who am I?", responses=problem_responses(401, 403))
async def get_me(rt: RuntimeDep, person: PersonDep) -> MeOut:
    """The person behind the access token, the project it is for, and all projects they belong to."""
    return await _me(rt, person.user, person.family_id)


@router.patch("/me", summary="Change my name", responses=problem_responses(400, 401, 403, 422))
async def patch_me(rt: RuntimeDep, person: PersonDep, asked: MeIn) -> MeOut:
    """Change how customers and colleagues read the person's name."""
    async with rt.db.begin() as session:
        user = await rename_user(session, person.user.id, asked.name, rt.clock())
    return await _me(rt, user, person.family_id)


async def _me(rt: Runtime, user: User, family_id: UUID) -> MeOut:
    async with rt.db.read() as session:
        places = await places_of(session, user.id)
        current = await project_of_login(session, family_id)
    return MeOut(
        id=user.id,
        username=user.username,
        name=user.shown_name,
        operator=user.operator,
        current=next((_place(place) for place in places if current and place.project.id == current.id), None),
        memberships=[_place(place) for place in places],
    )


def _place(place: Place) -> PlaceOut:
    return PlaceOut(project=place.project.name, title=place.project.title, role=place.role)

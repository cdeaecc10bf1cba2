"""The published routes of accounts (`/api/auth/*`): their names and shapes are the contract's, the work is ours."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from ouvidor.accounts.access import public, refuse_demo_from_afar
from ouvidor.accounts.login import ApiLogin, begin_api_login, continue_api_login, log_in
from ouvidor.accounts.passwords import LONGEST_PASSWORD
from ouvidor.accounts.registration import register
from ouvidor.accounts.throttle import address_of
from ouvidor.accounts.users import LONGEST_USERNAME
from ouvidor.inputs import StorableText
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/auth", tags=["published: accounts"], dependencies=[public()])

UserAgent = Annotated[str, Header(include_in_schema=False)]


class Credentials(BaseModel):
    """Name and password. Fields that are not listed here are ignored."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"example": {"username": "marina", "password": "correct horse battery"}},
    )

    username: StorableText = Field(min_length=1, max_length=LONGEST_USERNAME)
    password: StorableText = Field(min_length=1, max_length=LONGEST_PASSWORD)


class Refresh(BaseModel):
    """A refresh token. Fields that are not listed here are ignored."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"example": {"refresh": "ouv_refresh_…"}})

    refresh: StorableText = Field(min_length=1, max_length=200)


class Registered(BaseModel):
    """The new account."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6", "username": "marina"}}
    )

    id: UUID
    username: str


class Tokens(BaseModel):
    """The access token, and the refresh token, good for one use, that gives the next pair."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"access": "eyJhbGciOiJIUzI1NiIs…", "refresh": "ouv_refresh_…"}}
    )

    access: str
    refresh: str

    @classmethod
    def of(cls, login: ApiLogin) -> "Tokens":
        """From the deed's answer."""
        return cls(access=login.tokens.access, refresh=login.tokens.refresh)


@router.post(
    "/register", status_code=201, summary="Make an account", responses=problem_responses(400, 403, 409, 422, 429)
)
async def post_register(request: Request, rt: RuntimeDep, asked: Credentials) -> Registered:
    """An account with a project of its own, where the operator has opened registration; 403 where not."""
    user = await register(rt, asked.username, asked.password, address=address_of(request))
    return Registered(id=user.id, username=user.username)


@router.post("/login", summary="Log in", responses=problem_responses(400, 401, 403, 422, 429))
async def post_login(request: Request, rt: RuntimeDep, asked: Credentials, user_agent: UserAgent = "") -> Tokens:
    """Tokens for a name and a password, for the first of the person's projects by title."""
    user = await log_in(rt, asked.username, asked.password, address=address_of(request))
    if user.demo:
        refuse_demo_from_afar(request)
    return Tokens.of(await begin_api_login(rt, user, project=None, program=user_agent))


@router.post("/refresh", summary="Refresh", responses=problem_responses(400, 401, 422))
async def post_refresh(rt: RuntimeDep, asked: Refresh) -> Tokens:
    """The next tokens of a login. The refresh token in the answer is new: the one sent is used up."""
    return Tokens.of(await continue_api_login(rt, asked.refresh))

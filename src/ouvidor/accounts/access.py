"""Who may call a route: each states its policy as a dependency; a test walks the routes and finds the naked ones."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ouvidor.accounts.audit import Actor
from ouvidor.accounts.keys import PREFIX, holder_of, note_use
from ouvidor.accounts.models import Project, User
from ouvidor.accounts.permissions import PERMISSIONS, Permission
from ouvidor.accounts.projects import UnknownProject
from ouvidor.accounts.tokens import TokenHolder, holder_of_token
from ouvidor.errors import Forbidden, Unauthenticated
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.settings import LOOPBACK

bearer = HTTPBearer(
    auto_error=False,
    description="An API key of a project (`ouv_live_…`), or the access token that `/api/v1/auth/login` gives a person.",
)
BearerDep = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


class MissingScope(Forbidden):
    """This API key lacks the scope that the route needs."""


class MissingPermission(Forbidden):
    """Your role in this project does not allow that; an owner can change it."""


class NoProjectChosen(Forbidden):
    """This login is for no project: you are a member of none. Ask for an invitation, then log in again."""


class PeopleOnly(Forbidden):
    """Only a person can do this: log in and send the access token, not an API key."""


class DemoOffLoopback(Forbidden):
    """Demo credentials work on this machine only; create a project with a key of its own."""


class Policy(Protocol):
    """What the route test looks for: a dependency with a stated name."""

    policy: str


@dataclass(frozen=True)
class Caller:
    """Who calls, in which project, and what they may do there. `name` is what others read."""

    project: Project
    actor: Actor
    permissions: frozenset[str]

    @property
    def id(self) -> UUID:
        """The user's or the key's id."""
        assert self.actor.id is not None
        return self.actor.id

    @property
    def name(self) -> str:
        """The person's name, or the key's label."""
        return self.actor.name

    def may(self, permission: Permission) -> bool:
        """Whether the caller has this permission."""
        return permission in self.permissions


@dataclass(frozen=True)
class LoggedIn:
    """A person who calls with an access token, whatever their project."""

    user: User
    family_id: UUID

    @property
    def actor(self) -> Actor:
        """The person, as the audit log names them."""
        return Actor("user", self.user.shown_name, self.user.id)


class Public:
    """Open to everybody."""

    policy = "public"

    async def __call__(self) -> None:
        """Let everybody in."""


class Allowed:
    """Open to a key of the project with this scope, and to a person whose role in it has this permission."""

    def __init__(self, permission: Permission) -> None:
        self.policy = f"needs:{permission}"
        self.permission = permission

    async def __call__(self, request: Request, rt: RuntimeDep, credentials: BearerDep) -> Caller:
        """The caller.

        Raises:
            Unauthenticated: no credential, or not a valid one.
            MissingScope, MissingPermission: the key or the person may not do this.
            NoProjectChosen: the person's login is for no project.
            DemoOffLoopback: a demo credential from another machine.
        """
        if credentials is None:
            raise Unauthenticated
        caller = await caller_of(request, rt, credentials.credentials)
        if not caller.may(self.permission):
            if caller.actor.kind == "key":
                raise MissingScope(f"This API key lacks the scope {self.permission}.")
            raise MissingPermission
        return caller


class Person:
    """Open to a person with an access token."""

    policy = "person:token"

    async def __call__(self, request: Request, rt: RuntimeDep, credentials: BearerDep) -> LoggedIn:
        """The person.

        Raises:
            Unauthenticated: no access token, or not a valid one.
            PeopleOnly: an API key.
            DemoOffLoopback: a demo user from another machine.
        """
        if credentials is None:
            raise Unauthenticated
        if credentials.credentials.startswith(PREFIX):
            await caller_of(request, rt, credentials.credentials)
            raise PeopleOnly
        holder = await _token_holder(request, rt, credentials.credentials, rt.clock())
        return LoggedIn(holder.user, holder.family_id)


def requires(permission: Permission) -> Any:
    """The route's policy: whoever has this permission, by key or by role."""
    return Depends(Allowed(permission))


def requires_person() -> Any:
    """The route's policy: a person with an access token, whatever their role."""
    return Depends(Person())


def public() -> Any:
    """The route's policy: everybody."""
    return Depends(Public())


async def caller_of(request: Request, rt: Runtime, text: str) -> Caller:
    """Whoever this bearer text stands for.

    Raises:
        UnknownApiKey, BadToken: it is not valid.
        NoProjectChosen: a person without a project.
        DemoOffLoopback: a demo credential from another machine.
    """
    now = rt.clock()
    if text.startswith(PREFIX):
        async with rt.db.statements() as connection:
            holder = await holder_of(connection, text, now)
            await note_use(connection, holder, now)
        if holder.demo:
            refuse_demo_from_afar(request)
        return Caller(holder.project, Actor("key", holder.label, holder.key_id), holder.scopes)
    person = await _token_holder(request, rt, text, now)
    if person.project is None or person.role is None:
        raise NoProjectChosen
    actor = Actor("user", person.user.shown_name, person.user.id)
    return Caller(person.project, actor, PERMISSIONS[person.role])


async def _token_holder(request: Request, rt: Runtime, text: str, now: datetime) -> TokenHolder:
    async with rt.db.read() as session:
        holder = await holder_of_token(session, rt.secret, text, now)
    if holder.user.demo:
        refuse_demo_from_afar(request)
    return holder


def refuse_demo_from_afar(request: Request) -> None:
    """Demo credentials are printed on a screen, so they are worth nothing from another machine or through a proxy.

    Raises:
        DemoOffLoopback: the request came from elsewhere.
    """
    direct = request.client is not None and request.client.host in LOOPBACK
    if not direct or "forwarded" in request.headers or "x-forwarded-for" in request.headers:
        raise DemoOffLoopback


def own_project(caller: Caller, name: str) -> Project:
    """The caller's project, provided the request names it and no other.

    Raises:
        UnknownProject: it names another one; whether that exists is not said.
    """
    if name != caller.project.name:
        raise UnknownProject("This credential belongs to no project of that name.")
    return caller.project

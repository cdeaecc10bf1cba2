"""Who visits a page: a signed-in person, and the project that the address names, if they belong to it."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from ouvidor.accounts.access import Caller, MissingPermission, refuse_demo_from_afar
from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project, User
from ouvidor.accounts.permissions import PERMISSIONS, Permission
from ouvidor.accounts.projects import Place, UnknownProject, places_of
from ouvidor.accounts.signins import COOKIE, is_form_token, signed_in_user
from ouvidor.errors import Forbidden, Unauthenticated
from ouvidor.runtime import Runtime, RuntimeDep

TOKEN_FIELD = "form_token"  # noqa: S105 - a field's name
TOKEN_HEADER = "x-form-token"  # noqa: S105 - a header's name
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = ("application/x-www-form-urlencoded", "multipart/")


class SignInNeeded(Unauthenticated):
    """Sign in to see this page."""

    headers = {}  # noqa: RUF012 - no bearer challenge for a browser


class ForeignForm(Forbidden):
    """This form did not come from a page of this sign-in; reload the page and send it again."""


@dataclass(frozen=True)
class Person:
    """A signed-in person with their places in projects; `cookie` is the sign-in's secret."""

    user: User
    places: tuple[Place, ...]
    cookie: str

    @property
    def actor(self) -> Actor:
        """The person, as the audit log names them."""
        return Actor("user", self.user.shown_name, self.user.id)


@dataclass(frozen=True)
class Member:
    """A signed-in person on a page of one of their projects."""

    person: Person
    place: Place

    @property
    def project(self) -> Project:
        """The project that the page is of."""
        return self.place.project

    @property
    def caller(self) -> Caller:
        """The person, as deeds know those who call for them."""
        return Caller(self.place.project, self.person.actor, PERMISSIONS[self.place.role])

    def may(self, permission: Permission) -> bool:
        """Whether the person's role has this permission."""
        return permission in PERMISSIONS[self.place.role]


class Anybody:
    """Open to all; greets those who are signed in."""

    policy = "public"

    async def __call__(self, request: Request, rt: RuntimeDep) -> Person | None:
        """The person, if somebody is signed in."""
        return await read_person(request, rt)


class SignedIn:
    """Open to a signed-in person; forms must come from our own pages."""

    policy = "person"

    async def __call__(self, request: Request, rt: RuntimeDep) -> Person:
        """The person behind the cookie.

        Raises:
            SignInNeeded: no cookie, or it no longer holds.
            ForeignForm: a form without the token of this sign-in, or from another site.
        """
        return await person_of(request, rt)


class MemberOf:
    """Open to members of the path's project whose role has the permission; for strangers it does not exist."""

    def __init__(self, permission: Permission) -> None:
        self.policy = f"member:{permission}"
        self.permission = permission

    async def __call__(self, request: Request, rt: RuntimeDep, project: str) -> Member:
        """The person and the project.

        Raises:
            SignInNeeded, ForeignForm: see `SignedIn`.
            UnknownProject: there is none of that name, or the person does not belong to it.
            MissingPermission: the person's role does not allow this.
        """
        person = await person_of(request, rt)
        found = next((place for place in person.places if place.project.name == project), None)
        if found is None:
            raise UnknownProject("There is no such project, or you are not a member of it.")
        request.state.project = found.project
        member = Member(person, found)
        if not member.may(self.permission):
            raise MissingPermission
        return member


def member_with(permission: Permission) -> Any:
    """The page's policy: a member of the path's project with this permission."""
    return Depends(MemberOf(permission))


AnybodyDep = Annotated[Person | None, Depends(Anybody())]
PersonDep = Annotated[Person, Depends(SignedIn())]


async def read_person(request: Request, rt: Runtime) -> Person | None:
    """Who signed in with this browser, if anybody; demo users count on this machine only."""
    cookie = request.cookies.get(COOKIE, "")
    if not cookie:
        return None
    async with rt.db.read() as session:
        user = await signed_in_user(session, cookie, rt.clock())
        if user is None:
            return None
        places = tuple(await places_of(session, user.id))
    if user.demo:
        refuse_demo_from_afar(request)
    return Person(user, places, cookie)


async def person_of(request: Request, rt: Runtime) -> Person:
    """See `SignedIn`."""
    person = await read_person(request, rt)
    if person is None:
        raise SignInNeeded
    if request.method not in SAFE_METHODS:
        refuse_other_sites(request)
        if not is_form_token(rt.secret, person.cookie, await _sent_token(request)):
            raise ForeignForm
    return person


def refuse_other_sites(request: Request) -> None:
    """Let only requests of our own pages through (Fetch metadata; where a browser sends none, the Origin).

    Raises:
        ForeignForm: the browser says that another site sent it, or nothing says where it is from.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own_host = origin is not None and origin.partition("://")[2] == request.headers.get("host")
    if not (site == "same-origin" if site is not None else own_host):
        raise ForeignForm


async def _sent_token(request: Request) -> str:
    header = request.headers.get(TOKEN_HEADER)
    if header is not None:
        return header
    if not request.headers.get("content-type", "").startswith(FORMS):
        return ""
    sent = (await request.form()).get(TOKEN_FIELD)
    return sent if isinstance(sent, str) else ""

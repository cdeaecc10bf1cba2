"""The page of an invitation: what it lets its holder join, with a new account or the one that is signed in."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, Field

from ouvidor.accounts.access import public
from ouvidor.accounts.invitations import (
    Joined,
    UnknownInvitation,
    accept_invitation,
    find_invitation,
    join_as_new_person,
)
from ouvidor.accounts.models import User
from ouvidor.accounts.passwords import LONGEST_PASSWORD, WeakPassword
from ouvidor.accounts.signins import COOKIE, close_signin, open_signin, readable_browser
from ouvidor.accounts.throttle import TooManyAttempts, address_of
from ouvidor.accounts.users import clean_name
from ouvidor.errors import Conflict, Unprocessable
from ouvidor.inputs import StorableText
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.manage import ClosedInvitationPage, JoinPage
from ouvidor.web.frames import frame_of
from ouvidor.web.signing import minutes_to_wait
from ouvidor.web.visits import AnybodyDep, Person, PersonDep, refuse_other_sites

router = APIRouter(include_in_schema=False)


class AccountForm(BaseModel):
    """The account to make; what breaks a rule comes back with the form."""

    username: str = Field(default="", max_length=2000)
    name: str = Field(default="", max_length=2000)
    password: StorableText = Field(default="", max_length=LONGEST_PASSWORD * 2)


@router.get("/join/{text}")
async def get_invitation(request: Request, rt: RuntimeDep, person: AnybodyDep, text: str) -> Response:
    """What the invitation is for; whoever is signed in joins with one button, others make an account."""
    try:
        return show(request, await _page(request, rt, person, text))
    except UnknownInvitation as error:
        return _closed(request, rt, person, error)


@router.post("/join/{text}")
async def post_joined(request: Request, rt: RuntimeDep, person: PersonDep, text: str) -> Response:
    """Join as the person who is signed in."""
    try:
        async with rt.db.begin() as session:
            project = await accept_invitation(session, text, person.user, rt.clock())
    except UnknownInvitation as error:
        return _closed(request, rt, person, error)
    return go_to(f"/projects/{project.name}/overview")


@router.post("/join/{text}/account", dependencies=[public(), Depends(refuse_other_sites)])
async def post_account(request: Request, rt: RuntimeDep, text: str, form: Annotated[AccountForm, Form()]) -> Response:
    """Make an account, join with it and sign in."""
    try:
        page = await _page(request, rt, None, text)
        joined = await _join(request, rt, text, form, page)
    except UnknownInvitation as error:
        return _closed(request, rt, None, error)
    if isinstance(joined, Response):
        return joined
    response = go_to(f"/projects/{joined.project.name}/overview")
    await _sign_in(request, response, rt, joined.user)
    return response


async def _page(request: Request, rt: Runtime, person: Person | None, text: str) -> JoinPage:
    async with rt.db.read() as session:
        found = await find_invitation(session, text, rt.clock())
    frame = replace(frame_of(request, rt, person), address=f"/join/{text}", project=None)
    places = person.places if person else ()
    return JoinPage(
        frame=frame,
        address=f"/join/{text}",
        project=found.project.title,
        role=found.role,
        member=next((place.role for place in places if place.project.id == found.project.id), ""),
    )


def _closed(request: Request, rt: Runtime, person: Person | None, error: UnknownInvitation) -> Response:
    frame = replace(frame_of(request, rt, person), address="/join/closed", project=None)
    return show(request, ClosedInvitationPage(frame), error.status)


async def _join(request: Request, rt: Runtime, text: str, form: AccountForm, page: JoinPage) -> Joined | Response:
    """Who joined; or the page again, with what was typed and what was refused of it."""
    typed, address = replace(page, username=form.username, name=form.name), address_of(request)
    try:
        return await join_as_new_person(rt, text, form.username, form.password, address=address, name=form.name)
    except TooManyAttempts as error:
        response = show(request, replace(typed, minutes=minutes_to_wait(error)), error.status)
        response.headers.update(error.response_headers())
        return response
    except WeakPassword:
        wrong = "password"
    except Conflict:
        wrong = "taken"
    except Unprocessable:
        wrong = "username" if _is_name(form.name) else "name"
    return show(request, replace(typed, wrong=wrong), 409 if wrong == "taken" else 422)


def _is_name(text: str) -> bool:
    try:
        clean_name(text)
    except Unprocessable:
        return False
    return True


async def _sign_in(request: Request, response: Response, rt: Runtime, user: User) -> None:
    """A sign-in of the new person, in the place of whatever this browser had."""
    hours, browser = rt.settings.session_hours, readable_browser(request.headers.get("user-agent", ""))
    async with rt.db.begin() as session:
        await close_signin(session, request.cookies.get(COOKIE, ""))
        cookie = await open_signin(session, user, now=rt.clock(), hours=hours, browser=browser)
    secure = request.url.scheme == "https" or (rt.settings.public_url or "").startswith("https:")
    response.set_cookie(COOKIE, cookie, max_age=hours * 3600, path="/", secure=secure, httponly=True, samesite="lax")

"""Signing in and out on the pages."""

import math
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, Field

from ouvidor.accounts.access import public, refuse_demo_from_afar
from ouvidor.accounts.login import log_in
from ouvidor.accounts.models import User
from ouvidor.accounts.passwords import LONGEST_PASSWORD
from ouvidor.accounts.signins import COOKIE, close_signin, open_signin, readable_browser
from ouvidor.accounts.throttle import TooManyAttempts, address_of
from ouvidor.accounts.users import LONGEST_USERNAME, WrongPassword
from ouvidor.inputs import StorableText
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.entry import NoProjectPage, SignInPage
from ouvidor.web.frames import frame_of
from ouvidor.web.visits import AnybodyDep, PersonDep, refuse_other_sites

router = APIRouter(include_in_schema=False)


class SignInForm(BaseModel):
    """What the sign-in form sends."""

    username: StorableText = Field(max_length=LONGEST_USERNAME)
    password: StorableText = Field(max_length=LONGEST_PASSWORD)
    then: str = "/"


def own_address(text: str) -> str:
    """The address if it is a path of ours, else the start page (no open redirect)."""
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() else "/"


def minutes_to_wait(error: TooManyAttempts) -> int:
    """The wait in whole minutes, rounded up."""
    return math.ceil(error.retry_after / 60)


@router.get("/sign-in")
async def get_sign_in(request: Request, rt: RuntimeDep, person: AnybodyDep, then: str = "/") -> Response:
    """The form; who is signed in already goes on."""
    if person is not None:
        return go_to(own_address(then))
    return show(request, SignInPage(frame_of(request, rt, None), then=own_address(then)))


@router.post("/sign-in", dependencies=[public(), Depends(refuse_other_sites)])
async def post_sign_in(request: Request, rt: RuntimeDep, form: Annotated[SignInForm, Form()]) -> Response:
    """Check name and password; a sign-in gets a new cookie each time, and the browser's one before it ends."""
    then = own_address(form.then)
    again = SignInPage(frame_of(request, rt, None), then=then, username=form.username)
    try:
        user = await log_in(rt, form.username, form.password, address=address_of(request))
    except WrongPassword:
        return show(request, replace(again, refused=True), 401)
    except TooManyAttempts as error:
        response = show(request, replace(again, minutes=minutes_to_wait(error)), error.status)
        response.headers.update(error.response_headers())
        return response
    if user.demo:
        refuse_demo_from_afar(request)
    cookie = await _open(request, rt, user)
    response = go_to(then)
    secure = request.url.scheme == "https" or (rt.settings.public_url or "").startswith("https:")
    age = rt.settings.session_hours * 3600
    response.set_cookie(COOKIE, cookie, max_age=age, path="/", secure=secure, httponly=True, samesite="lax")
    return response


async def _open(request: Request, rt: Runtime, user: User) -> str:
    """A new sign-in in the place of the browser's old one; returns the cookie's value."""
    hours, browser = rt.settings.session_hours, readable_browser(request.headers.get("user-agent", ""))
    async with rt.db.begin() as session:
        await close_signin(session, request.cookies.get(COOKIE, ""))
        return await open_signin(session, user, now=rt.clock(), hours=hours, browser=browser)


@router.post("/sign-out")
async def post_sign_out(rt: RuntimeDep, person: PersonDep) -> Response:
    """Forget this sign-in, here and in the browser."""
    async with rt.db.begin() as session:
        await close_signin(session, person.cookie)
    response = go_to("/sign-in")
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/")
async def get_start(request: Request, rt: RuntimeDep, person: PersonDep) -> Response:
    """The overview of the project that the person saw last."""
    frame = frame_of(request, rt, person)
    if frame.project is None:
        return show(request, NoProjectPage(frame, operator=person.user.operator))
    return go_to(f"/projects/{frame.project.name}/overview")

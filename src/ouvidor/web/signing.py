"""Signing in and out on the pages."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, Field

from ouvidor.accounts.access import public, refuse_demo_from_afar
from ouvidor.accounts.signins import COOKIE, close_signin, open_signin
from ouvidor.accounts.users import WrongPassword, user_with_password
from ouvidor.runtime import RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.entry import NoProjectPage, SignInPage
from ouvidor.web.frames import frame_of
from ouvidor.web.visits import AnybodyDep, PersonDep, refuse_other_sites

router = APIRouter(include_in_schema=False)


class SignInForm(BaseModel):
    """What the sign-in form sends."""

    username: str = Field(max_length=200)
    password: str = Field(max_length=1000)
    then: str = "/"


def own_address(text: str) -> str:
    """The address if it is a path of ours, else the start page (no open redirect)."""
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() else "/"


@router.get("/sign-in")
async def get_sign_in(request: Request, rt: RuntimeDep, person: AnybodyDep, then: str = "/") -> Response:
    """The form; who is signed in already goes on."""
    if person is not None:
        return go_to(own_address(then))
    return show(request, SignInPage(frame_of(request, rt, None), then=own_address(then)))


@router.post("/sign-in", dependencies=[public(), Depends(refuse_other_sites)])
async def post_sign_in(request: Request, rt: RuntimeDep, form: Annotated[SignInForm, Form()]) -> Response:
    """Check name and password; a sign-in gets a new cookie each time."""
    then = own_address(form.then)
    try:
        async with rt.db.begin() as session:
            user = await user_with_password(session, form.username, form.password)
            if user.demo:
                refuse_demo_from_afar(request)
            cookie = await open_signin(session, user, now=rt.clock(), hours=rt.settings.session_hours)
    except WrongPassword:
        page = SignInPage(frame_of(request, rt, None), then=then, username=form.username, refused=True)
        return show(request, page, 401)
    response = go_to(then)
    secure = request.url.scheme == "https" or (rt.settings.public_url or "").startswith("https:")
    age = rt.settings.session_hours * 3600
    response.set_cookie(COOKIE, cookie, max_age=age, path="/", secure=secure, httponly=True, samesite="lax")
    return response


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
    """The chat of the person's first project."""
    if not person.places:
        return show(request, NoProjectPage(frame_of(request, rt, person)))
    return go_to(f"/projects/{person.places[0].project.name}/chat")

"""The person's own account: the name others read, the password, where they are signed in, what happened last."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field

from ouvidor.accounts.keys import digest
from ouvidor.accounts.login import (
    Here,
    WrongOldPassword,
    change_password,
    end_sign_in,
    own_events,
    sign_out_everywhere,
)
from ouvidor.accounts.models import AuditEntry, SignIn, TokenFamily
from ouvidor.accounts.passwords import LONGEST_PASSWORD, WeakPassword
from ouvidor.accounts.signins import COOKIE, readable_browser, signins_of
from ouvidor.accounts.throttle import TooManyAttempts, address_of
from ouvidor.accounts.tokens import families_of
from ouvidor.accounts.users import rename_user
from ouvidor.errors import NotFound, Unprocessable
from ouvidor.inputs import StorableText
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.account import AccountEvent, AccountPage, Saved, SignInRow
from ouvidor.web.frames import frame_of
from ouvidor.web.signing import minutes_to_wait
from ouvidor.web.visits import Person, PersonDep

EVENTS_SHOWN = 12

router = APIRouter(include_in_schema=False)


class NameForm(BaseModel):
    """What the form of the name sends; its rule stands in `clean_name`."""

    name: StorableText = Field(default="", max_length=1000)


class PasswordForm(BaseModel):
    """What the form of the password sends; the new one stands in it twice."""

    old: StorableText = Field(default="", max_length=LONGEST_PASSWORD)
    new: StorableText = Field(default="", max_length=LONGEST_PASSWORD)
    again: StorableText = Field(default="", max_length=LONGEST_PASSWORD)


class SignInForm(BaseModel):
    """Which sign-in to end: the hex digest of a browser's cookie, or the id of a program's login."""

    sign_in: str = Field(max_length=64)


class SignInEnded(NotFound):
    """This sign-in has ended already."""


@router.get("/account")
async def get_account(request: Request, rt: RuntimeDep, person: PersonDep, saved: Saved = "") -> Response:
    """The account; `saved` is what a form has just done."""
    return show(request, replace(await _page(request, rt, person), saved=saved))


@router.post("/account/name")
async def post_name(request: Request, rt: RuntimeDep, person: PersonDep, form: Annotated[NameForm, Form()]) -> Response:
    """Change the name that others read."""
    try:
        async with rt.db.begin() as session:
            await rename_user(session, person.user.id, form.name, rt.clock())
    except Unprocessable as error:
        page = replace(await _page(request, rt, person), typed=form.name, trouble="name")
        return show(request, page, error.status)
    return go_to("/account?saved=name")


@router.post("/account/password")
async def post_password(
    request: Request, rt: RuntimeDep, person: PersonDep, form: Annotated[PasswordForm, Form()]
) -> Response:
    """Change the password; every other sign-in of the person ends."""
    if form.new != form.again:
        return show(request, replace(await _page(request, rt, person), trouble="repetition"), 422)
    address, here = address_of(request), Here(cookie=person.cookie)
    try:
        await change_password(rt, person.user, form.old, form.new, address=address, here=here)
    except WeakPassword as error:
        return show(request, replace(await _page(request, rt, person), trouble="new-password"), error.status)
    except WrongOldPassword as error:
        return show(request, replace(await _page(request, rt, person), trouble="old-password"), error.status)
    except TooManyAttempts as error:
        page = replace(await _page(request, rt, person), trouble="attempts", minutes=minutes_to_wait(error))
        response = show(request, page, error.status)
        response.headers.update(error.response_headers())
        return response
    return go_to("/account?saved=password")


@router.post("/account/sign-ins/end")
async def post_end(rt: RuntimeDep, person: PersonDep, form: Annotated[SignInForm, Form()]) -> Response:
    """End one of the person's sign-ins."""
    found = next((one for one in await _sign_ins(rt, person) if _id_of(one) == form.sign_in), None)
    if found is None:
        raise SignInEnded
    await end_sign_in(rt, person.user, found)
    return go_to("/account?saved=sign-in")


@router.post("/account/sign-out-everywhere")
async def post_sign_out_everywhere(rt: RuntimeDep, person: PersonDep) -> Response:
    """End every sign-in of the person, this one too."""
    await sign_out_everywhere(rt, person.user)
    response = go_to("/sign-in")
    response.delete_cookie(COOKIE, path="/")
    return response


async def _page(request: Request, rt: Runtime, person: Person) -> AccountPage:
    async with rt.db.read() as session:
        entries = await own_events(session, person.user.id, limit=EVENTS_SHOWN)
    return AccountPage(
        frame=frame_of(request, rt, person),
        username=person.user.username,
        typed=person.user.name,
        demo=person.user.demo,
        sign_ins=tuple(_row(one, person) for one in await _sign_ins(rt, person)),
        events=tuple(_event(entry) for entry in entries),
    )


async def _sign_ins(rt: Runtime, person: Person) -> list[SignIn | TokenFamily]:
    """Where the person is signed in, this browser first, then the newest."""
    now = rt.clock()
    async with rt.db.read() as session:
        browsers = await signins_of(session, person.user.id, now)
        programs = await families_of(session, person.user.id, now)
    mine = digest(person.cookie).hex()
    return [*sorted(browsers, key=lambda one: _id_of(one) != mine), *programs]


def _id_of(one: SignIn | TokenFamily) -> str:
    return one.digest.hex() if isinstance(one, SignIn) else str(one.id)


def _row(one: SignIn | TokenFamily, person: Person) -> SignInRow:
    if isinstance(one, SignIn):
        here = one.digest == digest(person.cookie)
        return SignInRow(_id_of(one), "browser", one.browser, one.created_at, here)
    return SignInRow(_id_of(one), "program", readable_browser(one.program), one.created_at)


def _event(entry: AuditEntry) -> AccountEvent:
    through, program = (str(entry.details.get(name, "")) for name in ("through", "program"))
    return AccountEvent(entry.action, entry.at, through, readable_browser(program) if through == "api" else program)

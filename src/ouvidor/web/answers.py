"""From a page's context to the answer of a request: HTML, the reader's choices kept, errors as pages."""

from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ouvidor.accounts.access import MissingPermission
from ouvidor.errors import OuvidorError
from ouvidor.runtime import runtime_of
from ouvidor.web.contexts.entry import ErrorPage
from ouvidor.web.contexts.frame import Page
from ouvidor.web.frames import LANGUAGE_COOKIE, PROJECT_COOKIE, THEME_COOKIE, frame_of
from ouvidor.web.render import Renderer
from ouvidor.web.visits import SignInNeeded, read_person

YEAR = 31_536_000
FRAGMENT_HEADER = "x-fragment"
SHOWN_IN_FRAME = {400, 404, 405, 409, 413, 415, 422, 429}


def show(request: Request, page: Page, status: int = 200) -> HTMLResponse:
    """The page; the language or theme chosen in the address and the project seen are kept in cookies for a year."""
    renderer: Renderer = request.app.state.renderer
    response = renderer.response(page, status)
    if "lang" in request.query_params:
        _keep(response, LANGUAGE_COOKIE, page.frame.language)
    if "theme" in request.query_params:
        _keep(response, THEME_COOKIE, page.frame.theme)
    project = page.frame.project
    if project and request.url.path.startswith("/projects/") and project.name != request.cookies.get(PROJECT_COOKIE):
        _keep(response, PROJECT_COOKIE, project.name)
    return response


def go_to(address: str) -> RedirectResponse:
    """See other: after a form was taken in, the browser reads a page."""
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})


def wants_page(request: Request) -> bool:
    """Whether a person reads the answer in a browser, rather than a program or a script of ours."""
    return "text/html" in request.headers.get("accept", "") and FRAGMENT_HEADER not in request.headers


async def error_page(request: Request, error: OuvidorError) -> Response:
    """The error as a page; where a sign-in is missing, the way to the form and back."""
    if isinstance(error, SignInNeeded):
        query = f"?{request.url.query}" if request.url.query else ""
        then = request.url.path + query if request.method == "GET" else "/"
        return go_to(f"/sign-in?{urlencode({'then': then})}")
    rt = runtime_of(request)
    by_role = isinstance(error, MissingPermission)
    person = await read_person(request, rt) if by_role or error.status in SHOWN_IN_FRAME else None
    request_id = getattr(request.state, "request_id", "")
    frame = frame_of(request, rt, person)
    return show(request, ErrorPage(frame, error.status, error.detail, request_id, by_role=by_role), error.status)


def _keep(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=YEAR, path="/", samesite="lax")

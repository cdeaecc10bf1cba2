"""What stands round a page: the reader's language and theme, the person, their projects."""

from urllib.parse import quote, urlencode

from fastapi import Request

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import PERMISSIONS, Permission
from ouvidor.accounts.signins import form_token
from ouvidor.runtime import Runtime
from ouvidor.web.contexts.frame import THEMES, Frame, Place, ProjectLink, Theme
from ouvidor.web.visits import Member, Person
from ouvidor.web.words import choose_language

LANGUAGE_COOKIE = "lang"
THEME_COOKIE = "theme"
PROJECT_COOKIE = "project"


def frame_of(request: Request, rt: Runtime, visitor: Member | Person | None, place: Place = "none") -> Frame:
    """The frame of the page that answers this request."""
    query = request.query_params
    rest = urlencode([(name, value) for name, value in query.multi_items() if name not in {"lang", "theme"}])
    person = visitor.person if isinstance(visitor, Member) else visitor
    project = visitor.project if isinstance(visitor, Member) else _project_shown(request, person)
    return Frame(
        language=choose_language(
            asked=query.get("lang"),
            cookie=request.cookies.get(LANGUAGE_COOKIE),
            accept=request.headers.get("accept-language"),
        ),
        theme=theme_named(query.get("theme")) or theme_named(request.cookies.get(THEME_COOKIE)) or "system",
        address=quote(request.url.path) + (f"?{rest}" if rest else ""),
        now=rt.clock(),
        place=place,
        person=person.user.shown_name if person else "",
        token=form_token(rt.secret, person.cookie) if person else "",
        project=_link(project) if project else None,
        projects=tuple(_link(place.project) for place in person.places) if person else (),
        permissions=_permissions(person, project),
    )


def theme_named(text: str | None) -> Theme | None:
    """The theme of this name, if there is one."""
    return next((theme for theme in THEMES if theme == text), None)


def _project_shown(request: Request, person: Person | None) -> Project | None:
    """On pages of no project: the one that the address names, else the one seen last, else the person's first."""
    own = {place.project.name: place.project for place in person.places} if person else {}
    in_path = request.url.path.removeprefix("/projects/").partition("/")[0]
    named = (in_path, request.query_params.get("project"), request.cookies.get(PROJECT_COOKIE))
    return next((own[name] for name in named if name in own), next(iter(own.values()), None))


def _permissions(person: Person | None, project: Project | None) -> frozenset[Permission]:
    """What the person may do in the project shown."""
    places = person.places if person else ()
    own = (PERMISSIONS[place.role] for place in places if place.project is project)
    return next(own, frozenset[Permission]())


def _link(project: Project) -> ProjectLink:
    return ProjectLink(project.name, project.title)

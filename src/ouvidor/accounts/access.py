"""Who may call a route: each states its policy as a dependency; a test walks the routes and finds the naked ones."""

from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ouvidor.accounts.keys import KeyHolder, holder_of, note_use
from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import UnknownProject
from ouvidor.errors import Forbidden, Unauthenticated
from ouvidor.runtime import RuntimeDep
from ouvidor.settings import LOOPBACK

bearer = HTTPBearer(auto_error=False, description="An API key of a project: `ouv_live_…`")
BearerDep = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


class MissingScope(Forbidden):
    """This API key lacks the scope that the route needs."""


class DemoOffLoopback(Forbidden):
    """Demo credentials work on this machine only; create a project with a key of its own."""


class Policy(Protocol):
    """What the route test looks for: a dependency with a stated name."""

    policy: str


class Public:
    """Open to everybody."""

    policy = "public"

    async def __call__(self) -> None:
        """Let everybody in."""


class KeyWith:
    """Open to a valid API key that has the scope; the key names the project."""

    def __init__(self, scope: str) -> None:
        self.policy = f"key:{scope}"
        self.scope = scope

    async def __call__(self, request: Request, rt: RuntimeDep, credentials: BearerDep) -> KeyHolder:
        """The holder of the key.

        Raises:
            Unauthenticated: no key, or not a valid one.
            MissingScope: the key may not do this.
            DemoOffLoopback: a demo key from another machine.
        """
        if credentials is None:
            raise Unauthenticated
        now = rt.clock()
        async with rt.db.begin() as session:
            holder = await holder_of(session, credentials.credentials, now)
            await note_use(session, holder.key_id, now)
        if self.scope not in holder.scopes:
            raise MissingScope(f"This API key lacks the scope {self.scope}.")
        if holder.demo:
            refuse_demo_from_afar(request)
        return holder


def requires(scope: str) -> Any:
    """The route's policy: a key with this scope."""
    return Depends(KeyWith(scope))


def public() -> Any:
    """The route's policy: everybody."""
    return Depends(Public())


def refuse_demo_from_afar(request: Request) -> None:
    """Demo credentials are printed on a screen, so they are worth nothing from another machine or through a proxy.

    Raises:
        DemoOffLoopback: the request came from elsewhere.
    """
    direct = request.client is not None and request.client.host in LOOPBACK
    if not direct or "forwarded" in request.headers or "x-forwarded-for" in request.headers:
        raise DemoOffLoopback


def own_project(holder: KeyHolder, name: str) -> Project:
    """The key's project, provided the request names it and no other.

    Raises:
        UnknownProject: it names another one; whether that exists is not said.
    """
    if name != holder.project.name:
        raise UnknownProject("This API key belongs to no project of that name.")
    return holder.project

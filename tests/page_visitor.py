"""A person who visits the pages over HTTP."""

import re

import httpx
from factories import HOTEL, Tenant, add_sections, build_tenant

from ouvidor.accounts.models import Project
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.users import create_user, join_project
from ouvidor.runtime import Runtime

OWN = {"Origin": "http://127.0.0.1:8000", "Accept": "text/html"}
FRAGMENT = {**OWN, "X-Fragment": "turn"}
PASSWORD = "correct horse battery"


async def furnish(rt: Runtime) -> Tenant:
    """A project whose knowledge is three sections, none of them N2; its gate lets every draft pass."""
    tenant = await build_tenant(rt, "seaside", languages=["en", "pt"], relevance_gate=0.0)
    await add_sections(rt, tenant.project, HOTEL[:3])
    return tenant


async def enter(
    rt: Runtime,
    http: httpx.AsyncClient,
    *projects: Project,
    username: str = "marina",
    role: Role = Role.OWNER,
) -> str:
    """Sign in as a new member of these projects; returns the token of the forms."""
    password = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        user = await create_user(session, username, password, now=rt.clock())
        for project in projects:
            await join_project(session, user.id, project.id, role, rt.clock())
    form = {"username": username.upper(), "password": PASSWORD, "then": "/docs"}
    answer = await http.post("/sign-in", data=form, headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs")
    page = await http.get("/docs", headers=OWN)
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found[1]


def message(token: str, text: str, *, key: str = "k1", helpdesk: str = "chat-aaaa") -> dict[str, str]:
    return {"form_token": token, "helpdesk": helpdesk, "key": key, "text": text}

"""No route without a policy, and no way from one tenant to another: derived from the OpenAPI document."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from factories import Site
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from sqlalchemy import select
from starlette.routing import Mount

from ouvidor.accounts.keys import issue_key, revoke_key
from ouvidor.accounts.permissions import KEY_SCOPES
from ouvidor.app import create_app
from ouvidor.conversations.models import Conversation
from ouvidor.knowledge.models import Section
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

OPEN_FOLDERS = {"/static"}


def policies(dependant: Dependant | None) -> list[str]:
    if dependant is None:
        return []
    own = getattr(dependant.call, "policy", None)
    return ([own] if own else []) + [found for part in dependant.dependencies for found in policies(part)]


def all_routes(app: FastAPI) -> Iterator[tuple[str, list[str]]]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, Mount):
            yield context.path, ["public"] if context.path in OPEN_FOLDERS else []
        else:
            yield context.path, policies(getattr(context, "dependant", None))


def test_every_route_states_its_policy(rt: Runtime) -> None:
    routes = list(all_routes(create_app(rt)))
    assert len(routes) > 10
    assert [path for path, found in routes if not found] == []


def test_a_route_without_a_policy_is_found(rt: Runtime) -> None:
    app = create_app(rt)
    app.get("/naked")(lambda: None)
    assert ("/naked", []) in list(all_routes(app))


BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/conversations/completions"): {
        "json": {"helpdeskId": 1, "projectName": "seaside", "messages": [{"role": "USER", "content": "hi"}]}
    },
    ("post", "/api/v1/sections"): {"json": {"sections": [{"id": "x", "content": "y"}]}},
    ("post", "/api/v1/sections/import"): {"files": {"file": ("a.jsonl", b'{"id": "x", "content": "y"}')}},
    ("post", "/api/v1/sections/search"): {"json": {"query": "breakfast"}},
}


def documented(rt: Runtime) -> list[tuple[str, str]]:
    """Every documented operation that needs a credential."""
    paths = create_app(rt).openapi()["paths"]
    return [
        (method, path) for path, methods in paths.items() for method, told in methods.items() if told.get("security")
    ]


async def own_ids(rt: Runtime, site: Site, client: httpx.AsyncClient) -> dict[str, UUID]:
    """An id of each kind, all of the tenant `site.own`."""
    body = BODIES["post", "/conversations/completions"]["json"]
    done = await client.post("/conversations/completions", json=body, headers=site.own.headers)
    assert done.status_code == 200
    async with rt.db.read() as session:
        mine = Section.project_id == site.own.project.id
        section = (await session.execute(select(Section.id).where(mine).limit(1))).scalar_one()
        conversation = (await session.execute(select(Conversation.id))).scalar_one()
    return {"section_id": section, "conversation_id": conversation}


async def call(
    client: httpx.AsyncClient, method: str, path: str, ids: dict[str, UUID], headers: dict[str, str]
) -> httpx.Response:
    return await client.request(method, path.format(**ids), headers=headers, **BODIES.get((method, path), {}))


async def expired_key(rt: Runtime, site: Site) -> str:
    async with rt.db.begin() as session:
        past = rt.clock() - timedelta(days=2)
        key = await issue_key(
            session, site.own.project, label="old", now=past, expires_at=rt.clock() - timedelta(seconds=1)
        )
    return key.text


async def revoked_key(rt: Runtime, site: Site) -> str:
    async with rt.db.begin() as session:
        key = await issue_key(session, site.own.project, label="gone", now=rt.clock())
        await revoke_key(session, site.own.project, str(key.id), rt.clock())
    return key.text


async def test_nobody_enters_without_a_key_in_force(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    ids = await own_ids(rt, site, client)
    good = site.own.key
    forged = {
        "none": None,
        "expired": await expired_key(rt, site),
        "revoked": await revoked_key(rt, site),
        "one letter off": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "empty": "",
    }
    operations = documented(rt)
    assert len(operations) >= 10
    for method, path in operations:
        for name, text in forged.items():
            headers = {} if text is None else {"Authorization": f"Bearer {text}"}
            response = await call(client, method, path, ids, headers)
            assert response.status_code == 401, (method, path, name, response.text)
            assert response.headers["www-authenticate"] == "Bearer"


async def test_another_projects_key_finds_nothing(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """Whatever names one of our ids is a 404 for another tenant; whatever lists shows nothing of ours."""
    ids = await own_ids(rt, site, client)
    for method, path in documented(rt):
        response = await call(client, method, path, ids, site.other.headers)
        if "{" in path or path == "/conversations/completions":
            assert response.status_code == 404, (method, path, response.text)
        else:
            assert response.is_success, (method, path, response.text)
            assert not any(str(value) in response.text for value in ids.values()), (method, path)
            assert "seaside" not in response.text


async def test_every_path_parameter_is_tried(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """A new kind of id in a path fails here until `own_ids` makes one."""
    ids = await own_ids(rt, site, client)
    for method, path in documented(rt):
        response = await call(client, method, path, ids, site.own.headers)
        assert response.is_success, (method, path, response.text)


async def test_a_key_without_the_scope_is_refused(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    ids = await own_ids(rt, site, client)
    app = create_app(rt)
    needed = {
        (method.lower(), context.path): policies(getattr(context, "dependant", None))
        for context in iter_route_contexts(app.routes)
        for method in getattr(context.original_route, "methods", None) or ()
    }
    for method, path in documented(rt):
        scope = next(found.removeprefix("needs:") for found in needed[method, path])
        async with rt.db.begin() as session:
            others = tuple(other for other in KEY_SCOPES if other != scope)
            key = await issue_key(session, site.own.project, label="weak", now=rt.clock(), scopes=others)
        response = await call(client, method, path, ids, {"Authorization": f"Bearer {key.text}"})
        assert response.status_code == 403, (method, path, response.text)


async def test_our_own_api_refuses_unknown_fields(site: Site, client: httpx.AsyncClient) -> None:
    body = {"query": "breakfast", "projectId": str(site.other.project.id)}
    response = await client.post("/api/v1/sections/search", json=body, headers=site.own.headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["where"] == "body.projectId"


async def test_demo_keys_work_from_this_machine_only(rt: Runtime, site: Site) -> None:
    async with rt.db.begin() as session:
        key = await issue_key(session, site.own.project, label="demo", now=rt.clock(), demo=True)
    headers = {"Authorization": f"Bearer {key.text}"}
    for address, extra, status in (
        ("127.0.0.1", {}, 200),
        ("203.0.113.9", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 403),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 403),
    ):
        transport = httpx.ASGITransport(create_app(rt), client=(address, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            response = await http.get("/api/v1/project", headers=headers | extra)
        assert response.status_code == status

"""Who may call what: every route × nobody, each role, another tenant, expired, forged × every id in its path.

Derived from the OpenAPI document and the routes themselves: a new route is tried without a word here.
"""

import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import httpx
import jwt
import pytest
from access_cases import (
    Route,
    add_person,
    all_routes,
    api_routes,
    bearer_of,
    body_of,
    cookie_of,
    own_ids,
    page_routes,
    signed_in_routes,
)
from conftest import MovedClock, app_on
from factories import Site
from sqlalchemy import func, select

from ouvidor.accounts.keys import issue_key, revoke_key
from ouvidor.accounts.models import AuditEntry, SignIn
from ouvidor.accounts.permissions import KEY_SCOPES, PERMISSIONS, Permission, Role
from ouvidor.accounts.signins import COOKIE, close_signin, form_token
from ouvidor.accounts.tokens import signing_key
from ouvidor.app import create_app
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

OWN_PAGE = {"Origin": "http://127.0.0.1:8000", "Accept": "text/html"}
IDS = re.compile(r"\{(\w+_id)\}")
PERSONS_ONLY = {("put", "/api/v1/presence")}
NOTHING_THERE = {"/api/v1/comments/models/retrain": "nothing_to_learn"}
"""What an empty project refuses, and with which error."""
UNNOTED = {
    "/conversations/completions",
    "/v1/chat/completions",
    "/api/v1/sections/search",
    "/api/v1/conversations/{conversation_id}/suggestion",
    "/api/v1/conversations/{conversation_id}/reply",
    "/api/v1/presence",
    "/api/v1/erasures/check",
    "/api/v1/me",
    "/api/v1/analyses/runs/estimate",
    "/api/comentarios",
    "/api/v1/comments",
    "/api/v1/comments/jobs/{job_id}/batch",
}
"""What changes nothing that an auditor asks about, or is kept in full elsewhere (messages)."""


def test_every_route_states_its_policy(rt: Runtime) -> None:
    routes = list(all_routes(app_on(rt)))
    assert len(routes) > 60
    assert [route.path for route in routes if not route.policies] == []


def test_a_route_without_a_policy_is_found(rt: Runtime) -> None:
    app = create_app(rt)
    app.get("/naked")(lambda: None)
    assert ("/naked", ()) in {(route.path, route.policies) for route in all_routes(app)}


def test_owners_may_do_everything_and_each_role_is_a_part_of_it() -> None:
    assert PERMISSIONS.keys() == set(Role)
    assert PERMISSIONS[Role.OWNER] == set(Permission)
    chain = [PERMISSIONS[role] for role in (Role.VIEWER, Role.AGENT, Role.MANAGER, Role.OWNER)]
    assert all(lower < upper for lower, upper in pairwise(chain))
    assert PERMISSIONS[Role.VIEWER] < PERMISSIONS[Role.AUDITOR] < PERMISSIONS[Role.MANAGER]
    assert not any(permission.endswith(("write", "reply", "erase")) for permission in PERMISSIONS[Role.AUDITOR])


async def call(
    client: httpx.AsyncClient, site: Site, route: Route, ids: dict[str, str], headers: dict[str, str]
) -> httpx.Response:
    body = body_of(site, route.method, route.path, ids)
    return await client.request(route.method, route.path.format(**ids), headers=headers, **body)


async def entries(rt: Runtime) -> int:
    async with rt.db.read() as session:
        return (await session.execute(select(func.count()).select_from(AuditEntry))).scalar_one()


def told_code(response: httpx.Response) -> str:
    """The stable code of an error, in our shape or in OpenAI's."""
    told = response.json()
    return told["error"]["code"] if "error" in told else told["type"].removeprefix("urn:ouvidor:")


async def test_nobody_enters_without_a_credential_in_force(
    rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
) -> None:
    ids = await own_ids(rt, site.own)
    owner = await add_person(rt, "owner", (site.own.project, Role.OWNER))
    stale = await bearer_of(rt, owner, site.own.project)
    async with rt.db.begin() as session:
        expired = await issue_key(
            session, site.own.project, label="old", now=rt.clock(), expires_at=rt.clock() + timedelta(minutes=1)
        )
        revoked = await issue_key(session, site.own.project, label="gone", now=rt.clock())
        await revoke_key(session, site.own.project, str(revoked.id), rt.clock())
    clock.advance(minutes=16)
    fresh = await bearer_of(rt, owner, site.own.project)
    claims = jwt.decode(fresh["Authorization"].removeprefix("Bearer "), options={"verify_signature": False})
    good = site.own.key
    tried = {
        "none": {},
        "expired key": {"Authorization": f"Bearer {expired.text}"},
        "revoked key": {"Authorization": f"Bearer {revoked.text}"},
        "key, one letter off": {"Authorization": f"Bearer {good[:-1]}{'a' if good[-1] != 'a' else 'b'}"},
        "empty": {"Authorization": "Bearer "},
        "expired token": stale,
        "forged token": {"Authorization": f"Bearer {jwt.encode(claims, b'x' * 32, algorithm='HS256')}"},
        "unsigned token": {"Authorization": f"Bearer {jwt.encode(claims, None, algorithm='none')}"},
        "a cookie": {"Cookie": f"{COOKIE}={await cookie_of(rt, owner)}"},
    }
    assert (
        jwt.decode(
            fresh["Authorization"].removeprefix("Bearer "),
            signing_key(rt.secret),
            ["HS256"],
            audience="ouvidor:api",
            options={"verify_exp": False, "verify_iat": False},
        )
        == claims
    )
    before = await entries(rt)
    routes = api_routes(app_on(rt))
    assert len(routes) > 40
    for route in routes:
        for name, headers in tried.items():
            response = await call(client, site, route, ids, headers)
            assert response.status_code == 401, (route, name, response.text)
            assert response.headers["www-authenticate"] == "Bearer"
    assert await entries(rt) == before


async def test_each_role_may_do_what_the_table_says(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """A refusal changes nothing; whoever is allowed gets past the gate, with ids of their own each time."""
    seen: Counter[int] = Counter()
    for role in Role:
        person = await add_person(rt, f"the-{role}", (site.own.project, role))
        headers = await bearer_of(rt, person, site.own.project)
        ids = await own_ids(rt, site.own)
        for route in api_routes(app_on(rt)):
            permission = route.permission("needs")
            if permission is None or (route.streams and permission in PERMISSIONS[role]):
                continue
            allowed = permission in PERMISSIONS[role]
            used = await own_ids(rt, site.own) if allowed and route.method != "get" else ids
            before = await entries(rt)
            response = await call(client, site, route, used, headers)
            seen[response.status_code] += 1
            if allowed:
                assert response.status_code not in {401, 403, 404, 405, 500}, (role, route, response.text)
            else:
                assert response.status_code == 403, (role, route, response.text)
                assert told_code(response) == "missing_permission"
                assert await entries(rt) == before
    assert seen[403] > 40


async def test_a_person_of_another_tenant_finds_nothing(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """Whatever names one of our ids is a 404 for an owner elsewhere; whatever lists shows nothing of ours."""
    ids = await own_ids(rt, site.own)
    stranger = await add_person(rt, "stranger", (site.other.project, Role.OWNER))
    for headers in (site.other.headers, await bearer_of(rt, stranger, site.other.project)):
        for route in api_routes(app_on(rt)):
            if route.permission("needs") is None or route.streams:
                continue
            if "Bearer ouv_live_" in headers["Authorization"] and route.permission("needs") not in KEY_SCOPES:
                continue
            response = await call(client, site, route, ids, headers)
            body = body_of(site, route.method, route.path, ids).get("json", {})
            names_ours = (
                "{" in route.path
                or ids["conversation_id"] in body.values()
                or not body.keys().isdisjoint({"projectName", "model"})
            )
            if names_ours and route.path != "/api/v1/erasures/check":
                assert response.status_code == 404, (route, response.text)
            elif (route.method, route.path) in PERSONS_ONLY and headers == site.other.headers:
                assert response.json()["type"] == "urn:ouvidor:people_only", (route, response.text)
            elif route.path in NOTHING_THERE:
                assert told_code(response) == NOTHING_THERE[route.path], (route, response.text)
            else:
                assert response.is_success, (route, response.text)
            told = response.text.replace(response.request.url.path, "")
            assert not any(value in told for value in ids.values()), (route, told)
            assert "seaside" not in told.casefold(), (route, told)


async def test_every_id_in_a_path_is_tried_one_by_one(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """Our owner with one foreign id: 404. A new kind of id in a path fails here until `own_ids` makes one."""
    foreign = await own_ids(rt, site.own)
    stranger = await add_person(rt, "stranger", (site.other.project, Role.OWNER))
    headers = await bearer_of(rt, stranger, site.other.project)
    tried = 0
    for route in api_routes(app_on(rt)):
        for name in IDS.findall(route.path):
            assert name in foreign, f"own_ids makes no {name}"
            strangers = {**{other: str(UUID(int=7)) for other in foreign}, name: foreign[name]}
            response = await call(client, site, route, strangers, headers)
            assert response.status_code == 404, (route, name, response.text)
            tried += 1
    assert tried > 15


async def test_what_changes_something_leaves_an_entry(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """Every unsafe operation, done by an owner, is in the audit log under their name."""
    silent: list[str] = []
    for route in api_routes(app_on(rt)):
        permission = route.permission("needs")
        if route.method == "get" or permission is None or route.path in UNNOTED:
            continue
        owner = await add_person(rt, f"owner-of-{route.method}{route.path}", (site.own.project, Role.OWNER))
        headers = await bearer_of(rt, owner, site.own.project)
        ids = await own_ids(rt, site.own)
        for step in BEFORE.get(route.path, ()):
            await client.post(step.format(**ids), headers=headers)
        before = await entries(rt)
        response = await call(client, site, route, ids, headers)
        assert response.is_success, (route, response.text)
        if await entries(rt) == before:
            silent.append(f"{route.method} {route.path}")
    assert silent == []


CLAIM = "/api/v1/conversations/{conversation_id}/claim"
BEFORE = {
    "/api/v1/comments/{comment_id}/correction": ("/api/v1/comments/{comment_id}/confirm",),
    "/api/v1/comments/{comment_id}/list": ("/api/v1/comments/{comment_id}/skip",),
    "/api/v1/conversations/{conversation_id}/release": (CLAIM,),
    "/api/v1/conversations/{conversation_id}/reopen": (CLAIM, "/api/v1/conversations/{conversation_id}/close"),
}
"""What has to happen first so that a step is possible."""


async def test_a_key_without_the_scope_is_refused(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    ids = await own_ids(rt, site.own)
    for route in api_routes(app_on(rt)):
        permission = route.permission("needs")
        async with rt.db.begin() as session:
            others = tuple(other for other in KEY_SCOPES if other != permission)
            key = await issue_key(session, site.own.project, label="weak", now=rt.clock(), scopes=others)
        response = await call(client, site, route, ids, {"Authorization": f"Bearer {key.text}"})
        assert response.status_code == 403, (route, response.text)


async def test_pages_are_for_those_whose_role_allows_them(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    routes = page_routes(app_on(rt))
    assert len(routes) > 25
    for role in Role:
        person = await add_person(rt, f"the-{role}", (site.own.project, role))
        cookie = await cookie_of(rt, person)
        client.cookies.set(COOKIE, cookie)
        form = {"form_token": form_token(rt.secret, cookie)}
        ids = await own_ids(rt, site.own)
        for route in routes:
            permission = route.permission("member")
            assert permission is not None
            allowed = permission in PERMISSIONS[role]
            if route.streams and allowed:
                continue
            used = await own_ids(rt, site.own) if allowed and route.method == "post" else ids
            path = route.path.format(project=site.own.project.name, **used)
            sent = {"data": form} if route.method == "post" else {}
            response = await client.request(route.method, path, headers=OWN_PAGE, **sent)
            if allowed:
                assert response.status_code not in {401, 403, 404, 405, 500}, (role, route, response.text)
            else:
                assert response.status_code == 403, (role, route, response.text)


async def test_pages_of_another_tenant_do_not_exist(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """Neither our project by its name, nor our ids under the stranger's own project."""
    ids = await own_ids(rt, site.own)
    stranger = await add_person(rt, "stranger", (site.other.project, Role.OWNER))
    cookie = await cookie_of(rt, stranger)
    form = {"form_token": form_token(rt.secret, cookie)}
    for route in page_routes(app_on(rt)):
        sent = {"data": form} if route.method == "post" else {}
        ours = route.path.format(project=site.own.project.name, **ids)
        client.cookies.clear()
        nobody = await client.request(route.method, ours, headers=OWN_PAGE, **sent)
        assert nobody.status_code == 303, (route, nobody.text)
        assert nobody.headers["location"].startswith("/sign-in")
        client.cookies.set(COOKIE, cookie)
        response = await client.request(route.method, ours, headers=OWN_PAGE, **sent)
        assert response.status_code == 404, (route, response.text)
        if IDS.search(route.path) and not route.streams:
            theirs = route.path.format(project=site.other.project.name, **ids)
            response = await client.request(route.method, theirs, headers=OWN_PAGE, **sent)
            assert response.status_code in {404, 422}, (route, response.text)


async def test_pages_open_to_no_cookie_but_one_in_force(
    rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
) -> None:
    """Every page, a person's own as well: expired, signed out, forged, or another credential in its place."""
    owner = await add_person(rt, "owner", (site.own.project, Role.OWNER))
    expired = await cookie_of(rt, owner)
    clock.advance(hours=1)
    ended, good = await cookie_of(rt, owner), await cookie_of(rt, owner)
    async with rt.db.begin() as session:
        await close_signin(session, ended)
        digest = (await session.execute(select(SignIn.digest).where(SignIn.expires_at > rt.clock()))).scalar_one()
    token = (await bearer_of(rt, owner, site.own.project))["Authorization"].removeprefix("Bearer ")
    forged = (
        expired,
        ended,
        "x" * 43,
        f"{good[:-1]}!",
        good.swapcase(),
        digest.hex(),
        str(owner.id),
        token,
        site.own.key,
    )
    names = {"project": site.own.project.name, "text": "ouv_join_x"} | await own_ids(rt, site.own)
    before = await entries(rt)
    routes = signed_in_routes(app_on(rt))
    assert {"/", "/account", "/projects", "/join/{text}"} <= {route.path for route in routes}
    for route in routes:
        for cookie in forged:
            client.cookies.set(COOKIE, cookie)
            sent = {"data": {"form_token": form_token(rt.secret, cookie)}} if route.method == "post" else {}
            response = await client.request(route.method, route.path.format(**names), headers=OWN_PAGE, **sent)
            assert response.status_code == 303, (route, cookie, response.text)
            assert response.headers["location"].startswith("/sign-in"), (route, cookie)
    assert await entries(rt) == before


async def test_pages_take_no_form_without_its_token(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    owner = await add_person(rt, "owner", (site.own.project, Role.OWNER))
    client.cookies.set(COOKIE, await cookie_of(rt, owner))
    ids = await own_ids(rt, site.own)
    before = await entries(rt)
    for route in signed_in_routes(app_on(rt)):
        if route.method != "post":
            continue
        path = route.path.format(project=site.own.project.name, text="ouv_join_x", **ids)
        response = await client.post(path, data={"form_token": "0" * 64}, headers=OWN_PAGE)
        assert response.status_code == 403, (route, response.text)
    assert await entries(rt) == before


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
        transport = httpx.ASGITransport(app_on(rt), client=(address, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            response = await http.get("/api/v1/project", headers=headers | extra)
        assert response.status_code == status

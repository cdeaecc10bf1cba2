"""No text, number or encoding that a request can hold makes an error of ours (5xx): every field of every route."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from access_cases import add_person, api_routes, bearer_of, body_of, cookie_of, own_ids
from conftest import app_on
from factories import Site
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from ouvidor.accounts.permissions import Role
from ouvidor.accounts.signins import COOKIE, form_token
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

OWN_PAGE = {"Origin": "http://127.0.0.1:8000", "Accept": "text/html"}
HOSTILE: tuple[Any, ...] = ("a\0b", "\ud800", 10**30)
BODIES = (b"[" * 100_000, b"1e999999", b'{"a": NaN}', b"\xff\xfe", b'{"\\ud800": 1}', b"", b"1" * 5000)
CHARSETS = ("unicode_escape", "undefined", '"UTF-7"')
ENDS_IT = {"/sign-out", "/account/sign-out-everywhere"}


def spots(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each part of a body."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*way, name)
        yield from spots(part, (*way, name))


def with_part(value: Any, way: tuple[Any, ...], part: Any) -> Any:
    """The body with this part in that place."""
    if not way:
        return part
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[way[0]] = with_part(value[way[0]], way[1:], part)
    return copied


def fields_of(dependant: Dependant) -> set[str]:
    """The names of the fields of a form or a query."""
    names: set[str] = set()
    for field in (*dependant.body_params, *dependant.query_params):
        inside = getattr(field.field_info.annotation, "model_fields", None)
        names.update(inside or [field.alias])
    return names.union(*(fields_of(part) for part in dependant.dependencies))


async def test_no_body_and_no_query_breaks_the_api(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    owner, app = await add_person(rt, "owner", (site.own.project, Role.OWNER)), app_on(rt)
    headers, ids = await bearer_of(rt, owner, site.own.project), await own_ids(rt, site.own)
    broken: list[object] = []
    for route in api_routes(app):
        if route.streams:
            continue
        url, base = route.path.format(**ids), body_of(site, route.method, route.path, ids).get("json")
        told = app.openapi()["paths"][route.path][route.method].get("parameters", [])
        tries: list[dict[str, Any]] = [{"params": {part["name"]: text}} for part in told for text in HOSTILE[::2]]
        if base is not None:
            bodies = [json.dumps(with_part(base, way, part)).encode() for way in spots(base) for part in HOSTILE]
            tries += [{"content": body} for body in bodies]
        for sent in tries:
            answer = await client.request(
                route.method, url, headers=headers | {"Content-Type": "application/json"}, **sent
            )
            if answer.status_code >= 500:
                broken.append((route.method, route.path, sent))
    assert broken == []


@pytest.mark.parametrize("body", BODIES)
async def test_what_is_no_json_of_ours_is_refused(site: Site, client: httpx.AsyncClient, body: bytes) -> None:
    headers = site.own.headers | {"Content-Type": "application/json"}
    assert (await client.patch("/api/v1/project", content=body, headers=headers)).status_code in {400, 422}


def odd_forms(names: list[str], token: str) -> Iterator[dict[str, Any]]:
    """Forms whose sender says how their letters are to be read."""
    fields = dict.fromkeys(names, "\\ud800 +2AA-") | {"form_token": token}
    parts = (f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields)
    body = f"{''.join(parts)}--B--\r\n".encode()
    for charset in CHARSETS:
        yield {"content": body, "headers": {"Content-Type": f"multipart/form-data; boundary=B; charset={charset}"}}


async def test_no_form_and_no_address_breaks_a_page(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    owner, app = await add_person(rt, "owner", (site.own.project, Role.OWNER), operator=True), app_on(rt)
    cookie = await cookie_of(rt, owner)
    token = form_token(rt.secret, cookie)
    client.cookies.set(COOKIE, cookie)
    ids = {"project": site.own.project.name, "text": "ouv_join_x", "digest": "x", "name": "x"}
    ids |= await own_ids(rt, site.own)
    broken: list[object] = []
    for context in iter_route_contexts(app.routes):
        route, path = context.original_route, context.path or ""
        documented = getattr(route, "include_in_schema", True)
        if documented or not isinstance(context.dependant, Dependant) or path.endswith("/events") or path in ENDS_IT:
            continue
        url = path.format(**ids)
        fields = sorted(fields_of(context.dependant) | ({"title"} if path.endswith("/settings") else set()))
        method = "POST" if "POST" in (getattr(route, "methods", None) or ()) else "GET"
        if method == "GET":
            tries: list[dict[str, Any]] = [{"params": {name: "a\0b"}} for name in fields]
        else:
            tries = [{"data": {"form_token": token, name: "a\0b"}} for name in fields] + [*odd_forms(fields, token)]
        for sent in tries:
            headers = OWN_PAGE | sent.pop("headers", {})
            answer = await client.request(method, url, headers=headers, **sent)
            if answer.status_code >= 500:
                broken.append((method, path, sent))
    assert broken == []

"""API keys: their form, their checksum, and that only a digest is kept."""

import hashlib
from datetime import timedelta
from typing import Any

import httpx
import pytest
from access_cases import add_person, bearer_of
from factories import Site, build_tenant
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from ouvidor.accounts.keys import (
    ALPHABET,
    PREFIX,
    ScopeBeyondYours,
    holder_of,
    issue_key,
    key_text,
    list_keys,
    revoke_key,
    well_formed,
)
from ouvidor.accounts.models import ApiKey, IdempotencyKey
from ouvidor.accounts.permissions import PERMISSIONS, USUAL_SCOPES, Permission, Role
from ouvidor.db import driver_of
from ouvidor.errors import NotFound, Unauthenticated, Unprocessable
from ouvidor.runtime import Runtime

SECRETS = st.text(alphabet=ALPHABET, min_size=32, max_size=32)


@given(SECRETS)
def test_a_key_is_prefix_secret_and_checksum(secret: str) -> None:
    text = key_text(secret)
    assert text.startswith(PREFIX)
    assert len(text) == len(PREFIX) + 32 + 6
    assert well_formed(text)


@given(SECRETS, st.integers(min_value=0, max_value=31), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_noticed_without_the_database(secret: str, place: int, letter: str) -> None:
    text = key_text(secret)
    at = len(PREFIX) + place
    changed = text[:at] + letter + text[at + 1 :]
    assert well_formed(changed) is (changed == text)


@pytest.mark.parametrize("text", ["", "x", PREFIX, "ouv_test_" + "a" * 38, "é" * 47])
def test_other_texts_are_no_keys(text: str) -> None:
    assert not well_formed(text)


@pytest.mark.anyio
async def test_only_the_digest_is_kept(rt: Runtime) -> None:
    tenant = await build_tenant(rt, "shop")
    async with rt.db.read() as session:
        row = (await session.execute(select(ApiKey))).scalar_one()
    assert row.digest == hashlib.sha256(tenant.key.encode()).digest()
    assert tenant.key not in repr(vars(row))
    assert row.hint.endswith(tenant.key[-4:])


@pytest.mark.anyio
async def test_use_is_noted_to_the_minute_and_revoking_ends_it(rt: Runtime) -> None:
    tenant = await build_tenant(rt, "shop")
    async with rt.db.begin() as session:
        holder = await holder_of(driver_of(session), tenant.key, rt.clock())
        assert holder.project.name == "shop"
        await revoke_key(session, tenant.project, tenant.key, rt.clock())
        await session.flush()
        with pytest.raises(Unauthenticated):
            await holder_of(driver_of(session), tenant.key, rt.clock())
        with pytest.raises(NotFound):
            await revoke_key(session, tenant.project, tenant.key, rt.clock())


@pytest.mark.anyio
async def test_a_key_of_another_project_cannot_be_revoked(rt: Runtime) -> None:
    one, other = await build_tenant(rt, "one"), await build_tenant(rt, "other")
    async with rt.db.begin() as session:
        with pytest.raises(NotFound):
            await revoke_key(session, other.project, one.key, rt.clock())


@pytest.mark.anyio
async def test_senseless_keys_are_refused(rt: Runtime) -> None:
    tenant = await build_tenant(rt, "shop")
    async with rt.db.begin() as session:
        with pytest.raises(Unprocessable, match="scope"):
            await issue_key(session, tenant.project, label="x", now=rt.clock(), scopes=("everything",))
        with pytest.raises(Unprocessable, match="expired"):
            await issue_key(session, tenant.project, label="x", now=rt.clock(), expires_at=rt.clock())


@pytest.mark.anyio
async def test_nobody_gives_a_key_what_they_lack(rt: Runtime) -> None:
    tenant = await build_tenant(rt, "shop")
    manager = PERMISSIONS[Role.MANAGER]
    async with rt.db.begin() as session:
        with pytest.raises(ScopeBeyondYours, match="privacy:erase"):
            await issue_key(
                session,
                tenant.project,
                label="x",
                now=rt.clock(),
                scopes=(Permission.ANSWER, Permission.PRIVACY_ERASE),
                within=manager,
            )
        key = await issue_key(session, tenant.project, label="x", now=rt.clock(), within=manager)
        assert key.scopes == USUAL_SCOPES
        assert len(await list_keys(session, tenant.project.id)) == 2


@pytest.mark.anyio
async def test_a_key_is_made_listed_and_revoked_over_the_wire(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    own = site.own.project
    headers = await bearer_of(rt, await add_person(rt, "owner", (own, Role.OWNER)), own)
    ends = (rt.clock() + timedelta(days=1)).isoformat()
    body = {"label": " till ", "scopes": ["answer", "project:read", "answer"], "expires_at": ends}
    made = await client.post("/api/v1/keys", json=body, headers=headers)
    assert (made.status_code, made.json()["label"]) == (201, "till")
    assert made.json()["scopes"] == ["answer", "project:read"]
    by_key = {"Authorization": f"Bearer {made.json()['key']}"}
    assert (await client.get("/api/v1/project", headers=by_key)).status_code == 200
    listed = await client.get("/api/v1/keys", params={"limit": 1}, headers=headers)
    assert (listed.json()["has_more"], listed.json()["data"][0]["id"]) == (True, made.json()["id"])
    assert listed.json()["data"][0]["last_used_at"] is not None
    assert made.json()["key"] not in listed.text
    address = f"/api/v1/keys/{made.json()['id']}"
    assert (await client.delete(address, headers=headers)).status_code == 204
    assert (await client.delete(address, headers=headers)).status_code == 404
    assert (await client.get("/api/v1/project", headers=by_key)).status_code == 401
    assert (await client.get("/api/v1/keys", headers=site.own.headers)).status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize(
    "wrong",
    [
        {"label": "  "},
        {"label": "x" * 101},
        {"label": "a\0b"},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["keys:write"]},
        {"scopes": ["members:write"]},
        {"expires_at": "2026-11-21T12:00:00Z"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"demo": True},
    ],
)
async def test_senseless_keys_are_refused_over_the_wire(
    rt: Runtime, site: Site, client: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    own = site.own.project
    headers = await bearer_of(rt, await add_person(rt, "owner", (own, Role.OWNER)), own)
    answer = await client.post("/api/v1/keys", json={"label": "x"} | wrong, headers=headers)
    assert answer.status_code == 422, answer.text
    async with rt.db.read() as session:
        assert len(await list_keys(session, own.id)) == 1


@pytest.mark.anyio
async def test_a_resend_makes_no_second_key_and_keeps_no_secret(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    own = site.own.project
    headers = await bearer_of(rt, await add_person(rt, "owner", (own, Role.OWNER)), own)
    headers |= {"Idempotency-Key": "once"}
    made = await client.post("/api/v1/keys", json={"label": "x"}, headers=headers)
    again = await client.post("/api/v1/keys", json={"label": "x"}, headers=headers)
    assert (made.status_code, again.status_code, again.json()["type"]) == (201, 409, "urn:ouvidor:already_issued")
    assert made.json()["key"] not in again.text
    async with rt.db.read() as session:
        assert len(await list_keys(session, own.id)) == 2
        kept = (await session.execute(select(IdempotencyKey))).scalars().all()
    assert not any(made.json()["key"] in repr(vars(row)) for row in kept)
    bad = await client.post("/api/v1/keys", json={"label": "x", "scopes": ["keys:write"]}, headers=headers)
    assert bad.status_code == 422

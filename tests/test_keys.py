"""API keys: their form, their checksum, and that only a digest is kept."""

import hashlib

import pytest
from factories import build_tenant
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from ouvidor.accounts.keys import ALPHABET, PREFIX, holder_of, issue_key, key_text, revoke_key, well_formed
from ouvidor.accounts.models import ApiKey
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
        holder = await holder_of(session, tenant.key, rt.clock())
        assert holder.project.name == "shop"
        await revoke_key(session, tenant.project, tenant.key, rt.clock())
        with pytest.raises(Unauthenticated):
            await holder_of(session, tenant.key, rt.clock())
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

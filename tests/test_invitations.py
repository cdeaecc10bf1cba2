"""Invitations: one person, one use, seven days, and nothing kept by which somebody else could join."""

import asyncio
import hashlib
from uuid import UUID, uuid4

import httpx
import pytest
from access_cases import add_person, bearer_of
from conftest import MovedClock, OpenRuntime
from factories import Site
from sqlalchemy import func, select

from ouvidor.accounts.audit import COMMAND, AuditFilter, read_audit_log
from ouvidor.accounts.invitations import (
    IssuedInvitation,
    NoOpenInvitation,
    UnknownInvitation,
    accept_invitation,
    find_invitation,
    invite,
    join_as_new_person,
    open_invitations,
    revoke_invitation,
)
from ouvidor.accounts.models import AuditEntry, Invitation, Membership, Project, User
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.projects import places_of
from ouvidor.accounts.throttle import MOST_REGISTRATIONS
from ouvidor.errors import Conflict, Unprocessable
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
ACCEPT, JOIN = "/api/v1/invitations/accept", "/api/v1/invitations/join"


async def issue(rt: Runtime, project: Project, role: Role = Role.AGENT, invitee: str = "Ana") -> IssuedInvitation:
    async with rt.db.begin() as session:
        return await invite(session, project, role, invitee, actor=COMMAND, now=rt.clock())


async def log_of(rt: Runtime, project_id: UUID, action: str = "") -> list[AuditEntry]:
    async with rt.db.read() as session:
        return await read_audit_log(session, project_id, AuditFilter(action), after=None, limit=100)


async def test_an_invitation_is_kept_as_a_digest_and_shown_without_its_text(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    own = site.own.project
    headers = await bearer_of(rt, await add_person(rt, "owner", (own, Role.OWNER)), own)
    body = {"invitee": "  Ana \n Reis ", "role": "agent"}
    made = (await client.post("/api/v1/invitations", json=body, headers=headers)).json()
    assert made["token"].startswith("ouv_join_")
    assert len(made["token"]) == len("ouv_join_") + 43
    assert made["path"] == f"/join/{made['token']}"
    async with rt.db.read() as session:
        row = (await session.execute(select(Invitation))).scalar_one()
        found = await find_invitation(session, made["token"], rt.clock())
    assert row.digest == hashlib.sha256(made["token"].encode()).digest()
    assert made["token"] not in repr(vars(row))
    assert (row.invitee, row.invited_by, found.role, found.project.id) == ("Ana Reis", "owner", "agent", own.id)
    listed = await client.get("/api/v1/invitations", headers=headers)
    assert [row["id"] for row in listed.json()["data"]] == [made["id"]]
    assert made["token"] not in listed.text


@pytest.mark.parametrize("invitee", ["", "   ", "x" * 121, "a\0b", "\ud800"])
async def test_senseless_invitees_are_refused(rt: Runtime, site: Site, invitee: str) -> None:
    with pytest.raises(Unprocessable):
        await issue(rt, site.own.project, invitee=invitee)
    assert [entry.action for entry in await log_of(rt, site.own.project.id) if "invitation" in entry.action] == []


async def test_a_new_person_joins_with_an_account_of_their_own(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    own = site.own.project
    made = await issue(rt, own, Role.MANAGER)
    before = len(await log_of(rt, own.id))
    body = {"token": made.text, "username": " ANA ", "password": PASSWORD, "name": "Ana Reis"}
    done = await client.post(ACCEPT, json=body)
    assert (done.status_code, done.json()["username"], done.json()["project"]) == (201, "ana", "seaside")
    async with rt.db.read() as session:
        user = (await session.execute(select(User).where(User.username == "ana"))).scalar_one()
        places = await places_of(session, user.id)
        row = (await session.execute(select(Invitation))).scalar_one()
    assert [(place.project.id, place.role) for place in places] == [(own.id, "manager")]
    assert (row.accepted_by, row.accepted_at) == ("ana", rt.clock())
    assert len(await log_of(rt, own.id)) == before + 1
    (entry,) = await log_of(rt, own.id, "member.joined")
    assert (entry.actor_id, entry.subject_id) == (user.id, user.id)
    assert entry.details == {"username": "ana", "role": "manager", "invitation": str(made.id)}
    assert (await client.post(ACCEPT, json=body | {"username": "bia"})).status_code == 404


async def test_whoever_has_an_account_joins_with_it(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    own, other = site.own.project, site.other.project
    ana = await add_person(rt, "ana", (other, Role.AGENT))
    headers = await bearer_of(rt, ana, other)
    made = await issue(rt, own)
    by_key = await client.post(JOIN, json={"token": made.text}, headers=site.other.headers)
    assert by_key.status_code == 403
    done = await client.post(JOIN, json={"token": made.text}, headers=headers)
    assert (done.status_code, done.json()["project"]) == (200, "seaside")
    assert (await client.post(JOIN, json={"token": made.text}, headers=headers)).status_code == 404
    project = (await client.get("/api/v1/project", headers=headers)).json()
    assert project["name"] == "elsewhere", "the token stays what it was for"


async def test_a_member_keeps_the_role_and_the_invitation_is_used(rt: Runtime, site: Site) -> None:
    own = site.own.project
    ana = await add_person(rt, "ana", (own, Role.MANAGER))
    made = await issue(rt, own, Role.VIEWER)
    before = len(await log_of(rt, own.id))
    async with rt.db.begin() as session:
        assert (await accept_invitation(session, made.text, ana, rt.clock())).id == own.id
    async with rt.db.read() as session:
        assert [place.role for place in await places_of(session, ana.id)] == ["manager"]
        assert await open_invitations(session, own.id, rt.clock()) == []
    assert len(await log_of(rt, own.id)) == before + 1
    (entry,) = await log_of(rt, own.id, "invitation.accepted")
    assert (entry.actor_id, entry.subject_id) == (ana.id, made.id)


async def test_what_is_not_in_force_is_refused_in_the_same_words(
    rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
) -> None:
    own = site.own.project
    ana = await add_person(rt, "ana")
    old, used, revoked = [await issue(rt, own) for _ in range(3)]
    clock.advance(days=1)
    async with rt.db.begin() as session:
        await accept_invitation(session, used.text, ana, rt.clock())
        await revoke_invitation(session, own, revoked.id, actor=COMMAND, now=rt.clock())
    fresh = await issue(rt, own)
    clock.advance(days=6)
    texts = (old.text, used.text, revoked.text, fresh.text[:-1] + "!", "ouv_join_", "é", str(fresh.id))
    headers = await bearer_of(rt, ana, None)
    told: set[tuple[int, str, str]] = set()
    for text in texts:
        body = {"token": text, "username": "bia", "password": PASSWORD}
        for answer in (
            await client.post(ACCEPT, json=body),
            await client.post(JOIN, json={"token": text}, headers=headers),
        ):
            told.add((answer.status_code, answer.json()["type"], answer.json()["detail"]))
    assert told == {(404, "urn:ouvidor:unknown_invitation", UnknownInvitation().detail)}
    async with rt.db.read() as session:
        assert [row.id for row in await open_invitations(session, own.id, rt.clock())] == [fresh.id]
        assert (await session.execute(select(func.count()).select_from(User))).scalar_one() == 1


async def test_an_invitation_is_revoked_once_and_by_its_own_project(rt: Runtime, site: Site) -> None:
    own = site.own.project
    made = await issue(rt, own)
    async with rt.db.begin() as session:
        with pytest.raises(NoOpenInvitation):
            await revoke_invitation(session, site.other.project, made.id, actor=COMMAND, now=rt.clock())
        with pytest.raises(NoOpenInvitation):
            await revoke_invitation(session, own, uuid4(), actor=COMMAND, now=rt.clock())
    before = len(await log_of(rt, own.id))
    async with rt.db.begin() as session:
        await revoke_invitation(session, own, made.id, actor=COMMAND, now=rt.clock())
        with pytest.raises(NoOpenInvitation):
            await revoke_invitation(session, own, made.id, actor=COMMAND, now=rt.clock())
    assert len(await log_of(rt, own.id)) == before + 1
    (entry,) = await log_of(rt, own.id, "invitation.revoked")
    assert entry.details == {"role": "agent", "invitee": "Ana"}


async def test_a_taken_name_or_weak_password_leaves_the_invitation_as_it_was(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    await add_person(rt, "ana")
    made = await issue(rt, site.own.project)
    body = {"token": made.text, "username": "Ana", "password": PASSWORD}
    assert (await client.post(ACCEPT, json=body)).status_code == 409
    assert (await client.post(ACCEPT, json=body | {"username": "bia", "password": "short"})).status_code == 422
    assert (await client.post(ACCEPT, json=body | {"username": "a\0b"})).status_code == 422
    assert (await client.post(ACCEPT, json=body | {"operator": True})).status_code == 422
    with pytest.raises(Conflict):
        await join_as_new_person(rt, made.text, "ana", PASSWORD, address="203.0.113.9")
    assert (await client.post(ACCEPT, json=body | {"username": "bia"})).status_code == 201


async def test_an_invitation_does_not_tell_who_has_an_account(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    """Eight tries at a user name from one address, by the page and the API together, then even a free name waits."""
    await add_person(rt, "ana")
    first, second = await issue(rt, site.own.project), await issue(rt, site.own.project)
    form = {"username": "ana", "password": PASSWORD}
    own_page = {"Origin": "http://127.0.0.1:8000", "Accept": "text/html"}
    for made in (first, second) * (MOST_REGISTRATIONS // 4):
        assert (await client.post(ACCEPT, json=form | {"token": made.text})).status_code == 409
        assert (await client.post(f"/join/{made.text}/account", data=form, headers=own_page)).status_code == 409
    refused = await client.post(ACCEPT, json=form | {"token": second.text, "username": "bia"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "900")
    page = await client.post(f"/join/{first.text}/account", data=form | {"username": "bia"}, headers=own_page)
    assert (page.status_code, page.headers["retry-after"]) == (429, "900")
    assert "Wait 15 minutes" in page.text
    assert (await client.post(ACCEPT, json=form | {"token": "x"})).status_code == 404
    assert (await join_as_new_person(rt, first.text, "bia", PASSWORD, address="203.0.113.9")).user.username == "bia"


async def test_whoever_joins_gives_their_try_back(rt: Runtime, site: Site) -> None:
    for number in range(MOST_REGISTRATIONS + 1):
        made = await issue(rt, site.own.project)
        await join_as_new_person(rt, made.text, f"person-{number}", PASSWORD, address="203.0.113.9")


async def test_of_twenty_at_once_over_two_processes_one_joins(rt: Runtime, site: Site, opened: OpenRuntime) -> None:
    own = site.own.project
    people = [await add_person(rt, f"person-{number}") for number in range(20)]
    made = await issue(rt, own)
    before = len(await log_of(rt, own.id))

    async def accept(process: Runtime, person: User) -> UUID:
        async with process.db.begin() as session:
            return (await accept_invitation(session, made.text, person, rt.clock())).id

    async with opened() as second:
        done = await asyncio.gather(
            *(accept((rt, second)[number % 2], person) for number, person in enumerate(people)),
            return_exceptions=True,
        )
    assert [result for result in done if not isinstance(result, UnknownInvitation)] == [own.id]
    async with rt.db.read() as session:
        joined = (await session.execute(select(Membership).where(Membership.project_id == own.id))).scalars().all()
    assert len(joined) == 1
    assert len(await log_of(rt, own.id)) == before + 1


async def test_of_many_new_people_at_once_one_account_is_made(rt: Runtime, site: Site, opened: OpenRuntime) -> None:
    own = site.own.project
    made = await issue(rt, own)
    async with opened() as second:
        done = await asyncio.gather(
            *(
                join_as_new_person((rt, second)[number % 2], made.text, f"person-{number % 2}", PASSWORD, address="")
                for number in range(6)
            ),
            return_exceptions=True,
        )
    assert sorted(type(result).__name__ for result in done) == ["Joined", *["UnknownInvitation"] * 5]
    async with rt.db.read() as session:
        assert (await session.execute(select(func.count()).select_from(User))).scalar_one() == 1


async def test_a_resend_makes_no_second_invitation_and_tells_no_secret(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    own = site.own.project
    headers = await bearer_of(rt, await add_person(rt, "owner", (own, Role.OWNER)), own)
    headers |= {"Idempotency-Key": '"one"'}
    body = {"invitee": "Ana", "role": "agent"}
    answers = await asyncio.gather(*(client.post("/api/v1/invitations", json=body, headers=headers) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    again = await client.post("/api/v1/invitations", json=body, headers=headers)
    assert (again.status_code, made["id"] in again.json()["detail"]) == (409, True)
    assert made["token"] not in again.text
    changed = await client.post("/api/v1/invitations", json=body | {"role": "viewer"}, headers=headers)
    assert (changed.status_code, changed.json()["type"]) == (422, "urn:ouvidor:key_reused")

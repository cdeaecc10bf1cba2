"""Members: listed, given another role, removed; and the owner that a project always keeps."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from access_cases import add_person, bearer_of
from conftest import MovedClock, OpenRuntime
from factories import Site
from sqlalchemy import select

from ouvidor.accounts.access import PeopleOnly
from ouvidor.accounts.audit import Actor, AuditFilter, read_audit_log
from ouvidor.accounts.members import LastOwner, UnknownMember, change_role, list_members, member_named, remove_member
from ouvidor.accounts.models import AuditEntry, Membership
from ouvidor.accounts.permissions import KEY_SCOPES, PERMISSIONS, Permission, Role
from ouvidor.accounts.presence import note_presence
from ouvidor.accounts.roles import PERMISSION_MEANING, ROLE_MEANING
from ouvidor.accounts.tokens import begin_family
from ouvidor.accounts.users import actor_of
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

BOSS = Actor("command", "test")


async def log_of(rt: Runtime, project_id: UUID, action: str = "") -> list[AuditEntry]:
    async with rt.db.read() as session:
        return await read_audit_log(session, project_id, AuditFilter(action), after=None, limit=100)


async def owners(rt: Runtime, project_id: UUID) -> int:
    query = select(Membership.user_id).where(Membership.project_id == project_id, Membership.role == Role.OWNER)
    async with rt.db.read() as session:
        return len((await session.execute(query)).all())


async def test_members_are_listed_with_role_and_presence(rt: Runtime, site: Site, clock: MovedClock) -> None:
    own = site.own.project
    viewer = await add_person(rt, "ana", (own, Role.VIEWER))
    owner = await add_person(rt, "zoe", (own, Role.OWNER), (site.other.project, Role.AGENT))
    await add_person(rt, "stranger", (site.other.project, Role.OWNER))
    async with rt.db.begin() as session:
        await note_presence(session, own.id, owner.id, rt.clock())
    async with rt.db.read() as session:
        rows = await list_members(session, own.id, rt.clock())
        later = await list_members(session, own.id, clock.now.replace(hour=13))
    assert [(row.username, row.role, row.there) for row in rows] == [("zoe", "owner", True), ("ana", "viewer", False)]
    assert [row.there for row in later] == [False, False]
    assert rows[1].user_id == viewer.id


async def test_a_role_changes_from_the_next_request_on(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    own = site.own.project
    owner = await bearer_of(rt, await add_person(rt, "owner", (own, Role.OWNER)), own)
    ana = await add_person(rt, "ana", (own, Role.VIEWER))
    hers = await bearer_of(rt, ana, own)
    path = f"/api/v1/members/{ana.id}"
    assert (await client.patch("/api/v1/project", json={"hold_minutes": 9}, headers=hers)).status_code == 403
    changed = await client.patch(path, json={"role": "manager"}, headers=owner)
    assert (changed.status_code, changed.json()["role"]) == (200, "manager")
    assert (await client.patch("/api/v1/project", json={"hold_minutes": 9}, headers=hers)).status_code == 200
    listed = (await client.get("/api/v1/members", headers=hers)).json()
    assert {row["username"]: row["role"] for row in listed["data"]} == {"owner": "owner", "ana": "manager"}
    assert (await client.patch(path, json={"role": "king"}, headers=owner)).status_code == 422
    assert (await client.patch(path, json={"role": "agent", "x": 1}, headers=owner)).status_code == 422


async def test_changing_a_role_leaves_one_entry_and_the_same_role_none(rt: Runtime, site: Site) -> None:
    own = site.own.project
    ana = await add_person(rt, "ana", (own, Role.VIEWER))
    before = len(await log_of(rt, own.id))
    for _ in range(2):
        async with rt.db.begin() as session:
            await change_role(session, own, ana.id, Role.AGENT, actor=BOSS, now=rt.clock())
    assert len(await log_of(rt, own.id)) == before + 1
    (entry,) = await log_of(rt, own.id, "member.role_changed")
    assert entry.subject_id == ana.id
    assert entry.details == {"username": "ana", "role": ["viewer", "agent"]}


async def test_who_is_removed_is_out_at_once_and_elsewhere_stays(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    own, other = site.own.project, site.other.project
    owner = await add_person(rt, "owner", (own, Role.OWNER))
    ana = await add_person(rt, "ana", (own, Role.AGENT), (other, Role.AGENT))
    async with rt.db.begin() as session:
        here = await begin_family(session, rt.secret, ana, own, program="test", now=rt.clock())
    there = await bearer_of(rt, ana, other)
    headers = await bearer_of(rt, owner, own)
    gone = await client.delete(f"/api/v1/members/{ana.id}", headers=headers)
    assert gone.status_code == 204
    hers = {"Authorization": f"Bearer {here.access}"}
    assert (await client.get("/api/v1/project", headers=hers)).status_code == 401
    assert (await client.get("/api/v1/project", headers=there)).status_code == 200
    (entry,) = await log_of(rt, own.id, "member.removed")
    assert (entry.actor_id, entry.subject_id) == (owner.id, ana.id)
    assert entry.details == {"username": "ana", "role": "agent"}
    assert (await client.delete(f"/api/v1/members/{ana.id}", headers=headers)).status_code == 404
    async with rt.db.begin() as session:
        session.add(Membership(user_id=ana.id, project_id=own.id, role="viewer", created_at=rt.clock()))
    assert (await client.get("/api/v1/project", headers=hers)).status_code == 401, "the family is revoked for good"


@pytest.mark.parametrize("deed", ["removed", "manager"])
async def test_who_may_no_longer_let_others_in_has_no_way_back(
    rt: Runtime, site: Site, client: httpx.AsyncClient, deed: str
) -> None:
    """The invitations that they issued end with their right; those of other owners stay."""
    own = site.own.project
    owner = await add_person(rt, "owner", (own, Role.OWNER))
    ana = await add_person(rt, "ana", (own, Role.OWNER))
    headers, hers = await bearer_of(rt, owner, own), await bearer_of(rt, ana, own)
    body = {"invitee": "Bia", "role": "owner"}
    made = [(await client.post("/api/v1/invitations", json=body, headers=who)).json() for who in (headers, hers)]
    path = f"/api/v1/members/{ana.id}"
    done = (
        client.delete(path, headers=headers)
        if deed == "removed"
        else client.patch(path, json={"role": deed}, headers=headers)
    )
    assert (await done).is_success
    left = (await client.get("/api/v1/invitations", headers=headers)).json()["data"]
    assert [row["id"] for row in left] == [made[0]["id"]]
    again = {"token": made[1]["token"], "username": "ana2", "password": "correct horse battery"}
    assert (await client.post("/api/v1/invitations/accept", json=again)).status_code == 404
    (entry,) = await log_of(rt, own.id, "invitation.revoked")
    assert (entry.actor_id, str(entry.subject_id)) == (owner.id, made[1]["id"])


async def test_the_last_owner_stays(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    own = site.own.project
    ana = await add_person(rt, "ana", (own, Role.OWNER))
    await add_person(rt, "bia", (own, Role.MANAGER))
    headers = await bearer_of(rt, ana, own)
    before = len(await log_of(rt, own.id))
    for answer in (
        await client.delete(f"/api/v1/members/{ana.id}", headers=headers),
        await client.patch(f"/api/v1/members/{ana.id}", json={"role": "manager"}, headers=headers),
    ):
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:ouvidor:last_owner")
    same = await client.patch(f"/api/v1/members/{ana.id}", json={"role": "owner"}, headers=headers)
    assert same.status_code == 200
    assert len(await log_of(rt, own.id)) == before


@pytest.mark.parametrize("deed", ["remove", "demote", "one of each"])
async def test_two_owners_cannot_put_each_other_out_at_once(
    rt: Runtime, site: Site, opened: OpenRuntime, deed: str
) -> None:
    own = site.own.project
    async with opened() as second:
        for attempt in range(10):
            one = await add_person(rt, f"one-{attempt}", (own, Role.OWNER))
            two = await add_person(rt, f"two-{attempt}", (own, Role.OWNER))

            async def act(process: Runtime, by: Any, on: UUID, *, remove: bool) -> None:
                async with process.db.begin() as session:
                    if remove:
                        await remove_member(session, own, on, actor=actor_of(by), now=rt.clock())
                    else:
                        await change_role(session, own, on, Role.VIEWER, actor=actor_of(by), now=rt.clock())

            done = await asyncio.gather(
                act(rt, one, two.id, remove=deed != "demote"),
                act(second, two, one.id, remove=deed == "remove"),
                return_exceptions=True,
            )
            assert sorted(type(result).__name__ for result in done) == ["LastOwner", "NoneType"]
            assert await owners(rt, own.id) == 1
            async with rt.db.begin() as session:
                query = select(Membership).where(Membership.project_id == own.id)
                for row in (await session.execute(query)).scalars():
                    await session.delete(row)


async def test_members_of_another_project_are_unknown(rt: Runtime, site: Site) -> None:
    own, other = site.own.project, site.other.project
    theirs = await add_person(rt, "theirs", (other, Role.AGENT))
    async with rt.db.begin() as session:
        with pytest.raises(UnknownMember):
            await remove_member(session, own, theirs.id, actor=BOSS, now=rt.clock())
        with pytest.raises(UnknownMember):
            await change_role(session, own, theirs.id, Role.OWNER, actor=BOSS, now=rt.clock())
        with pytest.raises(UnknownMember):
            await member_named(session, own.id, "theirs")
        assert await member_named(session, other.id, "  THEIRS ") == theirs.id
        with pytest.raises(UnknownMember):
            await remove_member(session, own, uuid4(), actor=BOSS, now=rt.clock())


async def test_the_last_owner_is_named_in_a_sentence() -> None:
    assert LastOwner().detail == "A project keeps at least one owner: make somebody else an owner first."


async def test_members_come_in_pages(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    names = [f"person-{number}" for number in range(5)]
    for name in names:
        await add_person(rt, name, (site.own.project, Role.AGENT))
    seen: list[str] = []
    after: dict[str, str] = {}
    for has_more in (True, True, False):
        answer = await client.get("/api/v1/members", params={"limit": 2, **after}, headers=site.own.headers)
        page = answer.json()
        assert (page["object"], page["has_more"]) == ("list", has_more)
        assert [page["first_id"], page["last_id"]] == [page["data"][0]["user_id"], page["data"][-1]["user_id"]]
        seen += [row["username"] for row in page["data"]]
        after = {"after": page["last_id"]}
    assert sorted(seen) == names
    empty = (await client.get("/api/v1/members", params=after, headers=site.own.headers)).json()
    assert empty == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


async def test_the_table_of_roles_can_be_read(site: Site, client: httpx.AsyncClient) -> None:
    told = (await client.get("/api/v1/roles", headers=site.own.headers)).json()
    assert {role["name"]: set(role["permissions"]) for role in told["roles"]} == PERMISSIONS
    assert {row["name"] for row in told["permissions"] if row["for_keys"]} == set(KEY_SCOPES)
    assert (PERMISSION_MEANING.keys(), ROLE_MEANING.keys()) == (set(Permission), set(Role))
    assert all(row["meaning"].endswith(".") for row in (*told["roles"], *told["permissions"]))


async def test_operators_make_projects_and_own_them(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    operator = await add_person(rt, "operator", operator=True)
    plain = await add_person(rt, "plain", (site.own.project, Role.OWNER))
    headers, others = await bearer_of(rt, operator, None), await bearer_of(rt, plain, site.own.project)
    wanted = {"name": "harbour", "title": " Harbour ", "languages": ["en"]}
    refused = await client.post("/api/v1/projects", json=wanted, headers=others)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:ouvidor:operators_only")
    made = await client.post("/api/v1/projects", json=wanted, headers=headers)
    assert (made.status_code, made.json()["title"], made.json()["role"]) == (201, "Harbour", "owner")
    entries = await log_of(rt, UUID(made.json()["id"]))
    assert [(entry.action, entry.actor_id) for entry in entries] == [("project.created", operator.id)]
    assert (await client.post("/api/v1/projects", json=wanted, headers=headers)).status_code == 409
    for bad in ({"name": "Bad Name"}, {"title": ""}, {"languages": []}, {"languages": ["fr"]}, {"mode": "both"}):
        assert (await client.post("/api/v1/projects", json=wanted | bad, headers=headers)).status_code == 422, bad
    listed = (await client.get("/api/v1/projects", headers=headers)).json()
    assert [(row["name"], row["role"]) for row in listed["data"]] == [("harbour", "owner")]
    by_key = await client.get("/api/v1/projects", headers=site.own.headers)
    assert (by_key.status_code, by_key.json()["detail"]) == (403, PeopleOnly().detail)

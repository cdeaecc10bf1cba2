"""The audit log: one entry for each deed, none can be changed, none holds a secret; read in pages and as CSV."""

import csv
import io
import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from access_cases import add_person, bearer_of
from factories import Site
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ouvidor.accounts.audit import COMMAND, Actor, AuditFilter, Subject, audit_log_csv, note, read_audit_log
from ouvidor.accounts.invitations import invite
from ouvidor.accounts.keys import issue_key, revoke_key
from ouvidor.accounts.models import AuditEntry
from ouvidor.accounts.permissions import Permission, Role
from ouvidor.accounts.projects import create_project
from ouvidor.db import new_id
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

ADDRESS = "/api/v1/audit-log"
HEADER = ["id", "at", "actor_kind", "actor_id", "actor_name", "action", "subject_kind", "subject_id", "details"]


async def log_of(rt: Runtime, project_id: UUID) -> list[AuditEntry]:
    async with rt.db.read() as session:
        return await read_audit_log(session, project_id, AuditFilter(), after=None, limit=1000)


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entry set action = 'nothing.happened'",
        "update audit_entry set details = '{}' where actor_name = 'command line'",
        "delete from audit_entry",
        "truncate audit_entry",
        "truncate audit_entry cascade",
        "delete from audit_entry where project_id is not null",
    ],
)
async def test_the_database_refuses_to_change_what_was_written(rt: Runtime, site: Site, statement: str) -> None:
    before = [vars(entry)["action"] for entry in await log_of(rt, site.own.project.id)]
    assert before
    with pytest.raises(DBAPIError, match="append-only"):
        async with rt.db.begin() as session:
            await session.execute(text(statement))
    assert [entry.action for entry in await log_of(rt, site.own.project.id)] == before


async def test_entries_outlive_their_project(rt: Runtime, site: Site) -> None:
    own = site.own.project
    before = len(await log_of(rt, own.id))
    async with rt.db.begin() as session:
        await session.execute(text("delete from project where id = :id"), {"id": own.id})
    assert len(await log_of(rt, own.id)) == before


async def test_deeds_of_the_command_line_leave_one_entry_each(rt: Runtime) -> None:
    async with rt.db.begin() as session:
        project = await create_project(session, "shop", title="Shop", now=rt.clock())
        key = await issue_key(session, project, label="till", now=rt.clock(), scopes=("answer",))
        await revoke_key(session, project, key.text, rt.clock())
        await invite(session, project, Role.OWNER, "Ana", actor=COMMAND, now=rt.clock())
    entries = await log_of(rt, project.id)
    assert {(entry.actor_kind, entry.actor_id, entry.at) for entry in entries} == {("command", None, rt.clock())}
    told = {entry.action: (entry.subject_kind, entry.details) for entry in entries}
    assert len(told) == len(entries)
    assert told == {
        "project.created": ("project", {"name": "shop", "mode": "both"}),
        "key.issued": ("key", {"label": "till", "scopes": ["answer"], "expires_at": None}),
        "key.revoked": ("key", {"label": "till"}),
        "invitation.issued": ("invitation", {"role": "owner", "invitee": "Ana"}),
    }


async def test_what_fails_leaves_no_entry(rt: Runtime, site: Site) -> None:
    before = len(await log_of(rt, site.own.project.id))
    with pytest.raises(RuntimeError):
        async with rt.db.begin() as session:
            await issue_key(session, site.own.project, label="x", now=rt.clock())
            raise RuntimeError
    assert len(await log_of(rt, site.own.project.id)) == before


async def test_each_deed_of_a_person_leaves_one_entry_under_their_name_and_no_secret(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    own = site.own.project
    owner = await add_person(rt, "owner", (own, Role.OWNER))
    ana = await add_person(rt, "ana", (own, Role.AGENT))
    headers = await bearer_of(rt, owner, own)
    hers = await bearer_of(rt, await add_person(rt, "newcomer"), None)
    password = "correct horse battery"
    secrets = [password, "Our own words", "Our own persona", headers["Authorization"].removeprefix("Bearer ")]

    async def count(method: str, path: str, by: dict[str, str] = headers, **body: Any) -> Any:
        before = len(await log_of(rt, own.id))
        answer = await client.request(method, f"/api/v1{path}", headers=by, **({"json": body} if body else {}))
        assert answer.is_success, answer.text
        assert len(await log_of(rt, own.id)) == before + 1, (method, path)
        told = answer.json() if answer.content else {}
        secrets.extend(told[name] for name in ("key", "token") if name in told)
        return told

    key = await count("POST", "/keys", label="x")
    await count("DELETE", f"/keys/{key['id']}")
    first = await count("POST", "/invitations", invitee="Bia", role="agent")
    second = await count("POST", "/invitations", invitee="Caio", role="agent")
    third = await count("POST", "/invitations", invitee="Duda", role="agent")
    await count("DELETE", f"/invitations/{third['id']}")
    await count("POST", "/invitations/accept", {}, token=first["token"], username="bia", password=password)
    await count("POST", "/invitations/join", hers, token=second["token"])
    await count("PATCH", "/project", phrases={"transfer": {"en": "Our own words"}}, persona="Our own persona")
    await count("PATCH", f"/members/{ana.id}", role="manager")
    await count("DELETE", f"/members/{ana.id}")
    entries = await log_of(rt, own.id)
    everything = json.dumps([str(vars(entry)) for entry in entries], ensure_ascii=False)
    assert not [secret for secret in secrets if secret in everything]
    assert not [entry for entry in entries if "ouv_" in json.dumps(entry.details)]
    mine = [entry.action for entry in entries if entry.actor_id == owner.id]
    assert (len(mine), {entry.actor_name for entry in entries if entry.actor_id == owner.id}) == (9, {"owner"})


async def test_the_log_is_read_newest_first_in_pages(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    async with rt.db.begin() as session:
        for number in range(5):
            await note(session, COMMAND, "test.done", at=rt.clock(), project_id=site.own.project.id, number=number)
        await note(session, COMMAND, "test.done", at=rt.clock(), project_id=site.other.project.id, number=99)
    seen: list[int] = []
    query: dict[str, Any] = {"action": "test.done", "limit": 2}
    for has_more in (True, True, False):
        page = (await client.get(ADDRESS, params=query, headers=site.own.headers)).json()
        assert (page["object"], page["has_more"], page["last_id"]) == ("list", has_more, page["data"][-1]["id"])
        seen += [entry["details"]["number"] for entry in page["data"]]
        query["after"] = page["last_id"]
    assert sorted(seen) == [0, 1, 2, 3, 4]
    ids = [entry.id for entry in await log_of(rt, site.own.project.id)]
    assert ids == sorted(ids, reverse=True)


async def test_the_log_is_narrowed_by_deed_actor_and_subject(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    project, ana, thing = site.own.project, new_id(), new_id()
    async with rt.db.begin() as session:
        for action, actor in (("cat.fed", COMMAND), ("cat.fled", Actor("user", "Ana", ana)), ("cattle.sold", COMMAND)):
            subject = Subject("section", thing) if action == "cat.fed" else None
            await note(session, actor, action, at=rt.clock(), project_id=project.id, subject=subject)

    async def found(**query: Any) -> list[str]:
        answer = await client.get(ADDRESS, params=query, headers=site.own.headers)
        return [entry["action"] for entry in answer.json()["data"]]

    assert await found(action="cat.") == ["cat.fled", "cat.fed"]
    assert await found(action="cat.fed") == ["cat.fed"]
    assert await found(action="c%.") == []
    assert await found(actor_id=str(ana)) == ["cat.fled"]
    assert await found(subject_id=str(thing)) == ["cat.fed"]
    assert await found(action="cat.", actor_id=str(new_id())) == []
    for bad in ({"action": "a\0b"}, {"limit": 0}, {"limit": 101}, {"after": "x"}, {"action": "x" * 101}):
        assert (await client.get(ADDRESS, params=bad, headers=site.own.headers)).status_code == 422, bad


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
async def test_the_export_gives_spreadsheets_no_formula(
    rt: Runtime, site: Site, client: httpx.AsyncClient, name: str
) -> None:
    async with rt.db.begin() as session:
        actor = Actor("key", name, new_id())
        await note(session, actor, "test.done", at=rt.clock(), project_id=site.own.project.id, said='a "b", c\nd')
    answer = await client.get(f"{ADDRESS}/export", params={"action": "test."}, headers=site.own.headers)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-log-seaside-2026-11-21.csv"'
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0] == HEADER
    assert len(rows) == 2
    told = dict(zip(rows[0], rows[1], strict=True))
    assert (told["actor_name"], told["subject_id"]) == (f"'{name}", "")
    assert json.loads(told["details"]) == {"said": 'a "b", c\nd'}


async def test_the_export_is_whole_in_chunks(rt: Runtime, site: Site) -> None:
    project = site.own.project
    async with rt.db.begin() as session:
        for number in range(1100):
            await note(session, COMMAND, "test.done", at=rt.clock(), project_id=project.id, number=number)
    chunks = [chunk async for chunk in audit_log_csv(rt, project.id, AuditFilter("test.done"))]
    assert len(chunks) == 4
    rows = list(csv.DictReader(io.StringIO("".join(chunks), newline="")))
    assert sorted(json.loads(row["details"])["number"] for row in rows) == list(range(1100))
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)


async def test_only_those_who_may_read_it_do(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    own = site.own.project
    for role, status in ((Role.AUDITOR, 200), (Role.MANAGER, 200), (Role.AGENT, 403), (Role.VIEWER, 403)):
        headers = await bearer_of(rt, await add_person(rt, role, (own, role)), own)
        for path in (ADDRESS, f"{ADDRESS}/export"):
            assert (await client.get(path, headers=headers)).status_code == status, (role, path)
    async with rt.db.begin() as session:
        key = await issue_key(session, own, label="x", now=rt.clock(), scopes=(Permission.AUDIT_READ,))
    assert (await client.get(ADDRESS, headers={"Authorization": f"Bearer {key.text}"})).status_code == 200

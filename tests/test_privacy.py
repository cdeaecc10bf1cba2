"""Erasing, exporting, retention: what is gone is gone from every table, and nobody else loses anything."""

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import MovedClock, OpenRuntime
from factories import Site, Tenant, build_tenant
from sqlalchemy import func, insert, select, update
from sqlalchemy import text as sql

from ouvidor.accounts.access import Caller
from ouvidor.accounts.audit import SYSTEM, Actor
from ouvidor.accounts.models import AuditEntry, Project
from ouvidor.accounts.permissions import Permission
from ouvidor.agent.reply import Draft
from ouvidor.analysis.jobs import sweep
from ouvidor.analysis.work import work_off
from ouvidor.conversations.models import Conversation, Message, Turn
from ouvidor.db import new_id
from ouvidor.engines.base import Engine
from ouvidor.engines.calls import CallRecord
from ouvidor.engines.scripted import Held, ScriptedEngine
from ouvidor.feedback.intake.receive import begin_job, take_in
from ouvidor.feedback.told import Told
from ouvidor.jobs import enqueue
from ouvidor.monitoring.models import EngineCall
from ouvidor.privacy.erase import carry_out_erasure, order_erasure
from ouvidor.privacy.export import make_export, sweep_old_exports
from ouvidor.privacy.models import DataExport, Erasure
from ouvidor.privacy.purge import CHUNK
from ouvidor.privacy.retention import begin_night, erase_silent
from ouvidor.runtime import DatabaseAddress, Runtime
from ouvidor.worker import add_jobs, rescue_stalled, work

pytestmark = pytest.mark.anyio

ERASURES, EXPORTS = "/api/v1/erasures", "/api/v1/exports"
MARKERS = ("zebrafish", "quokkaland", "helpdesk-okapi", "customer-tapir", "personsaid-axolotl")
DRAFTED = ("withheld-narwhal", "prompted-pangolin")


async def ask(client: httpx.AsyncClient, tenant: Tenant, helpdesk: str, said: str, *, key: str = "") -> dict[str, Any]:
    headers = tenant.headers | ({"Idempotency-Key": key} if key else {})
    body = {
        "helpdeskId": helpdesk,
        "projectName": tenant.project.name,
        "messages": [{"role": "USER", "content": said}],
    }
    answer = await client.post("/conversations/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def belong_to(rt: Runtime, conversation_id: str, customer_id: str) -> None:
    async with rt.db.begin() as session:
        mine = Conversation.id == UUID(conversation_id)
        await session.execute(update(Conversation).where(mine).values(customer_id=customer_id))


async def order(client: httpx.AsyncClient, tenant: Tenant, kind: str, subject: str, path: str = ERASURES) -> str:
    answer = await client.post(path, json={"kind": kind, "id": subject}, headers=tenant.headers)
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "pending"
    return answer.json()["id"]


async def read(client: httpx.AsyncClient, tenant: Tenant, path: str) -> dict[str, Any]:
    answer = await client.get(path, headers=tenant.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def everything(rt: Runtime) -> dict[str, str]:
    """Every column of every table of both schemas, as text."""
    columns = sql(
        """
        select c.table_schema, c.table_name, c.column_name, c.data_type from information_schema.columns as c
        join information_schema.tables as t using (table_schema, table_name)
        where t.table_type = 'BASE TABLE' and table_schema in ('public', 'jobs')
        """
    )
    found: dict[str, str] = {}
    async with rt.db.read() as session:
        for schema, table, column, kind in (await session.execute(columns)).all():
            as_text = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            query = sql(f'select string_agg({as_text}, \' \') from "{schema}"."{table}"')
            found[f"{schema}.{table}.{column}"] = await session.scalar(query) or ""
    assert len(found) > 100
    assert {"public.message.content", "public.data_export.content", "jobs.procrastinate_jobs.args"} <= found.keys()
    return found


async def places_of(rt: Runtime, *markers: str) -> set[str]:
    return {
        column
        for column, content in (await everything(rt)).items()
        if any(marker.casefold() in content.casefold() for marker in markers)
    }


def call_about(rt: Runtime, tenant: Tenant, conversation_id: UUID) -> CallRecord:
    """A call whose content is recorded."""
    return CallRecord(
        project_id=tenant.project.id,
        conversation_id=conversation_id,
        turn_id=uuid4(),
        task="reply",
        model="gpt-4o-mini",
        prompt_version=None,
        prompt_label="reply 1",
        at=rt.clock(),
        latency=0.25,
        prompt="prompted-pangolin zebrafish",
        answer="zebrafish",
    )


async def calls_about(rt: Runtime, ids: list[str]) -> int:
    async with rt.db.read() as session:
        about = EngineCall.conversation_id.in_([UUID(one) for one in ids])
        return await session.scalar(select(func.count()).select_from(EngineCall).where(about)) or 0


async def a_customers_life(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant) -> list[str]:
    """Two conversations of one customer, with everything that leaves a trace; the ids of both."""
    one = await ask(client, tenant, "helpdesk-okapi", "What time is breakfast? Zebrafish", key="resend-1")
    two = await ask(client, tenant, "8812", "Is there parking in Quokkaland?")
    ids = [one["conversationId"], two["conversationId"]]
    for conversation_id in ids:
        await belong_to(rt, conversation_id, "customer-tapir")
    async with rt.db.begin() as session:
        talk = await session.get_one(Conversation, UUID(ids[0]))
        talk.messages += 1
        talk.last_message_at -= timedelta(hours=1)
        written = {"position": talk.messages, "role": "AGENT", "author": "person", "author_name": "Ana"}
        session.add(
            Message(
                project_id=tenant.project.id,
                conversation_id=talk.id,
                content="personsaid-axolotl: come at seven",
                created_at=rt.clock(),
                **written,
            )
        )
        await session.execute(
            update(Turn)
            .where(Turn.conversation_id == talk.id)
            .values(
                withheld="withheld-narwhal", searched_for="zebrafish", findings=[{"kind": "link", "what": "zebrafish"}]
            )
        )
        await enqueue(session, rt.jobs, "later.analyse", once=f"later.analyse:{ids[1]}", conversation=ids[1])
        await enqueue(session, rt.jobs, "later.deliver", messages=[{"about": one["messageId"]}])
    await sweep(rt)
    await work_off(rt)
    rt.calls.add(call_about(rt, tenant, UUID(ids[0])))
    await rt.calls.flush()
    for kind, subject in (("customer", "customer-tapir"), ("conversation", ids[1]), ("customer", "helpdesk-okapi")):
        await order(client, tenant, kind, subject, EXPORTS)
    await work(rt, once=True)
    return ids


async def test_an_erased_customer_is_in_no_table_any_more(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    ids = await a_customers_life(rt, client, site.own)
    stranger = await ask(client, site.other, "helpdesk-okapi", "hello")
    neighbour = await ask(client, site.own, "8813", "Do you accept pets?", key="resend-2")
    before, calls = await everything(rt), await calls_about(rt, ids)
    for marker in MARKERS + DRAFTED:
        assert any(marker in content.casefold() for content in before.values()), marker
    assert await places_of(rt, *MARKERS) >= {
        "public.message.content",
        "public.conversation.helpdesk_id",
        "public.conversation.customer_id",
        "public.idempotency_key.answer",
        "public.data_export.content",
        "public.data_export.subject",
        "public.turn.searched_for",
        "public.turn.findings",
        "public.engine_call.prompt",
        "public.engine_call.answer",
        "public.analysis.summary",
    }
    assert await places_of(rt, *ids) >= {"jobs.procrastinate_jobs.args", "jobs.procrastinate_jobs.queueing_lock"}

    erasure = await order(client, site.own, "customer", "customer-tapir")
    assert await places_of(rt, "customer-tapir") >= {"public.erasure.subject"}
    assert await places_of(rt, erasure) >= {"jobs.procrastinate_jobs.args"}
    await work(rt, once=True)

    receipt = await read(client, site.own, f"{ERASURES}/{erasure}")
    assert receipt["state"] == "done"
    assert receipt["done_at"] is not None
    assert receipt["counts"]["sections"] > 0
    assert receipt["counts"] == {
        "conversations": 2,
        "messages": 5,
        "comments": 0,
        "turns": 2,
        "sections": receipt["counts"]["sections"],
        "answers": 1,
        "exports": 3,
        "jobs": 2,
        "calls": calls,
    }
    assert calls >= 3
    left = await places_of(rt, "zebrafish", "quokkaland", "customer-tapir", "personsaid-axolotl", *DRAFTED, *ids)
    assert left <= {"public.audit_entry.subject_id"}
    async with rt.db.read() as session:
        measured = (await session.execute(select(EngineCall).where(EngineCall.model == "gpt-4o-mini"))).scalar_one()
        assert (measured.latency, measured.prompt_label, measured.turn_id) == (0.25, "reply 1", None)
        talks = (await session.execute(select(Conversation.project_id, Conversation.helpdesk_id))).all()
    assert sorted(talks) == sorted([(site.other.project.id, "helpdesk-okapi"), (site.own.project.id, "8813")])
    for tenant, answer in ((site.other, stranger), (site.own, neighbour)):
        kept = await read(client, tenant, f"/api/v1/conversations/{answer['conversationId']}")
        assert len(kept["history"]) == 2
    again = await ask(client, site.own, "8813", "Do you accept pets?", key="resend-2")
    assert again == neighbour


async def test_erasing_by_helpdesk_id_leaves_no_word(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await a_customers_life(rt, client, site.own)
    await order(client, site.own, "customer", "helpdesk-okapi")
    await work(rt, once=True)
    assert await places_of(rt, "helpdesk-okapi", "zebrafish", "personsaid-axolotl") == set()
    assert await places_of(rt, "quokkaland") == {"public.message.content", "public.data_export.content"}


async def test_a_later_message_begins_afresh(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    first = await ask(client, site.own, "7", "I am Zebrafish. What time is breakfast?", key="k")
    await order(client, site.own, "conversation", first["conversationId"].upper())
    await work(rt, once=True)
    assert (await client.get(f"/api/v1/conversations/{first['conversationId']}", headers=site.own.headers)).is_error
    later = await ask(client, site.own, "7", "I am Zebrafish. What time is breakfast?", key="k")
    assert later["conversationId"] != first["conversationId"]
    kept = await read(client, site.own, f"/api/v1/conversations/{later['conversationId']}")
    assert [message["position"] for message in kept["history"]] == [1, 2]


async def test_those_who_look_on_are_told(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    first = await ask(client, site.own, "7", "hello")
    await order(client, site.own, "customer", "7")
    async with rt.changes.follow(site.own.project.id) as queue, asyncio.timeout(20):
        await work(rt, once=True)
        change = await queue.get()
    assert (change.kind, change.conversation_id) == ("erased", UUID(first["conversationId"]))


async def test_what_is_not_there_cannot_be_erased_or_exported(site: Site, client: httpx.AsyncClient) -> None:
    theirs = await ask(client, site.other, "7", "hello")
    unknown = [("conversation", str(uuid4())), ("conversation", "no id"), ("customer", "7")]
    for kind, subject in [*unknown, ("conversation", theirs["conversationId"])]:
        for path in (ERASURES, EXPORTS):
            answer = await client.post(path, json={"kind": kind, "id": subject}, headers=site.own.headers)
            assert answer.status_code == 404, (path, kind, subject)
            assert answer.json()["type"] == "urn:ouvidor:nothing_kept"
    for body in ({"kind": "project", "id": "7"}, {"kind": "customer"}, {"kind": "customer", "id": "7", "all": True}):
        assert (await client.post(ERASURES, json=body, headers=site.own.headers)).status_code == 422


async def test_a_receipt_is_found_only_by_who_knows_the_id(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    for tenant in (site.own, site.other):
        await ask(client, tenant, "maria@example.org", "hello")
    erasure = await order(client, site.own, "customer", "maria@example.org")
    assert await order(client, site.own, "customer", "maria@example.org") == erasure
    await work(rt, once=True)
    told = (await read(client, site.own, ERASURES))["data"]
    assert [(row["id"], row["kind"], row["state"]) for row in told] == [(erasure, "customer", "done")]
    for tenant, subject, ids in (
        (site.own, "maria@example.org", [erasure]),
        (site.own, "mario@example.org", []),
        (site.other, "maria@example.org", []),
    ):
        body = {"kind": "customer", "id": subject}
        answer = await client.post(f"{ERASURES}/check", json=body, headers=tenant.headers)
        assert [row["id"] for row in answer.json()["data"]] == ids
    async with rt.db.read() as session:
        notes = (await session.execute(select(AuditEntry).where(AuditEntry.action.startswith("privacy.")))).scalars()
        noted = [(entry.action, entry.actor_name, entry.details) for entry in notes]
    assert [(action, actor) for action, actor, _ in noted] == [
        ("privacy.erasure_requested", "test"),
        ("privacy.erasure_requested", "test"),
        ("privacy.erased", "Ouvidor"),
    ]
    assert noted[2][2]["conversations"] == 1


class TestRunning:
    """A turn that runs while its conversation is erased."""

    @pytest.fixture
    def engine(self) -> Engine:
        return ScriptedEngine()

    async def test_a_running_turn_brings_nothing_back(
        self, rt: Runtime, site: Site, client: httpx.AsyncClient, engine: ScriptedEngine
    ) -> None:
        engine.always("reply", Draft(kind="smalltalk", text="Hello!"))
        first = await ask(client, site.own, "7", "hello")
        held = Held(Draft(kind="smalltalk", text="Hello again!"))
        engine.next("reply", held)
        running = asyncio.create_task(
            client.post(
                "/conversations/completions",
                json={
                    "helpdeskId": "7",
                    "projectName": "seaside",
                    "messages": [{"role": "USER", "content": "zebrafish"}],
                },
                headers=site.own.headers | {"Idempotency-Key": "held"},
            )
        )
        await held.reached.wait()
        await order(client, site.own, "conversation", first["conversationId"])
        await work(rt, once=True)
        held.release.set()
        answer = await running
        assert answer.status_code == 409, answer.text
        assert answer.json()["type"] == "urn:ouvidor:conversation_erased"
        assert await places_of(rt, "zebrafish") == set()


async def many_conversations(rt: Runtime, project: Project, count: int, **columns: Any) -> list[UUID]:
    """Conversations of one turn and two messages each, written straight into the tables."""
    now, ids = rt.clock(), [new_id() for _ in range(count)]
    own = {"project_id": project.id}
    told = {"customer_id": "big", "created_at": now, "last_message_at": now, "messages": 2, **columns}
    turns = {conversation_id: new_id() for conversation_id in ids}
    async with rt.db.begin() as session:
        rows = [{"id": one, "helpdesk_id": f"many-{one}", **own, **told} for one in ids]
        await session.execute(insert(Conversation), rows)
        await session.execute(
            insert(Turn),
            [
                {"id": turn, "conversation_id": one, "number": 1, "episode": 1, "started_at": now, **own}
                for one, turn in turns.items()
            ],
        )
        said = {"content": "hello", "created_at": now, **own}
        await session.execute(
            insert(Message),
            [
                {"conversation_id": one, "turn_id": turn, "position": place, "role": role, "author": author, **said}
                for one, turn in turns.items()
                for place, role, author in ((1, "USER", "customer"), (2, "AGENT", "bot"))
            ],
        )
    return ids


async def kept(rt: Runtime, tenant: Tenant) -> int:
    async with rt.db.read() as session:
        query = select(func.count()).select_from(Conversation).where(Conversation.project_id == tenant.project.id)
        return await session.scalar(query) or 0


def caller_of(tenant: Tenant) -> Caller:
    return Caller(tenant.project, Actor("key", "test", uuid4()), frozenset({Permission.PRIVACY_ERASE}))


async def test_much_is_erased_in_parts(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await many_conversations(rt, site.own.project, 2 * CHUNK + 3)
    await many_conversations(rt, site.own.project, 2, customer_id="small")
    await many_conversations(rt, site.other.project, 2)
    erasure = await order(client, site.own, "customer", "big")
    async with rt.changes.follow(site.own.project.id) as queue:
        await work(rt, once=True)
        async with asyncio.timeout(20):
            kinds = [(await queue.get()).kind for _ in range(5)]
    assert kinds == ["missed", "missed", "erased", "erased", "erased"]
    counts = (await read(client, site.own, f"{ERASURES}/{erasure}"))["counts"]
    assert (counts["conversations"], counts["turns"], counts["messages"]) == (403, 403, 806)
    assert (await kept(rt, site.own), await kept(rt, site.other)) == (2, 2)


async def test_a_failed_erasure_is_tried_again(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """The database refuses the second part; the receipt says so, and the night takes it up again."""
    ids = await many_conversations(rt, site.own.project, CHUNK + 1)
    erasure = await order_erasure(rt, caller_of(site.own), "customer", "big")
    refuse = f"""
        create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
        create trigger refuse before delete on conversation for each row when (old.id = '{max(ids)}')
        execute function refuse();
    """
    async with rt.db.begin() as session:
        await session.execute(sql(refuse))
    with pytest.raises(Exception, match="no"):
        await carry_out_erasure(rt, site.own.project.id, erasure)
    half = await read(client, site.own, f"{ERASURES}/{erasure}")
    assert (half["state"], half["counts"]["conversations"]) == ("failed", CHUNK)
    async with rt.db.begin() as session:
        await session.execute(sql("drop trigger refuse on conversation"))
        await session.execute(sql("delete from procrastinate_jobs"))
    await begin_night(rt)
    await work(rt, once=True)
    whole = await read(client, site.own, f"{ERASURES}/{erasure}")
    assert (whole["state"], whole["counts"]["conversations"]) == ("done", CHUNK + 1)


DYING = """
import asyncio, sys
from pathlib import Path
from ouvidor import worker
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings

async def main(url, conninfo, folder):
    address = DatabaseAddress(url, conninfo)
    async with open_runtime(Settings(data_dir=Path(folder)), address, embedder=NoEmbedder("test")) as rt:
        await worker.work(rt)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_a_killed_erasure_is_taken_up_where_it_was(
    opened: OpenRuntime, database: DatabaseAddress, tmp_path: Path
) -> None:
    """The second part waits for a lock of ours while the worker is killed; counts add up to the whole."""
    async with opened() as rt:
        project = (await build_tenant(rt, "shop")).project
        ids = await many_conversations(rt, project, CHUNK + 5)
        erasure = await order_erasure(rt, Caller(project, Actor("key", "x", uuid4()), frozenset()), "customer", "big")
        program = [sys.executable, "-c", DYING, database.url, database.conninfo, str(tmp_path)]
        async with rt.db.begin() as locking:
            await locking.execute(select(Conversation).where(Conversation.id == max(ids)).with_for_update())
            with subprocess.Popen(program) as process:
                await until_half_done(rt, erasure)
                process.kill()
        async with rt.db.begin() as session:
            await session.execute(sql("update procrastinate_workers set last_heartbeat = now() - interval '1 minute'"))
        add_jobs(rt.jobs, rt.settings)
        await rescue_stalled(rt.jobs, rt.settings.stalled_seconds)
        await work(rt, once=True)
        async with rt.db.read() as session:
            receipt = await session.get_one(Erasure, erasure)
            left = await session.scalar(select(func.count()).select_from(Conversation))
    assert (receipt.state, receipt.subject, left) == ("done", None, 0)
    assert (receipt.counts["conversations"], receipt.counts["messages"]) == (CHUNK + 5, 2 * (CHUNK + 5))


async def until_half_done(rt: Runtime, erasure: UUID) -> None:
    async with asyncio.timeout(60):
        while True:
            async with rt.db.read() as session:
                if (await session.get_one(Erasure, erasure)).counts.get("conversations") == CHUNK:
                    return
            await asyncio.sleep(0.02)


async def test_an_export_holds_all_that_is_kept(
    rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
) -> None:
    ids = await a_customers_life(rt, client, site.own)
    await ask(client, site.own, "8813", "Somebody else says hippopotamus")
    export = await order(client, site.own, "customer", "customer-tapir", EXPORTS)
    early = await client.get(f"{EXPORTS}/{export}/file", headers=site.own.headers)
    assert (early.status_code, early.json()["type"]) == (409, "urn:ouvidor:export_not_ready")
    await work(rt, once=True)
    told = await read(client, site.own, f"{EXPORTS}/{export}")
    file = await client.get(f"{EXPORTS}/{export}/file", headers=site.own.headers)
    assert (told["state"], told["size"]) == ("done", len(file.content))
    assert file.headers["content-disposition"] == f'attachment; filename="seaside-{export}.json"'
    document = file.json()
    assert (document["kind"], document["id"], document["project"]) == ("customer", "customer-tapir", "seaside")
    assert [one["id"] for one in document["conversations"]] == ids
    first = document["conversations"][0]
    assert [message["author"] for message in first["history"]] == ["customer", "bot", "person"]
    assert first["history"][2]["author_name"] == "Ana"
    assert first["decisions"][0]["withheld"] == "withheld-narwhal"
    assert first["analyses"][0]["covers"] == 3
    assert [call["prompt"] for call in first["calls"] if call["prompt"]] == ["prompted-pangolin zebrafish"]
    assert any(section["cited"] for turn in first["decisions"] for section in turn["sections"])
    assert all(marker in file.text.casefold() for marker in MARKERS)
    assert "hippopotamus" not in file.text
    clock.advance(days=7)
    assert (await client.get(f"{EXPORTS}/{export}/file", headers=site.own.headers)).status_code == 404
    async with rt.db.begin() as session:
        assert await sweep_old_exports(session, rt.clock()) == 4
        assert await session.scalar(select(func.count()).select_from(DataExport)) == 0
        actions = select(AuditEntry.action).where(AuditEntry.subject_id == UUID(export)).order_by(AuditEntry.id)
        assert list((await session.execute(actions)).scalars()) == ["privacy.exported", "privacy.export_fetched"]


async def test_an_export_is_gone_with_what_it_holds(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    """Also one made under a customer id that the conversation no longer has, and one that is not made yet."""
    one = await ask(client, site.own, "7", "zebrafish")
    two = await ask(client, site.own, "8", "hello")
    await belong_to(rt, one["conversationId"], "before")
    await order(client, site.own, "customer", "before", EXPORTS)
    await order(client, site.own, "customer", "8", EXPORTS)
    await work(rt, once=True)
    await belong_to(rt, one["conversationId"], "after")
    await order(client, site.own, "customer", "7", EXPORTS)
    await order(client, site.own, "conversation", one["conversationId"])
    await work(rt, once=True)
    left = (await read(client, site.own, EXPORTS))["data"]
    assert [export["subject"] for export in left] == ["8"]
    assert await places_of(rt, "zebrafish") == set()
    assert two["conversationId"] in json.dumps(await read(client, site.own, "/api/v1/conversations"))


async def test_lists_are_paged(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await ask(client, site.own, "7", "hello")
    for path in (EXPORTS, ERASURES):
        made: list[str] = []
        for number in range(3):
            await ask(client, site.own, f"c{number}", "hello")
            made.insert(0, await order(client, site.own, "customer", f"c{number}", path))
        page = await read(client, site.own, f"{path}?limit=2")
        assert ([row["id"] for row in page["data"]], page["has_more"]) == (made[:2], True)
        rest = await read(client, site.own, f"{path}?limit=2&after={page['last_id']}")
        assert ([row["id"] for row in rest["data"]], rest["has_more"]) == (made[2:], False)
        assert (await read(client, site.other, path))["data"] == []
    assert await kept(rt, site.own) == 4


async def test_silent_conversations_go_after_their_time(
    rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
) -> None:
    for tenant in (site.own, site.other):
        for helpdesk in ("old", "waits", "held", "closed"):
            await ask(client, tenant, helpdesk, "zebrafish")
    async with rt.db.begin() as session:
        for name, columns in (
            ("waits", {"status": "waiting"}),
            ("held", {"status": "person", "holder_id": uuid4()}),
            ("closed", {"status": "closed"}),
        ):
            await session.execute(update(Conversation).where(Conversation.helpdesk_id == name).values(**columns))
        mine = Project.id == site.own.project.id
        await session.execute(update(Project).where(mine).values(retention_days=30))
    assert await erase_silent(rt, site.own.project.id) is None
    clock.advance(days=30)
    await ask(client, site.own, "young", "hello")
    clock.advance(seconds=1)
    await begin_night(rt)
    await work(rt, once=True)
    async with rt.db.read() as session:
        left = await session.execute(select(Conversation.project_id, Conversation.helpdesk_id))
        names = {(row.project_id == site.own.project.id, row.helpdesk_id) for row in left}
    assert names == {(True, "waits"), (True, "held"), (True, "young")} | {
        (False, name) for name in ("old", "waits", "held", "closed")
    }
    receipts = (await read(client, site.own, ERASURES))["data"]
    assert [(row["kind"], row["state"], row["counts"]["conversations"]) for row in receipts] == [
        ("retention", "done", 2)
    ]
    assert await erase_silent(rt, site.own.project.id) is None
    assert len((await read(client, site.own, ERASURES))["data"]) == 1


async def test_retention_goes_on_with_the_receipt_it_began(rt: Runtime, site: Site, clock: MovedClock) -> None:
    await many_conversations(rt, site.own.project, CHUNK + 7)
    begun = {"kind": "retention", "state": "running", "counts": {"conversations": 3}, "requested_by": "Ouvidor"}
    async with rt.db.begin() as session:
        mine = Project.id == site.own.project.id
        await session.execute(update(Project).where(mine).values(retention_days=1))
        session.add(Erasure(project_id=site.own.project.id, requested_at=clock.now, **begun))
    clock.advance(days=1, seconds=1)
    receipt = await erase_silent(rt, site.own.project.id)
    async with rt.db.read() as session:
        rows = (await session.execute(select(Erasure))).scalars().all()
    assert [(row.id, row.state, row.counts["conversations"]) for row in rows] == [(receipt, "done", CHUNK + 10)]
    assert clock.now - rows[0].requested_at > timedelta(days=1)


WROTE = "wombat-like praise for the breakfast"


async def comment(rt: Runtime, client: httpx.AsyncClient, tenant: Tenant, author: str, key: str = "") -> None:
    """One comment that is stored, and one that waits in a job; both leave a trace."""
    body = {"comments": [{"text": WROTE, "author": author, "id": f"comment-{author}"}]}
    headers = tenant.headers | ({"Idempotency-Key": key} if key else {})
    answer = await client.post("/api/v1/comments", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    later = [Told(f"{WROTE} {number}", author=author) for number in range(2)]
    await begin_job(rt, tenant.project, later, source="csv", actor=SYSTEM)
    call = replace(call_about(rt, tenant, uuid4()), conversation_id=None, task="comments", prompt=WROTE, answer=WROTE)
    rt.calls.add(call)
    await rt.calls.flush()


async def test_a_customers_comments_go_as_well(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    await comment(rt, client, site.own, "author-tapir", key="resend-3")
    await comment(rt, client, site.other, "author-tapir")
    order_id = await order(client, site.own, "customer", "author-tapir", EXPORTS)
    await make_export(rt, site.own.project.id, UUID(order_id))
    kept = await read(client, site.own, f"{EXPORTS}/{order_id}/file")
    assert [one["content"] for one in kept["comments"]] == [WROTE]
    assert [one["category"] for one in kept["comments"][0]["classifications"]] == ["praise"]

    erasure = await order(client, site.own, "customer", "author-tapir")
    await carry_out_erasure(rt, site.own.project.id, UUID(erasure))
    receipt = await read(client, site.own, f"{ERASURES}/{erasure}")
    assert (receipt["state"], receipt["counts"]["comments"], receipt["counts"]["exports"]) == ("done", 1, 1)
    own = {"project": site.own.project.id}
    async with rt.db.read() as session:
        for table in ("comment", "comment_item", "comment_vector", "comment_classification", "idempotency_key"):
            query = sql(f"select count(*) from {table} where project_id = :project")
            assert await session.scalar(query, own) == 0, table
        words = sql("select count(prompt), count(answer), count(*) from engine_call where project_id = :project")
        assert tuple((await session.execute(words, own)).one()) == (0, 0, 1)
        jobs = sql("select total, done, failed from comment_job where project_id = :project")
        assert tuple((await session.execute(jobs, own)).one()) == (0, 0, 0)
    await work(rt, once=True)
    others = await read(client, site.other, "/api/v1/comments")
    assert sorted(one["author"] for one in others["data"]) == ["author-tapir"] * 3
    assert (await read(client, site.own, "/api/v1/comments"))["data"] == []


async def test_old_comments_go_after_their_time(
    rt: Runtime, site: Site, client: httpx.AsyncClient, clock: MovedClock
) -> None:
    await take_in(rt, site.own.project, [Told("Lovely pool!", "old", written_at=clock() - timedelta(days=400))])
    clock.advance(days=20)
    await take_in(rt, site.own.project, [Told("Lovely bed!", "new")])
    async with rt.db.begin() as session:
        await session.execute(update(Project).where(Project.id == site.own.project.id).values(retention_days=30))
    assert await erase_silent(rt, site.own.project.id) is None
    clock.advance(days=11)
    receipt = await erase_silent(rt, site.own.project.id)
    assert (await read(client, site.own, f"{ERASURES}/{receipt}"))["counts"]["comments"] == 1
    left = await read(client, site.own, "/api/v1/comments")
    assert [one["external_id"] for one in left["data"]] == ["new"]

"""How long lists, word search, overview and erasure take in a project of many conversations.

    python bench/conversations.py [--conversations 10000] [--rounds 5]

Each conversation has ten messages and five turns with five sections each; a second project has as many, so that nothing
is fast because the table is empty otherwise. Prints medians in milliseconds, of the first page and of the next, of a
change until the last of 100 listeners has it, and the seconds of one erasure of all conversations of a customer and of
one by retention.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.access import Caller
from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import create_project
from ouvidor.conversations.inbox import inbox_counts
from ouvidor.conversations.overview import read_overview
from ouvidor.conversations.read import ConversationFilter, list_conversations, read_conversation, read_turns
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.live import Change, announce
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.privacy.erase import carry_out_erasure, order_erasure
from ouvidor.privacy.retention import erase_silent
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

CONVERSATIONS = """
insert into conversation (id, project_id, origin, helpdesk_id, customer_id, status, episode, clarifications, messages,
    turns, language, holder_id, holder_name, waiting_since, handover_reason, created_at, last_message_at)
select gen_random_uuid(), :project, 'live', 'hd-' || g, :customer || (g % :customers), status, 1, 0, 10, 5,
    case when g % 4 = 0 then 'en' else 'pt' end,
    case when status = 'person' then gen_random_uuid() end, case when status = 'person' then 'ana' end,
    case when status in ('waiting', 'person') then now() - make_interval(secs => g) end,
    case when status in ('waiting', 'person') then 'customer_asked' end,
    now() - make_interval(mins => g + :age), now() - make_interval(mins => g + :age)
from (
    select g, (array['bot','bot','bot','bot','bot','bot','closed','closed','waiting','person'])[1 + g % 10] as status
    from generate_series(1, :conversations) g
) made
"""
TURNS = """
insert into turn (id, project_id, conversation_id, number, episode, state, move, reason, started_at, answered_at,
    trimmed_messages)
select gen_random_uuid(), project_id, id, n, 1, 'answered',
    (array['answer','answer','answer','clarify','handover'])[n], case when n = 5 then 'customer_asked' end,
    created_at + make_interval(secs => n), created_at + make_interval(secs => n + 1), 0
from conversation, generate_series(1, 5) n
where project_id = :project
"""
MESSAGES = """
insert into message (id, project_id, conversation_id, turn_id, position, role, author, content, verified, created_at)
select gen_random_uuid(), turn.project_id, conversation_id, turn.id, number * 2 - 1 + agent,
    (array['USER','AGENT'])[1 + agent], (array['customer','bot'])[1 + agent],
    'Olá, preciso de informação sobre o café da manhã número w' || abs(hashtext(turn.id::text || agent)) % 5000
        || ' e a reserva r' || abs(hashtext(agent || turn.id::text)) % 100
        || case when abs(hashtext(conversation_id::text)) % 1000 = 7 and number = 3 then ' reembolso' else '' end,
    true, started_at
from turn, generate_series(0, 1) agent
where project_id = :project
"""
SECTIONS = """
insert into shown_section (turn_id, rank, project_id, content, tier, score, cited, tags)
select id, rank, project_id, repeat('Breakfast is served. ', 10), 'N1', 0.5, false, '{}'
from turn, generate_series(0, 4) rank
where project_id = :project
"""
ANSWERS = """
insert into idempotency_key (id, project_id, route, key, body_digest, started_at, running, answer, subject_id)
select gen_random_uuid(), project_id, 'POST /conversations/completions', id::text, '', now(), false,
    jsonb_build_object('conversationId', conversation_id, 'text', repeat('Breakfast is served. ', 100)), id
from turn
where project_id = :project and number = 1
"""
LISTS = {
    "newest": ConversationFilter(),
    "waiting, longest first": ConversationFilter(status="waiting", order="longest_waiting"),
    "one language": ConversationFilter(language="en"),
    "one customer": ConversationFilter(customer_id="c17"),
    "a rare word": ConversationFilter(q="reembolso"),
    "a word of one in 2,500 messages": ConversationFilter(q="w4711"),
    "a word of one message in 100": ConversationFilter(q="r17"),
    "a word of every message": ConversationFilter(q="café"),
    "a phrase without a word": ConversationFilter(q='"cafe da manha" -reembolso'),
    "a word nobody said": ConversationFilter(q="xyzzy"),
    "a helpdesk id": ConversationFilter(q="hd-9999"),
    "a common word, waiting": ConversationFilter(q="café", status="waiting", order="longest_waiting"),
}

Deed = Callable[[AsyncSession], Awaitable[object]]


async def fill(rt: Runtime, project: Project, conversations: int, *, customers: int, age: int = 0) -> None:
    """Give the project conversations of `customers` customers, whose newest message is `age` minutes old or older."""
    given = {"project": project.id, "conversations": conversations, "customers": customers, "age": age}
    given |= {"customer": "c" if customers > 1 else "big"}
    async with rt.db.begin() as session:
        for statement in (CONVERSATIONS, TURNS, MESSAGES, SECTIONS, ANSWERS):
            wanted = {name: value for name, value in given.items() if f":{name}" in statement}
            await session.execute(text(statement), wanted)
    async with rt.db.begin() as session:
        await session.execute(text("analyze"))


async def milliseconds(rt: Runtime, deed: Deed, rounds: int) -> float:
    """The median time of a deed after one that does not count."""
    times: list[float] = []
    for _ in range(rounds + 1):
        async with rt.db.read() as session:
            begun = time.perf_counter()
            await deed(session)
            times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times[1:])


async def lists(rt: Runtime, project: Project, rounds: int) -> None:
    """Print the time of each list of 20: its first page and the next."""

    def page(wanted: ConversationFilter, after: UUID | None) -> Deed:
        return lambda session: list_conversations(session, project.id, wanted, after=after, limit=20)

    for name, wanted in LISTS.items():
        async with rt.db.read() as session:
            found = await list_conversations(session, project.id, wanted, after=None, limit=20)
        first = await milliseconds(rt, page(wanted, None), rounds)
        following = await milliseconds(rt, page(wanted, found.last_id), rounds) if found.has_more else None
        told = "" if following is None else f"  next {following:6.1f} ms"
        print(f"{name:34} {first:6.1f} ms{told}  ({len(found.data)} of them)", flush=True)


async def single(rt: Runtime, project: Project, rounds: int) -> None:
    """Print the times of the counts, the overview and one conversation with its turns."""
    async with rt.db.read() as session:
        one = (await list_conversations(session, project.id, ConversationFilter(), after=None, limit=1)).data[0].id

    async def whole(session: AsyncSession) -> None:
        await read_conversation(session, project.id, one)
        await read_turns(session, project.id, one)

    deeds: dict[str, Deed] = {
        "counts of the inbox": lambda session: inbox_counts(session, project.id, uuid4()),
        "overview of 7 days": lambda session: read_overview(session, project, rt.clock()),
        "overview of 30 days": lambda session: read_overview(session, project, rt.clock(), days=30),
        "one conversation with its turns": whole,
    }
    for name, deed in deeds.items():
        print(f"{name:34} {await milliseconds(rt, deed, rounds):6.1f} ms", flush=True)


async def arrivals(rt: Runtime, project: Project, rounds: int) -> None:
    """Print how long a committed change takes to the last of 100 listeners of this process."""
    times: list[float] = []
    async with AsyncExitStack() as listening:
        queues = [await listening.enter_async_context(rt.changes.follow(project.id)) for _ in range(100)]
        for _ in range(20 * rounds):
            begun = time.perf_counter()
            async with rt.db.begin() as session:
                await announce(session, project.id, Change("message", uuid4(), "bot", None, 1))
            for queue in queues:
                await queue.get()
            times.append((time.perf_counter() - begun) * 1000)
    print(f"{'a change, to 100 listeners':34} {statistics.median(times):6.1f} ms", flush=True)


async def erasures(rt: Runtime, conversations: int) -> None:
    """Print the time of one erasure of everything, ordered for a customer and by retention."""
    for name, age in (("by customer", 0), ("by retention", 31 * 24 * 60)):
        async with rt.db.begin() as session:
            project = await create_project(session, name.replace(" ", "-"), title=name, now=rt.clock())
            project.retention_days = 30 if age else None
        await fill(rt, project, conversations, customers=1, age=age)
        order = await order_erasure(rt, Caller(project, COMMAND, frozenset()), "customer", "big0") if not age else None
        begun = time.perf_counter()
        if order is None:
            await erase_silent(rt, project.id)
        else:
            await carry_out_erasure(rt, project.id, order)
        print(f"erasing all {name:22} {time.perf_counter() - begun:6.1f} s", flush=True)


async def run(conversations: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "server") as server:
            server.create_database("bench")
            upgrade(server.url("bench"))
            settings = Settings(data_dir=Path(folder), _env_file=None)  # pyright: ignore[reportCallIssue]
            address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
            async with open_runtime(settings, address, embedder=NoEmbedder()) as rt:
                async with rt.db.begin() as session:
                    ours = await create_project(session, "ours", title="Ours", now=rt.clock())
                    other = await create_project(session, "other", title="Other", now=rt.clock())
                for project in (other, ours):
                    await fill(rt, project, conversations, customers=3000)
                print(
                    f"{conversations:,} conversations, {10 * conversations:,} messages, and as many of another project"
                )
                await lists(rt, ours, rounds)
                await single(rt, ours, rounds)
                await arrivals(rt, ours, rounds)
                await erasures(rt, conversations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    asyncio.run(run(given.conversations, given.rounds))


if __name__ == "__main__":
    main()

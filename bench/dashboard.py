"""How long every view of the analyses takes in a project of 100,000 of them, and how quickly they are exported.

    python bench/dashboard.py [--analyses 100000] [--rounds 7]

A second project has as many, so that nothing is fast because the table is empty otherwise. The analyses are spread over
a year, with 20 units, 41 topics, three versions and two models. Prints medians in milliseconds: of the query of each
view's figures, of the whole page as the server sends it (figures, charts, lists, HTML) with the processor time that it
took us and PostgreSQL, and of the figures by the API; the same before any VACUUM, when the index cannot tell yet which
rows all may see; and the rows a second of an export. On a busy machine look at the processor times.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from ouvidor.accounts.keys import issue_key
from ouvidor.accounts.models import User
from ouvidor.accounts.permissions import KEY_SCOPES, Role
from ouvidor.accounts.projects import create_project
from ouvidor.accounts.signins import COOKIE, open_signin
from ouvidor.accounts.users import join_project
from ouvidor.analysis.export import Form, export_analyses
from ouvidor.analysis.figures import read_figures
from ouvidor.analysis.read import list_analyses
from ouvidor.analysis.wanted import AnalysisFilter
from ouvidor.app import create_app
from ouvidor.db import new_id
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

YEAR = 365 * 86400
CONVERSATIONS = """
insert into conversation (id, project_id, origin, helpdesk_id, unit, status, episode, clarifications, messages, turns,
    analysed_messages, language, created_at, last_message_at)
select gen_random_uuid(), :project, 'imported', 'hd-' || g, 'Unit ' || g % 20, 'closed', 1, 0, 10, 0, 10,
    case when g % 4 = 0 then 'en' else 'pt' end, at, at + interval '9 minutes'
from (select g, now() - make_interval(hours => 1, secs => g * :seconds) as at from generate_series(1, :analyses) g) made
"""
ANALYSES = """
insert into analysis (id, project_id, conversation_id, covers, current, version, model, satisfaction, sentiment,
    resolved, goal_reached, effort, language, topics, fault_kinds, faults, summary, improvements, evidence, confidence,
    addressed, trimmed_messages, handed_over, unit, input_tokens, output_tokens, input_price, output_price, cost,
    began_at, ended_at, created_at)
select gen_random_uuid(), project_id, id, 10, true, 'analysis ' || 1 + n % 3, (array['gpt-5-mini', 'local'])[1 + n % 2],
    least(10, n % 7 + n % 5), (array['positive', 'neutral', 'negative'])[1 + n % 3],
    (array['yes', 'yes', 'no', 'unknown'])[1 + n % 4], (array['yes', 'no', 'unknown'])[1 + n % 3], n % 11, language,
    array['topic ' || n % 17, 'topic ' || n % 41],
    case when n % 6 = 0 then array['loop', 'unanswered_question'] when n % 5 = 0 then array['false_promise']
        else '{}' end,
    '[]', jsonb_build_array(jsonb_build_object('text', repeat('The guest asked for a room. ', 8), 'at', array[1, 2])),
    jsonb_build_array(jsonb_build_object('text', repeat('Say the price at once. ', 8), 'at', array[4])),
    '{"satisfaction": [9], "resolved": [8, 10]}', 0.7, false, 0, n % 9 = 0, unit, 900 + n % 700, 90 + n % 90, 0.25, 2,
    case when n % 50 = 0 then null when n % 2 = 0 then 0.0009 else 0 end, created_at, last_message_at,
    last_message_at + interval '31 minutes'
from (select conversation.*, abs(hashtext(id::text)) as n from conversation where project_id = :project) made
"""
VIEWS: dict[str, dict[str, str]] = {
    "everything": {},
    "one unit": {"unit": "Unit 7"},
    "one language (3 of 4)": {"language": "pt"},
    "one version": {"version": "analysis 2"},
    "one model": {"model": "local"},
    "one topic": {"topic": "topic 3"},
    "one fault": {"fault": "loop"},
    "satisfaction 0 to 3": {"most": "3"},
    "not resolved": {"resolved": "no"},
    "30 days": {"since": "{month}"},
    "unit, topic and 30 days": {"unit": "Unit 7", "topic": "topic 3", "since": "{month}"},
    "least satisfied first": {"order": "worst"},
    "nothing found": {"unit": "nowhere"},
}

Deed = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Took:
    """Milliseconds of a deed: by the clock, of our processor time, and of PostgreSQL's."""

    clock: float
    ours: float
    postgres: float


def postgres_seconds() -> float:
    """The processor time so far of the server with all its processes, those that have ended as well."""
    found = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) in SERVERS or int(stat.parent.name) in SERVERS:
                found += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return found


SERVERS: set[int] = set()
"""The process of the server, whose children do the work."""


async def took(deed: Deed, rounds: int) -> Took:
    """The medians of a deed after one that does not count; processor times are means."""
    await deed()
    ours, postgres = time.process_time(), postgres_seconds()
    times: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        await deed()
        times.append((time.perf_counter() - begun) * 1000)
    mean = 1000 / rounds
    return Took(statistics.median(times), mean * (time.process_time() - ours), mean * (postgres_seconds() - postgres))


async def fill(rt: Runtime, name: str, analyses: int) -> dict[str, Any]:
    """A project of that many analyses with an owner and a key; returns its id, a cookie and the key."""
    async with rt.db.begin() as session:
        project = await create_project(session, name, title=name.title(), now=rt.clock())
        owner = User(username=name, name="", password_hash="none", operator=False, demo=False, created_at=rt.clock())
        owner.id = new_id()
        session.add(owner)
        await session.flush()
        await join_project(session, owner.id, project.id, Role.OWNER, rt.clock())
        cookie = await open_signin(session, owner, now=rt.clock(), hours=24)
        key = await issue_key(session, project, label="bench", now=rt.clock(), scopes=KEY_SCOPES)
    given = {"project": project.id, "analyses": analyses, "seconds": YEAR / analyses}
    async with rt.db.begin() as session:
        await session.execute(text(CONVERSATIONS), given)
        await session.execute(text(ANALYSES), {"project": project.id})
    async with rt.db.begin() as session:
        await session.execute(text("analyze"))
    return {"id": project.id, "cookie": cookie, "key": key.text, "name": name}


async def views(rt: Runtime, own: dict[str, Any], rounds: int) -> None:
    """Print the time of each view: its queries, its page, and its figures through the API."""
    month = (rt.clock() - timedelta(days=30)).date().isoformat()
    transport = httpx.ASGITransport(create_app(rt), client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        print(f"{'view':26} {'figures':>9} {'page':>9} {'CPU ours + PostgreSQL':>22} {'API':>9}")
        for name, told in VIEWS.items():
            query = {field: value.format(month=month) for field, value in told.items()}
            wanted = filter_of(rt, query)

            async def figures(wanted: AnalysisFilter = wanted) -> None:
                async with rt.db.read() as session:
                    await read_figures(session, own["id"], wanted)

            async def page(query: dict[str, str] = query) -> None:
                cookies = {"Cookie": f"{COOKIE}={own['cookie']}", "Accept": "text/html"}
                answer = await http.get(f"/projects/{own['name']}/analyses", params=query, headers=cookies)
                assert answer.status_code == 200, answer.text

            async def api(query: dict[str, str] = query) -> None:
                sent = {field: value for field, value in query.items() if field != "order"}
                if "since" in sent:
                    sent["since"] += "T00:00:00Z"
                answer = await http.get(
                    "/api/v1/analyses/figures", params=sent, headers={"Authorization": f"Bearer {own['key']}"}
                )
                assert answer.status_code == 200, answer.text

            first, whole, by_api = [await took(deed, rounds) for deed in (figures, page, api)]
            processor = f"{whole.ours:7.0f} + {whole.postgres:4.0f} ms"
            print(
                f"{name:26} {first.clock:6.1f} ms {whole.clock:6.1f} ms {processor:>22} {by_api.clock:6.1f} ms",
                flush=True,
            )


def filter_of(rt: Runtime, query: dict[str, str]) -> AnalysisFilter:
    """The filter that an address means."""
    told: dict[str, Any] = {name: value for name, value in query.items() if name != "order"}
    if "since" in told:
        told["since"] = rt.clock() - timedelta(days=30)
    if "most" in told:
        told["most"] = int(told["most"])
    return AnalysisFilter(**told)


async def lists(rt: Runtime, own: dict[str, Any], rounds: int) -> None:
    """Print the time of a first page of the list and of one far down."""
    for order in ("newest", "worst"):
        async with rt.db.read() as session:
            last = None
            for _ in range(20):
                page = await list_analyses(session, own["id"], AnalysisFilter(), after=last, limit=100, order=order)
                last = page.last_id
        for name, after in (("first page", None), ("after 2,000", last)):

            async def deed(order: Any = order, after: Any = after) -> None:
                async with rt.db.read() as session:
                    await list_analyses(session, own["id"], AnalysisFilter(), after=after, limit=25, order=order)

            print(f"list, {order}, {name:20} {(await took(deed, rounds)).clock:6.1f} ms", flush=True)


async def exports(rt: Runtime, own: dict[str, Any]) -> None:
    """Print the rows a second of both files."""
    forms: tuple[Form, ...] = ("csv", "json")
    for form in forms:
        begun, size, rows = time.perf_counter(), 0, 0
        async for piece in export_analyses(rt, own["id"], AnalysisFilter(), form):
            size += len(piece)
            rows += piece.count("hd-")
        took = time.perf_counter() - begun
        print(f"export {form:5} {rows / took:9,.0f} rows/s  {size / 1e6:.0f} MB in {took:.1f} s", flush=True)


async def run(analyses: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "server") as server:
            server.create_database("bench")
            upgrade(server.url("bench"))
            SERVERS.add(int(next(Path(folder).rglob("postmaster.pid")).read_text().split()[0]))
            settings = Settings(data_dir=Path(folder), _env_file=None)  # pyright: ignore[reportCallIssue]
            address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
            async with open_runtime(settings, address, embedder=NoEmbedder()) as rt:
                await fill(rt, "other", analyses)
                own = await fill(rt, "ours", analyses)
                print(f"{analyses:,} analyses, and as many of another project")
                print("before VACUUM")
                await views(rt, own, rounds)
                async with rt.db.engine.connect() as connection:
                    direct = await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await direct.execute(text("vacuum analyze"))
                print("after VACUUM")
                await views(rt, own, rounds)
                await lists(rt, own, rounds)
                await exports(rt, own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--analyses", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    asyncio.run(run(given.analyses, given.rounds))


if __name__ == "__main__":
    main()

"""A thousand people want the same conversation at once, through three processes: one has it."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from factories import Site
from sqlalchemy import func, select

from ouvidor.accounts.models import AuditEntry
from ouvidor.conversations.models import Author, Conversation, Message
from ouvidor.runtime import DatabaseAddress, Runtime

pytestmark = pytest.mark.anyio

CLAIMS = (334, 333, 333)
CLAIMERS = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from ouvidor.accounts.access import Caller
from ouvidor.accounts.audit import Actor
from ouvidor.accounts.permissions import PERMISSIONS, Role
from ouvidor.accounts.projects import project_named
from ouvidor.conversations.desk import HeldByAnother, claim
from ouvidor.db import new_id
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.runtime import DatabaseAddress, open_runtime
from ouvidor.settings import Settings

async def main(url, conninfo, folder, conversation, claims):
    settings = Settings(data_dir=Path(folder), database_pool=10)
    async with open_runtime(settings, DatabaseAddress(url, conninfo), embedder=NoEmbedder("test")) as rt:
        async with rt.db.read() as session:
            project = await project_named(session, "seaside")
        may = PERMISSIONS[Role.AGENT]
        callers = [Caller(project, Actor("user", f"agent {n}", new_id()), may) for n in range(int(claims))]
        print("ready", flush=True)
        sys.stdin.readline()
        deeds = (claim(rt, caller, UUID(conversation)) for caller in callers)
        came = await asyncio.gather(*deeds, return_exceptions=True)
        won = [caller.id for caller, outcome in zip(callers, came) if not isinstance(outcome, BaseException)]
        refused = sum(isinstance(outcome, HeldByAnother) and outcome.status == 409 for outcome in came)
        print(len(won), refused, *won, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_of_a_thousand_claims_one_wins(
    rt: Runtime, site: Site, client: httpx.AsyncClient, database: DatabaseAddress, tmp_path: Path
) -> None:
    message = {"role": "USER", "content": "I want to speak to a person"}
    asked = {"helpdeskId": 1, "projectName": "seaside", "messages": [message]}
    answer = await client.post("/conversations/completions", json=asked, headers=site.own.headers)
    talk = answer.json()["conversationId"]
    given = (database.url, database.conninfo, str(tmp_path), talk)
    outcomes = [line.split() for line in await asyncio.to_thread(claim_at_once, given)]
    winners = [winner for _, _, *won in outcomes for winner in won]
    assert sum(int(refused) for _, refused, *_ in outcomes) == 999
    assert len(winners) == 1
    async with rt.db.read() as session:
        holder = (await session.execute(select(Conversation.holder_id))).scalar_one()
        notices = select(func.count()).select_from(Message).where(Message.author == Author.SYSTEM)
        entries = select(AuditEntry.actor_id).where(AuditEntry.action == "conversation.claimed")
        assert (await session.execute(notices)).scalar_one() == 1
        assert (await session.execute(entries)).scalars().all() == [holder]
    assert str(holder) == winners[0]


def claim_at_once(given: tuple[str, ...]) -> list[str]:
    """What each process reports; all begin when all are ready."""
    programs = [[sys.executable, "-c", CLAIMERS, *given, str(claims)] for claims in CLAIMS]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True) for program in programs]
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [process.communicate(timeout=120)[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.communicate()

"""What is configured, what works, and what to do about the rest, in plain words."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text as sql

from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.runtime import Runtime

HEARTBEAT_LIMIT_SECONDS = 30

Health = Literal["good", "attention", "bad"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, and what to do where it is not good."""

    name: str
    health: Health
    says: str
    advice: str = ""


async def examine(rt: Runtime) -> AsyncGenerator[Finding]:
    """Look at everything that Ouvidor needs; each finding as soon as it is made."""
    yield await _database(rt)
    yield _model(rt)
    yield await _worker(rt)
    yield await _projects(rt)
    yield _address(rt)


async def _database(rt: Runtime) -> Finding:
    async with rt.db.read() as session:
        version = (await session.execute(sql("show server_version"))).scalar_one()
        vector = (
            await session.execute(sql("select extversion from pg_extension where extname = 'vector'"))
        ).scalar_one()
    kind = f"embedded, in {rt.settings.data_dir}" if rt.settings.database_url is None else "from OUVIDOR_DATABASE_URL"
    return Finding("Database", "good", f"PostgreSQL {version} with pgvector {vector} ({kind}).")


def _model(rt: Runtime) -> Finding:
    if rt.embedder.dimension:
        return Finding("Embedding model", "good", f"{rt.embedder.name}, {rt.embedder.dimension} dimensions, verified.")
    reason = rt.embedder.reason if isinstance(rt.embedder, NoEmbedder) else ""
    return Finding("Embedding model", "attention", "Search goes by words (BM25) alone.", reason)


async def _worker(rt: Runtime) -> Finding:
    alive = (
        "select count(*) from jobs.procrastinate_workers where last_heartbeat > now() - make_interval(secs => :limit)"
    )
    async with rt.db.read() as session:
        workers = (await session.execute(sql(alive), {"limit": HEARTBEAT_LIMIT_SECONDS})).scalar_one()
        waiting = (
            await session.execute(sql("select count(*) from jobs.procrastinate_jobs where status = 'todo'"))
        ).scalar_one()
        failed = (
            await session.execute(sql("select count(*) from jobs.procrastinate_jobs where status = 'failed'"))
        ).scalar_one()
    jobs = f"{waiting} jobs wait, {failed} failed for good"
    if workers:
        return Finding("Worker", "good", f"{workers} alive; {jobs}.")
    advice = "Start `ouvidor serve` (it works inside) or `ouvidor worker`."
    return Finding("Worker", "attention", f"None is alive; {jobs}.", advice)


async def _projects(rt: Runtime) -> Finding:
    async with rt.db.read() as session:
        projects, sections = (
            await session.execute(sql("select (select count(*) from project), (select count(*) from section)"))
        ).one()
    if projects:
        return Finding("Projects", "good", f"{projects} with {sections} sections in all.")
    return Finding("Projects", "attention", "There is none.", "Run `ouvidor project create NAME` or `ouvidor demo`.")


def _address(rt: Runtime) -> Finding:
    where = f"{rt.settings.host}:{rt.settings.port}"
    behind_tls = (rt.settings.public_url or "").startswith("https://")
    if behind_tls and not rt.settings.trusted_proxies:
        return Finding(
            "Address",
            "attention",
            f"Serves on {where} behind a proxy that is not named: all visitors count as one when they sign in.",
            "Set OUVIDOR_TRUSTED_PROXIES to the proxy's address.",
        )
    if rt.settings.listens_on_loopback or behind_tls:
        return Finding("Address", "good", f"Serves on {where}.")
    return Finding(
        "Address",
        "attention",
        f"Serves on {where}, which other machines reach, and OUVIDOR_PUBLIC_URL is not https.",
        "Put a proxy with TLS before it and set OUVIDOR_PUBLIC_URL.",
    )

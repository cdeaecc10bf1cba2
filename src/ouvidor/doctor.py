"""What is configured, what works, and what to do about the rest, in plain words."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text as sql

from ouvidor.engines.base import FaultKind
from ouvidor.engines.embeddings import EmbeddingFailed, NoEmbedder
from ouvidor.knowledge.catch_up import sections_waiting
from ouvidor.runtime import Runtime

HEARTBEAT_LIMIT_SECONDS = 30

MODEL_ADVICE: Mapping[FaultKind, str] = {
    "timeout": "Look whether the server is overloaded, or allow more time with OUVIDOR_LLM_DEADLINE_SECONDS.",
    "connection": "Look at OUVIDOR_LLM_BASE_URL (it usually ends in /v1), and whether the server can be reached.",
    "rate_limited": "Its allowance is used up: look at your account there, and at OUVIDOR_LLM_REQUESTS_PER_MINUTE and "
    "OUVIDOR_LLM_TOKENS_PER_MINUTE.",
    "server_error": "The server fails; look at its own log or status page.",
    "refused": "The server refuses the request; look whether this model speaks the chat completions interface.",
    "bad_output": "The model does not hold to a schema, even when asked twice; take a more capable one.",
    "misconfigured": "Look at OUVIDOR_LLM_API_KEY, OUVIDOR_LLM_MODEL and OUVIDOR_LLM_BASE_URL: the server knows one of "
    "them not.",
}

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
    yield await _model(rt)
    yield await _language_model(rt)
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


async def _model(rt: Runtime) -> Finding:
    if not rt.embedder.available:
        reason = rt.embedder.reason if isinstance(rt.embedder, NoEmbedder) else ""
        return Finding("Embedding model", "attention", "Search goes by words (BM25) alone.", reason)
    try:
        if rt.embedder.remote:
            await rt.embedder.embed(["ready"])
        waiting = sum((await sections_waiting(rt)).values())
    except EmbeddingFailed as failed:
        says = (
            f"{rt.settings.embedding_model} gives no vectors ({failed.kind.replace('_', ' ')}): search goes by words."
        )
        advice = MODEL_ADVICE.get(failed.kind, "Try again in a minute.").replace("LLM_MODEL", "EMBEDDING_MODEL")
        return Finding("Embedding model", "attention", says, advice)
    proof = "answers" if rt.embedder.remote else "verified"
    says = f"{rt.embedder.name}, {rt.embedder.dimension} dimensions, {proof}."
    if waiting:
        says = f"{says} {waiting} sections wait for its vectors and are found by words until then."
        return Finding("Embedding model", "attention", says, "A worker makes them by itself: see that one runs.")
    return Finding("Embedding model", "good", says)


async def _language_model(rt: Runtime) -> Finding:
    if rt.settings.llm_model is None:
        gain = "With a language model the bot writes its own sentences from your sections and understands more: set "
        says = "None: the local engine answers with sentences of your own sections."
        return Finding("Language model", "good", says, f"{gain}OUVIDOR_LLM_MODEL, _BASE_URL and _API_KEY.")
    from ouvidor.engines.trial import try_model  # noqa: PLC0415 - .6 s of import that an installation without a model saves

    trial = await try_model(rt.settings, rt.db)
    if trial.fault is not None:
        says = f"{rt.settings.llm_model} gives no answer ({trial.fault.replace('_', ' ')})."
        return Finding("Language model", "attention", says, MODEL_ADVICE.get(trial.fault, "Try again in a minute."))
    asked = trial.mode.name.lower()
    if trial.enforced:
        says = f"{trial.model} answers ({trial.seconds:.1f} s), held to a schema by its server ({asked})."
        return Finding("Language model", "good", says)
    says = f"{trial.model} answers ({trial.seconds:.1f} s); its server does not hold it to a schema ({asked})."
    return Finding("Language model", "good", says, "It works; a server with `json_schema` needs fewer second attempts.")


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

"""What a running Ouvidor is made of, opened once and handed down; routes receive it as a dependency."""

import asyncio
import os
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Generator, Hashable
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from procrastinate import App
from sqlalchemy.engine import make_url

from ouvidor import __version__
from ouvidor.db import Database
from ouvidor.engines.base import Engine
from ouvidor.engines.calls import CallLog
from ouvidor.engines.choose import open_engine
from ouvidor.engines.embeddings import Embedder, open_embedder
from ouvidor.engines.genai import provider_of
from ouvidor.engines.recorded import RecordedEngine
from ouvidor.jobs import job_app
from ouvidor.live import Changes
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.settings import Settings
from ouvidor.tracing.base import NoTracing, Tracing, open_tracing

T = TypeVar("T")


def utc_now() -> datetime:
    """The time of day, aware, in UTC."""
    return datetime.now(UTC)


class Memory:
    """What a process remembers of a few things that are dear to read, each until its revision changes."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, tuple[int, object]] = OrderedDict()

    def get(self, key: Hashable, revision: int) -> object | None:
        """What was put under this key for this revision, or None."""
        kept = self._kept.get(key)
        if kept is None or kept[0] != revision:
            return None
        self._kept.move_to_end(key)
        return kept[1]

    def put(self, key: Hashable, revision: int, value: T) -> T:
        """Remember `value`; what was not asked for the longest gives way."""
        self._kept[key] = (revision, value)
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return value


@dataclass(frozen=True)
class Runtime:
    """Everything a deed may need besides its own input."""

    settings: Settings
    db: Database
    jobs: App
    engine: Engine
    embedder: Embedder
    secret: bytes
    changes: Changes
    calls: CallLog
    clock: Callable[[], datetime] = utc_now
    tracing: Tracing = field(default_factory=NoTracing)
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True)
class DatabaseAddress:
    """One database, as SQLAlchemy and as libpq name it."""

    url: str
    conninfo: str


@contextmanager
def database_address(settings: Settings) -> Generator[DatabaseAddress]:
    """Where the database is; without `OUVIDOR_DATABASE_URL` the embedded server runs while the block does."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        yield DatabaseAddress(url=url, conninfo=plain)
        return
    with EmbeddedPostgres(settings.data_dir) as server:
        yield DatabaseAddress(url=server.url(), conninfo=server.conninfo())


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    address: DatabaseAddress,
    *,
    engine: Engine | None = None,
    embedder: Embedder | None = None,
    clock: Callable[[], datetime] = utc_now,
    tracing: Tracing | None = None,
) -> AsyncGenerator[Runtime]:
    """A runtime on a database that stands and is migrated; closed at the end of the block.

    Without an engine, or without an embedder, it is the one that the settings choose.
    """
    db = Database(address.url, pool_size=settings.database_pool)
    jobs = job_app(address.conninfo)
    changes = Changes(address.conninfo)
    calls = CallLog(db, settings.llm_base_url)
    tracing = tracing or open_tracing(settings.traces_endpoint, __version__)
    try:
        async with (
            jobs.open_async(),
            open_engine(settings, db, engine) as chosen,
            open_embedder(settings, db, calls, clock, embedder) as vectors,
        ):
            yield Runtime(
                settings=settings,
                db=db,
                jobs=jobs,
                engine=RecordedEngine(
                    chosen,
                    calls,
                    clock,
                    content=settings.llm_record_content,
                    tracing=tracing,
                    provider=provider_of(settings.llm_base_url),
                ),
                embedder=vectors,
                secret=installation_secret(settings),
                changes=changes,
                calls=calls,
                clock=clock,
                tracing=tracing,
            )
    finally:
        await changes.close()
        await calls.close()
        await db.close()
        await asyncio.to_thread(tracing.close)


def installation_secret(settings: Settings) -> bytes:
    """The key that signs form tokens: the setting's, else one made once and kept in the data folder (0600)."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path: Path = settings.data_dir / "secret"
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"secret.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().encode()


def runtime_of(request: Request) -> Runtime:
    """The runtime of the app that answers this request."""
    return request.app.state.runtime


async def _dependency(request: Request) -> Runtime:
    return runtime_of(request)  # a dependency that does not wait is called in a thread of its own, which costs far more


RuntimeDep = Annotated[Runtime, Depends(_dependency)]

"""What tests stand on: the embedded PostgreSQL, a database per test cloned from a migrated template, a moved clock."""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from factories import Site, build_site
from fastapi import FastAPI

from ouvidor.accounts import passwords
from ouvidor.app import create_app
from ouvidor.engines.base import Engine
from ouvidor.engines.embeddings import Embedder, NoEmbedder
from ouvidor.engines.local import LocalEngine
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

TEMPLATE = "ouvidor_template"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def production_hasher() -> Generator[PasswordHasher]:
    """Hashing a password takes long by design; here next to nothing, except in tests that ask for `full_work`."""
    production = passwords._HASHER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))
        yield production


@pytest.fixture
def full_work(production_hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parameters of production for this test."""
    monkeypatch.setattr(passwords, "_HASHER", production_hasher)


def quickest_place() -> Path:
    """Memory where there is a gigabyte of it and programs may run from there, else the folder of temporary files."""
    memory = Path("/dev/shm")
    if memory.exists() and shutil.disk_usage(memory).free > 1 << 30 and not os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return memory
    return Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def test_folder() -> Path:
    """A folder that outlives the run, so that the prepared model is not made anew each time."""
    folder = quickest_place() / f"ouvidor-tests-{os.geteuid()}"
    folder.mkdir(mode=0o711, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def server(test_folder: Path) -> Generator[EmbeddedPostgres]:
    with EmbeddedPostgres(test_folder / "server", fsync=False) as running:
        yield running


@pytest.fixture(scope="session")
def template(server: EmbeddedPostgres) -> Generator[str]:
    """A migrated database of this test process, to clone from."""
    name = f"{TEMPLATE}_{uuid4().hex[:12]}"
    server.create_database(name)
    upgrade(server.url(name))
    yield name
    server.drop_database(name)


@pytest.fixture
def database(server: EmbeddedPostgres, template: str) -> Generator[DatabaseAddress]:
    name = f"test_{uuid4().hex}"
    server.create_database(name, template=template)
    yield DatabaseAddress(server.url(name), server.conninfo(name))
    server.drop_database(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_pool=10, _env_file=None)  # pyright: ignore[reportCallIssue]


@dataclass
class MovedClock:
    """A clock that stands still until a test moves it."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def engine() -> Engine:
    return LocalEngine()


@pytest.fixture
def embedder() -> Embedder:
    """Words alone; tests that need vectors override this."""
    return NoEmbedder("left out by this test")


OpenRuntime = Callable[[], AbstractAsyncContextManager[Runtime]]


@pytest.fixture
def opened(
    settings: Settings, database: DatabaseAddress, clock: MovedClock, engine: Engine, embedder: Embedder
) -> OpenRuntime:
    """Opens a runtime on the test's database; opening a second one is a restart of the process."""

    @asynccontextmanager
    async def open_one() -> AsyncGenerator[Runtime]:
        async with open_runtime(settings, database, engine=engine, embedder=embedder, clock=clock) as rt:
            yield rt

    return open_one


@pytest.fixture
async def rt(anyio_backend: str, opened: OpenRuntime) -> AsyncGenerator[Runtime]:  # noqa: ARG001 - async fixtures need it
    async with opened() as runtime:
        yield runtime


@pytest.fixture
async def site(rt: Runtime) -> Site:
    """Two projects with their keys: one to use, one to be kept out of."""
    return await build_site(rt)


@pytest.fixture
async def client(rt: Runtime) -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(rt) as http:
        yield http


_ready: list[FastAPI] = []


def app_on(rt: Runtime) -> FastAPI:
    """The app on this runtime; routes, templates and the API document, alike for all, are prepared once per process."""
    if not _ready:
        _ready.append(create_app(rt))
    app = create_app(rt)
    app.router, app.openapi = _ready[0].router, _ready[0].openapi
    app.state.renderer = _ready[0].state.renderer
    return app


@asynccontextmanager
async def client_of(rt: Runtime) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_on(rt), client=("127.0.0.1", 50000), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        yield http

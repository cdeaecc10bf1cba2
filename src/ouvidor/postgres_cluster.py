"""One data folder of PostgreSQL and the server on it: initialised, started, watched and stopped."""

import fcntl
import hashlib
import os
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from ouvidor.postgres_binaries import EmbeddedPostgresFailed, ServerUser, choose_user, find_binaries, name_of

ROLE = "ouvidor"
SSL_REQUEST = bytes.fromhex("00000008 04d2162f")  # PostgreSQL's protocol 3, message SSLRequest; here the reply is N
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "idle_in_transaction_session_timeout": "10min",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
WITHOUT_FSYNC = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # bytes; macOS, Linux takes four more
LONGEST_WAIT = 60.0  # seconds
ORPHANS_MAY_TAKE = 1.0  # seconds
LARGEST_LOG = 10_000_000  # bytes

# Prints the process numbers of the servers that stand in the folder $1; a zombie stands nowhere. macOS has no /proc
# (not run there; on Linux lsof finds the same processes).
LIST_SERVERS = """
if cd /proc/self 2>/dev/null && cd /proc; then
    for process in [0-9]*; do
        [ "$process/cwd" -ef "$1" ] && read -r name <"$process/comm" && [ "$name" = postgres ] && echo "$process"
    done
else
    lsof -t -a -c postgres -d cwd -- "$1"
fi
"""


@contextmanager
def lock_file(path: Path) -> Generator[int]:
    """A file to `flock`; closing it gives the lock back, unless another process inherited the descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Whether the exclusive lock could be taken at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True)
class PidFile:
    """What a server tells in its postmaster.pid, also when it has died since."""

    process: str
    sockets: Path
    is_ready: bool


@dataclass(frozen=True)
class Cluster:
    """A data folder and its server. Whoever calls `boot` or `halt` holds the lock that admits one process at a time.

    `home` is ours (as root: 0711, ours alone to write); `area` in it is the server user's (0700), and we let only that
    user write there. Each process of the server inherits a lock on `home/server.lock`: where the lock is free nobody
    lives, however the server or we ended, also across containers that share the folder but see no common processes.
    """

    home: Path
    user: ServerUser
    fsync: bool

    @property
    def area(self) -> Path:
        """The folder that belongs to the server's user."""
        return self.home / "server"

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.area / "data"

    @property
    def run(self) -> Path:
        """The folder of the socket: near the data, else, where the kernel or libpq cannot take that path, below /tmp.

        /tmp and not TMPDIR: it is short, and the same in every session. libpq splits at commas.
        """
        near = self.area / "run"
        if len(os.fsencode(near / SOCKET)) <= LONGEST_SOCKET_PATH and "," not in str(near):
            return near
        digest = hashlib.sha256(os.fsencode(near)).hexdigest()[:16]
        return Path("/tmp", f"ouvidor-{digest}")  # noqa: S108 - _make_run_folder sees that it is private

    def socket_folder(self) -> Path | None:
        """Where the server listens, if it is ready and answers."""
        told = self._pid_file()
        return told.sockets if told and told.is_ready and _answers(told.sockets / SOCKET) else None

    def boot(self) -> Path:
        """Start the server, on a fresh data folder where there is none; where it listens.

        Raises:
            EmbeddedPostgresFailed: it cannot start; the sentence says why.
        """
        with lock_file(self.home / "server.lock") as life:
            if (sockets := self._outlast_former(life)) is not None:
                return sockets
            self.user.demand_entrance(self.area)
            binaries = find_binaries(self.home, self.user)
            self._make_run_folder()
            leftovers = 'rm -rf "$1"/data.new.* "$1/data/postmaster.pid" "$2/$3.lock"'
            self.user.shell(leftovers, self.area, self.run, SOCKET)
            if not (self.data / "PG_VERSION").exists():
                self._initialise(binaries)
            log = _open_log(self.home / "server.log")
            try:
                written = os.fstat(log).st_size
                server = self._launch(binaries, log, life)
            finally:
                os.close(log)
        return self._await_ready(server, written)

    def halt(self) -> None:
        """Disconnect everyone, stop the server and wait until all its processes are gone (a minute at most)."""
        told = self._pid_file()
        if told is None or told.process not in self._servers():
            return
        self._signal("INT", told.process)
        deadline = time.monotonic() + LONGEST_WAIT
        with lock_file(self.home / "server.lock") as life:
            while self._is_inhabited(life) and time.monotonic() < deadline:
                time.sleep(0.01)
        self.user.shell('rmdir "$1"', self.run)

    def _pid_file(self) -> PidFile | None:
        """Eight lines: process (negative in single-user mode), data folder, start, port, socket folder, address, shared
        memory, state; those that are not known yet are missing.
        """
        try:
            text = os.fsdecode((self.data / "postmaster.pid").read_bytes())
        except OSError:
            return None
        lines = [*text.split("\n"), *[""] * 8]
        return PidFile(lines[0].strip().lstrip("-"), Path(lines[4]), is_ready=lines[7].strip() == "ready")

    def _servers(self) -> list[str]:
        """Process numbers of the living servers in the data folder, as far as the server's user sees them."""
        return self.user.shell(LIST_SERVERS, self.data).stdout.split() if self.data.exists() else []

    def _signal(self, name: str, *processes: str) -> None:
        self.user.shell('signal=$1; shift; kill -s "$signal" "$@"', name, *processes)

    def _is_inhabited(self, life: int) -> bool:
        """Whether a process of the server lives; else `life` is locked. A server started by hand holds no lock."""
        return not try_lock(life) or bool(self._servers())

    def _outlast_former(self, life: int) -> Path | None:
        """Wait until a server that lives here is ready, then where it listens, or gone, then None.

        Without its postmaster a backend goes on with its query, however long that takes: it is ended.
        """
        patience = time.monotonic() + ORPHANS_MAY_TAKE
        deadline = time.monotonic() + LONGEST_WAIT
        while self._is_inhabited(life):
            if (sockets := self.socket_folder()) is not None:
                return sockets
            now = time.monotonic()
            if now > deadline:
                raise EmbeddedPostgresFailed(
                    f"The PostgreSQL in {self.data} has been neither ready nor gone for a minute: "
                    f"see {self.home / 'server.log'}, end its processes, and start again."
                )
            if now > patience:
                self._end_orphans()
                patience = now + ORPHANS_MAY_TAKE
            time.sleep(0.02)
        return None

    def _end_orphans(self) -> None:
        servers = self._servers()
        told = self._pid_file()
        if servers and (told is None or told.process not in servers):
            self._signal("QUIT", *servers)

    def _make_run_folder(self) -> None:
        """Make the folder of the socket, or see that it is the server user's alone."""
        self.user.shell('mkdir -m 700 "$1"', self.run)
        found = self.run.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.user.uid or found.st_mode & 0o077:
            raise EmbeddedPostgresFailed(
                f"PostgreSQL's socket needs {self.run} as a private folder of {self.user.name}: "
                "remove what is there, or set OUVIDOR_DATA_DIR to a shorter path."
            )

    def _initialise(self, binaries: Path) -> None:
        """Make the data folder under another name, for initdb writes PG_VERSION first and may outlive us."""
        fresh = self.area / f"data.new.{uuid4().hex}"
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8")
        sync = () if self.fsync else ("--no-sync",)
        made = self.user.run(
            binaries / "initdb", "-D", fresh, "-U", ROLE, "--auth=reject", "--no-instructions", *locale, *sync
        )
        if made.returncode:
            raise EmbeddedPostgresFailed(f"PostgreSQL cannot make its data folder in {self.area}: {_last(made.stderr)}")
        fresh.rename(self.data)

    def _launch(self, binaries: Path, log: int, life: int) -> subprocess.Popen[bytes]:
        me = name_of(os.geteuid()).replace('"', '""')
        access = {"hba_file": "local all all peer map=own\n", "ident_file": f'own "{me}" all\n'}
        settings = SETTINGS | ({} if self.fsync else WITHOUT_FSYNC)
        for name, text in access.items():
            path = self.home / f"pg_{name.removesuffix('_file')}.conf"
            path.write_text(text)
            path.chmod(0o644)
            settings[name] = str(path)
        options = [f"--{name}={value}" for name, value in settings.items()]
        server = self.user.spawn(
            binaries / "postgres", "-D", self.data, "-k", self.run, *options, output=log, keep=life
        )
        threading.Thread(target=server.wait, name="ouvidor-postgres-reaper", daemon=True).start()
        return server

    def _await_ready(self, server: subprocess.Popen[bytes], written: int) -> Path:
        """Wait until the server answers; what it wrote beyond `written` bytes of its log explains why it did not."""
        deadline = time.monotonic() + LONGEST_WAIT
        while (sockets := self.socket_folder()) is None:
            log = self.home / "server.log"
            if server.poll() is not None:
                text = log.read_bytes()[written:].decode(errors="replace")
                raise EmbeddedPostgresFailed(
                    f"PostgreSQL in {self.data} ended as it started: {_last(text)} (see {log})"
                )
            if time.monotonic() > deadline:
                raise EmbeddedPostgresFailed(
                    f"PostgreSQL in {self.data} needs over a minute to start, perhaps to recover from a crash: "
                    f"try again soon, and see {log}."
                )
            time.sleep(0.005)
        return sockets


def open_cluster(home: Path, *, fsync: bool) -> Cluster:
    """The cluster in `home`, which is there; the server user's folder in it is made."""
    area = home / "server"
    user = choose_user(area)
    area.mkdir(mode=0o700, exist_ok=True)
    if user.is_other and area.stat().st_uid == 0:
        os.chown(area, user.uid, user.gid)
    return Cluster(home=home, user=user, fsync=fsync)


def _answers(path: Path) -> bool:
    """Whether a server replies there; that a connection opens says little, the kernel does that for a dying one too."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
            probe.sendall(SSL_REQUEST)
            return probe.recv(1) == b"N"
        except OSError:
            return False


def _open_log(path: Path) -> int:
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _last(text: str) -> str:
    """The line that tells why: the last one that says so, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line]
    return (telling or lines or ["no reason given"])[-1]

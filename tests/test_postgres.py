"""The embedded server: one for all processes of a folder, gone with the last, back after any death."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from conftest import quickest_place
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, text

from ouvidor.postgres import EmbeddedPostgres
from ouvidor.postgres_binaries import PACKAGE, RELEASE, EmbeddedPostgresFailed, choose_user, find_binaries, name_of
from ouvidor.postgres_cluster import lock_file, try_lock

USER_OF_THE_SERVER = """
import sys
from pathlib import Path
import psycopg
from ouvidor.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), fsync=False).start()
with psycopg.connect(server.conninfo()) as connection:
    started = connection.execute("select pg_postmaster_start_time()::text").fetchone()[0]
print(started, flush=True)
sys.stdin.read()
"""
FORKED_CHILD_LEAVES = """
import os, sys
from pathlib import Path
import psycopg
from ouvidor.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), fsync=False) as server:
    if (child := os.fork()) == 0:
        server.stop()
        os._exit(0)
    os.waitpid(child, 0)
    psycopg.connect(server.conninfo()).close()
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone has another user run the server")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def processes_below(folder: Path) -> list[int]:
    """Living processes that stand below the folder (Linux; elsewhere none are seen)."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            stands = (process / "cwd").readlink()
        except OSError:
            continue
        if stands.is_relative_to(folder):
            found.append(int(process.name))
    return found


@contextmanager
def data_folder() -> Iterator[Path]:
    """A data folder to be, where another user may pass; afterwards no process may be left in it."""
    base = Path(tempfile.mkdtemp(prefix="ouvidor-test-", dir=quickest_place())).resolve()
    base.chmod(0o711)
    yield base / "data"
    left = processes_below(base)
    for process in left:
        os.kill(process, signal.SIGKILL)
    shutil.rmtree(base, ignore_errors=bool(left))
    assert not left


@pytest.fixture(scope="module")
def started_once() -> Iterator[Path]:
    """What a first start leaves behind, to be copied: quicker than many first starts."""
    with data_folder() as folder:
        EmbeddedPostgres(folder, fsync=False).start().stop()
        yield folder


@pytest.fixture
def fresh() -> Iterator[Path]:
    """A data folder before the first start."""
    with data_folder() as folder:
        yield folder


@pytest.fixture
def folder(fresh: Path, started_once: Path) -> Path:
    """A data folder after the first start."""
    subprocess.run(["cp", "-a", started_once, fresh], check=True)
    return fresh


@contextmanager
def another_process(
    folder: Path, script: str = USER_OF_THE_SERVER, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A process that starts or joins the server, prints the server's start time, and leaves when its input ends."""
    command = [sys.executable, "-c", script, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=os.environ | environment) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate()
    assert process.returncode == 0


def home(folder: Path) -> Path:
    return folder / "postgres"


def data(folder: Path) -> Path:
    return home(folder) / "server" / "data"


def postmaster(folder: Path) -> int:
    return int((data(folder) / "postmaster.pid").read_text().split("\n")[0])


def socket_folder(server: EmbeddedPostgres) -> Path:
    return Path(str(conninfo_to_dict(server.conninfo())["host"]))


def ask(server: EmbeddedPostgres, question: str, database: str = "ouvidor") -> object:
    with psycopg.connect(server.conninfo(database), autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return row[0]


def do(server: EmbeddedPostgres, *statements: str, database: str = "ouvidor") -> None:
    with psycopg.connect(server.conninfo(database), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def permissions(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_first_start_gives_a_private_server_with_vectors(fresh: Path) -> None:
    with EmbeddedPostgres(fresh, fsync=False) as server:
        assert str(ask(server, "show server_version")).startswith("18.")
        assert ask(server, "show listen_addresses") == ""
        assert ask(server, "show server_encoding") == "UTF8"
        assert ask(server, "select upper('ação')") == "AÇÃO"
        do(server, "create extension vector")
        assert [permissions(path) for path in (data(fresh).parent, data(fresh))] == [0o700, 0o700]
        assert permissions(home(fresh)) & 0o066 == 0
        assert permissions(socket_folder(server) / ".s.PGSQL.5432") == 0o700
    assert processes_below(fresh) == []


def test_what_was_written_is_there_after_a_restart(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    with server:
        do(server, "create table kept (n int)", "insert into kept values (7)")
    assert processes_below(folder) == []
    with server:
        assert ask(server, "select n from kept") == 7
        assert ask(server, "show fsync") == "on"


def test_start_and_stop_may_be_repeated(folder: Path) -> None:
    server = EmbeddedPostgres(folder, fsync=False)
    started = ask(server.start(), "select pg_postmaster_start_time()")
    assert ask(server.start(), "select pg_postmaster_start_time()") == started
    server.stop()
    server.stop()
    with pytest.raises(EmbeddedPostgresFailed, match="not started"):
        server.url()


def test_processes_share_the_server_and_the_last_stops_it(folder: Path) -> None:
    with another_process(folder) as starter:
        started = first_line(starter)
        with EmbeddedPostgres(folder) as joined, EmbeddedPostgres(folder) as twice:
            assert str(ask(joined, "select pg_postmaster_start_time()::text")) == started
            leave(starter)
            joined.stop()
            assert str(ask(twice, "select pg_postmaster_start_time()::text")) == started
    assert processes_below(folder) == []


def test_a_killed_user_does_not_count(folder: Path) -> None:
    with another_process(folder) as starter, EmbeddedPostgres(folder):
        first_line(starter)
        starter.kill()
        starter.wait()
    assert processes_below(folder) == []


def test_the_server_itself_holds_the_lock_that_says_it_lives(folder: Path) -> None:
    with lock_file(home(folder) / "server.lock") as life:
        with another_process(folder) as starter:
            first_line(starter)
            starter.kill()
            starter.wait()
            assert not try_lock(life)
        with EmbeddedPostgres(folder):
            assert not try_lock(life)
        assert try_lock(life)


def test_a_forked_child_does_not_take_the_server_away(fresh: Path) -> None:
    with another_process(fresh, FORKED_CHILD_LEAVES) as process:
        leave(process)
    assert processes_below(fresh) == []


@pytest.mark.slow
def test_six_first_starts_at_once_make_one_server(fresh: Path) -> None:
    with ExitStack() as stack:
        six = [stack.enter_context(another_process(fresh)) for _ in range(6)]
        started = {first_line(process) for process in six}
        assert len(started) == 1
        assert datetime.fromisoformat(started.pop())
        for process in six:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait() for process in six] == [0] * 6
    assert processes_below(fresh) == []


def test_server_returns_after_its_postmaster_was_killed(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        do(server, "create table kept (n int)", "insert into kept values (7)")
        os.kill(postmaster(folder), signal.SIGKILL)
        assert ask(server.start(), "select n from kept") == 7


@on_linux
@pytest.mark.slow
def test_busy_backends_of_a_killed_postmaster_are_ended(folder: Path) -> None:
    with EmbeddedPostgres(folder, fsync=False) as server, closing(psycopg.connect(server.conninfo())) as busy:
        busy.pgconn.send_query(b"do $$ begin loop end loop; end $$")
        backend = busy.info.backend_pid
        while ask(server, f"select state from pg_stat_activity where pid = {backend}") != "active":
            pass
        os.kill(postmaster(folder), signal.SIGKILL)
        assert ask(server.start(), "select 1") == 1
        assert backend not in processes_below(folder)


@on_linux
def test_a_postmaster_that_nobody_buries_is_not_waited_for(folder: Path) -> None:
    with another_process(folder) as starter:
        first_line(starter)
        dead = postmaster(folder)
        starter.send_signal(signal.SIGSTOP)
        os.waitpid(starter.pid, os.WUNTRACED)
        os.kill(dead, signal.SIGKILL)
        while Path(f"/proc/{dead}/stat").read_text().rpartition(") ")[2][0] != "Z":
            pass
        with EmbeddedPostgres(folder) as server:
            assert ask(server, "select 1") == 1
            starter.send_signal(signal.SIGCONT)
            leave(starter)
            assert ask(server, "select 1") == 1


def test_a_stale_pid_that_another_program_now_has_is_ignored(folder: Path) -> None:
    owner = data(folder).stat().st_uid if os.geteuid() == 0 else None
    with (
        EmbeddedPostgres(folder, fsync=False) as server,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd="/", user=owner) as unrelated,
    ):
        dead = str(postmaster(folder))
        os.kill(int(dead), signal.SIGKILL)
        for stale in (data(folder) / "postmaster.pid", socket_folder(server) / ".s.PGSQL.5432.lock"):
            stale.write_text(stale.read_text().replace(dead, str(unrelated.pid), 1))
        assert ask(server.start(), "select 1") == 1
        assert unrelated.poll() is None
        unrelated.communicate()


def test_a_starter_killed_during_the_first_start_leaves_no_half_made_data(fresh: Path) -> None:
    with another_process(fresh) as starter:
        assert starter.stdin is not None
        starter.stdin.close()
        while not list(data(fresh).parent.glob("data.new.*/PG_VERSION")):
            assert starter.poll() is None
        starter.kill()
    assert not data(fresh).exists()
    with EmbeddedPostgres(fresh, fsync=False) as server:
        assert ask(server, "select 1") == 1


def test_remains_of_killed_starters_are_removed(folder: Path) -> None:
    with EmbeddedPostgres(folder, fsync=False):
        pass
    remains = data(folder).with_name("data.new.killed")
    remains.mkdir()
    if os.geteuid() == 0:
        os.chown(remains, data(folder).stat().st_uid, -1)
    with EmbeddedPostgres(folder, fsync=False):
        assert not remains.exists()


def test_databases_are_made_copied_and_dropped(folder: Path) -> None:
    with EmbeddedPostgres(folder, fsync=False) as server:
        server.create_database("template_of_tests")
        do(server, "create table t (n int)", "insert into t values (3)", database="template_of_tests")
        server.create_database('a "copy"', "template_of_tests")
        assert ask(server, "select n from t", 'a "copy"') == 3
        with pytest.raises(psycopg.errors.DuplicateDatabase):
            server.create_database('a "copy"')
        with psycopg.connect(server.conninfo('a "copy"')):
            server.drop_database('a "copy"')
        server.drop_database('a "copy"')
        assert [server.database_exists(name) for name in ('a "copy"', "template_of_tests")] == [False, True]


@pytest.mark.parametrize("name", ["d" * 100, "a,b"])
def test_a_path_unfit_for_a_socket_gets_a_private_folder_elsewhere(fresh: Path, name: str) -> None:
    unfit = fresh / name
    with EmbeddedPostgres(unfit, fsync=False) as server, another_process(unfit) as joined:
        sockets = socket_folder(server)
        assert not sockets.is_relative_to(fresh)
        assert permissions(sockets) == 0o700
        assert sockets.stat().st_uid == data(unfit).stat().st_uid
        assert first_line(joined) == ask(server, "select pg_postmaster_start_time()::text")
        leave(joined)
    assert not sockets.exists()
    sockets.symlink_to(fresh)
    try:
        with pytest.raises(EmbeddedPostgresFailed, match="set OUVIDOR_DATA_DIR"):
            server.start()
    finally:
        sockets.unlink()


def test_odd_characters_in_the_path_reach_sqlalchemy_and_psycopg(fresh: Path) -> None:
    with EmbeddedPostgres(fresh / "Ação 100% 'a' \"b\" #?&=+\\", fsync=False) as server:
        engine = create_engine(server.url())
        with engine.connect() as connection:
            assert connection.execute(text("select current_database()")).scalar_one() == "ouvidor"
        engine.dispose()
        assert ask(server, "select 1") == 1


def test_a_folder_that_others_may_write_to_is_refused(fresh: Path) -> None:
    home(fresh).mkdir(parents=True)
    home(fresh).chmod(0o775)
    with pytest.raises(EmbeddedPostgresFailed, match="chmod go-w"):
        EmbeddedPostgres(fresh).start()


def test_a_file_in_the_place_of_the_folder_is_one_clear_sentence(fresh: Path) -> None:
    fresh.write_text("")
    with pytest.raises(EmbeddedPostgresFailed, match="set OUVIDOR_DATA_DIR"):
        EmbeddedPostgres(fresh).start()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    server = EmbeddedPostgres(folder, fsync=False)
    with server:
        pass
    (data(folder) / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedPostgresFailed, match="incompatible with server"):
        server.start()
    (data(folder) / "PG_VERSION").write_text("18\n")
    with server:
        assert ask(server, "select 1") == 1


def test_a_user_without_a_name_is_told_so() -> None:
    with pytest.raises(EmbeddedPostgresFailed, match="/etc/passwd"):
        name_of(2_147_000_123)


@as_root
def test_root_hands_the_server_to_another_user_who_may_not_connect(folder: Path) -> None:
    with EmbeddedPostgres(folder, fsync=False) as server:
        assert Path(f"/proc/{postmaster(folder)}").stat().st_uid == data(folder).stat().st_uid != 0
        user = choose_user(data(folder).parent)
        psql = find_binaries(home(folder), user) / "psql"
        refused = user.run(psql, "-c", "select 1", server.conninfo())
        assert refused.returncode != 0
        assert "Peer authentication failed" in refused.stderr


@as_root
def test_a_folder_that_the_servers_user_cannot_reach_is_one_clear_sentence(fresh: Path) -> None:
    fresh.parent.chmod(0o700)
    with pytest.raises(EmbeddedPostgresFailed, match=f"may not enter {fresh.parent}: set OUVIDOR_DATA_DIR"):
        EmbeddedPostgres(fresh).start()


@as_root
@pytest.mark.slow
def test_a_private_python_environment_gets_its_binaries_copied(fresh: Path) -> None:
    package = find_binaries(home(fresh), choose_user(home(fresh))).parents[1]
    private = fresh.parent / "environment"
    private.mkdir(mode=0o700)
    shutil.copytree(package / RELEASE, private / PACKAGE / RELEASE, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(package.with_name(f"{PACKAGE}.libs"), private / f"{PACKAGE}.libs")
    (private / PACKAGE / "__init__.py").touch()
    for _ in range(2):
        with another_process(fresh, PYTHONPATH=str(private)) as process:
            assert first_line(process)
            leave(process)
    assert len(list(home(fresh).glob(f"binaries-*/{PACKAGE}/{RELEASE}/bin/postgres"))) == 1

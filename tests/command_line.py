"""`ouvidor …` in processes of their own, forked from one that has imported the libraries but nothing of ours.

A command spends most of its second on those imports; the rest is as when it is called: arguments, environment, folder,
output, exit code and what happens at the end of a process.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

LIBRARIES = ("alembic.command", "fastapi", "numpy", "procrastinate", "psycopg", "pydantic_settings", "typer.main")
MORE = ("sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.ext.asyncio", "sqlalchemy.orm", "rich.console")


class CommandLine:
    """Runs one command after the other; to be closed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, words: tuple[str, ...], environment: dict[str, str], folder: Path) -> Any:
        """What `subprocess.run` gives for `ouvidor …`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            order = {"words": words, "environment": environment, "folder": str(folder), "files": [str(out), str(err)]}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(["ouvidor", *words], code, out.read_text(), err.read_text())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def obey() -> None:
    """Fork for each line of standard input; the child becomes the command, the parent prints its exit code."""
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            become(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(order: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in enumerate(order["files"], start=1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.argv = ["ouvidor", *order["words"]]
    sys.path.pop(0)  # the folder of this file, where a console script has its own
    import_module("ouvidor.cli").main()


if __name__ == "__main__":
    for library in (*LIBRARIES, *MORE):
        import_module(library)
    assert not any(name.split(".")[0] == "ouvidor" for name in sys.modules)
    obey()

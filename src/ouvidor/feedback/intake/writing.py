"""Files that are there as a whole or not at all."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from ouvidor.errors import Conflict, Unprocessable


class FileIsThere(Conflict):
    """There is a file of this name; name another, or have it replaced with --force."""


class Unwritable(Unprocessable):
    """The file cannot be written."""


@contextmanager
def whole_file(path: Path, *, force: bool = False) -> Generator[TextIO]:
    """A text in UTF-8, written beside its place and put there when the block ends without an error.

    Raises:
        FileIsThere: there is one, and it is not to be replaced.
        Unwritable: the folder is missing, or may not be written to.
    """
    if path.is_dir():
        raise Unwritable(f"{path} is a folder; name a file.")
    if path.exists() and not force:
        raise FileIsThere(f"{path} is there already; name another file, or have it replaced with --force.")
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        with beside.open("x", encoding="utf-8", newline="") as file:
            yield file
        beside.replace(path)
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        beside.unlink(missing_ok=True)

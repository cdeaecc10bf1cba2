"""What is logged and how: lines for people or JSON for programs, with the request's id and without anybody's words."""

import json
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any, Literal

Form = Literal["text", "json"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; empty outside of one."""

FACTS = ("method", "route", "status", "milliseconds")
"""What a line about a request tells besides its sentence."""

MOST_CAUSES = 5
MOST_FRAMES = 30
OURS = Path(__file__).parent


def configure_logging(form: Form, level: str, *, quiet: bool = False) -> None:
    """Log to stderr from now on; `level` is the least level of our own lines and uvicorn's, `quiet` only warnings.

    Libraries speak from warnings on, whatever the level: below that some of them tell whole requests.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    own = logging.WARNING if quiet else logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger("ouvidor").setLevel(own)
    logging.getLogger("uvicorn").setLevel(max(own, logging.INFO))


class JsonLines(logging.Formatter):
    """One JSON object a line; an exception as its type and where it was raised, without its message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, Any] = {
            "time": _moment(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if REQUEST_ID.get():
            told["request_id"] = REQUEST_ID.get()
        told |= {name: value for name in FACTS if (value := getattr(record, name, None)) is not None}
        if raised := _raised(record):
            told["exception"] = [{"type": _kind(error), "stack": _stack(error)} for error in _causes(raised)]
        return json.dumps(told, ensure_ascii=False)


class PlainLines(logging.Formatter):
    """Lines to read at a terminal; of an exception they tell as little of values as the JSON does."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the stack beneath where something was raised."""
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        where = f" [{REQUEST_ID.get()[:8]}]" if REQUEST_ID.get() else ""
        took = getattr(record, "milliseconds", None)
        line = f"{_moment(record):%H:%M:%S}  {level}{_message(record)}{'' if took is None else f'  {took} ms'}{where}"
        raised = _raised(record)
        if raised is None:
            return line
        parts = (f"  {_kind(error)}\n" + "\n".join(f"    {at}" for at in _stack(error)) for error in _causes(raised))
        return "\n".join([line, *parts])


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _message(record: logging.LogRecord) -> str:
    """The sentence; asyncio's are cut after the first line, as the next ones hold what was raised, values and all."""
    message = record.getMessage().rstrip()
    return message.partition("\n")[0] if record.name == "asyncio" else message


def _raised(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it."""
    told: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if told is None:
            return
        yield told
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)


def _kind(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _stack(error: BaseException) -> list[str]:
    """`agent/answer.py:104 answer`, the innermost last; source lines are left out."""
    frames = extract_tb(error.__traceback__)[-MOST_FRAMES:]
    return [f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def _place(filename: str) -> str:
    path = Path(filename)
    if path.is_relative_to(OURS):
        return str(path.relative_to(OURS))
    return filename.partition("site-packages/")[2] or path.name

"""Answers that hold to a schema: how a server is asked for one, and how what it sends is read."""

import json
import re
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

KEPT = frozenset({"type", "description", "enum"})
"""Keywords that strict mode takes as they are; bounds and patterns are checked by us when the answer is there."""
FORGET_AFTER_SECONDS = 6 * 3600.0
DOUBTS_BEFORE_STEP = 2
MOST_PROBLEMS = 8
MOST_STARTS = 20
MOST_MENDED = 100_000

THOUGHTS = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
OBJECT_START = re.compile(r'\{\s*["}]')
STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Mode(IntEnum):
    """How an answer in a schema is asked for, the strictest first."""

    JSON_SCHEMA = 0
    JSON_OBJECT = 1
    PLAIN = 2


class Unusable(Exception):
    """What a model said is no answer; the message tells the model why, and nobody else."""


class Formats:
    """Which response format a server takes: remembered for six hours, then the strictest is tried again.

    `clock` gives seconds that only grow. `proven`: it has answered when asked so; `enforced`: it has not been seen to
    take a schema and ignore it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._mode = Mode.JSON_SCHEMA
        self._until = 0.0
        self._doubts = 0
        self.proven = False
        self.enforced = True

    @property
    def mode(self) -> Mode:
        """The format to begin with."""
        if (self._mode is not Mode.JSON_SCHEMA or not self.enforced) and self._clock() >= self._until:
            self._mode, self.proven, self.enforced = Mode.JSON_SCHEMA, False, True
        return self._mode

    def spelled_out(self, mode: Mode) -> bool:
        """Whether the model must be told the schema in words, because the server does not hold it to it."""
        return mode is not Mode.JSON_SCHEMA or not self.enforced

    def took(self, mode: Mode) -> None:
        """The server answered when it was asked so."""
        self._doubts = 0
        if mode is not self._mode:
            self._until = self._clock() + FORGET_AFTER_SECONDS
        self._mode, self.proven = mode, True

    def ignored(self, mode: Mode) -> None:
        """The server took a schema and answered without regard to it, as some do."""
        if mode is Mode.JSON_SCHEMA and self.enforced:
            self.enforced = False
            self._until = self._clock() + FORGET_AFTER_SECONDS

    def after_doubt(self, mode: Mode) -> Mode:
        """What to ask with after a failure that may have been a refusal: a plainer format, the second time."""
        if self.proven and mode is self._mode:
            return mode
        self._doubts += 1
        if self._doubts < DOUBTS_BEFORE_STEP:
            return mode
        self._doubts = 0
        return Mode((mode + 1) % len(Mode))


def response_format(mode: Mode, name: str, output: type[BaseModel]) -> Mapping[str, Any] | None:
    """The `response_format` of a request, None in plain mode."""
    if mode is Mode.PLAIN:
        return None
    if mode is Mode.JSON_OBJECT:
        return {"type": "json_object"}
    schema = {"name": name, "strict": True, "schema": strict_schema(output)}
    return {"type": "json_schema", "json_schema": schema}


@cache
def schema_in_words(name: str, output: type[BaseModel]) -> str:
    """What a model is told of the schema where the server does not enforce it."""
    schema = json.dumps({"title": name, **strict_schema(output)}, ensure_ascii=False)
    return f"Answer with one JSON object and nothing else. It must hold to this JSON schema:\n{schema}"


@cache
def strict_schema(output: type[BaseModel]) -> dict[str, Any]:
    """The schema of this type as strict mode wants it: every property required, none added, no other keywords.

    Raises:
        TypeError: the type holds an object whose properties are not known beforehand.
    """
    whole = output.model_json_schema()
    strict = _strict(whole)
    if "$defs" in whole:
        strict["$defs"] = {name: _strict(part) for name, part in whole["$defs"].items()}
    return strict


def parse(output: type[M], text: str, unmask: Callable[[str], str] = str) -> M:
    """The answer in what a model said; `unmask` is applied to each of its strings.

    Raises:
        Unusable: there is no JSON object in it, or one that does not hold to the type.
    """
    try:
        return output.model_validate(_cleaned(read_object(text), unmask))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)[:MOST_PROBLEMS]
        told = "; ".join(f"{'.'.join(map(str, part['loc'])) or 'the object'}: {part['msg']}" for part in problems)
        raise Unusable(f"It does not hold to the schema: {told}.") from None


def read_object(text: str) -> dict[str, Any]:
    """The first JSON object in a text: in a Markdown fence, with prose around it, with trailing commas.

    Raises:
        Unusable: there is none, or it has no end.
    """
    said = THOUGHTS.sub("", text, count=1)
    if not said.strip():
        raise Unusable("It was empty.")
    for start in [match.start() for match in OBJECT_START.finditer(said)][:MOST_STARTS]:
        found = _decoded(said[start:])
        if found is not None:
            return found
        if not said[:start].strip("` \njso"):
            break
    raise Unusable("It holds no whole JSON object.")


def _decoded(text: str) -> dict[str, Any] | None:
    """The object at the beginning of this text; what follows it is left alone."""
    decoder = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)
    for mended in (False, True):
        tried = STRING_OR_COMMA.sub(_without_trailing_comma, text[:MOST_MENDED]) if mended else text
        try:
            found: object = decoder.raw_decode(tried)[0]
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return cast("dict[str, Any]", found)
    return None


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _without_trailing_comma(match: re.Match[str]) -> str:
    return "" if match[0] == "," else match[0]


def _cleaned(value: object, unmask: Callable[[str], str]) -> Any:
    """Each string unmasked, without the characters that no database stores."""
    if isinstance(value, str):
        return UNSTORABLE.sub("", unmask(value))
    if isinstance(value, list):
        return [_cleaned(part, unmask) for part in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _cleaned(part, unmask) for key, part in cast("dict[str, object]", value).items()}
    return value


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if len(schema.get("allOf", ())) == 1:
        return _strict(schema["allOf"][0])
    strict: dict[str, Any] = {key: value for key, value in schema.items() if key in KEPT}
    if "const" in schema:
        strict["enum"] = [schema["const"]]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        strict["anyOf"] = [_strict(choice) for choice in choices]
    if "items" in schema:
        strict["items"] = _strict(schema["items"])
    if schema.get("type") == "object":
        _close(strict, schema)
    return strict


def _close(strict: dict[str, Any], schema: Mapping[str, Any]) -> None:
    if isinstance(schema.get("additionalProperties"), Mapping) or schema.get("additionalProperties") is True:
        raise TypeError("Strict mode knows no objects with free keys: make it a list of pairs.")
    properties: Mapping[str, Any] = schema.get("properties", {})
    strict["properties"] = {name: _strict(part) for name, part in properties.items()}
    strict["required"] = list(properties)
    strict["additionalProperties"] = False

"""An OpenAPI document, laid out for reading: operations by tag, their fields one per line, examples as text."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ouvidor.web.contexts.reference import ApiAnswer, ApiField, ApiOperation, ApiTag, Paragraph, Span

DEEPEST = 4
OTHER = "other"


def read_openapi(document: dict[str, Any], origin: str) -> tuple[ApiTag, ...]:
    """Every operation of the document, by its first tag in order of appearance; `origin` is put into the commands."""
    by_tag: dict[str, list[ApiOperation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = next(iter(operation.get("tags", [])), OTHER)
            by_tag.setdefault(tag, []).append(_operation(document, origin, method.upper(), path, operation))
    return tuple(ApiTag(name, tuple(operations)) for name, operations in by_tag.items())


def paragraphs(text: str) -> tuple[Paragraph, ...]:
    """Text as authors write it in docstrings: lines joined to paragraphs, `code` told from words."""
    return tuple(
        tuple(Span(part, code=index % 2 == 1) for index, part in enumerate(" ".join(block.split()).split("`")) if part)
        for block in text.split("\n\n")
        if block.strip()
    )


def _operation(
    document: dict[str, Any], origin: str, method: str, path: str, operation: dict[str, Any]
) -> ApiOperation:
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), "")
    body = _first(content)
    schema: dict[str, Any] = body.get("schema", {})
    example = _example(document, body)
    protected = bool(operation.get("security"))
    return ApiOperation(
        anchor=operation["operationId"],
        method=method,
        path=path,
        summary=operation.get("summary", ""),
        description=paragraphs(operation.get("description", "")),
        protected=protected,
        parameters=tuple(_parameter(document, parameter) for parameter in operation.get("parameters", [])),
        body=tuple(_fields(document, schema)),
        command=_command(origin, method, path, media_type, example, protected=protected),
        answers=tuple(_answer(document, status, part) for status, part in operation["responses"].items()),
    )


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> ApiField:
    schema = parameter.get("schema", {})
    return ApiField(
        name=parameter["name"],
        kind=_kind(document, schema),
        required=bool(parameter.get("required")),
        place=parameter["in"],
        description=paragraphs(parameter.get("description") or schema.get("description", "")),
    )


def _answer(document: dict[str, Any], status: str, part: dict[str, Any]) -> ApiAnswer:
    """A status and its body; that a field of an answer is always there goes without saying."""
    body = _first(part.get("content", {}))
    good = status.startswith("2")
    fields = _fields(document, body.get("schema", {})) if good else ()
    return ApiAnswer(
        status=status,
        description=paragraphs(part.get("description", "")),
        fields=tuple(replace(field, required=False) for field in fields),
        example=_example(document, body) if good else "",
    )


def _fields(document: dict[str, Any], schema: dict[str, Any], before: str = "", depth: int = 0) -> Iterator[ApiField]:
    """The properties of a schema and of what stands inside it, named by their way: `messages[].role`."""
    schema = _resolved(document, schema)
    if schema.get("type") == "array":
        yield from _fields(document, schema.get("items", {}), f"{before}[]", depth)
        return
    for name, part in schema.get("properties", {}).items():
        way = f"{before}.{name}" if before else name
        whole = _resolved(document, part)
        required = name in schema.get("required", [])
        description = part.get("description") or whole.get("description", "") if "properties" not in whole else ""
        yield ApiField(way, _kind(document, part), required, "", paragraphs(description))
        if depth < DEEPEST:
            yield from _fields(document, whole, way, depth + 1)


def _kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a value is, in few words: `string`, `list of object`, `"N1" or "N2"`."""
    schema = _resolved(document, schema)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(dict.fromkeys(_kind(document, choice) for choice in choices))
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "anything"))


def _first(named: dict[str, Any]) -> dict[str, Any]:
    return next(iter(named.values())) if named else {}


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    target: dict[str, Any] = document
    for step in schema["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return target


def _example(document: dict[str, Any], body: dict[str, Any]) -> str:
    schema = _resolved(document, body.get("schema", {}))
    own = body.get("example") or _first(body.get("examples", {})).get("value")
    example: object = own or schema.get("example") or next(iter(schema.get("examples", [])), None)
    return "" if example is None else json.dumps(example, indent=2, ensure_ascii=False)


def _command(origin: str, method: str, path: str, media_type: str, example: str, *, protected: bool) -> str:
    lines = [f"curl {'' if method == 'GET' else f'-X {method} '}{origin}{path}"]
    if protected:
        lines.append("-H 'Authorization: Bearer ouv_live_…'")
    if media_type:
        lines.append(f"-H 'Content-Type: {media_type}'")
    if example:
        quoted = example.replace("'", "'\\''")
        lines.append(f"-d '{quoted}'")
    return " \\\n  ".join(lines)

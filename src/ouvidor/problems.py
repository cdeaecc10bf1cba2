"""Errors on the wire: RFC 9457 problem documents, everywhere the same, never a stack trace or a vendor's text."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from ouvidor.errors import Fault, OuvidorError

MEDIA_TYPE = "application/problem+json"

TITLES = {
    400: "The request cannot be read",
    401: "Who are you?",
    403: "Not allowed",
    404: "Nothing here",
    405: "Method not allowed",
    409: "Somebody else was first",
    413: "Too large",
    415: "Unsupported media type",
    422: "A value cannot be accepted",
    429: "Too many requests",
    499: "The client left",
    500: "Something went wrong on our side",
    503: "Not available at the moment",
}


class ProblemPart(BaseModel):
    """One broken part of the request."""

    where: str = Field(examples=["body.messages.0.role"])
    message: str = Field(examples=["Input should be 'USER' or 'AGENT'"])


class Problem(BaseModel):
    """An error (RFC 9457). `type` ends in a stable code; `request_id` finds the request in our logs."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:ouvidor:unknown_project"])
    title: str = Field(examples=["Nothing here"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["This API key belongs to no project of that name."])
    instance: str = Field(examples=["/conversations/completions"])
    errors: list[ProblemPart] = []
    request_id: str = Field(examples=["0199f3a1c2d47e0f8a51b0c9d3e4f5a6"])


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error part of a route's OpenAPI: a problem document for each of these statuses, with an example."""
    return {
        status: {
            "model": Problem,
            "description": TITLES[status],
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                        "type": f"urn:ouvidor:status_{status}",
                        "title": TITLES[status],
                        "status": status,
                        "detail": "One sentence that says what to do.",
                        "instance": "/the/path",
                        "errors": [],
                        "request_id": "0199f3a1c2d47e0f8a51b0c9d3e4f5a6",
                    },
                }
            },
        }
        for status in statuses
    }


def as_ouvidor_error(error: Exception) -> OuvidorError:
    """Any error as one of ours; what is unknown becomes the plain 500 whose text tells nothing of the inside.

    What we raised while the framework read the body (too large) arrives as the cause of its own error.
    """
    if isinstance(error, OuvidorError):
        return error
    if isinstance(error, RequestValidationError):
        return _of_validation(error)
    if isinstance(error, HTTPException) and isinstance(error.__cause__, OuvidorError):
        return error.__cause__
    if isinstance(error, HTTPException):
        return _with_status(error.status_code, str(error.detail), dict(error.headers or {}))
    return OuvidorError()


def problem_of(error: OuvidorError, request: Request) -> dict[str, Any]:
    """The problem document of this error for this request."""
    return {
        "type": f"urn:ouvidor:{error.code()}",
        "title": TITLES.get(error.status, "Error"),
        "status": error.status,
        "detail": error.detail,
        "instance": request.url.path,
        "errors": [{"where": fault.where, "message": fault.message} for fault in error.faults],
        "request_id": getattr(request.state, "request_id", ""),
    }


def problem_response(error: OuvidorError, request: Request, **added: Any) -> JSONResponse:
    """The answer that carries the problem document; `added` are members of our own beside it."""
    content = problem_of(error, request) | added
    return JSONResponse(content, error.status, headers=error.response_headers(), media_type=MEDIA_TYPE)


class UnreadableJson(OuvidorError):
    """The body is not JSON."""

    status = 400


class UnacceptableValue(OuvidorError):
    """A value is missing or wrong; `errors` names each."""

    status = 422


class NotJson(OuvidorError):
    """Send the request as `Content-Type: application/json`."""

    status = 415


async def json_only(request: Request) -> None:  # `async`: else it would be called in a thread of its own
    """Refuse other media types.

    Raises:
        NotJson: the body is declared as something else, or as nothing.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise NotJson


def _of_validation(error: RequestValidationError) -> OuvidorError:
    parts = error.errors()
    if any(part["type"] == "json_invalid" for part in parts):
        return UnreadableJson()
    faults = [Fault(".".join(map(str, part["loc"])), str(part["msg"])) for part in parts]
    return UnacceptableValue(faults=faults)


def _with_status(status: int, detail: str, headers: dict[str, str]) -> OuvidorError:
    kind = type(f"Status{status}", (OuvidorError,), {"status": status, "headers": headers, "__doc__": detail})
    return kind(f"{TITLES.get(status, 'Error')}: {detail}.")

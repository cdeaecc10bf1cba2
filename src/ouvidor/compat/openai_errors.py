"""Errors as OpenAI's clients read them: `{"error": {message, type, param, code}}`, on `/v1/*` only."""

import re
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ouvidor.accounts.idempotency import StillRunning
from ouvidor.accounts.projects import UnknownProject
from ouvidor.errors import OuvidorError
from ouvidor.problems import TITLES

PREFIX = "/v1/"
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


class ErrorDetail(BaseModel):
    """What went wrong; `param` is the broken part of the request, `code` is stable and meant for programs."""

    message: str = Field(examples=["This credential belongs to no project of that name."])
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(examples=["model"])
    code: str = Field(examples=["model_not_found"])


class ErrorBody(BaseModel):
    """An error in OpenAI's shape."""

    error: ErrorDetail


def error_body(error: OuvidorError) -> dict[str, Any]:
    """The error's body; several broken parts are told one after another, `param` names the first."""
    unknown_model = isinstance(error, UnknownProject)
    params = [_param(fault.where) for fault in error.faults]
    parts = [f"{param}: {fault.message}." for param, fault in zip(params, error.faults, strict=True)]
    detail = ErrorDetail(
        message=" ".join(parts) or error.detail,
        type=TYPES.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error"),
        param="model" if unknown_model else next(iter(params), None),
        code="model_not_found" if unknown_model else CODES.get(error.status, error.code()),
    )
    return ErrorBody(error=detail).model_dump()


def error_response(error: OuvidorError, request: Request) -> JSONResponse:
    """The error as an answer; where sending the request again would say the message twice, clients are told not to."""
    headers = error.response_headers()
    if not _may_be_sent_again(error, request):
        headers["x-should-retry"] = "false"
    return JSONResponse(error_body(error), error.status, headers=headers)


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error part of a route's OpenAPI."""
    return {status: {"model": ErrorBody, "description": TITLES[status]} for status in statuses}


def _may_be_sent_again(error: OuvidorError, request: Request) -> bool:
    """OpenAI's clients send again by themselves after 409, 429 and 5xx; a message would then be there twice.

    With an `Idempotency-Key` a resend is safe, and pointless where the conversation has moved on.
    """
    harmless = request.method == "GET" or error.status == 429 or isinstance(error, StillRunning)
    return harmless or ("idempotency-key" in request.headers and error.status != 409)


def _param(where: str) -> str:
    """`body.messages.0.content` as OpenAI writes it: `messages[0].content`."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", where.removeprefix("body.").removeprefix("header."))

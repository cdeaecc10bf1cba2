"""`/v1`: the product behind OpenAI's chat-completions interface. The model is the project."""

import json
import logging
from collections.abc import AsyncGenerator
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Header, Request, Response

from ouvidor.accounts.access import Caller, own_project, requires
from ouvidor.accounts.idempotency import clean_key
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.compat.openai_errors import error_body, error_responses
from ouvidor.compat.openai_wire import ChatCompletion, ChatRequest, Model, ModelList, chunks
from ouvidor.conversations.complete import Ask
from ouvidor.conversations.making import Making, MakingResponse
from ouvidor.conversations.wire import KeptCompletion
from ouvidor.problems import as_ouvidor_error, json_only
from ouvidor.runtime import Runtime, RuntimeDep

ROUTE = "POST /v1/chat/completions"
FIRST_SIGN_SECONDS = 1.0
"""So long an error is an answer with its status; then the stream begins, and an error becomes its last event."""
SIGN_SECONDS = 5.0
"""Between two comments while the reply is made."""

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["openai"])

Answerer = Annotated[Caller, requires(Permission.ANSWER)]

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "description": "The reply, whole or streamed.",
    }
}


@router.post(
    "/chat/completions",
    summary="Chat completion",
    response_model=ChatCompletion,
    responses=STREAMED | error_responses(400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503),
    dependencies=[Depends(json_only)],
)
async def post_chat_completion(
    request: Request,
    rt: RuntimeDep,
    caller: Answerer,
    asked: ChatRequest,
    idempotency_key: Annotated[str | None, Header(max_length=300)] = None,
) -> ChatCompletion | Response:
    """Answer, clarify or hand over as `/conversations/completions` does, in OpenAI's shape.

    The conversation is kept on the server under `helpdesk_id` (or `metadata.conversation_id`). Without either each
    request is a conversation of its own, and what it says was said before is context, never evidence.

    With `stream` the reply comes in pieces once the whole of it was checked; until then comments tell how far it has
    come. Closing the connection gives the reply up; the messages are kept.
    """
    project = own_project(caller, asked.model)
    helpdesk_id = asked.conversation or f"openai-{uuid4().hex}"
    key = clean_key(idempotency_key)
    ask = Ask(helpdesk_id, asked.lines(), key, await request.body(), asked.customer, route=ROUTE)
    making = Making(rt, project, ask)
    await making.settle(request, FIRST_SIGN_SECONDS if asked.stream else None)
    if asked.stream and not (making.failed):
        return MakingResponse(making, _events(rt, project, making, usage=asked.wants_usage_streamed))
    return _whole(rt, project, making.outcome())


@router.get("/models", summary="Models", responses=error_responses(401, 403))
async def get_models(caller: Answerer) -> ModelList:
    """The project of the credential, as the one model that there is."""
    return ModelList(data=[_model(caller.project)])


@router.get("/models/{model}", summary="Model", responses=error_responses(401, 403, 404))
async def get_model(caller: Answerer, model: str) -> Model:
    """The project of the credential, if that is its name."""
    return _model(own_project(caller, model))


async def _events(rt: Runtime, project: Project, making: Making, *, usage: bool) -> AsyncGenerator[str]:
    """Comments while the reply is made, then its chunks; where it fails, the error and no `[DONE]`."""
    while (stage := await making.stage(SIGN_SECONDS)) or not making.done:
        yield f": {stage or 'working'}\n\n"
    try:
        completion = making.outcome()
    except Exception as raised:
        error = as_ouvidor_error(raised)
        if error.status >= 500:
            log.exception("A streamed reply failed: %s.", error.code())
        yield _data(error_body(error))
        return
    for chunk in chunks(_whole(rt, project, completion), usage=usage):
        yield _data(chunk)
    yield "data: [DONE]\n\n"


def _whole(rt: Runtime, project: Project, completion: KeptCompletion) -> ChatCompletion:
    identity = f"chatcmpl-{completion.messageId or uuid4()}"
    return ChatCompletion.whole(completion, identity=identity, created=int(rt.clock().timestamp()), model=project.name)


def _model(project: Project) -> Model:
    return Model(id=project.name, created=int(project.created_at.timestamp()), owned_by=project.title)


def _data(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"

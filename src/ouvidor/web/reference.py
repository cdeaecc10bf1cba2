"""The API reference: the OpenAPI document for programs, and the same as a page for people."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from ouvidor.accounts.access import public
from ouvidor.runtime import RuntimeDep
from ouvidor.web.answers import show
from ouvidor.web.contexts.reference import ReferencePage
from ouvidor.web.frames import frame_of
from ouvidor.web.openapi import paragraphs, read_openapi
from ouvidor.web.visits import AnybodyDep

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json", dependencies=[public()])
async def get_openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
@router.get("/api")
async def get_reference(
    request: Request, rt: RuntimeDep, person: AnybodyDep, tag: Annotated[str, Query(max_length=60)] = ""
) -> Response:
    """The operations of one tag with their fields, a command to paste and what may come back; the names of all."""
    document = request.app.openapi()
    origin = rt.settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
    tags = read_openapi(document, origin)
    page = ReferencePage(
        frame=frame_of(request, rt, person, "reference"),
        version=document["info"]["version"],
        description=paragraphs(document["info"].get("description", "")),
        tags=tags,
        shown=next((part.name for part in tags if part.name == tag), tags[0].name),
    )
    return show(request, page)

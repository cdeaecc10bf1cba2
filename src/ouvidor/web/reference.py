"""The API reference: the OpenAPI document for programs, and the same as a page for people."""

from fastapi import APIRouter, Request, Response
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
async def get_reference(request: Request, rt: RuntimeDep, person: AnybodyDep) -> Response:
    """Every operation with its fields, a command to paste, and what may come back."""
    document = request.app.openapi()
    origin = rt.settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
    page = ReferencePage(
        frame=frame_of(request, rt, person, "reference"),
        version=document["info"]["version"],
        description=paragraphs(document["info"].get("description", "")),
        tags=read_openapi(document, origin),
    )
    return show(request, page)

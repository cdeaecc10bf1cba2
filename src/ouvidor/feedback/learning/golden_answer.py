"""The file of golden cases as an answer over HTTP, alike for pages and programs."""

from fastapi.responses import StreamingResponse

from ouvidor.accounts.models import Project
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.learning.golden import golden_csv
from ouvidor.runtime import Runtime


async def golden_file(rt: Runtime, project: Project) -> StreamingResponse:
    """The file as an answer, under a name that tells the project and the day."""
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, project)
    name = f"golden-comments-{project.name}-{rt.clock().date().isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    pieces = golden_csv(rt, project.id, taxonomy)
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)

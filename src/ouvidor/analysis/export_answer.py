"""The file of all analyses as an answer over HTTP, alike for pages and programs."""

from fastapi.responses import StreamingResponse

from ouvidor.accounts.models import Project
from ouvidor.analysis.export import MEDIA_TYPES, Form, export_analyses
from ouvidor.analysis.read import Order
from ouvidor.analysis.wanted import AnalysisFilter
from ouvidor.runtime import Runtime


def analyses_file(
    rt: Runtime, project: Project, wanted: AnalysisFilter, form: Form, order: Order = "newest"
) -> StreamingResponse:
    """The file as an answer, under a name that tells the project and the day."""
    name = f"analyses-{project.name}-{rt.clock().date().isoformat()}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    pieces = export_analyses(rt, project.id, wanted, form, order=order)
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[form], headers=headers)

"""What follows an import in the background: vectors, then the profile that confidence is measured against."""

from collections.abc import Callable
from uuid import UUID

from ouvidor.knowledge.profile import build_profile
from ouvidor.knowledge.vectors import Progress, embed_sections
from ouvidor.runtime import Runtime


async def index_knowledge(rt: Runtime, project_id: UUID, progress: Callable[[Progress], None] = lambda _: None) -> None:
    """Bring vectors and profile up to the project's sections."""
    await embed_sections(rt, project_id, progress)
    await build_profile(rt, project_id)

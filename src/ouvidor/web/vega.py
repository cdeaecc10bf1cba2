"""The code that draws charts in the browser: Vega with its interpreter, bundled once and kept in the data folder.

The bundle comes out of vl-convert, offline; the interpreter (`ast`) lets it run under a content policy without
`unsafe-eval`. Making it takes about two seconds and 90 MB, so a process of its own does that.
"""

import asyncio
import gzip
import hashlib
import sys
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import vl_convert
from fastapi import APIRouter, Request, Response

from ouvidor.accounts.access import public
from ouvidor.errors import NotFound, OuvidorError
from ouvidor.runtime import RuntimeDep

SNIPPET = """
export const draw = (place, spec, options) => vegaEmbed(place, spec, {
  ...options, ast: true, actions: false, defaultStyle: false, renderer: "svg", tooltip: {disableDefaultStyle: true},
});
"""
DIGEST = hashlib.sha256(f"{version('vl-convert-python')}\0{SNIPPET}".encode()).hexdigest()[:16]
ADDRESS = f"/static/charts/{DIGEST}.js"
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}

router = APIRouter(include_in_schema=False)


class NoChartCode(OuvidorError):
    """The code of the charts could not be made; the tables below them have the numbers."""

    status = 503


@router.get("/static/charts/{name}", dependencies=[public()])
async def get_chart_code(request: Request, rt: RuntimeDep, name: str) -> Response:
    """The bundle, kept for a year under an address that changes with its content; an old address has nothing."""
    if name != f"{DIGEST}.js":
        raise NotFound
    packed = await chart_code(rt.settings.data_dir / "charts")
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = HEADERS | {"Content-Encoding": "gzip"}
        return Response(packed, media_type="text/javascript; charset=utf-8", headers=headers)
    return Response(gzip.decompress(packed), media_type="text/javascript; charset=utf-8", headers=HEADERS)


async def chart_code(folder: Path) -> bytes:
    """The bundle, packed by gzip; made where the folder does not have it.

    Raises:
        NoChartCode: it could not be made or kept.
    """
    kept = folder / f"{DIGEST}.js.gz"
    if not await asyncio.to_thread(kept.exists):
        making = await asyncio.create_subprocess_exec(sys.executable, "-m", "ouvidor.web.vega", str(kept))
        if await making.wait():
            raise NoChartCode
    return await asyncio.to_thread(kept.read_bytes)


def make(kept: Path) -> None:
    """Bundle and pack the code into this file; whoever makes it at the same time does no harm."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_name(f"{kept.name}.{uuid4().hex}")
    fresh.write_bytes(gzip.compress(vl_convert.javascript_bundle(SNIPPET).encode()))
    fresh.replace(kept)


if __name__ == "__main__":
    make(Path(sys.argv[1]))

"""Style sheet, scripts and drawings: read once, served under an address that changes with their content."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_CSS = re.compile(r"""("[^"]*"|'[^']*')|/\*.*?\*/|\s*([{};,])\s*|\s+""", re.DOTALL)


@dataclass(frozen=True)
class Asset:
    """One static file."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Assets:
    """All static files under one digest, so that modules can import each other by relative address."""

    digest: str
    files: dict[str, Asset]

    @classmethod
    def load(cls, folder: Path = STATIC) -> "Assets":
        """Read the folder; files of other kinds than style sheet, script and drawing are left out."""
        files = {
            path.name: Asset(_content(path), MEDIA_TYPES[path.suffix])
            for path in sorted(folder.iterdir())
            if path.suffix in MEDIA_TYPES
        }
        whole = hashlib.sha256()
        for name, asset in files.items():
            whole.update(f"{name}\0{len(asset.content)}\0".encode() + asset.content)
        return cls(digest=whole.hexdigest()[:16], files=files)

    def url(self, name: str) -> str:
        """Address of a file; a name that does not exist is a `KeyError` when the page is made."""
        if name not in self.files:
            raise KeyError(name)
        return f"/static/{self.digest}/{name}"


def _content(path: Path) -> bytes:
    """The file as it is sent."""
    return squeeze(path.read_text("utf-8")).encode() if path.suffix == ".css" else path.read_bytes()


def squeeze(style: str) -> str:
    """A style sheet without comments and the space that means nothing; what stands in quotes stays as it is."""
    return _CSS.sub(lambda found: found[1] or found[2] or ("" if found[0].startswith("/*") else " "), style).strip()

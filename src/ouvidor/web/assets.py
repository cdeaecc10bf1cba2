"""Style sheet, scripts and drawings: read once, served under an address that changes with their content."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


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
            path.name: Asset(path.read_bytes(), MEDIA_TYPES[path.suffix])
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

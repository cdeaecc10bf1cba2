"""Pages become HTML here and nowhere else: one environment per language, strict names, strict content policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ouvidor.web.assets import Assets
from ouvidor.web.contexts.frame import Page
from ouvidor.web.words import Language, Words, load_words

TEMPLATES = Path(__file__).parent / "templates"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    "Vary": "Cookie, Accept-Language",
}


@dataclass(frozen=True)
class Renderer:
    """The templates, once for each language, and the words of each."""

    environments: Mapping[Language, Environment]
    words: Mapping[Language, Words]

    @classmethod
    def load(cls, assets: Assets, folder: Path = TEMPLATES) -> "Renderer":
        """Open the folder of templates; each is compiled when first used."""
        every = load_words()
        return cls({language: _environment(words, assets, folder) for language, words in every.items()}, every)

    def html(self, page: Page) -> str:
        """The page as text."""
        return self.environments[page.frame.language].get_template(page.template).render(page=page, frame=page.frame)

    def response(self, page: Page, status: int = 200) -> HTMLResponse:
        """The page as a response that no cache keeps and no foreign script enters."""
        headers = {**HEADERS, "Content-Language": page.frame.language}
        return HTMLResponse(self.html(page), status_code=status, headers=headers)


def _environment(words: Words, assets: Assets, folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    names = {"_": words.text, "ngettext": words.counted, "static": assets.url, "words": words}
    environment.globals.update(names)  # pyright: ignore[reportUnknownMemberType] - Jinja2 leaves it untyped
    return environment

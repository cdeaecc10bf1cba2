"""Categories of comments as pages show them: named in the reader's language, each with a colour of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from ouvidor.feedback.taxonomy import DEFAULT, Code, Taxonomy
from ouvidor.text import Language as Tongue
from ouvidor.web.words import Language

SHOUTED_FROM = 4
"""A name of so many letters that is all capitals is shown with one; shorter ones may be abbreviations."""
HUES = 12
USUAL: Mapping[Code, int] = {code: hue for hue, code in enumerate(DEFAULT.codes, start=1)}


@dataclass(frozen=True)
class CategoryView:
    """A category on a page; `hue` (from 1) is the class `hue-N` of its colour, alike on every page of the project.

    One that the taxonomy has no more (`gone`) goes by its code, without a colour (hue 0).
    """

    code: Code
    name: str
    hue: int
    gone: bool = False


def category_views(taxonomy: Taxonomy, language: Language) -> dict[Code, CategoryView]:
    """The categories by code, in the taxonomy's order; up to HUES of them have colours that differ."""
    tongue = tongue_of(language)
    free = iter([hue for hue in range(1, HUES + 1) if hue not in _taken(taxonomy)])
    return {
        one.code: CategoryView(one.code, calm(one.name(tongue)), USUAL.get(one.code) or next(free, HUES))
        for one in taxonomy.categories
    }


def category_view(views: Mapping[Code, CategoryView], code: Code) -> CategoryView:
    """The category of this code, whether the taxonomy still has it or not."""
    return views.get(code) or CategoryView(code, code, 0, gone=True)


def tongue_of(language: Language) -> Tongue:
    """The language of names in a taxonomy that belongs to one of the pages."""
    return "pt" if language == "pt-BR" else "en"


def calm(name: str) -> str:
    """`SUGESTÃO` as `Sugestão`; names that do not shout stay as they are."""
    return name.capitalize() if name.isupper() and len(name) >= SHOUTED_FROM else name


def _taken(taxonomy: Taxonomy) -> set[int]:
    return {USUAL[code] for code in taxonomy.codes if code in USUAL}

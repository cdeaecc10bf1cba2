"""Comments that speak to whoever classifies them: they are asked about alone, so that they harm no other. Pure."""

import re
from functools import lru_cache

from ouvidor.engines.addressed import addresses_reader, plain_letters
from ouvidor.feedback.taxonomy import Taxonomy

_SORTS = r"(?:classif\w+|categori[sz]\w+|rotul\w+|label\w*|etiquet\w+|marque\w*|mark|tag)"
_SORTED = r"comments?|comentarios?|categor\w+|tudo|todos|todas|everything"


def addresses_classifier(text: str, taxonomy: Taxonomy) -> bool:
    """Whether a comment orders its reader about, or says how comments are to be classified."""
    return addresses_reader(text) or bool(_pattern(_names(taxonomy)).search(plain_letters(text)))


def _names(taxonomy: Taxonomy) -> tuple[str, ...]:
    return tuple(name for one in taxonomy.categories for name in (one.code, *one.names.values()))


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """What names a category right after a word for sorting, or as the value of a field."""
    plain = {plain_letters(name) for name in names} - {""}
    named = "|".join(map(re.escape, sorted(plain, key=len, reverse=True)))
    return re.compile(
        rf"\b{_SORTS}\b.{{0,60}}\b(?:{_SORTED}|{named})\b"
        rf"|\bcategor\w+\W{{1,4}}(?:is |e |= ?|: ?)?\W{{0,2}}(?:{named})\b"
    )

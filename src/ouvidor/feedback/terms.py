"""The words by which comments are found: folded stems, in the language in which each comment is read. Pure."""

from collections.abc import Sequence

from ouvidor.feedback.local.language import cue_language
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.text import terms

LONGEST_TERM = 200


def terms_of(texts: Sequence[str], languages: Sequence[str], taxonomy: Taxonomy) -> list[tuple[str, ...]]:
    """The terms of each text, each once; languages are ISO 639-1."""
    return [
        tuple(dict.fromkeys(term[:LONGEST_TERM] for term in terms(text, cue_language(language, taxonomy.language))))
        for text, language in zip(texts, languages, strict=True)
    ]

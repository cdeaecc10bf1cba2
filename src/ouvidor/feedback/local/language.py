"""The language of a comment, as ISO 639-1: by script, then by words that only one language has. Pure."""

import re
from collections.abc import Mapping

from ouvidor.text import Language, detect_language, fold, language_of_script


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OTHERS: Mapping[str, frozenset[str]] = {
    "es": _words(
        """
        el los las una unos y pero muy esta estoy estan hay que como cuando donde quien por para con gracias
        hola bueno buena mejor peor siempre nunca nada todo tengo tiene hacer puede pueden muchas mucho cancion
        servicio ustedes usted yo mi su le lo se al del es fue habitacion
        """
    ),
    "fr": _words(
        """
        le la les un une des et est sont je tu il elle nous vous ils mais tres avec pour dans sur pas plus merci
        bonjour ce cette qui que ou quand comment pourquoi c'est j'ai n'est chanson mon ma mes votre vos au aux
        du etait
        """
    ),
    "de": _words(
        """
        der die das ein eine einen und ist sind ich du er sie wir ihr aber sehr mit fur auf nicht kein danke
        hallo wann wie wo warum was wer mein meine euer ihre zu im am den dem auch noch schon nur habe hat war
        wird
        """
    ),
    "it": _words(
        """
        il lo gli una e sono io tu lui lei noi voi ma molto con per non piu grazie ciao questo questa che quando
        come dove perche chi mio mia vostro della del nel alla canzone bellissima bello sempre mai tutto ho hai
        ha stato
        """
    ),
}
_SPANISH = re.compile(r"[¿¡ñ]")
_GERMAN = re.compile(r"[äöüß]")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_FEWEST = 2
_CLEARLY = 1.5


def language_of(text: str, default: Language) -> str:
    """The language of the comment; `default` where there are no words to tell."""
    return language_of_script(text) or _other(text) or detect_language(text, default)


def cue_language(language: str, default: Language) -> Language:
    """In which language's cues a comment is read: a Romance one as Portuguese, any other that we lack as `default`."""
    if language in {"es", "it", "fr"}:
        return "pt"
    return "pt" if language == "pt" else "en" if language == "en" else default


_ENGLISH_OR_PORTUGUESE = _words(
    """
    o os as um uma uns e mas muito muita esta estou tem nao sim que como quando onde quem por para com obrigado
    oi ola bom boa melhor pior sempre nunca nada tudo tenho fazer pode podem musica servico voces voce eu meu
    minha seu sua me lhe se ao do da no na em foi quarto de a the and is are i you he she we they but very with
    for not on in at of to it this that my your me was were be have has had do does so if or as an
    """
)


def _other(text: str) -> str | None:
    """Another language than ours where clearly more of its words stand there than of ours."""
    if text.isascii() and len(text) < 8:
        return None
    words = _WORD.findall(fold(text))
    ours = sum(word in _ENGLISH_OR_PORTUGUESE for word in words)
    counts = {language: sum(word in known for word in words) for language, known in _OTHERS.items()}
    if not text.isascii():
        counts["es"] += 2 * len(_SPANISH.findall(text.lower()))
        counts["de"] += len(_GERMAN.findall(text.lower()))
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] >= _FEWEST and counts[best] > _CLEARLY * ours else None

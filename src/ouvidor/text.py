"""Pure text functions of the whole product: folding, language, terms for lexical search, sentences."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import Stemmer

Language: TypeAlias = Literal["pt", "en"]

_APOSTROPHES = "’‘´`"
_ACCENTS = re.compile("[\u0300-\u034e\u0350-\u036f]+")

_EMAIL = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}"
_NUMBER = r"\d+(?:[.,]\d+){1,9}"
_WORD = r"\w+(?:'\w+)*"
_TOKEN = re.compile(rf"{_EMAIL}|{_NUMBER}(?!\w)|{_WORD}(?:-{_WORD})*")
_NO_WORD = re.compile(r"_|\br\$")
_THOUSANDS = re.compile(r"[.,](?=\d{3}(?:\D|$))")
_CODE_PARTS = re.compile(r"[^\W\d_]+|\d+")
_ORDINAL = re.compile(r"(\d+)(?:o|a|st|nd|rd|th)")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STOP_WORDS: dict[Language, frozenset[str]] = {
    "en": _words(
        """
        a am an and are as at be been being but by did do does doing for from had has have having he her
        hers him his i if in into is it its me my of on or our ours she so than that the their theirs them
        then there these they this those to too was we were with you your yours
        """
    ),
    "pt": _words(
        """
        a ao aos aquela aquelas aquele aqueles aquilo as ate com como da das de dela delas dele deles depois
        do dos e ela elas ele eles em entre era eram essa essas esse esses esta estao estas estava este
        estes eu foi foram ha isso isto ja la lhe lhes mas me mesmo meu meus minha minhas na nas no nos
        nossa nossas nosso nossos num numa o os ou para pela pelas pelo pelos por pra pro que se seja sem
        ser seu seus sua suas tambem te tem tenho ter teu teus tua tuas um uma umas uns voce voces
        """
    ),
}

_FUNCTION_WORDS: dict[Language, frozenset[str]] = {
    "en": _words(
        """
        a about above after again against all am an and any are aren't as at be because been before being
        below between both but by can can't cannot could couldn't did didn't do does doesn't doing don't
        down during each else few for from further get give good had hadn't has hasn't have haven't having
        he he'd he'll he's hello help her here here's hers herself hey hi him himself his how how's i i'd
        i'll i'm i've if in into is isn't it it's its itself just know let let's like long make many may me
        more most much must mustn't my myself need never no nor not of off on once one only or other ought
        our ours ourselves out over own please same set shan't she she'd she'll she's should shouldn't show
        so some such tell than thank thanks that that's the their theirs them themselves then there there's
        these they they'd they'll they're they've thing this those through to today too under until up us
        very want was wasn't way we we'd we'll we're we've were weren't what what's when when's where
        where's which while who who's whom whose why why's will with without won't would wouldn't yes you
        you'd you'll you're you've your yours yourself yourselves
        """
    ),
    "pt": _words(
        """
        a agora ai ainda algum alguma alguns ao aos aquela aquelas aquele aqueles aqui aquilo as assim ate
        boa bom cade com como contra da das de dela delas dele deles depois desde deve dia do dos e ela elas
        ele eles em entao entre era eram eramos essa essas esse esses esta estamos estao estar estas estava
        estavam estavamos este esteja estejam estejamos estes esteve estive estivemos estiver estivera
        estiveram estiverem estivesse estivessem estou eu faz fazer fica foi fomos fora foram forem formos
        fosse fossem fui ha haja hajam hao havemos hei houve houvemos houver houvera houveram houvesse isso
        isto ja la lhe lhes mais mas me mesmo meu meus minha minhas muita muito na nao nas nem nenhum no nos
        nossa nossas nosso nossos num numa o obrigada obrigado oi ola onde os ou para pela pelas pelo pelos
        pode podem por porque posso pq pra preciso quais qual qualquer quando quanta quantas quanto quantos
        que quem quero saber sao se seja sejam sejamos sem ser sera serao seria seriam seu seus sim so sobre
        somos sou sua suas tambem te tem temos tenha tenham tenho ter tera terao teria teriam teu teus teve
        tinha tinham tinhamos tive tivemos tiver tiveram tiverem tivesse todas todo todos tu tua tuas tudo
        um uma umas uns vai vc vcs voce voces vos
        """
    ),
}
"""Snowball's stop words and what customers' questions have besides; a word may be of both languages."""

_RATHER_PORTUGUESE = frozenset({"as", "do"})
"""Words of both languages that Portuguese uses more than twice as often."""

# Words that are the same in both languages tell nothing.
_SHARED_WORDS = _words(
    """
    app chat check checkin checkout covid delivery e-mail email facebook fi hotel instagram internet kg login notebook
    ok online pet pix qr shopping site smartphone spa tablet tv voucher whatsapp wi wifi youtube
    """
)

_LETTERS_ONLY = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_PT_LETTERS = re.compile(r"[ãõçáéíóúâêôà]")
_PT_SHAPES = re.compile(r"(?:lh|nh|ca[os]|coes|cao|mente|dade|eiro|eira|[aei]r|inho|inha|ei|ou)$|lh|nh|qu[ei]")
_EN_SHAPES = re.compile(r"(?:ing|ed|ly|tion|ness|ment|ight|ough|ck|[^aeiouslmrzn])$|th|sh|w|k|ee|oo|y")

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
)
_LOWEST_SCRIPT = "\u0370"
_SHARE_OF_SCRIPT = 1 / 3
_LETTER = re.compile(r"[^\W\d_]")


def fold(text: str) -> str:
    """Lower-case without accents: "Ação" becomes "acao"; typographic apostrophes become plain ones."""
    lowered = _lowered(text)
    if lowered.isascii():
        return lowered
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", lowered))  # all there is in most texts, and far quicker
    return plain if plain.isascii() else "".join(letter for letter in plain if not unicodedata.combining(letter))


def _lowered(text: str) -> str:
    lowered = text.lower()
    for mark in _APOSTROPHES:
        lowered = lowered.replace(mark, "'")
    return lowered


def detect_language(text: str, default: Language) -> Language:
    """The language of `text` by function words, letters and word shapes; `default` where they are silent."""
    lowered = _lowered(text)
    portuguese = 1.5 * len(_PT_LETTERS.findall(lowered))
    english = 0.0
    for word in _LETTERS_ONLY.findall(fold(lowered)):
        for_portuguese, for_english = _evidence_of(word)
        portuguese += for_portuguese
        english += for_english
    if portuguese == english:
        return default
    return "pt" if portuguese > english else "en"


def language_of_script(text: str) -> str | None:
    """The language, as ISO 639-1, in whose script a third of the letters stand; None for Latin and unknown scripts.

    Of languages that share a script the one that most people write is named.
    """
    if text.isascii() or max(text) < _LOWEST_SCRIPT:
        return None
    letters = "".join(_LETTER.findall(text))
    for language, script in _SCRIPTS:
        if letters and len(script.findall(letters)) >= _SHARE_OF_SCRIPT * len(letters):
            return language
    return None


@lru_cache(maxsize=16384)
def _evidence_of(word: str) -> tuple[float, float]:
    """What a folded word says for Portuguese and for English."""
    return _evidence(word, "pt", _PT_SHAPES), _evidence(word, "en", _EN_SHAPES)


def _evidence(word: str, language: Language, shapes: re.Pattern[str]) -> float:
    """Function words weigh four times as much as a typical letter group; for English, rather Portuguese ones three."""
    if word in _SHARED_WORDS:
        return 0.0
    if language == "en" and word in _RATHER_PORTUGUESE:
        return 1.5
    return 2.0 * (word in _FUNCTION_WORDS[language]) + 0.5 * bool(shapes.search(word))


def terms(text: str, language: Language) -> list[str]:
    """The search terms of `text` in order, repeats kept: folded stems, without stop words.

    Codes give themselves without punctuation and their parts ("AB-123": ab123, ab, 123), numbers lose the
    separators of thousands ("1.000": 1000) and keep a decimal point ("3,5": 3.5), e-mail addresses give
    themselves and their parts, compounds ("guarda-chuva") their parts.
    """
    found: list[str] = []
    for token in _TOKEN.findall(_NO_WORD.sub(" ", fold(text))):
        found += _terms_of_token(token, language)
    return found


@lru_cache(maxsize=16384)
def _terms_of_token(token: str, language: Language) -> Sequence[str]:
    if "@" in token:
        return [token, *_CODE_PARTS.findall(token)]
    if token[0].isdigit() and any(mark in token for mark in ".,"):
        return [_THOUSANDS.sub("", token).replace(",", ".")]
    ordinal = _ORDINAL.fullmatch(token)
    if ordinal:
        return [ordinal[1]]
    if any(letter.isdigit() for letter in token):
        return _terms_of_code(token.removesuffix("'s"))
    words = [part for word in token.split("-") for part in _expand(word, language)]
    return [stem(word, language) for word in words if word not in _STOP_WORDS[language]]


def _terms_of_code(token: str) -> list[str]:
    parts = _CODE_PARTS.findall(token)
    return parts if len(parts) == 1 else ["".join(parts), *parts]


def _expand(word: str, language: Language) -> list[str]:
    """A word without its apostrophe: "don't" gives "do", "not"; "what's" "what"; "d'agua" "d", "agua"."""
    if "'" not in word:
        return [word]
    if language == "pt":
        return word.split("'")
    if word in {"can't", "won't"}:
        return [{"can't": "can", "won't": "will"}[word], "not"]
    head, _, tail = word.partition("'")
    return [head.removesuffix("n"), "not"] if tail == "t" else [head]


_PT_PLURALS = (("oes", "ao"), ("aes", "ao"), ("ais", "al"), ("eis", "el"), ("ois", "ol"), ("ns", "m"))
_PT_ACCENTS = (
    ("cao", "ção"),
    ("avel", "ável"),
    ("ivel", "ível"),
    ("ancia", "ância"),
    ("ancias", "ância"),
    ("encia", "ência"),
    ("encias", "ência"),
)


@lru_cache(maxsize=16384)
def stem(word: str, language: Language) -> str:
    """Snowball stem of a folded word, folded.

    Portuguese plurals and suffixes are first brought into the form that the algorithm looks for, so that
    "informacao", "informação" and "informações" meet.
    """
    if language == "en":
        return _stemmer("english")(word)
    if len(word) > 4:
        word = _replace_suffix(word, _PT_PLURALS)
    return fold(_stemmer("portuguese")(_replace_suffix(word, _PT_ACCENTS)))


def _replace_suffix(word: str, suffixes: tuple[tuple[str, str], ...]) -> str:
    for suffix, replacement in suffixes:
        if word.endswith(suffix):
            return word.removesuffix(suffix) + replacement
    return word


@lru_cache(maxsize=2)
def _stemmer(algorithm: str) -> Callable[[str], str]:
    return Stemmer.Stemmer(algorithm, 0).stemWord  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # no types shipped


_ABBREVIATIONS = _words(
    """
    dr dra sr sra srs prof profa mr mrs ms st jr inc ltd ltda cia no nr av tel fig pag pags vol ed cap art
    op ex etc vs e.g i.e p.ex aprox approx dept depto al cf
    """
)
_LONGEST_WORD = 40
_BULLET = re.compile(r"^\s*(?:[-–—•*·▪]\s+|\(?(?:\d{1,2}|[a-z])[.)]\s+)")
_BOUNDARY = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+(?=[\"'“‘«(\[¿¡]*[^\W_])")


def sentences(text: str) -> list[str]:
    """The sentences of `text` in order, trimmed, none empty.

    A blank line, a list item and a line that neither ends nor goes on in mid-sentence end a sentence; a full
    stop after an abbreviation, an initial or inside a number does not.
    """
    return [sentence for line in _logical_lines(text) for sentence in _split_line(line)]


def _logical_lines(text: str) -> list[str]:
    """Lines with hard wraps undone: a line that starts in lower case goes on the one before."""
    lines: list[str] = []
    open_line = False
    for raw in text.splitlines():
        line = raw.strip()
        continues = open_line and line[:1].islower() and not _BULLET.match(line)
        if continues:
            lines[-1] += " " + line
        elif line:
            lines.append(_BULLET.sub("", line, count=1))
        open_line = bool(line) and line[-1] not in ".!?:;"
    return [line for line in lines if line]


def _split_line(line: str) -> list[str]:
    found: list[str] = []
    start = 0
    for boundary in _BOUNDARY.finditer(line):
        before = line[max(start, boundary.start() - _LONGEST_WORD) : boundary.start()]
        if _ends_sentence(before, line[boundary.end() : boundary.end() + _LONGEST_WORD]):
            found.append(line[start : boundary.end()].strip())
            start = boundary.end()
    found.append(line[start:].strip())
    return [sentence for sentence in found if sentence]


def _ends_sentence(before: str, after: str) -> bool:
    if not before.endswith("."):
        return not after[:1].islower()
    last = fold(before.rsplit(maxsplit=1)[-1]).strip("(\"'“‘«[").rstrip(".")
    initial = len(last) == 1 and last.isalpha()
    return last not in _ABBREVIATIONS and not initial and not after.lstrip("\"'“‘«([")[:1].islower()


WINDOW_WORDS = 30


def windows(text: str) -> list[str]:
    """Runs of whole sentences of `text`, each of at most WINDOW_WORDS words or of one sentence.

    Neighbours share a sentence where there is room for one. Each gets a vector: a passage is as near to a query
    as its nearest window.
    """
    units = sentences(text)
    sizes = [len(unit.split()) for unit in units]
    found: list[str] = []
    start = end = 0
    while end < len(units):
        end = start + 1
        while end < len(units) and sum(sizes[start : end + 1]) <= WINDOW_WORDS:
            end += 1
        found.append(" ".join(units[start:end]))
        start = max(end - 1, start + 1)
    return found

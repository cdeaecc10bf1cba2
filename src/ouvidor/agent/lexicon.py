"""Word classes of Portuguese and English by closed lists and endings: what the extraction of answers looks at.

The classes are coarse on purpose: both languages share their names, so what was learned from one serves the other.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from ouvidor.text import fold

QuestionKind: TypeAlias = Literal[
    "how_many", "who", "when", "where", "why", "what_for", "how", "definition", "which", "what", "yes_no"
]

_CLOSED: Mapping[str, str] = {
    "of": "de do da dos das dum duma of",
    "in": "em no na nos nas num numa in on at within",
    "to": "ao à aos às to",
    "by": "por pelo pela pelos pelas by through via",
    "for": "para pra for",
    "with": "com with",
    "preposition": """sobre sob até desde durante após contra sem entre about under until since during after before
        against without between from""",
    "article": "o a os as um uma uns umas the an",
    "and": "e ou nem and or nor",
    "because": "porque pois devido because due",
    "relative": "que qual quais cujo cuja onde quando quem como which that who whom whose where when what how",
    "connective": """mas porém entretanto contudo todavia assim portanto logo também ainda but however therefore thus
        also moreover""",
    "not": "não nunca never not no",
    "auxiliary": """é são foi era eram foram será serão seja sejam ser sendo está estão estava estavam tem têm tinha
        tiveram teve pode podem poderá poderão deve devem deverá deverão há havia houve consiste significa inclui
        possui oferece fica ficam vale custa custam dura abre fecha abrem fecham começa termina aceita aceitam
        aceitamos permite precisa exige is are was were be been has have had can may must should will would could do
        does did costs takes opens closes includes offers accepts requires needs lasts starts ends means runs
        accept offer include require cost take""",
    "pronoun": """se ele ela eles elas isso isto este esta estes estas esse essa esses essas seu sua seus suas lhe nosso
        nossa nossos nossas it he she they this these those its their his her our your we you""",
    "month": """janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro january
        february march april june july august september october november december""",
    "quantity": """dois duas três quatro cinco seis sete oito nove dez doze vinte trinta cem mil two three four five six
        seven eight nine ten twelve twenty thirty hundred thousand século ano anos hora horas dia dias mês meses
        minutos semanas year years hour hours day days month months minutes weeks reais dólares dollars am pm""",
}


def _classes(lists: Mapping[str, str]) -> dict[str, str]:
    """Word to class; the first list that names a word decides, accents count only where two words differ by them."""
    found: dict[str, str] = {}
    for name, words in lists.items():
        for word in words.split():
            found.setdefault(word, name)
            if len(word) > 2:
                found.setdefault(fold(word), name)
    return found


_CLASS_OF = _classes(_CLOSED)
_MARKS = {
    "“": "quote_open", "«": "quote_open", "”": "quote_close", "»": "quote_close", "(": "bracket_open",
    ")": "bracket_close", ",": "comma", ";": "semicolon", ":": "colon", "–": "dash", "—": "dash", "-": "dash",
    ".": "stop", "!": "stop", "?": "stop", "…": "stop",
}  # fmt: skip
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_ENDINGS = (
    ("adverb", re.compile(r".{3,}(?:mente|ally|ily)$")),
    ("gerund", re.compile(r".{2,}(?:ando|endo|indo|ing)$")),
    ("verb", re.compile(r"(?:ou|aram|eram|iram|ava|avam|ria|riam|ará|arão|erá|erão|irá|irão|iu)$")),
    ("infinitive", re.compile(r".{2,}(?:ar|er|ir)$")),
    ("participle", re.compile(r"(?:[ai]d[oa]s?|.{2,}ed)$")),
)
OPEN_CLASSES = frozenset(
    {
        "word",
        "capital",
        "acronym",
        "verb",
        "gerund",
        "infinitive",
        "participle",
        "number",
        "year",
        "quantity",
        "adverb",
        "month",
    }
)
PREPOSITIONS = frozenset({"of", "in", "to", "by", "for", "with", "preposition"})
FINITE = frozenset({"auxiliary", "verb"})


def word_class(word: str, *, opens_sentence: bool) -> str:
    """The class of a token; a capital letter says nothing where it opens the sentence."""
    if not word[0].isalnum():
        return "number" if word[0] in "$€£" else _MARKS.get(word, "mark")
    if word[0].isdigit() or word.endswith("$"):
        return "year" if _YEAR.fullmatch(word) else "number"
    lowered = word.lower()
    if lowered in _CLASS_OF:
        return _CLASS_OF[lowered]
    if word[0].isupper() and not opens_sentence:
        return "acronym" if word.isupper() and len(word) > 1 else "capital"
    return _by_ending(lowered)


def _by_ending(word: str) -> str:
    return next((name for name, pattern in _ENDINGS if pattern.search(word)), "word")


_KINDS: tuple[tuple[QuestionKind, str], ...] = (
    ("how_many", r"\bquant[oa]s?\b|\bhow (?:many|much|long|often|far|old)\b"),
    ("who", r"\b(?:quem|who|whom|whose)\b"),
    ("when", r"\b(?:quando|when|que horas|what (?:time|year|date|day))\b"),
    (
        "when",
        r"\b(?:em que|qual|quais)(?: era| foi| e)?(?: o| a)? (?:ano|data|dia|seculo|epoca|periodo|prazo|horario)\b",
    ),
    ("where", r"\b(?:onde|aonde|where)\b"),
    ("why", r"\b(?:por ?que|why)\b|\bpor qual (?:razao|motivo)|\bqual (?:foi |e )?(?:o |a )?(?:motivo|razao|causa)\b"),
    ("what_for", r"\bpara (?:o )?que\b|\bwhat\b.*\bfor\b|\bpurpose\b"),
    ("what_for", r"\b(?:qual|quais)(?: e| sao| era)?(?: o| a| os| as)? (?:objetivo|finalidade|funcao|proposito)"),
    ("how", r"\b(?:como|how)\b|\bde que (?:forma|maneira|modo)\b"),
    ("definition", r"^o que (?:e|sao|significa|foi|era)\b|^what (?:is|are|does .* mean)\b"),
    ("which", r"\b(?:qual|quais|which)\b"),
    ("what", r"\b(?:o ?que|que|what)\b"),
)
_KIND_PATTERNS: tuple[tuple[QuestionKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern)) for kind, pattern in _KINDS
)


def question_kind(question: str) -> QuestionKind:
    """What a question asks for, by its interrogative; "yes_no" where it has none."""
    folded = fold(question)
    for kind, pattern in _KIND_PATTERNS:
        if pattern.search(folded):
            return kind
    return "yes_no"


def opens_with(text: str, words: Iterable[str]) -> bool:
    """Whether the first words of `text`, folded, are one of the folded phrases in `words`."""
    folded = fold(text).lstrip("\"'“‘«([ ")
    return any(re.match(rf"{re.escape(phrase)}\b", folded) for phrase in words)

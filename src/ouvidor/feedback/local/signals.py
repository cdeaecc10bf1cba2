"""Typed signals of a comment: what shape it has, what is asked, wished, praised, blamed or advertised. Pure."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ouvidor.feedback.local.cues import Cue, cues_of, groups
from ouvidor.knowledge.gloss import is_common
from ouvidor.text import Language, fold

Floats = NDArray[np.float32]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")
_DRAWN_OUT = re.compile(r"([^\W\d])\1{2,}")
_TOKEN = re.compile(r"\w+|[.!?…;:\n]+|,")
_LINK = re.compile(
    r"https?://|www\.|\b[\w-]+\.(?:com|net|org|xyz|top|online|site|info|club|fun|example|ly|me|io|shop)\b",
    re.IGNORECASE,
)
_OFFICIAL_LINK = re.compile(r"https?://", re.IGNORECASE)
_HANDLE = re.compile(r"(?<!\w)@\w{2,}")
_PHONE = re.compile(r"(?:\+?\d[\d\s().-]{7,}\d)")
_PRICE = re.compile(r"(?:r\$|us\$|\$|€|£)\s*\d|\d\s*(?:reais|conto|euros?|dollars|quid|rupees|bucks)\b", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_PERCENT = re.compile(r"\d\s*%")
_HAPPY = re.compile(
    "[\U0001f600-\U0001f60f\U0001f619-\U0001f61d\U0001f617\U0001f618\U0001f929\U0001f970\U0001f973\U0001f979\u2764\U0001f493-\U0001f49f\U0001f44f\U0001f64c\U0001f44d\U0001f525\U0001f60d\U0001f451\u2728\U0001f60e\U0001f90c\U0001f31f\u2b50\U0001f3b6]"
)
_SORE = re.compile(
    "[\U0001f612-\U0001f614\U0001f616\U0001f61e-\U0001f62c\U0001f62f-\U0001f631\U0001f621\U0001f620\U0001f624\U0001f922\U0001f92e\U0001f92c\U0001f44e\U0001f494\U0001f644\U0001f643\U0001f921\U0001f92f\U0001f634\U0001f480]"
)
_SELLING = re.compile(
    "[\U0001f4b0\U0001f4b8\U0001f911\U0001f449\U0001f4f2\U0001f4f1\U0001f381\U0001f680\u2705\U0001f446\U0001f447\U0001f517\U0001f51e\U0001f608\U0001f48b\U0001f4b5\U0001f4b2\U0001f48e\U0001f4c8]"
)
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf]")
_WISHED_FORM = re.compile(r"\w{2,}[aeio]ssem?")
_CONDITIONAL = re.compile(r"\w{3,}ria(?:m|mos)?")
_OPENS: dict[Language, frozenset[str]] = {
    "pt": _words(
        """
        qual quais quando onde aonde quanto quanta quantos quantas quem como porque pq cade sera tem vai existe
        posso podemos pode da aceita aceitam vcs voces alguem que o
        """
    ),
    "en": _words(
        """
        what whats when where which who whos whose why how is are do does did can could will would should may am
        has have was were any anyone anybody shall must
        """
    ),
}
_IMPERATIVE = re.compile(
    r"[a-z]{2,}em|bota|poe|coloca|lanca|faz|tira|deixa|traz|manda|troca|cria|libera|aumenta|diminui|melhora|tragam|facam|ponham|abram|incluam|mudem|de[ei]m"
)
_NO_VOWELS = re.compile(r"[^aeiouy]{5,}|^[^aeiouy]+$")
_LAUGHTER = re.compile(r"\bk+k\b|\b(?:ha)+h?\b|\blol\b|\blmao\b|\brs+\b")
_NOT_IMPERATIVE = _words("sem bem tem quem nem em alem ontem porem ninguem alguem cem vem homem viagem mensagem")
_NEGATION_REACH = 3
_CLOSE = 5
_POLAR = {"good": "bad_by_negation", "bad": "good_by_negation"}

_SHAPES = (
    "length", "words", "sentences", "question_marks", "ends_asking", "exclamations", "capitals", "link",
    "web_address", "handle", "phone", "price", "percent", "digits", "happy", "sore", "selling", "emoji",
    "repeated", "gibberish", "opens_asking", "sentence_opens_asking", "asking_last", "imperative",
    "request_first", "request_opens", "request_behind_comma", "imperative_behind_comma", "unknown_words",
    "wished_form", "conditional", "if", "quoted", "ellipsis", "laughter", "no_words",
)  # fmt: skip
_MIXED = (
    "good_only", "bad_only", "good_and_bad", "good_then_bad", "bad_then_good", "good_close_to_bad",
    "good_and_contrast", "asks_and_mark", "wish_and_mark", "bad_and_mark", "good_by_negation", "bad_by_negation",
    "good_in_capitals", "irony_and_bad", "irony_and_good", "thanks_and_bad", "wish_first", "asks_first",
    "asks_opens", "wish_opens", "tells_nothing", "good_last", "bad_last", "good_by_phrase", "bad_by_phrase",
    "spam_groups", "balance",
)  # fmt: skip


@dataclass(frozen=True)
class Read:
    """A comment taken apart: as written, folded, its words without apostrophes and drawn-out letters, its cues.

    `starts` are the places of the words that open a sentence, `commas` of those behind a comma.
    """

    written: str
    folded: str
    words: list[str]
    starts: list[int]
    commas: list[int]
    cues: list[Cue]
    language: Language


def read(text: str, language: Language) -> Read:
    """Take a comment apart, in the language that its cues are looked for in."""
    folded = _DRAWN_OUT.sub(r"\1", _APOSTROPHE.sub("", fold(text)))
    words: list[str] = []
    starts: list[int] = [0]
    commas: list[int] = []
    for part in _TOKEN.findall(folded):
        if part == ",":
            commas.append(len(words))
        elif part[0] in ".!?…;:\n":
            starts.append(len(words))
        else:
            words.append(part)
    starts = sorted({place for place in starts if place < len(words)})
    commas = [place for place in commas if place < len(words)]
    return Read(text, folded, words, starts, commas, list(cues_of(language).find(words)), language)


def names() -> tuple[str, ...]:
    """What each signal stands for."""
    return (*_SHAPES, *_MIXED, *(group for group in groups() if group != "request_verb"))


def signals(comments: Sequence[Read]) -> Floats:
    """The signals of each comment, (n, len(names())), each about 0 to 2."""
    columns = {name: place for place, name in enumerate(names())}
    found = np.zeros((len(comments), len(columns)), np.float32)
    for row, one in zip(found, map(_signals, comments), strict=True):
        told = {name: value for name, value in one.items() if value and name in columns}
        row[[columns[name] for name in told]] = list(told.values())
    return found


def _signals(comment: Read) -> dict[str, float]:
    counts, negated = polarity(comment)
    found = {name: _count(count) for name, count in counts.items()}
    found |= {name: _count(count) for name, count in negated.items()}
    return found | _shapes(comment) | _mixed(comment, counts, negated)


def polarity(comment: Read) -> tuple[Counter[str], Counter[str]]:
    """How often each group occurs, and how often praise or blame stands behind a negation, counted apart."""
    denied = {cue.start + cue.size - 1 for cue in comment.cues if cue.group == "negation"}
    counts: Counter[str] = Counter()
    turned: Counter[str] = Counter()
    for cue in comment.cues:
        other = _POLAR.get(cue.group)
        if other and any(cue.start - step in denied for step in range(1, _NEGATION_REACH + 1)):
            turned[other] += 1
        else:
            counts[cue.group] += 1
    return counts, turned


def _count(count: int) -> float:
    return math.log1p(count) if count else 0.0


def _shapes(comment: Read) -> dict[str, float]:
    text, words = comment.written, comment.words
    opens = _OPENS[comment.language]
    firsts = [words[place] for place in comment.starts]
    requests = {cue.start for cue in comment.cues if cue.group == "request_verb"}
    return {
        "length": math.log1p(len(text)) / 4,
        "words": math.log1p(len(words)) / 3,
        "sentences": math.log1p(len(firsts)),
        "question_marks": _count(text.count("?")),
        "ends_asking": float(text.rstrip().endswith("?")),
        "exclamations": _count(text.count("!")),
        "capitals": _capitals(text),
        **_addresses(text),
        **_numbers(text),
        **_emoji(text),
        "repeated": 1 - len(set(words)) / len(words) if words else 0.0,
        "gibberish": sum(map(_unsayable, words)) / max(len(words), 1),
        "opens_asking": float(bool(words) and words[0] in opens),
        "sentence_opens_asking": float(any(first in opens for first in firsts[1:])),
        "asking_last": float("?" in text[-40:]),
        "imperative": float(any(_imperative(first, comment.language) for first in firsts)),
        "request_first": float(0 in requests),
        "request_opens": float(not requests.isdisjoint(comment.starts[1:])),
        "request_behind_comma": float(not requests.isdisjoint(comment.commas)),
        "imperative_behind_comma": float(any(_imperative(words[place], comment.language) for place in comment.commas)),
        "unknown_words": sum(map(_unknown, words)) / max(len(words), 1),
        "wished_form": float(comment.language == "pt" and any(map(_wished, words))),
        "conditional": float(comment.language == "pt" and any(map(_conditional, words))),
        "if": float(("se" if comment.language == "pt" else "if") in words),
        "quoted": float(text.count('"') >= 2 or "“" in text),
        "ellipsis": float("..." in text or "…" in text),
        "laughter": float(bool(_LAUGHTER.search(text.lower()))),
        "no_words": float(not any(len(word) > 1 for word in words)),
    }


def _capitals(text: str) -> float:
    """The share of letters that are capitals; 0 where there are fewer than four letters."""
    if text == text.lower():
        return 0.0
    letters = sum(map(str.isalpha, text))
    return sum(map(str.isupper, text)) / letters if letters > 3 else 0.0


def _addresses(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    if "." in text or "/" in text:
        found["link"] = float(bool(_LINK.search(text)))
        found["web_address"] = float(bool(_OFFICIAL_LINK.search(text)))
    if "@" in text:
        found["handle"] = float(bool(_HANDLE.search(text)))
    return found


def _numbers(text: str) -> dict[str, float]:
    if not _DIGIT.search(text):
        return {}
    digits = sum(map(str.isdigit, text))
    return {
        "phone": float(bool(_PHONE.search(text))),
        "price": float(bool(_PRICE.search(text))),
        "percent": float(bool(_PERCENT.search(text))),
        "digits": _count(digits) / 2,
    }


def _emoji(text: str) -> dict[str, float]:
    if text.isascii():
        return {}
    return {
        "happy": _count(len(_HAPPY.findall(text))),
        "sore": _count(len(_SORE.findall(text))),
        "selling": _count(len(_SELLING.findall(text))),
        "emoji": _count(len(_EMOJI.findall(text))),
    }


def _mixed(comment: Read, counts: Counter[str], negated: Counter[str]) -> dict[str, float]:
    good, bad = counts["good"] + negated["good_by_negation"], counts["bad"] + negated["bad_by_negation"]
    asked, first = "?" in comment.written, comment.cues[0].group if comment.cues else ""
    places = {group: [cue.start for cue in comment.cues if cue.group == group] for group in ("good", "bad")}
    both = bool(places["good"] and places["bad"])
    opened = {group: {cue.start for cue in comment.cues if cue.group == group} for group in ("asks", "wish")}
    early = {cue.group for cue in comment.cues if cue.start <= 2}
    return {
        "good_only": float(good > 0 and bad == 0),
        "bad_only": float(bad > 0 and good == 0),
        "good_and_bad": float(good > 0 and bad > 0),
        "good_then_bad": float(both and places["good"][0] < places["bad"][0]),
        "bad_then_good": float(both and places["bad"][-1] < places["good"][-1]),
        "good_close_to_bad": float(any(0 < bad - good <= _CLOSE for good in places["good"] for bad in places["bad"])),
        "good_and_contrast": float(good > 0 and counts["contrast"] > 0),
        "asks_and_mark": float(counts["asks"] > 0 and asked),
        "wish_and_mark": float(counts["wish"] > 0 and asked),
        "bad_and_mark": float(bad > 0 and asked),
        "good_in_capitals": float(good > 0 and comment.written.isupper()),
        "irony_and_bad": float(counts["irony"] > 0 and bad > 0),
        "irony_and_good": float(counts["irony"] > 0 and good > 0),
        "thanks_and_bad": float(counts["thanks"] > 0 and bad > 0),
        "wish_first": float("wish" in early or first == "wish"),
        "asks_first": float("asks" in early or first == "asks"),
        "asks_opens": float(not opened["asks"].isdisjoint(comment.starts)),
        "wish_opens": float(not opened["wish"].isdisjoint([*comment.starts, *comment.commas])),
        "tells_nothing": float(not comment.cues),
        "good_last": float(max(places["good"], default=-1) > max(places["bad"], default=-1)),
        "bad_last": float(max(places["bad"], default=-1) > max(places["good"], default=-1)),
        "good_by_phrase": float(any(cue.group == "good" and cue.size > 1 for cue in comment.cues)),
        "bad_by_phrase": float(any(cue.group == "bad" and cue.size > 1 for cue in comment.cues)),
        "spam_groups": float(sum(counts[group] > 0 for group in ("self_promotion", "money", "chain"))),
        "balance": max(-2.0, min(2.0, (good - bad) / 2)),
    }


def _imperative(word: str, language: Language) -> bool:
    return language == "pt" and bool(_IMPERATIVE.fullmatch(word)) and word not in _NOT_IMPERATIVE


@lru_cache(maxsize=8192)
def _wished(word: str) -> bool:
    return bool(_WISHED_FORM.fullmatch(word))


@lru_cache(maxsize=8192)
def _conditional(word: str) -> bool:
    return bool(_CONDITIONAL.fullmatch(word))


@lru_cache(maxsize=8192)
def _unknown(word: str) -> bool:
    return len(word) > 3 and not is_common(word)


@lru_cache(maxsize=8192)
def _unsayable(word: str) -> bool:
    """Whether a word of five letters or more lacks vowels where a word has them."""
    return len(word) >= 5 and word.isalpha() and bool(_NO_VOWELS.search(word))

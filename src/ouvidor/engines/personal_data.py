"""Where personal data stand in a text: e-mails, phones, CPF, CNPJ, cards, postcodes. Pure, in linear time.

Every repetition in the patterns is bounded, so a text of any kind costs a constant for each character.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ouvidor.engines.addresses import streets
from ouvidor.engines.check_digits import is_card, is_cnpj, is_cpf
from ouvidor.text import fold


class Kind(StrEnum):
    """What is found; the value is the placeholder's word."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    CPF = "CPF"
    CNPJ = "CNPJ"
    CARD = "CARD"
    CEP = "CEP"
    POSTCODE = "POSTCODE"
    ADDRESS = "ADDRESS"


@dataclass(frozen=True)
class Found:
    """One value at `start` to `end`; `key` is equal for other ways to write the same (its digits, or its letters)."""

    kind: Kind
    start: int
    end: int
    key: str


LOOKS_BEFORE, LOOKS_AFTER = 36, 28
GAP = r"[ \u00a0\u202f.\-\u2010-\u2013]"
"""What people put between groups of digits."""
NOT_BEFORE, NOT_AFTER = r"(?<![\w+])(?<!\d[.,/\-])", r"(?![\w])(?![.,/\-]\d)"
NO_AREAS = frozenset((23, 25, 26, 29, 36, 39, 52, 56, 57, 58, 59, 72, 76, 78))
AREAS = frozenset(str(code) for code in range(11, 100) if code % 10 and code not in NO_AREAS)
"""Brazilian area codes (DDD)."""
STATES = (
    "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]"
)

HINT = re.compile(r"[\d@]|arroba|\bat\b|\b(?:rua|r|avenida|av|travessa|alameda|estrada|ap)\b", re.IGNORECASE)
"""Without any of these there is nothing to find."""
URL = re.compile(r"(?:https?://|www\.)[^\s<>\"]{1,2000}", re.IGNORECASE)
MAIL = re.compile(r"(?<![\w.%+'-])[\w%+'-][\w.%+'-]{0,63}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w@])")
_ENDING = r"(?:com|net|org|edu|gov|br|pt|uk|us|io|co|me|app|dev|info)"
_DOT = r"(?:\s{0,2}\.\s{0,2}|\s{1,2}(?:ponto|dot)\s{1,2}|\s{0,2}[(\[]\s?(?:ponto|dot|\.)\s?[)\]]\s{0,2})"
_WORD_DOT = r"(?:\s{1,2}(?:ponto|dot)\s{1,2}|\s{0,2}[(\[]\s?(?:ponto|dot)\s?[)\]]\s{0,2})"
_LOCAL = (
    r"(?<![\w.@])(?:[\w+-][\w.+-]{0,40}\s{1,2}(?:ponto|dot|underline|underscore|tra[cç]o|h[ií]fen|dash|plus)\s{1,2}){0,3}"
    r"[\w+-][\w.+-]{0,63}"
)
SPELLED = re.compile(
    rf"{_LOCAL}(?:\s{{0,2}}[(\[{{]\s?(?:arroba|at|@)\s?[)\]}}]\s{{0,2}}|\s{{1,2}}arroba\s{{1,2}}|\s{{1,2}}@\s{{0,2}}|@\s{{1,2}})"
    rf"[\w-]{{2,63}}(?:{_DOT}[\w-]{{2,63}}){{0,3}}{_DOT}{_ENDING}(?:{_DOT}{_ENDING})?\b",
    re.IGNORECASE,
)
SPELLED_AT = re.compile(
    rf"{_LOCAL}\s{{1,2}}at\s{{1,2}}[\w-]{{2,63}}(?:{_WORD_DOT}[\w-]{{2,63}}){{0,3}}{_WORD_DOT}{_ENDING}(?:{_DOT}{_ENDING})?\b",
    re.IGNORECASE,
)
SIGN_SPELLED = re.compile(r"arroba|[(\[{]\s?(?:at|@)\s?[)\]}]|\s@|@\s", re.IGNORECASE)
DOT_SPELLED = re.compile(r"\b(?:ponto|dot)\b", re.IGNORECASE)
NO_MAILBOX = frozenset(("look", "is", "am", "are", "was", "m", "it", "buy", "found", "find", "shop", "me", "see", "be"))

CPF_WRITTEN = re.compile(rf"{NOT_BEFORE}\d{{3}}\.\d{{3}}\.\d{{3}}{GAP}?[/]?\d{{2}}{NOT_AFTER}")
CPF_LOOSE = re.compile(rf"{NOT_BEFORE}\d{{3}}{GAP}?\d{{3}}{GAP}?\d{{3}}{GAP}?/?\d{{2}}{NOT_AFTER}")
CNPJ_WRITTEN = re.compile(r"(?<![\w.])[A-Z\d]{2}\.[A-Z\d]{3}\.[A-Z\d]{3}/[A-Z\d]{4}-?\d{2}(?!\w)", re.IGNORECASE)
CNPJ_LOOSE = re.compile(
    r"(?<![\w.])[A-Z\d]{2}[. ]?[A-Z\d]{3}[. ]?[A-Z\d]{3}[/ ]?[A-Z\d]{4}[- ]?\d{2}(?!\w)", re.IGNORECASE
)
CARD = re.compile(
    rf"(?<![\w+])(?<!\d[.,/ -])(?:\d{{4}}{GAP}\d{{4}}{GAP}\d{{4}}{GAP}\d{{4}}(?:{GAP}\d{{3}})?"
    rf"|\d{{4}}{GAP}\d{{6}}{GAP}\d{{4,5}}|\d{{13,19}})(?!\w)(?!{GAP}?\d{{4}}(?!\d))"
)

PHONES = (
    rf"\+?55{GAP}?\(?0?\d{{2}}\)?{GAP}{{0,2}}9?{GAP}?\d{{4}}{GAP}?\d{{4}}",
    rf"0xx{GAP}?\d{{2}}{GAP}{{0,2}}9?{GAP}?\d{{4}}{GAP}?\d{{4}}",
    rf"\((?:0|0?xx)?\d{{2}}\){GAP}{{0,2}}9?{GAP}?\d{{4}}{GAP}{{0,3}}\d{{4}}",
    rf"0?\d{{2}}{GAP}{{1,3}}9{GAP}?\d{{4}}{GAP}?\d{{4}}",
    rf"0?\d{{2}}{GAP}{{1,3}}[2-5]\d{{3}}{GAP}\d{{4}}",
    rf"0[2-9]\d0{GAP}?\d{{3}}{GAP}?\d{{3,4}}",
    rf"9{GAP}?\d{{4}}{GAP}\d{{4}}",
    r"[2-5]\d{3}[-\u2010-\u2013]\d{4}",
    rf"(?:\+?1{GAP}?)?\([2-9]\d{{2}}\){GAP}?[2-9]\d{{2}}{GAP}\d{{4}}",
    rf"(?:\+?1{GAP}?)?[2-9]\d{{2}}{GAP}[2-9]\d{{2}}{GAP}\d{{4}}",
    rf"(?<!\d )\(?0\d{{2,4}}\)?{GAP}\d{{3,4}}{GAP}?\d{{3,4}}",
    r"(?:\+|(?<!\d )00)[1-9]\d{0,2}(?:[ .()\u00a0\-/]{0,3}\d{1,5}){2,6}",
    r"\d{8,13}",
    rf"[2-9]\d{{2,3}}{GAP}\d{{4}}",
)
PHONE = re.compile(
    rf"(?<![\w+])(?<!\d[.,/\-])(?<!R\$ )(?<!R\$)(?<!\$)(?:{'|'.join(PHONES)})(?!\w)(?![.,/\-]\d)(?!\s?%)"
    r"(?:,?\s?(?:ramal|ext\.?|extension|x)\s?\d{1,5}\b)?",
    re.IGNORECASE,
)
CEP = re.compile(rf"{NOT_BEFORE}(?:\d{{5}}[-\u2010-\u2013]\d{{3}}|\d{{2}}\.\d{{3}}-\d{{3}}){NOT_AFTER}")
CEP_TOLD = re.compile(
    r"\b(?:CEP|c[oó]digo postal)(?:\s?(?:é|e|n[º°o.]{0,2}|:|-|=|is|do|da|de|meu|novo|certo|correto|daqui|aqui|casa))"
    r"{0,4}\s?:?\s?(\d{5}\s?-?\s?\d{3})(?!\w)",
    re.IGNORECASE,
)
ZIP_TOLD = re.compile(
    r"\b(?:zip|postal)(?:\s?code)?(?:\s?(?:is|was|to|:|=|#)){0,2}\s?(\d{5}(?:-\d{4})?)(?![\w-])", re.IGNORECASE
)
ZIP_STATE = re.compile(rf"\b(?:{STATES})\.?,?\s(\d{{5}}(?:-\d{{4}})?)(?![\w-])")
UK = re.compile(r"(?<!\w)(?:GIR\s?0AA|[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]?\s?\d[ABD-HJLNP-UW-Z]{2})(?!\w)", re.IGNORECASE)

TELEPHONES = re.compile(
    r"\b(?:tel|tels|telefones?|fones?|cel|celular(?:es)?|whats|whatsapp|wpp|zap|zapzap|contatos?|contact|"
    r"lig(?:ar|ue|a|uem)|disk|disque|discar|chama\w*|recado|meu numero|phones?|mobile|cell|cellphone|call\w*|text|sms|"
    r"reach\w*|ring|landline|fax|my number)\b"
)
OTHER_NUMBERS = re.compile(
    r"\b(?:pedidos?|protocolos?|ordem|orders?|tickets?|chamado|nota|nf|nfe|nf-e|invoice|tracking|rastreio|rastreamento|"
    r"codigos?|code|sku|ref|referencia|reference|modelos?|models?|serie|serial|reservas?|bookings?|confirmation|voucher|"
    r"cupom|coupon|case|processo|boletos?|contrato|contract|matricula|lote|ean|isbn|barcode|barras|produto|product|item|"
    r"parcel|shipment|imei|versao|version|firmware|transacao|transaction|timestamp|id|artigo|article|r\$|apolice|patrimonio)\b"
)
POSTCODE_TOLD = re.compile(
    r"\b(?:post\s?codes?|zip|address|live|living|deliver\w*|ship\w*|send|based|moved?|moving|located|house|flat|street|"
    r"road|london|uk|collect\w*|here is)\b"
)


def find(text: str) -> list[Found]:
    """What is found, in the order of the text and without overlaps; of two that overlap the more certain one."""
    if HINT.search(text) is None:
        return []
    links = [(link.start(), link.end()) for link in URL.finditer(text)]
    taken: list[Found] = []
    for finder in FINDERS if any(map(str.isdecimal, text)) else WORDY_FINDERS:
        blocked = sorted([(one.start, one.end) for one in taken] + ([] if finder is _mails else links))
        taken += _free(finder(text), blocked)
    return sorted(taken, key=lambda one: one.start)


def _free(found: Iterator[Found], blocked: list[tuple[int, int]]) -> Iterator[Found]:
    """Those that touch none of the blocked stretches, which are in order, nor one another."""
    place, last = 0, 0
    for one in sorted(found, key=lambda each: (each.start, -each.end)):
        while place < len(blocked) and blocked[place][1] <= one.start:
            place += 1
        if one.start >= last and (place == len(blocked) or blocked[place][0] >= one.end):
            last = one.end
            yield one


def _mails(text: str) -> Iterator[Found]:
    if "@" in text:
        yield from (_found(Kind.EMAIL, match, match[0].casefold()) for match in MAIL.finditer(text))
    for match in SPELLED.finditer(text) if SIGN_SPELLED.search(text) else ():
        yield _found(Kind.EMAIL, match, " ".join(match[0].casefold().split()))
    for match in SPELLED_AT.finditer(text) if DOT_SPELLED.search(text) else ():
        if match[0].split()[0].casefold() not in NO_MAILBOX:
            yield _found(Kind.EMAIL, match, " ".join(match[0].casefold().split()))


def _cards(text: str) -> Iterator[Found]:
    for match in CARD.finditer(text):
        ends = [match.end()]
        if match[0].count(" ") + match[0].count("-") >= 4:
            ends.append(match.end() - 4)  # a security code may stand behind the groups
        for end in ends:
            digits = _digits(text[match.start() : end])
            grouped = len(digits) == 16 and end - match.start() > 16
            if _told(text, match, _CARDS):
                likely = grouped or is_card(digits)
            else:
                likely = is_card(digits) and not _before(text, match.start(), OTHER_NUMBERS)
            if likely:
                yield Found(Kind.CARD, match.start(), end, digits)
                break


def _cnpjs(text: str) -> Iterator[Found]:
    for match in CNPJ_WRITTEN.finditer(text):
        yield _found(Kind.CNPJ, match, _signs(match[0]))
    for match in CNPJ_LOOSE.finditer(text):
        if is_cnpj(_signs(match[0])):
            yield _found(Kind.CNPJ, match, _signs(match[0]))


def _cpfs(text: str) -> Iterator[Found]:
    for match in CPF_WRITTEN.finditer(text):
        yield _found(Kind.CPF, match, _digits(match[0]))
    for match in CPF_LOOSE.finditer(text):
        digits = _digits(match[0])
        named = _before(text, match.start(), _CPFS)
        if named or (is_cpf(digits) and not _is_mobile(digits) and not _before(text, match.start(), OTHER_NUMBERS)):
            yield _found(Kind.CPF, match, digits)


def _phones(text: str) -> Iterator[Found]:
    for match in PHONE.finditer(text):
        if _is_phone(text, match):
            yield _found(Kind.PHONE, match, _digits(match[0]))


def _is_phone(text: str, match: re.Match[str]) -> bool:
    """Whether this run of digits is a phone, by its form where that is telling, else by the words beside it."""
    written, digits = match[0], _digits(match[0])
    if not 7 <= len(digits) <= 17:
        return False
    if written.startswith("+"):
        return len(digits) >= 8
    if _nearest(text, match.start(), TELEPHONES) > _nearest(text, match.start(), OTHER_NUMBERS):
        return True
    if _before(text, match.start(), OTHER_NUMBERS):
        return False
    if _after(text, match.end(), TELEPHONES):
        return True
    if written.isdigit():
        return _is_mobile(digits) or _is_mobile(digits.removeprefix("55")) or _is_free_call(digits)
    return _telling(written, digits)


def _telling(written: str, digits: str) -> bool:
    """Whether groups of digits have the form of a phone, with no word that says so."""
    if len(digits) == 8:
        halves = digits[:4], digits[4:]
        years = all(half[:2] in {"19", "20"} for half in halves)
        round_ = all(half.endswith("00") for half in halves)
        return written[4] in "-\u2010\u2011\u2012\u2013" and digits[0] in "2345" and not years and not round_
    if len(digits) == 7:
        return False
    return len(digits) >= 9


def _is_mobile(digits: str) -> bool:
    digits = digits.removeprefix("0")
    return len(digits) == 11 and digits[:2] in AREAS and digits[2] == "9" and digits[3] in "6789"


def _is_free_call(digits: str) -> bool:
    return digits.startswith(("0800", "0300", "0500", "0900")) and len(digits) in {10, 11}


def _ceps(text: str) -> Iterator[Found]:
    for match in CEP.finditer(text):
        if not _before(text, match.start(), OTHER_NUMBERS) or _before(text, match.start(), _CEPS):
            yield _found(Kind.CEP, match, _digits(match[0]))
    for match in CEP_TOLD.finditer(text):
        yield Found(Kind.CEP, match.start(1), match.end(1), _digits(match[1]))


def _postcodes(text: str) -> Iterator[Found]:
    for pattern in (ZIP_TOLD, ZIP_STATE):
        for match in pattern.finditer(text):
            yield Found(Kind.POSTCODE, match.start(1), match.end(1), _digits(match[1]))
    for match in UK.finditer(text):
        if _told(text, match, POSTCODE_TOLD):
            yield _found(Kind.POSTCODE, match, _signs(match[0]))


def _streets(text: str) -> Iterator[Found]:
    for start, end in streets(text):
        yield Found(Kind.ADDRESS, start, end, " ".join(fold(text[start:end]).split()))


FINDERS: tuple[Callable[[str], Iterator[Found]], ...] = (
    _mails,
    _cnpjs,
    _cards,
    _cpfs,
    _streets,
    _ceps,
    _phones,
    _postcodes,
)
"""The more certain ones first."""
WORDY_FINDERS = (_mails, _streets)
"""Those that find something where there is no digit."""
_CARDS = re.compile(r"\b(?:cart(?:ao|oes)|cards?|visa|master(?:card)?|elo|amex|credito|debito)\b")
_CPFS = re.compile(r"\bcpf\b")
_FIRST_WORD = re.compile(r"^\w+")
_CEPS = re.compile(r"\b(?:cep|postal)\b")


def _found(kind: Kind, match: re.Match[str], key: str) -> Found:
    return Found(kind, match.start(), match.end(), key)


def _digits(written: str) -> str:
    return "".join(str(int(sign)) for sign in written if sign.isdecimal())


def _signs(written: str) -> str:
    return "".join(sign for sign in written.upper() if sign.isalnum())


def _nearest(text: str, start: int, words: re.Pattern[str]) -> int:
    """Where the last of these words before `start` begins, in the stretch that is looked at; -1: there is none."""
    return max((match.start() for match in words.finditer(_stretch_before(text, start))), default=-1)


def _before(text: str, start: int, words: re.Pattern[str]) -> bool:
    return _nearest(text, start, words) >= 0


def _after(text: str, end: int, words: re.Pattern[str]) -> bool:
    return words.search(re.split(r"[.!?;\n]", fold(text[end : end + LOOKS_AFTER]))[0]) is not None


def _told(text: str, match: re.Match[str], words: re.Pattern[str]) -> bool:
    return _before(text, match.start(), words) or _after(text, match.end(), words)


def _stretch_before(text: str, start: int) -> str:
    """The words of the same sentence before a value, folded; one that is cut in two is left out."""
    begin = max(0, start - LOOKS_BEFORE)
    stretch = _FIRST_WORD.sub("", text[begin:start]) if begin else text[:start]
    return re.split(r"[!?;\n]|\.\s", fold(stretch))[-1]

"""Amounts of money: in a text ("R$ 1.234,50", "£62", "150 a night") and in a link's query string. Pure."""

import re
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import parse_qsl, unquote, urlsplit

from ouvidor.text import fold

_DIGITS = r"\d{1,3}(?:[.\s]\d{3})+(?:,\d{1,2})?|\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:[.,]\d{1,2})?(?![\d])"
_DIGIT = re.compile(r"\d")
_SIGNED = re.compile(
    rf"(?:r\$|us\$|u\$|[$€£]|\b(?:brl|usd|eur|gbp)\b)\s?(?P<before>{_DIGITS})(?P<thousand>\s?(?:mil|k)\b)?"
    rf"|(?<![\w.,/-])(?P<after>{_DIGITS})\s?(?:reais|real\b|dollars?|euros?|pounds?|libras?|bucks|quid|conto|pila"
    rf"|[€£$])"
)
_UNSIGNED = re.compile(
    rf"\b(?:for|por|total(?: de| of)?|custa|custam|costs?|fica|sao|is|valor(?: de)?|preco(?: de)?|price(?: of)?"
    rf"|pay|pagar)"
    rf"\s(?P<told>{_DIGITS})(?=[\s.,;:!?]|$)(?!\s?(?:h\b|horas?|hours?|dias?|days?|noites?|nights?|anos?|years?"
    rf"|pessoas?"
    rf"|people|guests?|minut|km|kg|%|am\b|pm\b|vezes|times|o'clock|weeks?|semanas?|mes|meses|months?))"
    rf"|(?<![\w.,:/-])(?P<each>{_DIGITS})\s(?:a(?!\.?m\b)|an|per|por|each|in total|no total|altogether|ao todo)\s?"
    rf"(?:night|noite|person|pessoa|month|mes|day|dia|room|quarto|week|\b)"
)
_KEYS = re.compile(
    r"total|amount|valor|price|preco|cents|centavos|importe|montante|quantia"
    r"|(?:^|_|-)(?:amt|vlr|value|due|sum|cost|pay|charge|sinal|deposit|entrada|to_?pay|a_?pagar|fee|taxa|fare"
    r"|tarifa|rate|diaria)(?:$|_|-)"
)
_CENTS = re.compile(r"cent|centavo|minor|pence")
_WHOLE = re.compile(r"total|amount|due|pay|valor|sum|grand")
_PATH_AMOUNT = re.compile(r"(?<=/)\d+[.,]\d{2}(?=/|$)")


@dataclass(frozen=True)
class LinkAmount:
    """An amount that a link asks for: its key, the values that it may mean (cents or whole), whether it is a total."""

    key: str
    values: frozenset[Decimal]
    whole: bool


def amounts(text: str) -> tuple[Decimal, ...]:
    """The amounts with a currency in a text, in order."""
    if not _DIGIT.search(text):
        return ()
    found: list[Decimal] = []
    for match in _SIGNED.finditer(fold(text)):
        value = number(match["before"] or match["after"])
        found.append(value * 1000 if match["thousand"] else value)
    return tuple(found)


def loose_amounts(text: str) -> tuple[Decimal, ...]:
    """The amounts without a currency whose words tell that they are prices: "for 95", "150 a night"."""
    return tuple(number(match["told"] or match["each"]) for match in _UNSIGNED.finditer(fold(text)))


def number(written: str) -> Decimal:
    """The number that digits with separators are: one or two digits behind the last mark are decimals."""
    plain = re.sub(r"\s", "", written)
    decimals = re.fullmatch(r"(.*\d)[.,](\d{1,2})", plain)
    if decimals:
        return Decimal(f"{re.sub('[.,]', '', decimals[1])}.{decimals[2]}")
    return Decimal(re.sub(r"[.,]", "", plain) or "0")


def link_amounts(link: str) -> tuple[LinkAmount, ...]:
    """The amounts that a link carries, those that name a total first."""
    parts = urlsplit(link)
    found: list[LinkAmount] = []
    for raw, value in [*parse_qsl(parts.query), *parse_qsl(parts.fragment)]:
        key = fold(raw)
        if _KEYS.search(key) and re.fullmatch(r"\D{0,4}\d[\d.,]*", unquote(value)):
            read = number(re.sub(r"^\D+", "", unquote(value)).rstrip(".,"))
            cents = bool(_CENTS.search(key)) or (read == int(read) and "." not in value and "," not in value)
            values = {read / 100} if _CENTS.search(key) else {read, read / 100} if cents and read >= 1000 else {read}
            found.append(LinkAmount(key, frozenset(values), bool(_WHOLE.search(key))))
    found += [
        LinkAmount("path", frozenset({number(one)}), whole=True) for one in _PATH_AMOUNT.findall(unquote(parts.path))
    ]
    return tuple(sorted(found, key=lambda one: not one.whole))

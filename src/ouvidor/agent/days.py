"""The days and months that a text names, and those between them. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ouvidor.agent.figure import Figure, Reading

_DAYS = {
    "segunda": 0, "monday": 0, "seg": 0, "mon": 0, "terca": 1, "tuesday": 1, "ter": 1, "tue": 1, "quarta": 2,
    "wednesday": 2, "qua": 2, "wed": 2, "quinta": 3, "thursday": 3, "qui": 3, "thu": 3, "sexta": 4, "friday": 4,
    "sex": 4, "fri": 4, "sabado": 5, "saturday": 5, "sab": 5, "sat": 5, "domingo": 6, "sunday": 6, "dom": 6, "sun": 6,
}  # fmt: skip
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janeiro january", "fevereiro february", "marco march", "abril april", "maio may", "junho june",
            "julho july", "agosto august", "setembro september", "outubro october", "novembro november",
            "dezembro december",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
DAY_WORDS = frozenset({*_DAYS, *(f"{day}s" for day in _DAYS), *_MONTHS, "feira", "feiras"})
"""The words that name a day of the week or a month."""
_ALL_DAYS = re.compile(r"\b(?:todos os dias|todo dia|every day|each day|all week|sete dias por semana|7 days a week)\b")
_ALL_DAYS_TOLD = re.compile(r"\b(?:diariamente|daily|24/7|seven days a week)\b")
_WEEKEND = re.compile(r"\b(?:fi(?:m|ns) de semana|finais? de semana|weekends?)\b")
_WORKDAYS = re.compile(r"\b(?:em dias uteis|nos dias uteis|dias de semana|on weekdays|weekdays|on business days)\b")
_DAY = re.compile(
    r"\b(?P<day>segundas?|tercas?|quartas?|quintas?|sextas?|sabados?|domingos?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
    r"|seg|ter|qua|qui|sex|sab|dom|mon|tue|wed|thu|fri|sat|sun)(?P<fair>-?\s?feiras?)?\b"
)
_DAY_BEFORE = re.compile(r"\b(?:nas?|aos?|as|nos?|todas?|de|cada|ate|uma)\s$")
_MONTH = re.compile(rf"\b(?P<month>{'|'.join(_MONTHS)})\b")
_MONTH_BEFORE = re.compile(r"(?:\b(?:in|until|from|to|by|of|since|each|every|before|after|and)|\d(?:st|nd|rd|th)?) $")
_UP_TO = re.compile(r"\s*(?:-|–|—|to|a|as|ate|ao|through|thru|until)\s*(?:as |os |a |o )?")


def days_of(plain: str, *, told: bool) -> list[Figure]:
    """The days of the week in a folded text; in what is `told` short names and doubtful ones count too."""
    found: list[Figure] = []
    for match in _DAY.finditer(plain):
        word = match["day"]
        name = word if word in _DAYS else word.removesuffix("s")
        doubtful = name in {"segunda", "terca", "quarta", "quinta", "sexta"} and not match["fair"]
        short = len(name) <= 3
        if not told and (short or (doubtful and not _DAY_BEFORE.search(plain[: match.start()]))):
            continue
        found.append(_one(match, ("day", _DAYS[name])))
    groups = [(_ALL_DAYS, range(7)), (_WEEKEND, range(5, 7)), (_WORKDAYS, range(5))]
    groups += [(_ALL_DAYS_TOLD, range(7))] if told else []
    for pattern, days in groups:
        found += [_one(match, ("day", day)) for match in pattern.finditer(plain) for day in days]
    return found


def months_of(plain: str, *, told: bool = False) -> list[Figure]:
    """The months in a folded text; in what is `told` "may" and "march" count wherever they stand."""
    found: list[Figure] = []
    for match in _MONTH.finditer(plain):
        doubtful = match["month"] in {"may", "march"} and not re.match(r" \d", plain[match.end() : match.end() + 2])
        if not told and doubtful and not _MONTH_BEFORE.search(plain[: match.start()]):
            continue
        found.append(_one(match, ("month", _MONTHS[match["month"]])))
    return found


def _one(match: re.Match[str], reading: Reading) -> Figure:
    return Figure(match[0], frozenset({reading}), None, match.start(), match.end())


def between(plain: str, named: Sequence[Figure], count: int) -> Iterator[Figure]:
    """What lies between two that a text joins: "Monday to Friday" tells of Wednesday."""
    for one, other in pairwise(sorted(named, key=lambda figure: figure.start)):
        if _UP_TO.fullmatch(plain[one.end : other.start]):
            ((kind, first),) = one.readings
            ((_, last),) = other.readings
            base = 1 if kind == "month" else 0
            for step in range(1, (int(last) - int(first)) % count):
                value = (int(first) - base + step) % count + base
                yield replace(one, readings=frozenset({(kind, value)}))


def dates_of(plain: str, numbers: Sequence[Figure], months: Sequence[Figure]) -> Iterator[Figure]:
    """ "12 de março" and "March 12" as the date 12/3."""
    for number in numbers:
        day = next((value for kind, value in number.readings if kind == "n"), None)
        for month in months:
            gap = plain[number.end : month.start] if number.start < month.start else plain[month.end : number.start]
            if day is not None and re.fullmatch(r" (?:de |of )?|, ?", gap):
                ((_, value),) = month.readings
                yield replace(number, readings=frozenset({("date", f"{day}/{value}")}))

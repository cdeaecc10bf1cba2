"""The figures of a text (amounts, times, dates, days, phone numbers, codes) in forms that can be held together. Pure.

"1.234,56" and "1,234.56" are one amount, "6h30", "6:30" and "6.30" one time, "two" and "duas" one number.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

from ouvidor.agent.days import DAY_WORDS, between, dates_of, days_of, months_of
from ouvidor.agent.figure import Figure, Reading
from ouvidor.text import fold

_UNITS: Mapping[str, str] = {
    "%": r"%|por ?cento|percent(?:age)?|per cent|pct",
    "brl": r"rea(?:l|is)\b|brl",
    "usd": r"dolar(?:es)?|dollars?|usd|bucks",
    "eur": r"euros?|eur|€",
    "bday": r"dias? ute(?:is|l)|business days?|working days?|dia util",
    "min": r"min(?:utos?|utes?|s)?",
    "hour": r"horas?|hours?|hrs?|hs?",
    "day": r"dias?(?: corridos)?|(?:calendar )?days?|diarias?",
    "week": r"semanas?|weeks?",
    "month": r"mes(?:es)?|months?",
    "year": r"anos?|years?",
    "night": r"noites?|nights?",
    "kg": r"kg|quilos?|kilos?|kilograms?|quilogramas?",
    "g": r"g|gramas?|grams?",
    "lb": r"lbs?|pounds?|libras?",
    "km": r"km|quilometros?|kilomet(?:er|re)s?",
    "mile": r"miles?|milhas?",
    "cm": r"cm|centimetros?|centimet(?:er|re)s?",
    "m2": r"m2|metros quadrados|square met(?:er|re)s",
    "m": r"m|metros?|met(?:er|re)s?",
    "kw": r"kwh?|quilowatts?|kilowatts?",
    "l": r"l|litros?|lit(?:er|re)s?",
    "gb": r"gb|gigas?|gigabytes?",
    "mb": r"mb|megas?|megabytes?|mbps",
    "person": r"pessoas?|people|persons?|hospedes?|guests?|adultos?|adults?|criancas?|child(?:ren)?|kids?",
    "times": r"x|vezes|times|parcelas|instal?lments?",
}
_MINUTES = {"min": 1, "hour": 60, "day": 1440, "week": 10080}
_MONTHS_IN = {"month": 1, "year": 12}
_MARKED = frozenset({"%", "brl", "usd", "eur"})
_PREFIXES = {"r$": "brl", "us$": "usd", "u$": "usd", "$": "usd", "€": "eur", "brl": "brl", "usd": "usd", "eur": "eur"}

_ONES = {
    "zero": 0, "um": 1, "uma": 1, "one": 1, "dois": 2, "duas": 2, "two": 2, "tres": 3, "three": 3, "quatro": 4,
    "four": 4, "cinco": 5, "five": 5, "seis": 6, "six": 6, "meia duzia": 6, "sete": 7, "seven": 7, "oito": 8,
    "eight": 8, "nove": 9, "nine": 9, "dez": 10, "ten": 10, "onze": 11, "eleven": 11, "doze": 12, "twelve": 12,
    "treze": 13, "thirteen": 13, "quatorze": 14, "catorze": 14, "fourteen": 14, "quinze": 15, "fifteen": 15,
    "dezesseis": 16, "sixteen": 16, "dezessete": 17, "seventeen": 17, "dezoito": 18, "eighteen": 18,
    "dezenove": 19, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "vinte": 20, "twenty": 20, "trinta": 30, "thirty": 30, "quarenta": 40, "forty": 40, "cinquenta": 50, "fifty": 50,
    "sessenta": 60, "sixty": 60, "setenta": 70, "seventy": 70, "oitenta": 80, "eighty": 80, "noventa": 90,
    "ninety": 90,
}  # fmt: skip
_HUNDREDS = {
    "cem": 100, "cento": 100, "hundred": 100, "duzentos": 200, "duzentas": 200, "trezentos": 300, "quatrocentos": 400,
    "quinhentos": 500, "quinhentas": 500, "seiscentos": 600, "setecentos": 700, "oitocentos": 800, "novecentos": 900,
}  # fmt: skip
_SCALES = {"mil": 1000, "thousand": 1000, "k": 1000, "milhao": 10**6, "milhoes": 10**6, "million": 10**6}
_MOMENTS = {"meio-dia": 720, "meio dia": 720, "noon": 720, "midday": 720, "meia-noite": 0, "meia noite": 0,
            "midnight": 0}  # fmt: skip
_TIMES = {"twice": 2, "duas vezes": 2, "thrice": 3}
_HALVES = {"meia hora": 30, "half an hour": 30, "half hour": 30, "uma hora e meia": 90, "an hour and a half": 90}

_UNIT = re.compile("|".join(rf"(?P<u{place}>{pattern})" for place, pattern in enumerate(_UNITS.values())))
_UNIT_NAMES = tuple(_UNITS)
_WORDS = {**_ONES, **_TENS, **_HUNDREDS}
_WORD = "|".join(sorted(map(re.escape, [*_WORDS, "mil", "thousand"]), key=len, reverse=True))
_HALF_DAY = (
    r"(?:\s?(?P<half>[ap]\.?m\b\.?)|(?:\s(?P<part>da\ manha|da\ tarde|da\ noite|da\ madrugada|in\ the\ morning"
    r"|in\ the\ afternoon|in\ the\ evening|at\ night))\b)"
)
_FIGURE = re.compile(
    rf"""
    (?P<iso>\b(?P<iy>\d{{4}})-(?P<im>\d{{2}})-(?P<id>\d{{2}})\b)
  | (?P<date>(?<![\w/])(?P<da>\d{{1,2}})[/.](?P<db>\d{{1,2}})(?:[/.](?P<dy>\d{{4}}|\d{{2}}))?
        (?![\w/])(?<!\d\.\d)(?<!\d\.\d\d))
  | (?P<clock>(?<![\w.,])(?P<ch>\d{{1,2}})\s?(?:[:]|h(?:oras?|rs?)?\s?(?:e\s)?)\s?
        (?P<cm>[0-5]\d)(?:\s?min\b|\b)
        (?:{_HALF_DAY.replace("half", "chalf").replace("part", "cpart")})?)
  | (?P<halfday>(?<![\w.,])(?P<hh>\d{{1,2}})(?:[.:]?(?P<hm>[0-5]\d))?{_HALF_DAY})
  | (?P<phone>(?<![\w.,$%])\+?\(?\d{{2,4}}\)?(?:[ .-]?\d{{3,5}}){{2,4}}(?![\w%])|(?<![\w.,$])\d{{4,5}}-\d{{4}}\b)
  | (?P<code>\b(?:[a-z]+-?\d[a-z\d]*(?:-[a-z\d]+)*)\b)
  | (?P<number>(?<![\w.,])(?P<prefix>(?:r\$|us\$|u\$|\$|€|brl|usd|eur)\s?)?
        (?P<value>\d+(?:[.,]\d+)*)(?P<tail>[ºªoa](?!\w)|(?:st|nd|rd|th)\b|[a-z]+\d*)?
        (?:\s(?P<scale>mil|milhao|milhoes|thousand|million)\b)?)
  | (?P<worded>\b(?:meia\ duzia|(?:{_WORD})(?:(?:\s?-\s?|\s+e\s+|\s+and\s+|\s+)(?:{_WORD}))*)\b)
  | (?P<moment>\b(?:{"|".join(map(re.escape, _MOMENTS))})\b)
    """,
    re.VERBOSE,
)
_JOINS = re.compile(r"\s*(?:-|–|—|to|a|as|ate|e|and|ou|or|,|/)\s*(?:as |os |a |o )?(?:r\$|us\$|\$|€)?\s*")
_LIST_MARK = re.compile(r"^\s*\(?\d{1,2}[.)]\s+", re.MULTILINE)


_FIGURE_WORDS = frozenset({*_WORDS, *_SCALES, *_MOMENTS, *DAY_WORDS}) - {
    "um", "uma", "one", "k", "ter", "sex", "sun", "sat", "qui", "dom",
}  # fmt: skip


def figures(text: str) -> tuple[Figure, ...]:
    """The figures of a text, in order of kind; numbers of list items are none. "One" and "um" count as articles do."""
    plain = _plain(text)
    numbers = _shared_units(plain, _numbers(plain))
    return (*(one for one in numbers if one.readings), *_halves(plain), *days_of(plain, told=False), *months_of(plain))


def told_figures(text: str) -> tuple[Figure, ...]:
    """The figures that a text bears out: its own, and the days and months between those that it names."""
    plain = _plain(text)
    numbers = _shared_units(plain, _numbers(plain, ones=True))
    days, months = days_of(plain, told=True), months_of(plain, told=True)
    named = (*numbers, *_halves(plain), *_times(plain), *days, *months)
    return (*named, *between(plain, days, 7), *between(plain, months, 12), *dates_of(plain, numbers, months))


def names_figure(word: str) -> bool:
    """Whether a folded word is a number, a day or a month by itself."""
    return word in _FIGURE_WORDS


def borne_out(figure: Figure, told: Iterable[Figure]) -> bool:
    """Whether one of the figures told means the same, in a unit that agrees."""
    return any(_agree(figure, other) for other in told)


def _agree(figure: Figure, other: Figure) -> bool:
    shared = figure.readings & other.readings
    if not shared:
        return False
    if any(kind != "n" for kind, _ in shared):
        return True
    if other.unit is None:
        return figure.unit not in _MARKED
    return figure.unit is None or figure.unit == other.unit


def _plain(text: str) -> str:
    return _LIST_MARK.sub("", fold(text)).replace("\u202f", " ").replace("\xa0", " ")


def _numbers(plain: str, *, ones: bool = False) -> list[Figure]:
    """The figures in order; digits that are part of none that can be read stand for themselves."""
    read = [_figure(found, plain, ones=ones) for found in _FIGURE.finditer(plain)]
    covered = {place for figure in read for place in range(figure.start, figure.end)}
    odd = [
        Figure(found[0], frozenset({("code", found[0])}), None, found.start(), found.end())
        for found in re.finditer(r"\S*\d\S*", plain)
        if not covered & set(range(found.start(), found.end()))
    ]
    return sorted([*read, *odd], key=lambda figure: figure.start)


def _figure(found: re.Match[str], plain: str, *, ones: bool = False) -> Figure:
    groups = found.groupdict()
    kind = next(name for name in _READERS if groups[name] is not None)
    readings, unit, end = _READERS[kind](found, plain)
    if kind == "worded" and not ones and found[0] in {"um", "uma", "one"}:
        readings = frozenset[Reading]()
    return Figure(found[0].strip(), readings, unit, found.start(), end)


_Read: TypeAlias = tuple[frozenset[Reading], str | None, int]


def _read_date(found: re.Match[str], _: str) -> _Read:
    one, two = int(found["da"]), int(found["db"])
    readings: set[Reading] = {("date", f"{one}/{two}"), ("date", f"{two}/{one}"), ("code", found["date"])}
    if found["dy"] is None and "." in found["date"]:
        readings |= {("n", Decimal(found["date"])), ("t", one * 60 + two)}
    if found["dy"]:
        readings = {("date", f"{one}/{two}/{found['dy'][-2:]}"), ("date", f"{two}/{one}/{found['dy'][-2:]}")}
    unit, end = _unit_after(found.string, found.end())
    return frozenset(readings), unit, end


def _read_iso(found: re.Match[str], _: str) -> _Read:
    return frozenset({("date", f"{int(found['id'])}/{int(found['im'])}/{found['iy'][-2:]}")}), None, found.end()


def _read_clock(found: re.Match[str], _: str) -> _Read:
    minutes = _minutes(int(found["ch"]), int(found["cm"]), found["chalf"], found["cpart"])
    readings: set[Reading] = {("t", minutes)}
    return (
        frozenset(readings | ({("d", minutes)} if not (found["chalf"] or found["cpart"]) else set())),
        None,
        found.end(),
    )


def _read_half_day(found: re.Match[str], _: str) -> _Read:
    minutes = _minutes(int(found["hh"]), int(found["hm"] or 0), found["half"], found["part"])
    return frozenset({("t", minutes)}), None, found.end()


def _minutes(hour: int, minute: int, half: str | None, part: str | None) -> int:
    later = bool(half and half[0] == "p") or part in {
        "da tarde",
        "da noite",
        "in the afternoon",
        "in the evening",
        "at night",
    }
    if later and hour < 12:
        hour += 12
    if half and half[0] == "a" and hour == 12:
        hour = 0
    return (hour * 60 + minute) % 1440


def _read_phone(found: re.Match[str], _: str) -> _Read:
    digits = re.sub(r"\D", "", found[0])
    return frozenset({("n", Decimal(digits)), ("code", digits[-8:])}), None, found.end()


def _read_code(found: re.Match[str], _: str) -> _Read:
    return frozenset({("code", found[0].replace("-", ""))}), None, found.end()


def _read_number(found: re.Match[str], plain: str) -> _Read:
    values = [value * _SCALES.get(found["scale"] or "", 1) for value in _values(found["value"])]
    tail = found["tail"] or ""
    unit, end = (
        (_PREFIXES[found["prefix"].strip()], found.end()) if found["prefix"] else _unit_after(plain, found.end())
    )
    if tail and not re.fullmatch(r"[ºªoa]|st|nd|rd|th", tail):
        if tail in _SCALES:
            values = [value * _SCALES[tail] for value in values]
        elif named := _named_unit(tail):
            unit = named
        else:
            return frozenset({("code", found["value"] + tail)}), None, found.end()
    return _with_time(values, unit, found["value"]), unit, end


def _read_worded(found: re.Match[str], plain: str) -> _Read:
    unit, end = _unit_after(plain, found.end())
    return _with_time([Decimal(_value_of_words(found[0]))], unit, ""), unit, end


def _read_moment(found: re.Match[str], _: str) -> _Read:
    return frozenset({("t", _MOMENTS[found[0]])}), None, found.end()


_READERS = {
    "iso": _read_iso, "date": _read_date, "clock": _read_clock, "halfday": _read_half_day, "phone": _read_phone,
    "code": _read_code, "number": _read_number, "worded": _read_worded, "moment": _read_moment,
}  # fmt: skip


def _with_time(values: Sequence[Decimal], unit: str | None, written: str) -> frozenset[Reading]:
    readings: set[Reading] = {("n", value) for value in values}
    whole = [int(value) for value in values if value == int(value)]
    if unit in {None, "hour"}:
        readings |= {("t", value % 24 * 60) for value in whole if 0 <= value <= 24}
    clock = re.fullmatch(r"(\d{1,2})\.([0-5]\d)", written)
    if clock and unit is None:
        readings.add(("t", int(clock[1]) * 60 + int(clock[2])))
    if unit in _MINUTES:
        readings |= {("d", int(value * _MINUTES[unit])) for value in values}
    if unit in _MONTHS_IN:
        readings |= {("months", int(value * _MONTHS_IN[unit])) for value in values}
    return frozenset(readings)


def _values(written: str) -> list[Decimal]:
    """The numbers that digits with separators may be: "1.234,56" is one, "1.234" may be two."""
    marks = [mark for mark in written if mark in ".,"]
    if not marks:
        return [Decimal(written)]
    whole = Decimal(re.sub(r"[.,]", "", written))
    head, _, last = written.rpartition(marks[-1])
    decimal = Decimal(f"{re.sub('[.,]', '', head)}.{last}")
    if len(set(marks)) == 2:
        return [decimal]
    if len(marks) > 1:
        return [whole]
    return [whole, decimal] if len(last) == 3 else [decimal]


def _value_of_words(words: str) -> int:
    if words == "meia duzia":
        return 6
    total = part = 0
    for word in re.findall(r"[a-z]+", words):
        if word in _SCALES:
            total, part = total + max(part, 1) * _SCALES[word], 0
        elif word == "hundred":
            part = max(part, 1) * 100
        else:
            part += _WORDS.get(word, 0)
    return total + part


def _unit_after(plain: str, position: int) -> tuple[str | None, int]:
    gap = re.compile(r"\s{0,2}-?(?:de )?").match(plain, position)
    start = gap.end() if gap else position
    found = _UNIT.match(plain, start)
    while found and found.end() < len(plain) and found[0][-1].isalnum() and plain[found.end()].isalnum():
        word = re.compile(r"[a-z\d]+").match(plain, start)
        named = _named_unit(word[0]) if word else None
        return (named, word.end()) if word and named else (None, position)
    return (_named_unit(found[0]), found.end()) if found else (None, position)


def _named_unit(word: str) -> str | None:
    found = _UNIT.fullmatch(word)
    return _UNIT_NAMES[int(str(found.lastgroup)[1:])] if found else None


def _shared_units(plain: str, numbers: Sequence[Figure]) -> list[Figure]:
    """The unit and the half of the day that stand once for both ends: "10 to 15 dollars", "8 to 10 pm"."""
    found = list(numbers)
    for place in reversed(range(len(found) - 1)):
        one, other = found[place], found[place + 1]
        if not _JOINS.fullmatch(plain[one.end : other.start]):
            continue
        if one.unit is None and other.unit is not None:
            numbers_only = {reading for reading in one.readings if reading[0] == "n"}
            values = [value for _, value in numbers_only if isinstance(value, Decimal)]
            found[place] = replace(one, unit=other.unit, readings=one.readings | _with_time(values, other.unit, ""))
        elif one.unit in _MARKED and other.unit is None:
            found[place + 1] = replace(other, unit=one.unit)
        later = {value for kind, value in other.readings if kind == "t"}
        if re.search(r"p\.?m|tarde|noite|evening|afternoon", other.written) and later:
            shifted: set[Reading] = {
                ("t", int(value) + 720) for kind, value in one.readings if kind == "t" and int(value) < 720
            }
            found[place] = replace(one, readings=found[place].readings | shifted)
    return found


def _halves(plain: str) -> Iterator[Figure]:
    for phrase, minutes in _HALVES.items():
        for found in re.finditer(rf"\b{phrase}\b", plain):
            yield Figure(phrase, frozenset({("d", minutes)}), None, found.start(), found.end())


def _times(plain: str) -> Iterator[Figure]:
    for phrase, count in _TIMES.items():
        for found in re.finditer(rf"\b{phrase}\b", plain):
            yield Figure(phrase, frozenset({("n", Decimal(count))}), None, found.start(), found.end())

"""Links that ask for another amount than the text names. Pure.

The amount of a link may be a price that the text says, in cents or in another format, or what the prices make together:
a sum, so many nights or instalments, a deposit or a discount in per cent. What none of these yields is a mismatch.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import combinations

from ouvidor.analysis.local.findings import fault, quoted
from ouvidor.analysis.local.money import LinkAmount, amounts, link_amounts, loose_amounts, number
from ouvidor.analysis.local.talk import Message, Talk
from ouvidor.analysis.verdict import BotFault
from ouvidor.text import fold

_PERCENT = re.compile(r"(\d{1,3}(?:[.,]\d+)?)\s?(?:%|por ?cento|percent|per cent)")
_NUMBER = re.compile(r"(?<![\w.,/])\d{1,3}(?![\w/]|[.,]\d)")
_WORDED = {
    "um": 1, "uma": 1, "one": 1, "dois": 2, "duas": 2, "two": 2, "casal": 2, "couple": 2, "both": 2, "tres": 3,
    "three": 3, "quatro": 4, "four": 4, "cinco": 5, "five": 5, "seis": 6, "six": 6, "sete": 7, "seven": 7, "oito": 8,
    "eight": 8, "nove": 9, "nine": 9, "dez": 10, "ten": 10, "doze": 12, "twelve": 12,
}  # fmt: skip
_DEPOSIT = re.compile(r"\b(?:sinal|entrada|deposit[oa]?|metade|half|rest(?:ante|o)?|balance|remaining|reserva com)\b|%")
_TIMES = re.compile(
    r"\b(?:\d+ ?x|vezes|parcelas?|instal?lments?|each|cada|per|por (?:noite|pessoa|dia|mes|hora|quarto|unidade)"
    r"|a (?:diaria|noite|night|month|day|person|week|piece)|diarias?|noites?|nights?|mensal|monthly|mensalidade"
    r"|pessoas|people|guests|dias|days|months|meses|unidades)\b"
)
_ADDS = re.compile(
    r"\b(?:mais|plus|and|e|com|with|frete|entrega|delivery|shipping|taxa|fee|both|ambos|os dois|as duas|juntos"
    r"|together|tudo|total|all|including|inclu\w+)\b|\+"
)
_TAKES_OFF = re.compile(
    r"\b(?:desconto|discount|off|menos|less|minus|cupom|coupon|voucher|ja pag\w+|already paid|credito|credit)\b|%"
)
_NEAR = Decimal("0.05")
_MOST_AMOUNTS = 8
_LOOKS_BACK = 6


def link_mismatches(talk: Talk) -> list[BotFault]:
    """A fault for each message of the bot whose link asks for an amount that its text does not bear out."""
    found = (_mismatch(message, link, talk) for message in talk.bot for link in message.links)
    return list({one.at[0]: one for one in found if one is not None}.values())


def _mismatch(message: Message, link: str, talk: Talk) -> BotFault | None:
    asked = next(iter(link_amounts(link)), None)
    told = _told_against(message, asked, talk) if asked else None
    if asked is None or told is None:
        return None
    _, value = min((abs(one - told), one) for one in asked.values)
    return fault(
        "price_mismatch",
        talk,
        [message],
        pt=f"O texto diz {told} e o link cobra {value}: {quoted(link, 120)}.",
        en=f"The text says {told} and the link asks for {value}: {quoted(link, 120)}.",
    )


def _told_against(message: Message, asked: LinkAmount, talk: Talk) -> Decimal | None:
    """The price that the link's amount goes against, None where it is borne out or no price was told."""
    here = _prices(message.bare)
    before = [one for one in talk.before(message) if one.speaker != "customer"]
    earlier = [price for one in before for price in _prices(one.bare)][-_MOST_AMOUNTS:]
    numbers = _numbers(one.plain for one in (*talk.before(message), message))
    if not here:
        words = " ".join(one.plain for one in talk.before(message)[-_LOOKS_BACK:])
        return earlier[-1] if earlier and not _borne_out(asked, earlier, earlier, numbers, words) else None
    if asked.values & {number(one) for one in re.findall(r"\d+(?:[.,]\d+)*", message.bare)}:
        return None
    if _DEPOSIT.search(message.plain) and asked.values & {*earlier}:
        return None
    return None if _borne_out(asked, here, [*earlier, *here], numbers, message.plain) else here[-1]


def _prices(text: str) -> tuple[Decimal, ...]:
    return amounts(text) or loose_amounts(text)


def _numbers(texts: Iterable[str]) -> frozenset[Decimal]:
    """The small numbers and percentages of the conversation: nights, people, instalments, discounts."""
    found: set[Decimal] = set()
    for text in texts:
        found |= {Decimal(one) for one in _NUMBER.findall(text)}
        found |= {Decimal(_WORDED[word]) for word in text.split() if word in _WORDED}
        found |= {1 - number(one) / 100 for one in _PERCENT.findall(text)}
        found |= {number(one) / 100 for one in _PERCENT.findall(text)}
        found |= {Decimal("0.5")} if re.search(r"\b(?:metade|half)\b", fold(text)) else set[Decimal]()
    return frozenset(one for one in found if 0 < one <= 60)


def _borne_out(
    asked: LinkAmount, here: Iterable[Decimal], known: Iterable[Decimal], numbers: frozenset[Decimal], words: str
) -> bool:
    """Whether the amount is one of those said here, or follows from them in a way that the words speak of."""
    said, others = [*dict.fromkeys(here)], [*dict.fromkeys(known)][-_MOST_AMOUNTS:]
    possible = {*said}
    if _TIMES.search(words):
        possible |= {one * times for one in said for times in numbers if times >= 1}
        possible |= {one / times for one in said for times in numbers if times > 1}
    if _DEPOSIT.search(words) or _TAKES_OFF.search(words):
        possible |= {one * times for one in said for times in numbers if times < 1}
        possible |= {abs(one - other) for one in said for other in others}
    if _ADDS.search(words):
        sums = (group for size in (2, 3) for group in combinations(others, size) if {*group} & {*said})
        possible |= {sum(group, Decimal()) for group in sums if max(group) != 2 * min(group)}
    if _TIMES.search(words) and _ADDS.search(words):
        possible |= {
            one * times + other for one in said for times in numbers if times > 1 for other in others if other != one
        }
    return any(abs(one - value) <= _NEAR for one in possible for value in asked.values)

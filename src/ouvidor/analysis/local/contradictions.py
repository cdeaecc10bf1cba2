"""Messages in which the bot goes against its own words: another price, another date, the contrary of a rule. Pure.

Two sentences of the bot are held together where they speak of the same thing: enough stems in common, and no word that
sets them apart (weekday and weekend, person and room, another plan, another name). What happened between may be a
reason: the customer changed something, or the bot says that it corrects itself or names the old value beside the new.
"""

import re
from decimal import Decimal

from ouvidor.analysis.local.findings import fault, quoted
from ouvidor.analysis.local.statements import Statement, one_sided, statements_in
from ouvidor.analysis.local.talk import Message, Talk
from ouvidor.analysis.verdict import BotFault

_CHANGES = re.compile(
    r"\b(?:actually|instead|change|make (?:it|that) (?:\d|on|for|the|a|two|three|four|one)\b|add(?:ing)?\b"
    r"|different|another|other|what if|how about|what about|switch|upgrade|with the|discount|coupon|code|cheaper"
    r"|earlier|later|mud(?:ar|o|ei|amos)|troc\w+|alter\w+|outr[oa]s?|em vez|acrescent\w+|adicion\w+"
    r"|desconto|cupom|mais barato|seria|pra \d|para \d|for \d|somos|vao ser|e se\b)"
)
_OTHER_THING = re.compile(
    r"^(?:[\w']+[.,!?]* ){0,2}?(?:e|and|mas|but|ou|or) (?:(?:se|if|o|a|os|as|the|for|com|sem|with|without|no|na"
    r"|de|do|da|pro|pra|para|in|on|at|um|uma|an?|meu|minha|my)\b|\d)"
)
_SAME_AGAIN = re.compile(
    r"\b(?:again|remind|confirm\w*|recap|sum(?:mary| up|marise)|resum\w*|mesmo\b|de novo|so it's|so that's"
    r"|relembr\w*|lembr\w*|just to (?:be|check|confirm)|so (?:pra|para) (?:confirmar|ver)|entao (?:e|fica|sao)"
    r"|so just|repet\w+|de novo|once more|still|ainda|continua)\b"
)
_AT_HAND = re.compile(
    r"\b(?:available|availability|disponi\w+|vagas?|livres?|found|find|match\w*|search|encontr\w+|achei|sobrou"
    r"|restam?|left|booked|reserved|reserv\w+|confirm\w+|reservad\w+|able|understand|entend\w+|help)\b"
)
_HAS = re.compile(
    r"\b(?:we have|there (?:is|are)|we do|yes|has|have|offers?|temos|tem|ha|possui\w*|oferec\w+|sim|dispomos)\b"
)
_HAS_NONE = re.compile(
    r"\b(?:(?:have|has|there (?:is|are)|with|got) no|(?:don't|doesn't|do not|does not) (?:have|offer|provide)"
    r"|nao (?:temos|tem|ha|possu\w+|oferec\w+|dispomos))\b"
)
_STARTS_AT = re.compile(
    r"\b(?:a partir d[eoa]|parte de|partem de|from [$£€]|from \d|starting|starts? at|between|entre)"
)
_FEWEST_SHARED = 2
_SHARE = 0.5
_MOST_TIMES = 14


def contradictions(talk: Talk) -> list[BotFault]:
    """A fault for each message of the bot that goes against an earlier one; the later alone is pointed to."""
    said: list[Statement] = []
    found: list[BotFault] = []
    for message in talk.bot:
        fresh = list(statements_in(message, talk.language))
        against = next(
            ((earlier, later) for later in fresh for earlier in said if _goes_against(earlier, later, talk)), None
        )
        if against:
            earlier, later = against
            place = earlier.message.position
            found.append(
                fault(
                    "contradiction",
                    talk,
                    [message],
                    pt=(
                        f"Diz {quoted(later.text, 140)}, mas antes disse {quoted(earlier.text, 140)} (mensagem"
                        f" {place})."
                    ),
                    en=(
                        f"Says {quoted(later.text, 140)}, but said {quoted(earlier.text, 140)} before (message"
                        f" {place})."
                    ),
                )
            )
        said += fresh
    return found


def _goes_against(earlier: Statement, later: Statement, talk: Talk) -> bool:
    if not earlier.stems & later.stems or later.corrects or _apart(earlier, later):
        return False
    other_value = _other_value(earlier, later)
    if not other_value and not _contrary(earlier, later):
        return False
    between = [
        one for one in talk.messages[earlier.message.place + 1 : later.message.place] if one.speaker == "customer"
    ]
    if between and _SAME_AGAIN.search(between[-1].plain):
        return True
    if between and (_OTHER_THING.search(between[-1].plain) or _of_another(earlier, later, between[-1])):
        return False
    return not any(_CHANGES.search(one.plain) for one in (between if other_value else between[-1:]))


def _of_another(earlier: Statement, later: Statement, asked: Message) -> bool:
    """Whether short sentences that name one thing alone answer a question that names a further one."""
    if len(later.stems) > 1 or not asked.sentences:
        return False
    known = frozenset[str]().union(*(one.stems for one in statements_in(asked, later.language, asking=True)))
    return bool(known - earlier.stems - later.stems)


def _apart(one: Statement, other: Statement) -> bool:
    """Whether words set the two apart: of one family each has its own, or they name different things."""
    if any(first and second and not first & second for first, second in zip(one.groups, other.groups, strict=True)):
        return True
    return bool(one.names and other.names and not one.names & other.names)


def _other_value(earlier: Statement, later: Statement) -> bool:
    for kind, told in later.values.items():
        before = earlier.values.get(kind)
        if not before or before & told or len(before) != len(told) or len(told) > 2:
            continue
        if kind == "money" and (_STARTS_AT.search(earlier.plain) or _STARTS_AT.search(later.plain)):
            continue
        if (kind == "money" and _multiples(before, told)) or one_sided(earlier, later, kind):
            continue
        if kind == "clock" and (_AT_HAND.search(earlier.plain) or _AT_HAND.search(later.plain)):
            continue
        if _same_thing(earlier, later, _numbers(before | told)):
            return True
    return False


def _numbers(values: frozenset[str]) -> frozenset[str]:
    return frozenset(part for value in values for part in re.findall(r"\d+(?:\.\d+)?", value))


def _multiples(before: frozenset[str], told: frozenset[str]) -> bool:
    """Whether one price is so many times the other: nights, people, instalments."""
    for one in map(Decimal, before):
        for other in map(Decimal, told):
            small, large = min(one, other), max(one, other)
            if small and large / small == int(large / small) and 2 <= large / small <= _MOST_TIMES:
                return True
    return False


def _same_thing(one: Statement, other: Statement, values: frozenset[str]) -> bool:
    first, second = one.stems - values, other.stems - values
    shared = first & second
    weight = sum(2 if stem[0].isdigit() else 1 for stem in shared)
    if shared and first == second:
        return True
    return weight >= _FEWEST_SHARED and len(shared) / max(1, min(len(first), len(second))) >= _SHARE


def _contrary(earlier: Statement, later: Statement) -> bool:
    """Whether one sentence denies what the other affirms: the same stems stand in reach of a negation in one alone."""
    if _AT_HAND.search(later.plain):
        return False
    for denying, affirming in ((later, earlier), (earlier, later)):
        for clause, scope in denying.denied:
            if scope <= affirming.affirmed and _HAS_NONE.search(clause) and _HAS.search(affirming.plain):
                return True
            shared = len(scope & affirming.affirmed)
            if shared >= _FEWEST_SHARED and shared / len(scope) >= _SHARE and _related(earlier, later):
                return True
    return False


def _related(one: Statement, other: Statement) -> bool:
    shared = one.stems & other.stems
    return len(shared) >= _FEWEST_SHARED and len(shared) / max(1, min(len(one.stems), len(other.stems))) >= 0.2

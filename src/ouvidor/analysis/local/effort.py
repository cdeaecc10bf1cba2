"""How much effort a conversation cost the customer, 0 to 10: a stated sum, for nobody has labelled effort. Pure."""

import math

from ouvidor.analysis.local.sheet import Sheet

# Points for each line of the kind that the feature counts (the features are ln(1 + lines)).
_POINTS = {
    "repeats.customer": 1.5,
    "repeats.asked_again": 1.2,
    "repeats.refused_again": 1.0,
    "customer.repeats": 1.0,
    "customer.correction": 0.6,
    "customer.unresolved": 0.8,
    "customer.wants_person": 1.0,
    "customer.impatience": 0.5,
    "agent.not_understood": 0.8,
    "answers.missed": 0.4,
    "answers.customer_twice": 0.5,
}
_POINT_A_LINE = 0.25
_POINT_A_DOUBLING_OF_MINUTES = 0.4
_MINUTES_FREE = 2.0
_HALF_WAY = 6.0


def effort_of(sheet: Sheet, customer_lines: int) -> tuple[int, tuple[int, ...]]:
    """The effort, and the positions where the customer had to take pains.

    Each line of the customer's costs a little, each repetition, correction, unanswered question and long wait more;
    the sum p becomes 10 p / (p + 6), so that it never passes 10.
    """
    counts = {name: math.expm1(sheet.values[name]) for name in _POINTS}
    waited = max(0.0, sheet.values["pace.waited"] - math.log1p(_MINUTES_FREE)) / math.log(2)
    points = sum(_POINTS[name] * count for name, count in counts.items())
    points += _POINT_A_LINE * max(0, customer_lines - 1) + _POINT_A_DOUBLING_OF_MINUTES * waited
    at = {position for name, count in counts.items() if count for position in sheet.at[name]}
    return round(10 * points / (points + _HALF_WAY)), tuple(sorted(at))

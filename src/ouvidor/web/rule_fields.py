"""The rules of a project's comments as a form shows them: shares in per cent, money in dollars. Pure."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from ouvidor.feedback.rules import Rules
from ouvidor.web.words import Language

MOST_BUDGET = Decimal(1_000_000)
SHARES = ("unsure_below", "blind_share")
FIELDS = (*SHARES, "budget", "by_model")


def rules_held(rules: Rules, language: Language) -> dict[str, str]:
    """The rules in force."""
    return {
        "unsure_below": _shown(Decimal(str(rules.unsure_below)) * 100, language),
        "blind_share": _shown(Decimal(str(rules.blind_share)) * 100, language),
        "budget": "" if rules.budget is None else _shown(rules.budget, language),
        "by_model": "true" if rules.by_model else "false",
    }


def rules_typed(typed: Mapping[str, str], before: Rules) -> tuple[Rules, frozenset[str]]:
    """The rules that were typed, and the fields that cannot be read; whether a model classifies stays if not sent."""
    wrong: set[str] = set()
    shares: dict[str, float] = {}
    for name in SHARES:
        share = _number(typed.get(name, ""))
        if share is None or share > 100:
            wrong.add(name)
        else:
            shares[name] = float(share / 100)
    budget = _number(typed.get("budget", ""))
    if typed.get("budget", "").strip() and (budget is None or budget > MOST_BUDGET):
        wrong.add("budget")
    by_model = typed["by_model"] == "true" if "by_model" in typed else before.by_model
    if wrong:
        return before, frozenset(wrong)
    return Rules(shares["unsure_below"], shares["blind_share"], budget, by_model), frozenset()


def _number(text: str) -> Decimal | None:
    """A number that is not negative, with at most six decimals; a comma is a decimal point."""
    try:
        number = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return None
    if not number.is_finite() or number < 0 or number > MOST_BUDGET * 10:
        return None
    return number.quantize(Decimal("0.000001")).normalize()


def _shown(number: Decimal, language: Language) -> str:
    text = f"{number.normalize():f}"
    return text.replace(".", ",") if language == "pt-BR" else text

"""What verdicts and faults are called in the reader's language, where code and not a template needs the words."""

from ouvidor.analysis.verdict import FaultKind
from ouvidor.web.words import Words


def fault_name(words: Words, kind: str) -> str:
    """What a fault of the bot is called; an unknown kind keeps its code."""
    _ = words.text
    names: dict[FaultKind, str] = {
        "wrong_language": _("Wrong language"),
        "contradiction": _("Contradicts itself"),
        "price_mismatch": _("Prices that differ"),
        "unanswered_question": _("Question left unanswered"),
        "false_promise": _("Promise it cannot keep"),
        "asks_again": _("Asks again what was said"),
        "loop": _("Repeats itself"),
        "never_closes": _("Never closes the deal"),
    }
    return next((name for known, name in names.items() if known == kind), kind)


def judgement_name(words: Words, judgement: str) -> str:
    """Yes, no or unknown."""
    _ = words.text
    return _("yes") if judgement == "yes" else _("no") if judgement == "no" else _("unknown")


def share(words: Words, part: float | None) -> str:
    """A share of 0 to 1 in per cent; a dash where there is none."""
    return "–" if part is None else f"{words.number(100 * part)} %"


def dollars(words: Words, amount: float) -> str:
    """Money, with more decimals the less it is."""
    return f"US$ {words.number(amount, 2 if amount >= 1 or amount == 0 else 4)}"

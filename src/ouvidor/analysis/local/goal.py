"""Whether what the project wants came of a conversation. Pure."""

from ouvidor.analysis.local.outcome import follow
from ouvidor.analysis.local.reading import Reading, positions
from ouvidor.analysis.verdict import Judgement
from ouvidor.text import fold

# Goals that are reached by closing something: a grant by bot or person has to be seen. By beginnings of words.
_CLOSES = (
    *(
        "reserv",
        "book",
        "fech",
        "clos",
        "vend",
        "sale",
        "sell",
        "sold",
        "compr",
        "purchas",
        "buy",
        "pag",
        "pay",
        "paid",
    ),
    *(
        "agend",
        "schedul",
        "appoint",
        "marc",
        "contrat",
        "contract",
        "sign",
        "assin",
        "pedido",
        "order",
        "matric",
        "enrol",
    ),
)


def goal_of(reading: Reading, resolved: Judgement) -> tuple[Judgement, tuple[int, ...]]:
    """Whether the goal was reached, and where that shows.

    A goal that is reached by closing something (a reservation, a sale, an appointment) needs a confirmation that no
    later refusal undid; another is taken for reached where the customer's concern was resolved. Where the project named
    no goal, it is unknown.
    """
    goal = reading.transcript.goal
    if not goal.strip() or not reading.said:
        return "unknown", ()
    if not any(word.startswith(_CLOSES) for word in fold(goal).split()):
        return resolved, ()
    outcome = follow(reading)
    confirmed = [said for said in outcome.granted if said.has("success")]
    paid = [said for said in reading.customer if said.has("closed")]
    if paid or (confirmed and not outcome.spoiled):
        return "yes", positions((*confirmed[-1:], *paid[-1:]))
    if outcome.granted and resolved != "no":
        return "unknown", positions(outcome.granted[-1:])
    return "no", positions(outcome.refused[-1:])

"""What speaks for and against a customer who left content: numbers over both sides of a conversation. Pure.

Each feature is a number near 0 to 1 and the lines that it was read from, so that a verdict can point to them. They know
no name, no company and no errand: only how the two sides dealt with each other.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from ouvidor.analysis.local.outcome import Outcome, follow
from ouvidor.analysis.local.reading import ALIKE, Reading, Said, alike, restates
from ouvidor.analysis.local.sheet import Sheet
from ouvidor.analysis.local.tone import GLAD_CUES, SORE_CUES, Toned, is_loud, tones_of

LATE_LINES = 2
LOOKS_BACK = 30
CUSTOMER_CUES = (
    *GLAD_CUES,
    *SORE_CUES,
    "accept",
    "decline",
    "impatience",
    "repeats",
    "correction",
    "confusion",
    "wants_person",
    "urgent",
    "regret",
    "goodbye",
    "negation",
    "refusal",
    "closed",
    "trouble",
)
AGENT_CUES = (
    "refusal",
    "not_understood",
    "limited",
    "apology",
    "success",
    "offer",
    "asks_detail",
    "anything_else",
    "handover",
    "goodbye",
    "thanks",
    "negation",
    "praise",
    "sells",
    "rates",
)


def features_of(reading: Reading) -> Sheet:
    """All features of a conversation; the same names for every one."""
    sheet = Sheet()
    tones = tones_of(reading)
    _customer_cues(sheet, reading, tones)
    _cues(sheet, "agent", reading.agent, AGENT_CUES)
    _tone(sheet, reading, tones)
    _ending(sheet, reading, tones)
    _outcome(sheet, reading, follow(reading))
    _repeats(sheet, reading)
    _answers(sheet, reading)
    _pace(sheet, reading)
    return sheet


def _cues(sheet: Sheet, side: str, said: Sequence[Said], cues: Sequence[str]) -> None:
    """Of each cue how many lines have it, and whether one of the last does."""
    late = said[-LATE_LINES:]
    for cue in cues:
        having = [one for one in said if cue in one.cues]
        sheet.note(f"{side}.{cue}", math.log1p(len(having)), having)
        last = [one for one in late if cue in one.cues]
        sheet.note(f"{side}.{cue}.late", bool(last), last)


def _customer_cues(sheet: Sheet, reading: Reading, tones: Sequence[Toned]) -> None:
    """Those of the customer; before the first answer a sore cue tells of the trouble, not of the service."""
    first = len(reading.opening)
    reacting = reading.customer if first == len(reading.customer) else reading.reactions
    _cues(sheet, "customer", reacting, CUSTOMER_CUES)
    ironic = [toned.said for toned in tones if toned.ironic]
    late = [said for said in ironic if said in reading.customer[-LATE_LINES:]]
    sheet.note("customer.irony", math.log1p(len(ironic)), ironic)
    sheet.note("customer.irony.late", bool(late), late)
    for name, cues in (("sore", SORE_CUES), ("trouble", ("trouble", "urgent"))):
        having = [one for one in reading.opening if one.has(*cues)]
        sheet.note(f"opening.{name}", bool(having), having)


def _tone(sheet: Sheet, reading: Reading, tones: Sequence[Toned]) -> None:
    first = len(reading.opening)
    heard = (tones if first == len(tones) else tones[first:]) or tones
    values = [toned.value for toned in heard] or [0.0]
    late = heard[len(heard) // 2 :]
    late_values = [toned.value for toned in late] or [0.0]
    sore = [toned.said for toned in heard if toned.value < 0]
    sheet.note("tone.mean", sum(values) / len(values), [toned.said for toned in heard if toned.value])
    sheet.note("tone.last", values[-1], [toned.said for toned in heard[-1:]])
    sheet.note("tone.worst", min(values), [toned.said for toned in heard if toned.value == min(values) < 0])
    sheet.note("tone.late", sum(late_values) / len(late_values), [toned.said for toned in late])
    sheet.note("tone.opening", sum(toned.value for toned in tones[:first]), [toned.said for toned in tones[:first]])
    sheet.note("tone.sore_lines", len(sore) / len(values), sore)
    for name, towards in (("exclaims_gladly", 1), ("exclaims_sorely", -1)):
        loud = [toned.said for toned in heard if toned.said.exclaims and toned.value * towards > 0]
        sheet.note(f"tone.{name}", math.log1p(sum(said.exclaims for said in loud)), loud)
    customer = reading.customer
    for name, having in (
        ("loud", [one for one in customer if is_loud(one)]),
        ("pressed", [one for one in customer if one.pressed]),
        ("trails", [one for one in customer if one.trails]),
    ):
        sheet.note(f"tone.{name}", math.log1p(len(having)), having)
    moody = [one for one in customer[-LATE_LINES:] if one.mood]
    sheet.note("tone.mood", sum(one.mood for one in moody), moody)


def _ending(sheet: Sheet, reading: Reading, tones: Sequence[Toned]) -> None:
    """Who spoke last and how."""
    said = _without_last_apologies(reading.said)
    last = said[-1:]
    sheet.note("end.customer_last", bool(last) and last[0].by_customer, last)
    sheet.note("end.farewell", any(one.has("goodbye") for one in said[-3:]), [o for o in said[-3:] if o.has("goodbye")])
    closing = [one for one in said[-3:] if one.has("anything_else") and not one.by_customer]
    sheet.note("end.anything_else", bool(closing), closing)
    thanks = [toned.said for toned in tones[-LATE_LINES:] if toned.said.has("thanks") and toned.value > 0]
    sheet.note("end.thanked", bool(thanks), thanks)
    open_ask = [one for one in last if not one.by_customer and (one.asks or one.has("asks_detail")) and not one.closes]
    sheet.note("end.left_a_question", bool(open_ask), open_ask)
    unheard = [one for one in last if one.by_customer and (one.asks or one.has("repeats", "impatience"))]
    sheet.note("end.not_answered", bool(unheard), unheard)
    short = [one for one in reading.customer[-1:] if len(one.words) <= 2]
    sheet.note("end.short", bool(short), short)


def _without_last_apologies(said: Sequence[Said]) -> Sequence[Said]:
    """Apologies that say nothing else answer nobody, so that whoever spoke before them spoke last."""
    end = len(said)
    while end and not said[end - 1].by_customer and said[end - 1].closes and said[end - 1].has("apology"):
        end -= 1
    return said[:end]


def _outcome(sheet: Sheet, reading: Reading, outcome: Outcome) -> None:
    """What was granted and refused, and what it came to in the end."""
    for kind in ("granted", "told", "offered", "asked", "refused", "lost"):
        at = [one for one in (outcome.last,) if one is not None and outcome.last_kind == kind]
        sheet.note(f"outcome.last_{kind}", bool(at), at)
    sheet.note("outcome.refused", math.log1p(len(outcome.refused)), outcome.refused)
    sheet.note("outcome.granted", math.log1p(len(outcome.granted)), outcome.granted)
    sheet.note("outcome.lost", math.log1p(len(outcome.lost)), outcome.lost)
    sheet.note("outcome.told", math.log1p(len(outcome.told)), outcome.told)
    sheet.note("outcome.granted_after_refused", outcome.mended, outcome.granted[-1:])
    sheet.note("outcome.refused_after_granted", outcome.spoiled, outcome.refused[-1:])
    sheet.note("outcome.never_granted", not outcome.granted and not outcome.told, outcome.refused)
    sheet.note("outcome.refused_last_two", outcome.refused_late, outcome.refused[-2:])
    sheet.note("outcome.balance", outcome.balance)
    signs = [one for one in reading.agent if one.has_reference or one.has_link]
    sheet.note("outcome.reference", bool(signs), signs)
    accepted = [one for one in reading.customer if one.has("accept") and not one.asks]
    sheet.note("outcome.accepted_then_granted", outcome.accepted, accepted[-1:])
    priced = [one for one in reading.agent if one.has_price]
    sheet.note("outcome.price", bool(priced), priced)


def _repeats(sheet: Sheet, reading: Reading) -> None:
    agent = [one for one in reading.agent if not one.closes and len(one.words) > 2]
    again = [later for place, later in enumerate(agent) if _said_before(later, agent[:place])]
    sheet.note("repeats.agent", math.log1p(len(again)), again)
    sheet.note("repeats.agent_share", len(again) / max(1, len(agent)), again)
    running = [later for earlier, later in pairwise(agent) if alike(later, earlier) >= ALIKE]
    sheet.note("repeats.agent_running", math.log1p(len(running)), running)
    frozen = [one for one in running if one is agent[-1]]
    sheet.note("repeats.agent_frozen", bool(frozen), frozen)
    asked = [one for one in again if one.asks or one.has("asks_detail")]
    sheet.note("repeats.asked_again", math.log1p(len(asked)), asked)
    refused = [one for one in again if one.has("refusal", "not_understood", "limited")]
    sheet.note("repeats.refused_again", math.log1p(len(refused)), refused)
    customer = reading.customer
    told = [
        later
        for place, later in enumerate(customer)
        if any(restates(later, earlier) for earlier in customer[max(0, place - LOOKS_BACK) : place])
    ]
    sheet.note("repeats.customer", math.log1p(len(told)), told)
    sheet.note("repeats.customer_share", len(told) / max(1, len(customer)), told)


def _said_before(later: Said, earlier: Sequence[Said]) -> bool:
    return any(alike(later, one) >= ALIKE for one in earlier[-LOOKS_BACK:])


def _answers(sheet: Sheet, reading: Reading) -> None:
    """How the agent took up what the customer asked."""
    asked: list[Said] = []
    missed: list[Said] = []
    taken: list[Said] = []
    for earlier, later in pairwise(reading.said):
        if earlier.by_customer and not later.by_customer and earlier.asks:
            asked.append(earlier)
            (taken if earlier.matter & later.matter else missed).append(earlier)
            if later.has("asks_detail", "not_understood") and not later.has("offer"):
                missed.append(later)
    sheet.note("answers.asked", len(asked) / max(1, len(reading.customer)), asked)
    sheet.note("answers.missed", math.log1p(len(missed)), missed)
    sheet.note("answers.taken", len(taken) / max(1, len(asked)), taken)
    deaf = [later for earlier, later in pairwise(reading.said) if _is_tone_deaf(earlier, later)]
    sheet.note("answers.tone_deaf", math.log1p(len(deaf)), deaf)
    acting = [one for one in reading.agent if one.acts and not one.has("refusal")]
    sheet.note("answers.acted", math.log1p(len(acting)), acting)
    twice = [
        later
        for earlier, later in pairwise(reading.said)
        if earlier.by_customer and later.by_customer and not later.has(*GLAD_CUES)
    ]
    sheet.note("answers.customer_twice", math.log1p(len(twice)), twice)


def _is_tone_deaf(earlier: Said, later: Said) -> bool:
    """Whether trouble is met with an advertisement, a rating form or cheer."""
    if not earlier.by_customer or later.by_customer or not earlier.has("trouble", "repeats", *SORE_CUES):
        return False
    return later.has("sells", "rates", "praise") and not (later.acts or later.has("apology"))


def _pace(sheet: Sheet, reading: Reading) -> None:
    customer, agent = reading.customer, reading.agent
    sheet.note("pace.lines", math.log1p(len(reading.said)))
    sheet.note("pace.customer_share", len(customer) / max(1, len(reading.said)))
    sheet.note("pace.asks", sum(one.asks or one.has("asks_detail") for one in agent) / max(1, len(agent)))
    persons = [one for one in agent if one.line.speaker == "person"]
    sheet.note("pace.person", bool(persons), persons[:1])
    sheet.note("pace.handed_over", reading.transcript.handed_over)
    waited = _longest_wait(reading.said)
    sheet.note("pace.waited", 0.0 if waited is None else math.log1p(waited[0]), [] if waited is None else [waited[1]])


def _longest_wait(said: Sequence[Said]) -> tuple[float, Said] | None:
    """The longest that a customer waited for an answer, in minutes, and the answer; None where times are unknown."""
    waits: list[tuple[float, Said]] = []
    for earlier, later in pairwise(said):
        if earlier.by_customer and not later.by_customer and earlier.line.at and later.line.at:
            waits.append((max(0.0, (later.line.at - earlier.line.at).total_seconds() / 60), later))
    return max(waits, key=lambda wait: wait[0], default=None)

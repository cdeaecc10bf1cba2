"""The bot's faults that can be seen in the conversation itself: eight kinds, each with its own detector. Pure."""

from ouvidor.analysis.local.asks_again import askings
from ouvidor.analysis.local.closings import unclosed
from ouvidor.analysis.local.contradictions import contradictions
from ouvidor.analysis.local.false_promises import false_promises
from ouvidor.analysis.local.findings import Finder
from ouvidor.analysis.local.language_slips import language_slips
from ouvidor.analysis.local.link_prices import link_mismatches
from ouvidor.analysis.local.open_questions import unanswered
from ouvidor.analysis.local.repetitions import repetitions
from ouvidor.analysis.local.talk import read
from ouvidor.analysis.transcript import Transcript
from ouvidor.analysis.verdict import MOST_FAULTS, BotFault

FINDERS: tuple[Finder, ...] = (
    language_slips,
    link_mismatches,
    repetitions,
    askings,
    unclosed,
    false_promises,
    unanswered,
    contradictions,
)
"""The detectors; what the first ones find, they find most surely."""


def faults_in(transcript: Transcript) -> list[BotFault]:
    """The bot's faults, the earliest first, at most as many as a verdict holds; those of persons are never sought."""
    talk = read(transcript)
    found = [fault for finder in FINDERS for fault in finder(talk)]
    return sorted(found, key=lambda fault: fault.at[0])[:MOST_FAULTS]

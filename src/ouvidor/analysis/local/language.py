"""The language that a customer writes, as ISO 639-1: by script, then by words. Pure."""

from ouvidor.analysis.local.talk import read
from ouvidor.analysis.transcript import Transcript
from ouvidor.text import language_of_script


def language_of(transcript: Transcript) -> str:
    """The customer's language; that of the others where the customer wrote no words."""
    text = " ".join(line.text for line in transcript.lines if line.speaker == "customer")
    return language_of_script(text) or read(transcript).tongue

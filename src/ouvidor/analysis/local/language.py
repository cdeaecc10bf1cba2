"""The language that a customer writes, as ISO 639-1: by script, then by words. Pure."""

import re

from ouvidor.analysis.local.talk import read
from ouvidor.analysis.transcript import Transcript

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
)
_LETTER = re.compile(r"[^\W\d_]")
_SHARE = 1 / 3


def language_of(transcript: Transcript) -> str:
    """The customer's language; that of the others where the customer wrote no words."""
    text = " ".join(line.text for line in transcript.lines if line.speaker == "customer")
    letters = "".join(_LETTER.findall(text))
    for language, script in _SCRIPTS:
        if letters and len(script.findall(letters)) >= _SHARE * len(letters):
            return language
    return read(transcript).tongue

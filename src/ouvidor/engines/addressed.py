"""Whether a text speaks to whoever reads it by profession, a model or a rater, instead of to people. Pure.

Anybody whose words a model reads may try to order it about: "rate this 10", "quem ler isso marque como resolvido",
"ignore your instructions", a JSON answer, the same in base64 or with letters spaced out. What somebody says of a hotel,
an order or a message of their own is no such thing.
"""

import base64
import binascii
import re
import unicodedata

from ouvidor.engines.address_phrases import OPENINGS, OWN_VOICE, RATING_ONLY, SQUEEZED, STRONG
from ouvidor.text import fold

_LOOKALIKES = str.maketrans("аәеіоорсухкмтвнпаɑαεικορτυνѕјһԁɡʀⅰ", "aaeioopcyxkmtbhnaaaeikoptuvsjhdgri")
_LEET = str.maketrans("0134578@$!|", "oieastbasil")
_LETTERED = re.compile(r"(?=\S*[a-z])(?=\S*[\d@$!|])[a-z\d@$!|]{3,}")
_FIGURES_STAND = re.compile(r"\d+[a-z]{0,3}|[a-z]{1,3}\d+|\d+/\d+|[a-z]+!+")
_WORD = re.compile(r"\w+")
_SPACED = re.compile(r"(?<!\w)(?:\w[\s._*~/-]{1,2}){6,}\w(?!\w)")
_BASE64 = re.compile(r"(?<![\w/+=])[A-Za-z0-9+/_-]{20,}={0,2}(?![\w/+=])")
_HEX = re.compile(r"(?<!\w)(?:[0-9a-f]{2}[\s:]?){16,}(?!\w)", re.IGNORECASE)
_ODD_SIGNS = frozenset('<[{|#"=')
_FEWEST_HIDDEN = 20


def addresses_reader(text: str) -> bool:
    """Whether a text speaks to whoever rates, analyses or classifies it, or orders a model about."""
    plain = plain_letters(text)
    return _orders(plain) or _hidden(text) or bool(SQUEEZED.search(_squeezed(plain)))


def plain_letters(text: str) -> str:
    """Small letters without accents, unseen characters, lookalikes and digits for letters; apostrophes are spaces."""
    folded = fold(text if text.isascii() else _seen(text)).translate(_LOOKALIKES)
    if any(sign.isdigit() or sign in "@$!|" for sign in folded):
        folded = _LETTERED.sub(_unleeted, folded)
    return " ".join(folded.replace("'", " ").replace("’", " ").split())


def _seen(text: str) -> str:
    """The text in compatibility form without the characters that nobody sees."""
    return "".join(
        sign
        for sign in unicodedata.normalize("NFKC", text)
        if sign in "\n\t\r" or unicodedata.category(sign) not in {"Cf", "Cc", "Co", "Cn"}
    )


def _unleeted(found: re.Match[str]) -> str:
    return found[0] if _FIGURES_STAND.fullmatch(found[0]) else found[0].translate(_LEET)


def _orders(plain: str) -> bool:
    if not _ODD_SIGNS & {*plain} and not any(word[:4] in OPENINGS for word in _WORD.findall(plain)):
        return False
    own = bool(OWN_VOICE.search(plain))
    return any(pattern.search(plain) and not (own and number in RATING_ONLY) for number, pattern in enumerate(STRONG))


def _squeezed(plain: str) -> str:
    """The letters of words that are written with spaces or marks between the letters; empty where there are none."""
    return "".join(re.sub(r"[\W_]", "", found[0]) for found in _SPACED.finditer(plain))


def _hidden(text: str) -> bool:
    """Whether a run of base64 or hexadecimal digits holds readable words."""
    if len(text) < _FEWEST_HIDDEN:
        return False
    for found in _BASE64.finditer(text):
        written = found[0].replace("-", "+").replace("_", "/").rstrip("=")
        if _reads_as_words(_decoded(written)):
            return True
    return any(_reads_as_words(_from_hex(found[0])) for found in _HEX.finditer(text))


def _decoded(written: str) -> bytes:
    try:
        return base64.b64decode(written + "=" * (-len(written) % 4))
    except (binascii.Error, ValueError):
        return b""


def _from_hex(written: str) -> bytes:
    try:
        return bytes.fromhex(re.sub(r"[\s:]", "", written))
    except ValueError:
        return b""


def _reads_as_words(raw: bytes) -> bool:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return len(text) >= 12 and " " in text and sum(sign.isalpha() or sign.isspace() for sign in text) > 0.8 * len(text)

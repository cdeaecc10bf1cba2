"""The links, e-mail addresses and handles of a text, and letters that only look like others. Pure."""

import re
import unicodedata

from ouvidor.text import fold

_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_LINK = re.compile(
    r"(?:[a-z][a-z+.-]{1,12}://|www\.|(?:mailto|tel|javascript|data|whatsapp|sms):)[^\s<>\"'“”«»]+"
    r"|(?<![\w@.-])(?:[a-z0-9](?:[a-z0-9-]{0,62})\.)+"
    r"(?:com|net|org|br|io|co|app|dev|info|biz|me|ly|gl|ai|xyz|site|online|shop|store|link|click|top|tv|gov|edu|us|uk"
    r"|eu|pt|de|fr|es|it|ru|cn|to|cc|gg|page|live|example|test|local|invalid)(?![\w-])(?:[/:?#][^\s<>\"'“”«»]*)?",
    re.IGNORECASE,
)
_SPELT = re.compile(
    r"\b[\w-]+\s*(?:\[\.\]|\(\.\)|\[dot\]|\(dot\)|\[ponto\]|\(ponto\)|\s(?:dot|ponto)\s)\s*\w{2,}", re.IGNORECASE
)
_HANDLE = re.compile(r"(?<![\w@.+-])@[a-z_][\w.]{1,40}", re.IGNORECASE)
_MARKUP = re.compile(r"<\s*/?\s*[a-z!][^>]{0,80}", re.IGNORECASE)
_TRAILING = ".,;:!?)]}’”\"'*_"
_EMOJI_PARTS = "\u200d\ufe0f"
_PLAIN = re.compile(r"[\n\t\r -~ªº°À-ÖØ-ö‘’“”–—…€•£§«»·]*")
_ALLOWED_CONTROLS = frozenset("\n\t\r")


def links(text: str) -> tuple[str, ...]:
    """Addresses as written, without what only ends a sentence; bare domains and spelt-out ones too."""
    without_mail = _EMAIL.sub(" ", text)
    found = [match[0].rstrip(_TRAILING) for match in _LINK.finditer(without_mail)]
    return (*found, *(match[0] for match in _SPELT.finditer(without_mail)), *_MARKUP.findall(text))


def same_address(link: str) -> str:
    """A link without scheme, "www.", case and closing slash: what two ways of writing one address share."""
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", link.lower()).rstrip("/")


def addresses(text: str) -> tuple[str, ...]:
    """E-mail addresses in lower case."""
    return tuple(match[0].rstrip(_TRAILING).lower() for match in _EMAIL.finditer(text))


def handles(text: str) -> tuple[str, ...]:
    """Names of accounts ("@seaside") in lower case."""
    return tuple(match[0].rstrip(_TRAILING).lower() for match in _HANDLE.finditer(_EMAIL.sub(" ", text)))


def disguises(text: str) -> tuple[str, ...]:
    """What a person does not see as what it is: unseen characters, letters of other scripts, letter-like signs."""
    if _PLAIN.fullmatch(text):
        return ()
    found = [_named(sign) for place, sign in enumerate(text) if _unseen(sign) or _splits_word(text, place)]
    found += [word for word in re.findall(r"\w+", text) if any(_foreign(sign) for sign in word)]
    return tuple(dict.fromkeys(found))


def plain_signs(text: str) -> str:
    """The text as a person reads it: compatibility forms as plain ones, unseen characters gone."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text)
    if _PLAIN.fullmatch(plain):
        return plain
    return "".join(sign for sign in plain if not _unseen(sign) and sign not in _EMOJI_PARTS)


def _unseen(sign: str) -> bool:
    """Format and control characters; what emoji are made up of is no disguise between them."""
    if sign in _ALLOWED_CONTROLS or sign in _EMOJI_PARTS:
        return False
    return unicodedata.category(sign) in {"Cf", "Cc", "Co", "Cn"}


def _splits_word(text: str, place: int) -> bool:
    around = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    return text[place] in _EMOJI_PARTS and any(sign.isalnum() for sign in around)


def _foreign(sign: str) -> bool:
    """A letter or digit that is not of the Latin script as it is commonly written."""
    if sign.isascii() or not sign.isalnum() or sign in "ºª²³":
        return False
    return not unicodedata.name(sign, "").startswith("LATIN") or not fold(sign).isascii()


def _named(sign: str) -> str:
    return unicodedata.name(sign, f"U+{ord(sign):04X}").lower()

"""The wording of the pages: one gettext catalogue, plural forms, and numbers and times as each language writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from typing import Literal

from babel import Locale
from babel.dates import format_datetime, format_skeleton, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_compact_decimal, format_decimal, get_group_symbol
from babel.support import Translations
from markupsafe import Markup

from ouvidor.accounts.audit import COMMAND

Language = Literal["pt-BR", "en"]

LOCALES = Path(__file__).parent / "locale"
LANGUAGES: tuple[Language, ...] = ("pt-BR", "en")
FALLBACK: Language = "en"
LONGEST_HEADER = 200
NO_BREAK = "\N{NO-BREAK SPACE}"


def language_named(text: str | None) -> Language | None:
    """The language of the pages that this code (`pt`, `pt-PT`, `en_GB`) asks for; None for any other."""
    spoken = (text or "").strip().lower().replace("_", "-").partition("-")[0]
    return next((language for language in LANGUAGES if language.partition("-")[0] == spoken), None)


def choose_language(*, asked: str | None, cookie: str | None, accept: str | None) -> Language:
    """`?lang=`, else the cookie, else the best of the `Accept-Language` header (RFC 9110, 12.5.4), else English."""
    return language_named(asked) or language_named(cookie) or _best_accepted(accept or "") or FALLBACK


def _best_accepted(header: str) -> Language | None:
    weighed: list[tuple[float, str]] = []
    for part in header[:LONGEST_HEADER].split(","):
        code, _, parameter = part.partition(";")
        try:
            weighed.append((float(parameter.strip().removeprefix("q=") or 1), code))
        except ValueError:
            continue
    for weight, code in sorted(weighed, key=lambda pair: -pair[0]):
        language = language_named(code)
        if weight > 0 and language is not None:
            return language
    return None


@dataclass(frozen=True)
class Words:
    """One language: its catalogue and its formats."""

    language: Language
    locale: Locale
    catalogue: Translations

    def text(self, message: str, **values: object) -> Markup:
        """The message in this language; `%(name)s` in it takes a value, escaped."""
        return _filled(self.catalogue.gettext(message), values)

    def counted(self, one: str, many: str, count: int, **values: object) -> Markup:
        """The form that this count takes; `%(count)s` is the count as a formatted number."""
        return _filled(self.catalogue.ngettext(one, many, count), {"count": self.number(count), **values})

    def number(self, value: float, digits: int = 0) -> str:
        """`1234.5` as `1,234.5` or `1.234,5`, with exactly this many decimals."""
        if isinstance(value, int) and not digits:  # what most numbers are, and Babel takes twenty times as long
            return f"{value:,}".replace(",", get_group_symbol(self.locale))
        places = "." + "0" * digits if digits else ""
        return format_decimal(value, format=f"#,##0{places}", locale=self.locale)

    def compact(self, value: float) -> str:
        """A large number in short: `1.2M`, `1,2 mi`; below ten thousand all of it."""
        if value < 10_000:
            return self.number(value)
        return format_compact_decimal(value, locale=self.locale, fraction_digits=1)

    def moment(self, value: datetime) -> str:
        """Date and time to the second, UTC: what an auditor quotes."""
        return f"{format_datetime(value, 'medium', locale=self.locale)} UTC"

    def ago(self, value: datetime, now: datetime) -> str:
        """`3 minutes ago`, `há 3 minutos`; `just now` within the last minute."""
        if now - value < timedelta(minutes=1):
            return self.catalogue.gettext("just now")
        return format_timedelta(value - now, add_direction=True, locale=self.locale)

    def who(self, name: str) -> str:
        """Somebody's name as it is kept; what was done at the command line has one of its own."""
        return self.catalogue.gettext("command line") if name == COMMAND.name else name

    def span(self, length: timedelta) -> str:
        """A stretch of time in its largest unit, short: `12 min`, `3 hr`, `2 d`; seconds count as under a minute."""
        if length < timedelta(minutes=1):
            return self.catalogue.gettext("< 1 min").replace(" ", NO_BREAK)
        return format_timedelta(length, format="short", threshold=1, locale=self.locale).replace(" ", NO_BREAK)

    def hour(self, value: datetime) -> str:
        """The time of day to the minute, of 24 hours."""
        return format_time(value, "HH:mm", locale=self.locale)

    def day(self, value: date, form: Literal["MMMd", "Md", "yMMM"] = "MMMd") -> str:
        """Day and month in the language's order, the month's name short or (`Md`) in figures; or month and year."""
        return format_skeleton(form, datetime.combine(value, time()), locale=self.locale)


def _filled(message: str, values: Mapping[str, object]) -> Markup:
    text = Markup(message)  # noqa: S704 - the catalogue is ours; values are escaped on the way in
    return text % values if values else text


def load_words(folder: Path = LOCALES) -> Mapping[Language, Words]:
    """Every language, from the `.po` files; English is what the messages themselves say."""
    return {language: _load(folder, language) for language in LANGUAGES}


def _load(folder: Path, language: Language) -> Words:
    locale = Locale.parse(language, sep="-")
    if language == FALLBACK:
        return Words(language, locale, Translations())
    compiled = BytesIO()
    with (folder / str(locale) / "LC_MESSAGES" / "messages.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=str(locale)))
    compiled.seek(0)
    return Words(language, locale, Translations(compiled))

"""The wording of the pages: every message is translated, none is left over, and formats follow the language."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

import ouvidor.web
from ouvidor.web.words import Language, choose_language, load_words

ROOT = Path(__file__).parent.parent
TRANSLATED = Path(ouvidor.web.__path__[0]) / "locale" / "pt_BR" / "LC_MESSAGES" / "messages.po"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def extracted() -> Catalog:
    """The messages that templates and code use."""
    catalogue = Catalog()
    with (ROOT / "babel.cfg").open() as config:
        methods, options = parse_mapping_cfg(config)
    for file, line, message, _, context in extract_from_dir(ROOT, methods, options):
        catalogue.add(message, None, [(file, line)], context=context)
    return catalogue


def catalogue_of(path: Path) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, locale="pt_BR")


def test_every_message_is_translated() -> None:
    catalogue = catalogue_of(TRANSLATED)
    wanted = [message.id for message in extracted() if message.id]
    assert len(wanted) > 100
    missing = [
        message
        for message in wanted
        if (found := catalogue.get(message)) is None or found.fuzzy or not all(_forms(found.string))
    ]
    assert missing == []


def test_no_message_is_left_over() -> None:
    used = extracted()
    assert [message.id for message in catalogue_of(TRANSLATED) if message.id and message.id not in used] == []


def test_translations_take_the_same_values() -> None:
    faults = [error for message in catalogue_of(TRANSLATED) for error in message.check()]
    assert faults == []


def _forms(string: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else tuple(string)


@pytest.mark.parametrize(
    ("asked", "cookie", "accept", "language"),
    [
        ("en", "pt-BR", "pt-BR", "en"),
        ("pt", None, None, "pt-BR"),
        ("fr", "pt-BR", "en", "pt-BR"),
        (None, None, "de;q=0.9, pt-PT;q=0.8, en;q=0.7", "pt-BR"),
        (None, None, "en;q=0.2,pt-BR;q=0.9", "pt-BR"),
        (None, None, "pt;q=0, en", "en"),
        (None, None, "pt;q=many, *", "en"),
        (None, None, None, "en"),
    ],
)
def test_language_is_chosen(asked: str | None, cookie: str | None, accept: str | None, language: Language) -> None:
    assert choose_language(asked=asked, cookie=cookie, accept=accept) == language


def test_plurals_numbers_and_times_follow_the_language() -> None:
    pt, en = load_words()["pt-BR"], load_words()["en"]
    assert [str(pt.counted("%(count)s section", "%(count)s sections", count)) for count in (0, 1, 2, 1200)] == [
        "0 seções",
        "1 seção",
        "2 seções",
        "1.200 seções",
    ]
    assert en.counted("%(count)s section", "%(count)s sections", 0) == "0 sections"
    assert (pt.number(1234.5, 1), en.number(1234.5, 1)) == ("1.234,5", "1,234.5")
    assert pt.ago(NOW - timedelta(minutes=5), NOW) == "há 5 minutos"
    assert en.ago(NOW - timedelta(seconds=20), NOW) == "just now"
    assert (pt.who("command line"), en.who("command line"), pt.who("Ana")) == (
        "linha de comando",
        "command line",
        "Ana",
    )


def test_values_in_messages_are_escaped() -> None:
    assert load_words()["en"].text("Answer %(status)s", status="<b>") == "Answer &lt;b&gt;"

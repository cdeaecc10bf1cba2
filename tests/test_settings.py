"""Settings: bad ones stop the start with one sentence, and the document names each."""

import re
from pathlib import Path

import pytest

from ouvidor.errors import Misconfigured
from ouvidor.settings import Settings, read_settings

DOCUMENT = Path(__file__).parent.parent / "docs/settings.md"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("OUVIDOR_PORT", "http", "OUVIDOR_PORT"),
        ("OUVIDOR_PORT", "70000", "OUVIDOR_PORT"),
        ("OUVIDOR_SECRET_KEY", "secret", "too weak"),
        ("OUVIDOR_SECRET_KEY", "a" * 64, "too weak"),
        ("OUVIDOR_DATABASE_URL", "mysql://x/y", "must start with postgresql://"),
        ("OUVIDOR_DATABASE_URL", "localhost", "must start with postgresql://"),
        ("OUVIDOR_PUBLIC_URL", "care.example.com", "must start with http"),
        ("OUVIDOR_ANALYSIS_CRON", "every minute", "five fields"),
        ("OUVIDOR_LLM_MODEL", "local", "OUVIDOR_LLM_MODEL is the local engine's own name"),
    ],
)
def test_bad_settings_are_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=re.escape(says)) as raised:
        read_settings()
    assert "docs/settings.md" in raised.value.detail
    assert "\n" not in raised.value.detail


def test_secrets_are_not_repeated_in_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUVIDOR_DATABASE_URL", "mysql://me:hunter2@x/y")
    with pytest.raises(Misconfigured) as raised:
        read_settings()
    assert "hunter2" not in raised.value.detail


@pytest.mark.parametrize("variable", ["OUVIDOR_DATABASE_URL", "DATABASE_URL"])
def test_both_names_of_the_database_are_understood(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "postgres://me:pw@db/ouvidor")
    url = read_settings().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql+psycopg://me:pw@db/ouvidor"
    assert "pw" not in repr(read_settings())


def test_a_dotenv_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OUVIDOR_PORT=8123\nOUVIDOR_SECRET_KEY=\n")
    assert read_settings().port == 8123
    assert read_settings().secret_key is None


def test_every_setting_stands_in_the_document_and_no_other() -> None:
    named = set(re.findall(r"^\| `OUVIDOR_([A-Z_]+)`", DOCUMENT.read_text(), flags=re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields}


def test_the_documents_words_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text()
    for field in Settings.model_fields.values():
        assert (field.description or "").strip() in text

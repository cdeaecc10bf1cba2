"""Colours of the design system, by WCAG 2.2: text 4.5 to 1 or more on every ground it stands on, controls 3 to 1."""

import re
from pathlib import Path

import pytest

import ouvidor.web

SHEET = (Path(ouvidor.web.__path__[0]) / "static" / "ouvidor.css").read_text()
TOKENS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(
        r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", SHEET.partition("@layer base")[0]
    )
}
GROUNDS = ("ground", "surface", "raised")
MEANINGS = ("good", "warning", "bad", "info")
TEXT_PAIRS = [
    *[(text, ground) for text in ("text", "text-soft", "text-faint", "accent") for ground in GROUNDS],
    *[("text", "pressed"), ("text-soft", "pressed"), ("accent", "accent-ground"), ("text", "accent-ground")],
    *[("text-soft", "accent-ground"), ("text-faint", "accent-ground")],
    *[("on-accent", "accent-fill"), ("on-accent", "accent-fill-strong")],
    *[(meaning, f"{meaning}-ground") for meaning in MEANINGS],
    *[(text, f"{meaning}-ground") for text in ("text", "text-soft") for meaning in MEANINGS],
    *[(meaning, "surface") for meaning in MEANINGS],
]
CONTROL_PAIRS = [
    *[(control, ground) for control in ("control-line", "accent", "accent-fill") for ground in ("ground", "surface")],
    ("accent", "pressed"),
    ("text-faint", "pressed"),
]


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2), 0 to 1."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2), 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_of_known_colours() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_is_legible(text: str, ground: str, theme: str) -> None:
    assert contrast(TOKENS[text][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("control", "ground"), CONTROL_PAIRS)
def test_controls_stand_out(control: str, ground: str, theme: str) -> None:
    assert contrast(TOKENS[control][theme], TOKENS[ground][theme]) >= 3


def test_every_colour_is_a_token() -> None:
    """Outside the tokens no rule names a colour, but for the veil behind a dialog."""
    rules = SHEET.partition("@layer base")[2]
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(|oklch\(", rules)) <= {"#0006"}


def test_every_token_is_used() -> None:
    defined = set(re.findall(r"(?:^|[{;])\s*--([a-z-]+):", SHEET, re.MULTILINE))
    assert defined == set(re.findall(r"var\(--([a-z-]+)\)", SHEET))

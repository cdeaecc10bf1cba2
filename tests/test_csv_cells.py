"""Cells of CSV files: nothing that a spreadsheet would run, and the way back to every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouvidor.csv_cells import neutralised, restored

SIGNS = "=+-@\t\r\n＝＋－＠"


@pytest.mark.parametrize("sign", SIGNS)
def test_what_would_be_run_is_marked(sign: str) -> None:
    assert neutralised(f"{sign}cmd|'/C calc'!A0") == f"'{sign}cmd|'/C calc'!A0"


@pytest.mark.parametrize("text", ["", "plain", " =1", "'quoted'", "'", "a=b", "5", "'a"])
def test_other_text_is_left_alone(text: str) -> None:
    assert (neutralised(text), restored(text)) == (text, text)


@given(st.text(alphabet=SIGNS + "'ab1 ", max_size=8) | st.text(max_size=20))
def test_every_text_comes_back_and_none_is_run(text: str) -> None:
    cell = neutralised(text)
    assert restored(cell) == text
    assert not cell.startswith(tuple(SIGNS))

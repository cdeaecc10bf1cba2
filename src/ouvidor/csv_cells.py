"""Cells of CSV files that a spreadsheet must not run as formulas: marked on the way out, unmarked on the way in."""

import re

MARK = "'"
_RUNS = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_MARKED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


def neutralised(text: str) -> str:
    """The text as a cell that is shown and not run: one that a spreadsheet would run begins with an apostrophe.

    What begins with apostrophes before such a sign gets one more, so that `restored` gives back every text.
    """
    return f"{MARK}{text}" if _RUNS.match(text) else text


def restored(cell: str) -> str:
    """The text that `neutralised` made the cell of; other cells are as they are."""
    return cell.removeprefix(MARK) if _MARKED.match(cell) else cell

"""Citations in a reply: chips where the text marks them, behind it where it does not."""

from collections.abc import Sequence

import pytest

from ouvidor.web.citations import reply_parts


@pytest.mark.parametrize(
    ("text", "cited", "shown"),
    [
        ("Eight years.", [], ["Eight years."]),
        ("Eight years.", [2], ["Eight years.", 2]),
        ("Eight [1] or nine [3].", [1, 3], ["Eight", 1, " or nine", 3, "."]),
        ("Eight [1] or nine.", [1, 2], ["Eight", 1, " or nine.", 2]),
        ("See form [7] at the desk.", [1], ["See form [7] at the desk.", 1]),
        ("[1]", [1], [1]),
        ("", [], []),
        ("Twice [1], twice [1].", [1, 1], ["Twice", 1, ", twice", 1, "."]),
    ],
)
def test_reply_is_split_at_its_citations(text: str, cited: Sequence[int], shown: list[str | int]) -> None:
    assert [part.rank or part.text for part in reply_parts(text, cited)] == shown

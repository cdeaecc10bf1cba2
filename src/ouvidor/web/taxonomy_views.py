"""Versions of a taxonomy and what one would move, as the pages show them. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from ouvidor.feedback.models import Comment
from ouvidor.feedback.taxonomies.moves import Moves, Preview
from ouvidor.feedback.taxonomies.versions import Version
from ouvidor.feedback.taxonomy import Code, Taxonomy
from ouvidor.web.categories import CategoryView, category_view, category_views
from ouvidor.web.contexts.taxonomy import (
    Balance,
    CategoryLine,
    Flow,
    Matrix,
    MovedLine,
    MovesView,
    ProgressView,
    VersionRow,
)
from ouvidor.web.words import Language

WIDEST_MATRIX = 8
MOST_FLOWS = 60
LONGEST_SHOWN = 400


def version_row(version: Version) -> VersionRow:
    """The version in a list."""
    taxonomy = version.taxonomy
    sizes = (len(taxonomy.categories), len(taxonomy.tags))
    return VersionRow(version.number, version.active, version.saved_by, version.at, *sizes)


def category_lines(taxonomy: Taxonomy, language: Language) -> tuple[CategoryLine, ...]:
    """The categories, each with all that is said of it."""
    marks = category_views(taxonomy, language)
    return tuple(
        CategoryLine(marks[one.code], tuple(one.names.items()), one.description, one.examples)
        for one in taxonomy.categories
    )


def marks_of(before: Taxonomy, after: Taxonomy, language: Language) -> dict[Code, CategoryView]:
    """The categories of both by code; where both have one, as the second calls it."""
    return {**category_views(before, language), **category_views(after, language)}


def progress_view(address: str, preview: Preview | None) -> ProgressView:
    """How far it is, in whole per cent; training comes before trying and takes as long as some of it."""
    if preview is None:
        return ProgressView(address)
    share = 100 if preview.state == "done" else round(100 * preview.done / preview.of) if preview.of else 0
    return ProgressView(address, preview, share)


def moves_view(
    preview: Preview, moves: Moves, marks: Mapping[Code, CategoryView], comments: Mapping[UUID, Comment], base: str
) -> MovesView:
    """What would move; examples whose comments are gone meanwhile are left out."""
    flows = [cell for cell in moves.cells if cell.was != cell.becomes]
    return MovesView(
        preview=preview,
        moved=moves.moved,
        share=round(100 * moves.moved / moves.total) if moves.total else 0,
        flows=tuple(
            Flow(category_view(marks, cell.was), category_view(marks, cell.becomes), cell.about)
            for cell in flows[:MOST_FLOWS]
        ),
        balances=_balances(moves, marks),
        matrix=_matrix(moves, marks),
        lost=tuple((category_view(marks, code), count) for code, count in moves.corrections_lost.items()),
        examples=tuple(
            MovedLine(
                address=f"{base}/{one.comment}",
                text=_shown(comments[one.comment].content),
                language=comments[one.comment].language,
                was=category_view(marks, one.was),
                becomes=category_view(marks, one.becomes),
                confidence_was=one.confidence_was,
                confidence=one.confidence,
            )
            for one in moves.examples
            if one.comment in comments
        ),
    )


def _balances(moves: Moves, marks: Mapping[Code, CategoryView]) -> tuple[Balance, ...]:
    before: Counter[Code] = Counter()
    after: Counter[Code] = Counter()
    stay: Counter[Code] = Counter()
    for cell in moves.cells:
        before[cell.was] += cell.about
        after[cell.becomes] += cell.about
        stay[cell.was] += cell.about if cell.was == cell.becomes else 0
    codes = [code for code in _in_order([*before, *after], marks) if before[code] or after[code]]
    return tuple(
        Balance(
            category_view(marks, code), before[code], after[code], before[code] - stay[code], after[code] - stay[code]
        )
        for code in codes
    )


def _matrix(moves: Moves, marks: Mapping[Code, CategoryView]) -> Matrix | None:
    """None where more categories take part than a page has room for."""
    counts = {(cell.was, cell.becomes): cell.about for cell in moves.cells}
    rows = _in_order([was for was, _ in counts], marks)
    columns = _in_order([becomes for _, becomes in counts], marks)
    if len(columns) > WIDEST_MATRIX or len(rows) > 2 * WIDEST_MATRIX or not rows:
        return None
    return Matrix(
        columns=tuple(category_view(marks, code) for code in columns),
        rows=tuple(
            (category_view(marks, was), tuple(counts.get((was, becomes)) for becomes in columns)) for was in rows
        ),
    )


def _in_order(codes: Sequence[Code], marks: Mapping[Code, CategoryView]) -> list[Code]:
    """Each once, in the order of the taxonomies; what neither has any more comes last."""
    places = {code: place for place, code in enumerate(marks)}
    return sorted(set(codes), key=lambda code: (places.get(code, len(places)), code))


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN].rstrip()}…"

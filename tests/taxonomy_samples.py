"""Samples of the pages of taxonomies, with hostile text in every place that people or models fill."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from ouvidor.feedback.taxonomies.changes import changes_between
from ouvidor.feedback.taxonomies.draft import SENTENCES
from ouvidor.feedback.taxonomies.moves import Cell, Moved, Moves, OfTag, Preview
from ouvidor.feedback.taxonomy import DEFAULT, Category, Tag, Taxonomy
from ouvidor.web.categories import CategoryView
from ouvidor.web.contexts.frame import Frame, Page
from ouvidor.web.contexts.taxonomy import (
    CategoryFields,
    MovedLine,
    ProgressView,
    ProposedLine,
    TagLine,
    TaxonomyEditPage,
    TaxonomyFragment,
    TaxonomyPage,
    TaxonomyVersionPage,
    TroubleLine,
    VersionRow,
)
from ouvidor.web.taxonomy_views import category_lines, marks_of, moves_view

ID = UUID(int=7)
RULES = {"unsure_below": "60", "blind_share": "2", "budget": "20", "by_model": "true"}
HELD = frozenset(("comments:read", "comments:correct", "comments:write", "comments:manage"))


def taxonomy_pages(frame: Frame, hostile: str, now: datetime) -> list[Page]:
    """The taxonomy, its form, a version and what it would move, as a manager and as a reader sees them."""
    manager = replace(frame, place="comments", permissions=HELD)
    reader = replace(frame, place="comments", permissions=frozenset(("comments:read",)))
    row = VersionRow(3, active=False, saved_by=hostile, at=now, categories=50, tags=500)
    return [
        *_overviews(manager, reader, hostile, row),
        *_forms(manager, hostile, row),
        *_versions(manager, reader, hostile, now, row),
    ]


def _taxonomy(hostile: str) -> Taxonomy:
    own = Category(
        code="own", names={"pt": hostile[:60], "en": hostile[:60]}, description=hostile[:600], examples=(hostile,)
    )
    return Taxonomy(
        categories=(*DEFAULT.categories[:2], own), tags=(Tag(code="tag", explanation=hostile[:600]),), language="en"
    )


def _overviews(manager: Frame, reader: Frame, hostile: str, row: VersionRow) -> list[Page]:
    taxonomy = _taxonomy(hostile)
    proposed = ProposedLine("code", hostile, 12, hostile, "/projects/seaside/comments?tag=code")
    full = TaxonomyPage(
        frame=manager,
        version=row,
        categories=category_lines(taxonomy, manager.language),
        tags=tuple(TagLine(tag, 3) for tag in taxonomy.tags),
        proposed=(proposed, replace(proposed, explanation="")),
        ignored=("code", "other"),
        versions=(row, replace(row, number=0, active=True, at=None)),
        rules=RULES,
        begun="5",
        after="3",
        model=hostile,
        waiting=4,
    )
    troubles = ("not_proposed", "unacceptable_taxonomy", "saved_meanwhile", "too_many_ignored", "other")
    wrong = {"unsure_below": hostile, "blind_share": hostile, "budget": hostile, "by_model": "false"}
    return [
        full,
        replace(full, frame=reader, tags=(), proposed=(proposed,), version=replace(row, number=0, at=None)),
        replace(full, rules=wrong, wrong=frozenset(wrong), model="", versions=(row,), begun="", after=""),
        *(replace(full, done=done) for done in ("taken", "ignored", "shown", "rules", "other")),
        *(replace(full, trouble=trouble) for trouble in troubles),
    ]


def _forms(manager: Frame, hostile: str, row: VersionRow) -> list[Page]:
    troubles = tuple(TroubleLine(kind, hostile, 2) for kind in SENTENCES)
    fields = CategoryFields(hostile, hostile, hostile, hostile, f"{hostile}\n{hostile}", open=True, troubles=troubles)
    page = TaxonomyEditPage(
        frame=manager,
        categories=(fields, CategoryFields("", "", "", "", "")),
        tags=hostile,
        language="en",
        source=3,
        based_on=4,
        troubles=troubles,
        tag_troubles=troubles,
        newer=row,
    )
    return [page, replace(page, troubles=(), tag_troubles=(), newer=None, source=0, categories=())]


def _versions(manager: Frame, reader: Frame, hostile: str, now: datetime, row: VersionRow) -> list[Page]:
    taxonomy = _taxonomy(hostile)
    marks = marks_of(DEFAULT, taxonomy, manager.language)
    moves = _moves()
    preview = Preview(
        state="done", ordered_by=hostile, ordered_at=now, done=2_000, of=2_000, learnt=3, trained=True, by_model=True
    )
    view = moves_view(preview.model_copy(update={"moves": moves}), moves, marks, {}, "")
    lost = CategoryView("gone", hostile, 0, gone=True)
    line = MovedLine("/projects/seaside/comments/1", hostile, "pt", lost, marks["own"], 0.5, 0.9)
    waiting = ProgressView("/progress")
    bare = TaxonomyVersionPage(
        frame=manager,
        version=row,
        active=0,
        changes=changes_between(DEFAULT, taxonomy),
        marks=marks,
        categories=category_lines(taxonomy, manager.language),
        tags=taxonomy.tags,
        comments=48_211,
        progress=waiting,
        waiting=4,
    )
    full = replace(
        bare,
        progress=ProgressView("/progress", view.preview, 100),
        moves=replace(view, examples=(line, line), lost=((lost, 4),)),
    )
    narrow = replace(view, matrix=None)
    some = moves.model_copy(
        update={"total": 10, "sampled": 10, "cells": [Cell(was="praise", becomes="praise", count=1, about=1)]}
    )
    none = Moves(
        total=0, sampled=0, cells=[], examples=[], corrections_kept=0, corrections_lost={}, tags_gone=[], tags_added=[]
    )
    same = [moves_view(preview.model_copy(update={"moves": one}), one, marks, {}, "") for one in (some, none)]
    states = [
        preview.model_copy(update={"state": state, "done": done})
        for state, done in (("waiting", 0), ("running", 0), ("running", 500), ("failed", 0))
    ]
    under_way = [ProgressView("/progress", one, 25) for one in states]
    unchanged = changes_between(taxonomy, taxonomy)
    return [
        bare,
        full,
        replace(full, frame=reader),
        replace(full, moves=narrow),
        replace(full, version=replace(row, active=True), changes=unchanged),
        replace(full, changes=unchanged),
        replace(full, changes=changes_between(taxonomy, DEFAULT)),
        *(replace(full, moves=one, progress=ProgressView("/progress", one.preview, 100)) for one in same),
        *(replace(bare, progress=one) for one in under_way),
        *(TaxonomyFragment(manager, one) for one in (waiting, *under_way)),
        *(replace(bare, done=done) for done in ("again", "saved", "known", "activated", "same", "other")),
        replace(bare, done="again", job=ID, trouble="not_previewed"),
        replace(bare, trouble="other", version=replace(row, number=0, at=None)),
    ]


def _moves() -> Moves:
    return Moves(
        total=48_211,
        sampled=2_000,
        cells=[
            Cell(was="gone", becomes="own", count=900, about=21_695),
            Cell(was="praise", becomes="praise", count=800, about=19_284),
            Cell(was="criticism", becomes="own", count=300, about=7_232),
        ],
        examples=[Moved(comment=ID, was="gone", becomes="own", confidence_was=0.5, confidence=0.9)],
        corrections_kept=37,
        corrections_lost={"gone": 4},
        tags_gone=[OfTag(code=f"gone_{number}", comments=number) for number in range(30)],
        tags_added=[OfTag(code="tag", comments=96)],
    )

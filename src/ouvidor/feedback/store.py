"""Comments stored with their classification: new ones once for each id, those that are there with their history."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector import HalfVector
from pgvector.psycopg.halfvec import HalfVectorBinaryDumper
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.db import driver_of, new_id
from ouvidor.feedback.judge import Judged
from ouvidor.feedback.models import Waits
from ouvidor.feedback.rules import Rules
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.feedback.told import Told, Unfit

CONFLICT = 409
OTHER_WORDS = "has an id under which another text is stored; give it another id"
RANDOM_BITS = 32

KNOWN = text("""
select external_id, id, content from comment where project_id = :project and external_id = any(:names)
""")
INSERT = text("""
insert into comment (
    id, project_id, external_id, content, fields, author, language, sentiment, category, given_category, tags,
    tag_codes, confidence, taxonomy, waits, terms, written_at, received_at, updated_at
)
select new.id, :project, new.external_id, new.content, new.fields, new.author, new.language, new.sentiment,
    new.category, new.category, new.tags, array(select tag ->> 'code' from jsonb_array_elements(new.tags) tag),
    new.confidence, new.taxonomy, new.waits, array_to_tsvector(new.terms), new.written_at, :now, :now
from json_to_recordset(cast(:rows as json)) as new (
    id uuid, external_id text, content text, fields jsonb, author text, written_at timestamptz, language text,
    sentiment text, category text, tags jsonb, confidence float8, taxonomy int, waits text, terms text[]
)
on conflict (project_id, external_id) do nothing
returning id
""")
"""One document is quoted in a third of the time that arrays of texts take."""
CHANGE = text("""
update comment c set
    given_category = new.category, confidence = new.confidence, language = new.language, taxonomy = new.taxonomy,
    category = case when kept.stays then c.category else new.category end,
    sentiment = case when kept.stays then c.sentiment else new.sentiment end,
    tags = case when kept.stays then c.tags else new.tags end,
    tag_codes = case
        when kept.stays then c.tag_codes else array(select tag ->> 'code' from jsonb_array_elements(new.tags) tag)
    end,
    corrected_at = case when kept.stays then c.corrected_at end,
    waits = case when kept.stays then c.waits else new.waits end,
    terms = array_to_tsvector(new.terms), updated_at = :now
from json_to_recordset(cast(:rows as json)) as new (
    id uuid, language text, sentiment text, category text, tags jsonb, confidence float8, taxonomy int, waits text,
    terms text[]
),
lateral (
    select old.corrected_at is not null and old.category = any(:codes) as stays from comment old where old.id = new.id
) as kept
where c.project_id = :project and c.id = new.id
returning c.id
""")
"""A person's word stays, unless the taxonomy has no such category any more."""
VECTORS_GONE = text("delete from comment_vector where comment_id = any(:ids)")
COPY_VECTORS = "copy comment_vector (comment_id, project_id, made_by, embedding) from stdin with (format binary)"
COPY_HISTORY = """
copy comment_classification (id, project_id, comment_id, by, model, version, prompt_version, taxonomy, category, tags,
    sentiment, language, confidence, cost, created_at) from stdin
"""


@dataclass(frozen=True)
class Stored:
    """A comment that is there; `new` where this call has stored it."""

    id: UUID
    new: bool


@dataclass(frozen=True)
class Fresh:
    """A comment to store, and its classification."""

    told: Told
    judged: Judged


async def known(session: AsyncSession, project_id: UUID, told: Sequence[Told]) -> list[Stored | Unfit | None]:
    """What is there of these: the stored comment of the same id and words, 409 for other words, None for new ones."""
    found = await _known(session, project_id, [one.id for one in told if one.id is not None])
    return [_met(one, found) for one in told]


async def store_new(
    session: AsyncSession, project_id: UUID, fresh: Sequence[Fresh], rules: Rules, now: datetime
) -> list[Stored | Unfit]:
    """Store these, each with its vector and the first entry of its history; what came of each, in order.

    An id that is there already, or stands twice here, gives the comment of these words, or 409 for other words.
    """
    rows = _first_of_each(fresh)
    new: set[UUID] = set()
    if rows:
        given = [_as_told(id_, one.told, now) | _as_judged(id_, one.judged, rules) for id_, one in rows]
        new = set((await session.execute(INSERT, {"project": project_id, "now": now, "rows": _json(given)})).scalars())
        await _add(session, project_id, [(id_, one.judged) for id_, one in rows if id_ in new], now)
    made = {id(one): id_ for id_, one in rows}
    names = {one.told.id for one in fresh if one.told.id is not None and made.get(id(one)) not in new}
    found = await _known(session, project_id, sorted(names))
    return [_result(one, made.get(id(one)), new, found) for one in fresh]


async def store_again(
    session: AsyncSession,
    project_id: UUID,
    judged: Sequence[tuple[UUID, Judged]],
    taxonomy: Taxonomy,
    rules: Rules,
    now: datetime,
) -> set[UUID]:
    """Give these comments, each named once, another classification; those that are gone are not among the answer.

    What a person has said of a comment stays, unless the taxonomy has no such category any more.
    """
    if not judged:
        return set()
    ordered = sorted(judged, key=lambda one: one[0])
    rows = _json([_as_judged(id_, one, rules) for id_, one in ordered])
    values = {"project": project_id, "now": now, "rows": rows, "codes": list(taxonomy.codes)}
    there = set((await session.execute(CHANGE, values)).scalars())
    kept = [(id_, one) for id_, one in ordered if id_ in there]
    await session.execute(VECTORS_GONE, {"ids": [id_ for id_, one in kept if one.vector.size]})
    await _add(session, project_id, kept, now)
    return there


def waits_of(comment_id: UUID, confidence: float, rules: Rules) -> Waits | None:
    """Whether a person is to look at it; chance is that of the id, whose last bits are random."""
    if confidence < rules.unsure_below:
        return Waits.UNSURE
    drawn = (comment_id.int & (1 << RANDOM_BITS) - 1) / (1 << RANDOM_BITS)
    return Waits.BLIND if drawn < rules.blind_share else None


def _first_of_each(fresh: Sequence[Fresh]) -> list[tuple[UUID, Fresh]]:
    """With an id for each; of those with the same id of the caller the first, in the order in which rows are locked."""
    seen: set[str] = set()
    rows: list[tuple[UUID, Fresh]] = []
    for one in fresh:
        if one.told.id is None or one.told.id not in seen:
            rows.append((new_id(), one))
            seen |= {one.told.id} if one.told.id else set()
    return sorted(rows, key=lambda row: _name(*row[:1], row[1].told))


def _name(id_: UUID, told: Told) -> str:
    return told.id or str(id_)


def _result(one: Fresh, id_: UUID | None, new: set[UUID], found: Mapping[str, tuple[UUID, str]]) -> Stored | Unfit:
    if id_ in new and id_ is not None:
        return Stored(id_, new=True)
    return _met(one.told, found) or Unfit(one.told.id, CONFLICT, OTHER_WORDS)


def _met(told: Told, found: Mapping[str, tuple[UUID, str]]) -> Stored | Unfit | None:
    if told.id is None or told.id not in found:
        return None
    id_, content = found[told.id]
    return Stored(id_, new=False) if content == told.text else Unfit(told.id, CONFLICT, OTHER_WORDS)


async def _known(session: AsyncSession, project_id: UUID, names: Sequence[str]) -> dict[str, tuple[UUID, str]]:
    if not names:
        return {}
    rows = await session.execute(KNOWN, {"project": project_id, "names": list(names)})
    return {row.external_id: (row.id, row.content) for row in rows}


def _as_judged(id_: UUID, judged: Judged, rules: Rules) -> dict[str, Any]:
    what = judged.classification
    return {
        "id": str(id_),
        "language": what.language,
        "sentiment": what.sentiment,
        "category": what.category,
        "tags": [tag.model_dump() for tag in what.tags],
        "confidence": what.confidence,
        "taxonomy": judged.taxonomy,
        "waits": waits_of(id_, what.confidence, rules),
        "terms": judged.terms,
    }


def _as_told(id_: UUID, told: Told, now: datetime) -> dict[str, Any]:
    return {
        "external_id": _name(id_, told),
        "content": told.text,
        "fields": dict(told.fields),
        "author": told.author,
        "written_at": (told.written_at or now).isoformat(),
    }


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False)


async def _add(session: AsyncSession, project_id: UUID, judged: Iterable[tuple[UUID, Judged]], now: datetime) -> None:
    """Vectors, and an entry of each comment's history."""
    given = list(judged)
    connection = driver_of(session)
    async with connection.cursor() as cursor:
        cursor.adapters.register_dumper(HalfVector, HalfVectorBinaryDumper)
        async with cursor.copy(COPY_VECTORS) as copy:
            for id_, one in given:
                if one.vector.size:
                    await copy.write_row((id_, project_id, one.vector_by, HalfVector(one.vector)))
        async with cursor.copy(COPY_HISTORY) as copy:
            for id_, one in given:
                await copy.write_row(_entry(project_id, id_, one, now))


def _entry(project_id: UUID, comment_id: UUID, one: Judged, now: datetime) -> tuple[object, ...]:
    what = one.classification
    who = (one.by.value, one.model, one.version, one.prompt_version, one.taxonomy)
    said = (what.category, _tags(one), what.sentiment, what.language, what.confidence, one.cost, now)
    return (new_id(), project_id, comment_id, *who, *said)


def _tags(one: Judged) -> str:
    return json.dumps([tag.model_dump() for tag in one.classification.tags], ensure_ascii=False)

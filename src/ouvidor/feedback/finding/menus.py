"""What a project's comments can be filtered by: the names of their fields, and the values that are frequent."""

from collections import defaultdict
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

NEWEST = 5_000
VALUES = 30

MENUS = """
with newest as materialized (
    select fields, tag_codes, language from comment where project_id = :project
    order by written_at desc, id desc limit :newest
),
told as (
    select 'field' as menu, field.key as name, field.value as value from newest, jsonb_each_text(fields) field
    union all select 'tag', '', unnest(tag_codes) from newest
    union all select 'language', '', language from newest
),
counted as (
    select menu, name, value, count(*) as comments,
        row_number() over (partition by menu, name order by count(*) desc, value) as place
    from told group by menu, name, value
)
select menu, name, value, comments from counted where place <= :values order by menu, name, place
"""


class Choice(BaseModel):
    """A value, and how many of the comments that were looked at have it."""

    value: str
    comments: int


class FieldMenu(BaseModel):
    """A field's name with its most frequent values."""

    name: str
    values: list[Choice]


class Menus(BaseModel):
    """What stands in the newest 5,000 comments, the most frequent first: at most 30 of each."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "fields": [{"name": "artista", "values": [{"value": "Lia Serpa", "comments": 312}]}],
                "tags": [{"value": "feat_autotune", "comments": 41}],
                "languages": [{"value": "pt", "comments": 1204}],
            }
        }
    )

    fields: list[FieldMenu] = Field(description="In the order of their names.")
    tags: list[Choice]
    languages: list[Choice]


async def read_menus(session: AsyncSession, project_id: UUID) -> Menus:
    """What the project's newest comments can be filtered by."""
    values = {"project": project_id, "newest": NEWEST, "values": VALUES}
    found: defaultdict[tuple[str, str], list[Choice]] = defaultdict(list)
    for row in await session.execute(text(MENUS), values):
        found[row.menu, row.name].append(Choice(value=row.value, comments=row.comments))
    fields = [FieldMenu(name=name, values=choices) for (menu, name), choices in found.items() if menu == "field"]
    return Menus(fields=fields, tags=found["tag", ""], languages=found["language", ""])

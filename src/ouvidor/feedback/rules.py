"""How a project's comments are dealt with: what waits for a person, what a month may cost, who classifies."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, note
from ouvidor.feedback.models import CommentRules


@dataclass(frozen=True)
class Rules:
    """Comments of less confidence than `unsure_below`, and a random `blind_share` of all, wait for a person.

    `budget` bounds what a language model may cost in a month, in US dollars; without `by_model` the local classifier
    does the work though there is one.
    """

    unsure_below: float = 0.6
    blind_share: float = 0.02
    budget: Decimal | None = None
    by_model: bool = True


async def read_rules(session: AsyncSession, project_id: UUID) -> Rules:
    """The project's rules, or what holds where nobody has chosen."""
    row = await session.get(CommentRules, project_id)
    return Rules(row.unsure_below, row.blind_share, row.budget, row.by_model) if row else Rules()


async def change_rules(session: AsyncSession, project_id: UUID, rules: Rules, actor: Actor, now: datetime) -> None:
    """Have these rules from now on; comments that wait already go on waiting."""
    before = await read_rules(session, project_id)
    changed = {name: value for name, value in asdict(rules).items() if value != getattr(before, name)}
    if not changed:
        return
    values = asdict(rules)
    statement = insert(CommentRules).values(project_id=project_id, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["project_id"], set_=values))
    told = {name: str(value) for name, value in changed.items()}
    await note(session, actor, "comment_rules.changed", at=now, project_id=project_id, changes=told)

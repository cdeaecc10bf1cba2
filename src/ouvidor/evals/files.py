"""Evaluation files: JSONL rows, checked, with the line named where one is wrong."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ouvidor.errors import Unprocessable


class RetrievalCase(BaseModel):
    """A query and the ids of the sections that answer it."""

    query: str
    relevant_ids: list[str]


class DecisionCase(BaseModel):
    """A query, whether the knowledge base can answer it, and from which sections (unknown where not given)."""

    query: str
    answerable: bool
    relevant_ids: list[str] | None = None


M = TypeVar("M", bound=BaseModel)


def read_cases(path: Path, kind: type[M]) -> list[M]:
    """All rows of the file.

    Raises:
        Unprocessable: the file cannot be read, a row is wrong, or there is none.
    """
    cases: list[M] = []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unprocessable(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                cases.append(kind.model_validate_json(line))
            except ValidationError as error:
                raise Unprocessable(f"{path}, line {number}: {error.errors()[0]['msg']}") from None
    if not cases:
        raise Unprocessable(f"{path} holds no cases.")
    return cases

"""How much was erased: as it is counted, kept on a receipt and told."""

from pydantic import BaseModel


class ErasedCounts(BaseModel, frozen=True):
    """How many rows of each kind went; `answers` are those that were kept for resends.

    `calls` of engines stay as measures, without their words and without whom they were about.
    """

    conversations: int = 0
    messages: int = 0
    comments: int = 0
    turns: int = 0
    sections: int = 0
    answers: int = 0
    exports: int = 0
    jobs: int = 0
    calls: int = 0

    def plus(self, other: "ErasedCounts") -> "ErasedCounts":
        """Both together."""
        theirs = other.model_dump()
        return ErasedCounts(**{name: count + theirs[name] for name, count in self.model_dump().items()})

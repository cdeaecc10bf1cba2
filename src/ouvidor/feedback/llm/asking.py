"""How comments are put before a language model and how its answers are read, in single calls and in batches alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ouvidor.accounts.models import Project
from ouvidor.engines.base import Brief, Task
from ouvidor.engines.structured import schema_in_words
from ouvidor.engines.tokens import TOKENS_PER_MESSAGE, estimate_tokens, tokens_for_data
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.llm.addressed import addresses_classifier
from ouvidor.feedback.llm.fitting import MOST_TOGETHER, Room, group_sizes, room_for, shortened, shown, size_of
from ouvidor.feedback.llm.task import COMMENTS, Answers, Comments, present, read_answers, task_for
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.prompts.active import brief
from ouvidor.runtime import Runtime

UNSURE = 0.5
"""The most confidence in the answer to a comment that may have dictated it: it comes before a person."""


@dataclass(frozen=True)
class Asking:
    """What goes along with every call about comments of a project; `fixed_tokens` is how many tokens that takes.

    `shown` is what is told of the taxonomy, `room` how much the comments may take.
    """

    task: Task[Comments, Answers]
    brief: Brief
    taxonomy: Taxonomy
    shown: Mapping[str, Any]
    room: Room
    fixed_tokens: int

    def groups(self, texts: Sequence[str], most: int = MOST_TOGETHER) -> list[list[int]]:
        """The places of the texts that are asked about together.

        Each stands in one group. One that speaks to its reader is alone in its own, whatever a model makes of it.
        """
        alone = {place for place, text in enumerate(texts) if addresses_classifier(text, self.taxonomy)}
        places = [place for place in range(len(texts)) if place not in alone]
        groups: list[list[int]] = []
        for count in group_sizes([size_of(texts[place]) for place in places], self.room, most):
            groups.append(places[:count])
            del places[:count]
        return [*groups, *([place] for place in sorted(alone))]

    def given(self, texts: Sequence[str]) -> Comments:
        """These texts as they are given in one call, each as long as it may be."""
        return Comments(tuple(shortened(text, self.room) for text in texts), self.taxonomy, self.shown)

    def read(self, answers: Answers, texts: Sequence[str]) -> list[Classification | None]:
        """What the answers say of each of these texts; None where there is none that can be told to be its own."""
        found = read_answers(answers, texts, self.taxonomy)
        return [
            one.model_copy(update={"confidence": min(one.confidence, UNSURE)})
            if one is not None and addresses_classifier(text, self.taxonomy)
            else one
            for one, text in zip(found, texts, strict=True)
        ]


async def asking_of(rt: Runtime, project: Project, taxonomy: Taxonomy) -> Asking:
    """How comments of this project are asked about now: by its active prompt, in this taxonomy."""
    known = await brief(rt, project, COMMENTS, {"company": project.title})
    return asking_with(known, taxonomy, rt.settings.llm_context_tokens)


def asking_with(known: Brief, taxonomy: Taxonomy, window: int) -> Asking:
    """How comments are asked about with this brief, in a window of so many tokens."""
    task = task_for(taxonomy)
    left = tokens_for_data(task, known.prompt, window)
    told = shown(taxonomy, left)
    taken = estimate_tokens(present(Comments((), taxonomy, told)))
    words = estimate_tokens(known.prompt) + estimate_tokens(schema_in_words(task.name, task.output))
    return Asking(
        task=task,
        brief=known,
        taxonomy=taxonomy,
        shown=told,
        room=room_for(left - taken),
        fixed_tokens=words + taken + 2 * TOKENS_PER_MESSAGE,
    )

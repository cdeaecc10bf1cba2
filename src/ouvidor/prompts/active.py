"""The active prompt of a project, rendered for one run of an engine."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from jinja2.environment import Template

from ouvidor.accounts.models import Project
from ouvidor.engines.base import Brief
from ouvidor.engines.local import LOCAL
from ouvidor.prompts.catalogue import Prompt, label_of, prompt_named
from ouvidor.prompts.render import UnacceptablePrompt, compiled
from ouvidor.prompts.store import UnknownPromptVersion, in_use, read_version
from ouvidor.runtime import Runtime

log = logging.getLogger(__name__)


async def brief(
    rt: Runtime,
    project: Project,
    name: str,
    variables: Mapping[str, str],
    *,
    conversation_id: UUID | None = None,
    turn_id: UUID | None = None,
) -> Brief:
    """What goes along with a task of this project: the active version of the prompt `name` with these variables.

    The local engine reads no prompt, so it gets none. Of the variables those that the prompt knows are used; one that
    is not given is empty. The project's row names the version, and its text is read once a process, so a turn asks the
    database for nothing. A version that an update of Ouvidor no longer understands gives way to the shipped text, and
    the label says so.

    Raises:
        UnknownPrompt: there is no prompt of that name.
    """
    known = Brief(
        project_id=project.id,
        mask=project.mask_personal_data,
        conversation_id=conversation_id,
        turn_id=turn_id,
    )
    if rt.engine.name == LOCAL:
        return known
    prompt, used = prompt_named(name), in_use(project, name)
    template = None if used is None else await _saved(rt, project, prompt, used.id)
    values = {variable.name: variables.get(variable.name, "")[: variable.longest] for variable in prompt.variables}
    if used is None or template is None:
        return replace(known, prompt=_shipped(rt, prompt).render(values), label=prompt.default_label)
    return replace(known, prompt=template.render(values), version=used.id, label=label_of(name, used.number))


async def _saved(rt: Runtime, project: Project, prompt: Prompt, version_id: UUID) -> Template | None:
    """The version's text as a template, read and compiled once a process; None where it cannot be used any more."""
    key = ("prompt", project.id, version_id)
    kept = rt.memory.get(key, 0)
    if isinstance(kept, Template):
        return kept
    try:
        async with rt.db.read() as session:
            version = await read_version(session, project.id, version_id)
        return rt.memory.put(key, 0, compiled(version.text, prompt.longest))
    except (UnacceptablePrompt, UnknownPromptVersion):
        log.exception("The version %s of the prompt %s cannot be used; the shipped text is", version_id, prompt.name)
        return None


def _shipped(rt: Runtime, prompt: Prompt) -> Template:
    kept = rt.memory.get(("prompt", prompt.name), 0)
    if isinstance(kept, Template):
        return kept
    return rt.memory.put(("prompt", prompt.name), 0, compiled(prompt.text, prompt.longest))

"""Prompts as the command line names them: by number, `default` or `active`."""

from dataclasses import dataclass

from ouvidor.accounts.projects import project_named
from ouvidor.errors import Unprocessable
from ouvidor.prompts.catalogue import prompt_named
from ouvidor.prompts.store import Wanted, active_version, label, read_numbered
from ouvidor.runtime import Runtime


@dataclass(frozen=True)
class LabelledText:
    """A prompt's text, and how results name it."""

    label: str
    text: str


def wanted_version(typed: str) -> Wanted:
    """The version to use, from its number or `default`.

    Raises:
        Unprocessable: it is neither.
    """
    if typed == "default":
        return "default"
    if not typed.isascii() or not typed.isdigit() or len(typed) > 9:
        raise Unprocessable(f"{typed!r} is no version: write its number, or `default`.")
    return int(typed)


async def read_text(rt: Runtime, project_name: str, name: str, which: str) -> LabelledText:
    """The text of a version by its number, of the shipped one (`default`), or of the one in use (`active`).

    Raises:
        UnknownProject, UnknownPrompt, UnknownPromptVersion: there is none of that name or number.
        Unprocessable: `which` is none of these.
    """
    prompt = prompt_named(name)
    async with rt.db.read() as session:
        project = await project_named(session, project_name)
        if which == "active":
            version = await active_version(session, project.id, name)
        else:
            wanted = wanted_version(which)
            number = wanted if isinstance(wanted, int) else None
            version = None if number is None else await read_numbered(session, project.id, name, number)
    return LabelledText(label(prompt, version), prompt.text if version is None else version.text)

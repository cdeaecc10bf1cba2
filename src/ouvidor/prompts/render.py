"""A prompt's text as a template: what it may hold, and how it becomes what a model reads.

Allowed are `{{ variable }}`, four filters, `{% if %}` and comments. There are no loops, calls, attributes, imports or
assignments, so a rendering takes time and room in proportion to the text, whoever wrote it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.environment import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ouvidor.errors import Fault, Unprocessable
from ouvidor.inputs import storable

MOST_CHARACTERS = 20_000
MOST_LINES = 600
MOST_RENDERED = 40_000
DEEPEST = 20
FILTERS = {"capitalize": str.capitalize, "lower": str.lower, "trim": str.strip, "upper": str.upper}

TroubleKind = Literal[
    "empty",
    "too_long",
    "too_many_lines",
    "rendered_too_long",
    "unstorable",
    "syntax",
    "too_deep",
    "unknown_variable",
    "unknown_filter",
    "not_allowed",
]
_SENTENCES: Mapping[TroubleKind, str] = {
    "empty": "The text is empty: a model would not know what to do.",
    "too_long": f"The text has {{what}} characters; at most {MOST_CHARACTERS} are allowed.",
    "too_many_lines": f"The text has {{what}} lines; at most {MOST_LINES} are allowed.",
    "rendered_too_long": f"With its variables filled in the text may have {{what}} characters; "
    f"at most {MOST_RENDERED} are allowed. Name long variables less often.",
    "unstorable": "The text holds a NUL character or half a character; remove it.",
    "syntax": "This cannot be read: {what}. Write {{{{ variable }}}} or {{% if variable %}} … {{% endif %}}; "
    "braces that are meant as text stand between {{% raw %}} and {{% endraw %}}.",
    "too_deep": "This is nested too deeply; write conditions one after another.",
    "unknown_variable": "There is no variable {what}; use one of those listed.",
    "unknown_filter": f"There is no filter {{what}}; there are: {', '.join(FILTERS)}.",
    "not_allowed": "{what} is not allowed here: use {{{{ variable }}}}, {{{{ variable | filter }}}} and "
    "{{% if %}} with ==, !=, in, and, or, not.",
}


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a text, and in which line (from 1); `what` is the part that it is about."""

    line: int
    kind: TroubleKind
    what: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, in English."""
        return _SENTENCES[self.kind].format(what=self.what)


class UnacceptablePrompt(Unprocessable):
    """This text cannot be a prompt; each line that is wrong is named."""

    def __init__(self, troubles: tuple[Trouble, ...]) -> None:
        faults = [Fault(f"line {trouble.line}", trouble.sentence) for trouble in troubles]
        super().__init__(" ".join(f"Line {trouble.line}: {trouble.sentence}" for trouble in troubles), faults=faults)
        self.troubles = troubles


def clean(text: str) -> str:
    """The text as it is kept: lines end in one way, none in spaces, and one ends the text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


def compiled(text: str, longest: Mapping[str, int]) -> Template:
    """The text as a template over the variables in `longest`, with the most characters that each may have.

    Raises:
        UnacceptablePrompt: it holds what a prompt may not hold.
    """
    troubles = find_troubles(text, longest)
    if troubles:
        raise UnacceptablePrompt(troubles)
    try:
        template = _ENVIRONMENT.from_string(text)
        for filled in (dict.fromkeys(longest, ""), {name: "x" * most for name, most in longest.items()}):
            template.render(filled)
    except (TemplateError, SyntaxError, RecursionError, ArithmeticError) as refused:
        raise UnacceptablePrompt((Trouble(1, "syntax", _first_line(str(refused))),)) from None
    return template


def find_troubles(text: str, longest: Mapping[str, int]) -> tuple[Trouble, ...]:
    """All that is wrong with the text, by line; nothing where it can be a prompt."""
    measured = _too_much(text)
    if measured is not None:
        return (measured,)
    try:
        tree = _ENVIRONMENT.parse(text)
    except TemplateSyntaxError as refused:
        return (Trouble(refused.lineno, "syntax", _first_line(refused.message or "")),)
    except RecursionError:
        return (Trouble(1, "too_deep"),)
    except ValueError:
        return (Trouble(1, "syntax", "a number is too long"),)
    found = tuple(dict.fromkeys(_walk(tree, longest)))
    if found:
        return tuple(sorted(found, key=lambda trouble: trouble.line))
    rendered = len(text) + sum(longest[name.name] for name in tree.find_all(nodes.Name))
    return (Trouble(1, "rendered_too_long", str(rendered)),) if rendered > MOST_RENDERED else ()


def _too_much(text: str) -> Trouble | None:
    try:
        storable(text)
    except ValueError:
        return Trouble(1, "unstorable")
    if not text.strip():
        return Trouble(1, "empty")
    if len(text) > MOST_CHARACTERS:
        return Trouble(1, "too_long", str(len(text)))
    lines = text.count("\n") + 1
    return Trouble(1, "too_many_lines", str(lines)) if lines > MOST_LINES + 1 else None


def _walk(tree: nodes.Template, variables: Mapping[str, int]) -> Iterator[Trouble]:
    """The troubles of every part; a part that is not allowed is not looked into."""
    waiting: list[tuple[nodes.Node, int]] = [(child, 0) for child in tree.iter_child_nodes()]
    while waiting:
        node, depth = waiting.pop()
        kind, what = ("too_deep", "") if depth > DEEPEST else _trouble_of(node, variables)
        if kind is None:
            waiting += [(child, depth + 1) for child in node.iter_child_nodes()]
        else:
            yield Trouble(_line_of(node), kind, what)


def _trouble_of(node: nodes.Node, variables: Mapping[str, int]) -> tuple[TroubleKind | None, str]:
    """What is wrong with this part by itself, and what it is called."""
    if isinstance(node, nodes.Name):
        return (None if node.ctx == "load" and node.name in variables else "unknown_variable"), node.name
    if isinstance(node, nodes.Filter):
        if node.name not in FILTERS:
            return "unknown_filter", node.name
        plain = node.node is not None and not (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
        return (None if plain else "not_allowed"), f"{node.name}(…)"
    if isinstance(node, nodes.Const):
        return (None if isinstance(node.value, str) else "not_allowed"), str(node.value)[:40]
    if isinstance(node, nodes.Operand):
        return (None if node.op in {"eq", "ne", "in", "notin"} else "not_allowed"), _SIGNS.get(node.op, node.op)
    plain = isinstance(node, _PLAIN)
    return (None if plain else "not_allowed"), _PARTS.get(type(node), type(node).__name__.lower())


def _line_of(node: nodes.Node) -> int:
    """The line of a part; of a part that has none, that of the first within it that has."""
    lines: Iterator[int | None] = (part.lineno for part in (node, *node.find_all(nodes.Node)))
    return next((line for line in lines if line), 1)


def _first_line(message: str) -> str:
    return (message.splitlines() or [""])[0].rstrip(".")[:200]


def _environment() -> ImmutableSandboxedEnvironment:
    """The sandbox, emptied; nothing is escaped, since a model reads the text and no browser."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    environment.filters = {**FILTERS}
    environment.tests = {}
    environment.globals = {}
    return environment


_PLAIN = (nodes.Output, nodes.TemplateData, nodes.If, nodes.Compare, nodes.And, nodes.Or, nodes.Not)
_SIGNS = {"gt": ">", "gteq": ">=", "lt": "<", "lteq": "<="}
_PARTS: Mapping[type[nodes.Node], str] = {
    nodes.Call: "( )",
    nodes.Getattr: "a dot",
    nodes.Getitem: "[ ]",
    nodes.For: "{% for %}",
    nodes.Assign: "{% set %}",
    nodes.AssignBlock: "{% set %}",
    nodes.FilterBlock: "{% filter %}",
    nodes.Import: "{% import %}",
    nodes.FromImport: "{% from %}",
    nodes.CondExpr: "if within {{ }}",
    nodes.Concat: "~",
}
_ENVIRONMENT = _environment()

"""A question as a customer would ask it."""

from typing import TYPE_CHECKING

import typer

from ouvidor.cli.running import AsJson, InProject, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.runtime import Runtime

app = typer.Typer()


@app.command()
def ask(question: str, project: InProject, as_json: AsJson = False) -> None:
    """Ask as a customer would; nothing is stored."""
    from ouvidor.accounts.projects import project_named
    from ouvidor.agent.answer import Reply, answer

    async def deed(rt: "Runtime") -> Reply:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        return await answer(rt, found, question)

    reply = with_runtime(deed)
    cited = [reply.sections[number] for number in sorted(reply.cited)]
    value = {
        "decision": reply.decision.move,
        "reason": reply.decision.reason,
        "text": reply.text,
        "confidence": reply.confidence,
        "citations": [{"id": s.key, "heading": s.heading, "tier": s.tier, "score": s.score} for s in cited],
    }

    def plain() -> None:
        typer.echo(reply.text)
        why = "" if reply.decision.reason is None else f" ({reply.decision.reason})"
        typer.secho(f"\n{reply.decision.move}{why}, confidence {reply.confidence:.2f}", dim=True)
        for section in cited:
            typer.secho(f"  {section.heading or section.key} ({section.tier}, {section.score:.2f})", dim=True)

    show(value, as_json, plain)

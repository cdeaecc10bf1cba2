"""Erase and export what is kept of customers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ouvidor.cli.running import AsJson, InProject, show, with_runtime

if TYPE_CHECKING:
    from ouvidor.privacy.counts import ErasedCounts
    from ouvidor.privacy.receipts import Receipt
    from ouvidor.privacy.subjects import Kept, Kind
    from ouvidor.runtime import Runtime

app = typer.Typer(name="privacy", no_args_is_help=True, help="Erase and export what is kept of customers.")

OfConversation = Annotated[str | None, typer.Option("--conversation", help="Id of the conversation.")]
OfCustomer = Annotated[str | None, typer.Option("--customer", help="Customer id, helpdesk id, or author of comments.")]


@app.command("erase")
def privacy_erase(
    project: InProject,
    conversation: OfConversation = None,
    customer: OfCustomer = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask to type the id again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase one conversation, or everything of one customer, now; it cannot be undone."""
    from ouvidor.accounts.access import Caller
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import project_named
    from ouvidor.errors import Unprocessable
    from ouvidor.privacy.erase import carry_out_erasure, order_erasure
    from ouvidor.privacy.receipts import Receipt, read_receipt
    from ouvidor.privacy.subjects import canonical, kept_of

    kind, subject = _whose(conversation, customer)

    async def deed(rt: "Runtime") -> Receipt:
        async with rt.db.read() as session:
            found = await project_named(session, project)
            kept = await kept_of(session, found.id, kind, subject)
        if not yes:
            typer.echo(f"{_lost(kept)} will be lost.", err=True)
            typed = typer.prompt("Type the id again to erase them", err=True)
            if canonical(kind, typed.strip()) != canonical(kind, subject):
                raise Unprocessable("That is not the id. Nothing was erased.")
        order = await order_erasure(rt, Caller(found, COMMAND, frozenset()), kind, subject)
        await carry_out_erasure(rt, found.id, order)
        async with rt.db.read() as session:
            return await read_receipt(session, found.id, order)

    receipt = with_runtime(deed)
    show(receipt.model_dump(mode="json"), as_json, lambda: typer.echo(_erased(receipt)))


@app.command("export")
def privacy_export(
    project: InProject,
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)],
    conversation: OfConversation = None,
    customer: OfCustomer = None,
) -> None:
    """Write all that is kept of one conversation or one customer to a JSON file."""
    from ouvidor.accounts.access import Caller
    from ouvidor.accounts.audit import COMMAND
    from ouvidor.accounts.projects import project_named
    from ouvidor.privacy.export import fetch_export, make_export, order_export

    kind, subject = _whose(conversation, customer)

    async def deed(rt: "Runtime") -> bytes:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        caller = Caller(found, COMMAND, frozenset())
        order = await order_export(rt, caller, kind, subject)
        await make_export(rt, found.id, order)
        return (await fetch_export(rt, caller, order)).content

    content = with_runtime(deed)
    out.touch(mode=0o600)
    out.write_bytes(content)
    typer.echo(f"Wrote {out} ({len(content)} bytes).")


@app.command("retention")
def privacy_retention(project: InProject, as_json: AsJson = False) -> None:
    """Erase now what the project has kept for long enough; the worker does it each night."""
    from ouvidor.accounts.projects import project_named
    from ouvidor.privacy.receipts import Receipt, read_receipt
    from ouvidor.privacy.retention import erase_silent

    async def deed(rt: "Runtime") -> Receipt | None:
        async with rt.db.read() as session:
            found = await project_named(session, project)
        run = await erase_silent(rt, found.id)
        async with rt.db.read() as session:
            return None if run is None else await read_receipt(session, found.id, run)

    receipt = with_runtime(deed)
    told = "Nothing is older than the project keeps it." if receipt is None else _erased(receipt)
    show(None if receipt is None else receipt.model_dump(mode="json"), as_json, lambda: typer.echo(told))


@app.command("receipts")
def privacy_receipts(
    project: InProject,
    conversation: OfConversation = None,
    customer: OfCustomer = None,
    as_json: AsJson = False,
) -> None:
    """List the newest 100 receipts of erasures, or those that are about one id."""
    from rich.console import Console
    from rich.table import Table

    from ouvidor.accounts.projects import project_named
    from ouvidor.privacy.receipts import Receipt, list_receipts, receipts_of

    async def deed(rt: "Runtime") -> list[Receipt]:
        async with rt.db.read() as session:
            found = await project_named(session, project)
            if conversation is None and customer is None:
                return (await list_receipts(session, found.id, after=None, limit=100)).data
            kind, subject = _whose(conversation, customer)
            return (await receipts_of(session, rt.secret, found.id, kind, subject)).data

    receipts = with_runtime(deed)

    def plain() -> None:
        table = Table("Receipt", "Kind", "State", "Conversations", "Messages", "Comments", "Ordered by", "Done")
        for row in receipts:
            counts = (str(row.counts.conversations), str(row.counts.messages), str(row.counts.comments))
            table.add_row(str(row.id), row.kind, row.state, *counts, row.requested_by, str(row.done_at or ""))
        Console().print(table)

    show([row.model_dump(mode="json") for row in receipts], as_json, plain)


def _whose(conversation: str | None, customer: str | None) -> "tuple[Kind, str]":
    """Kind and id of what the options name; exactly one of them must be given."""
    from ouvidor.errors import Unprocessable

    if conversation is not None and customer is None:
        return "conversation", conversation
    if customer is not None and conversation is None:
        return "customer", customer
    raise Unprocessable("Name one of --conversation and --customer.")


def _erased(receipt: "Receipt") -> str:
    return f"Erased {_lost(receipt.counts)}; receipt {receipt.id}."


def _lost(counts: "Kept | ErasedCounts") -> str:
    comments = f" and {counts.comments} comments" if counts.comments else ""
    return f"{counts.conversations} conversations with {counts.messages} messages{comments}"

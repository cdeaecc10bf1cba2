"""Running the server, and what it says when it is up."""

import asyncio
import json
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

import uvicorn
from rich.console import Console
from starlette.types import ASGIApp

from ouvidor.accounts.projects import project_named
from ouvidor.agent.answer import answer
from ouvidor.app import create_app
from ouvidor.demo.load import COMPANIES, EVERY, DemoAccess, load_demo
from ouvidor.errors import Misconfigured
from ouvidor.live import Changes
from ouvidor.logs import configure_logging
from ouvidor.runtime import Runtime
from ouvidor.settings import Settings

POLL_SECONDS = 0.02


async def serve(rt: Runtime, *, demo: bool, worker_inside: bool) -> None:
    """Serve until stopped; with `demo` the demo companies are loaded first and shown how to be entered.

    Raises:
        Misconfigured: the demo was asked for on an address that other machines reach.
    """
    settings = rt.settings
    if demo and not settings.listens_on_loopback:
        raise Misconfigured(f"The demo runs on loopback only, not on {settings.host}: unset OUVIDOR_HOST.")
    configure_logging(settings.log_format, settings.log_level, quiet=demo)
    access = await load_demo(rt) if demo else None
    server = _Server(server_config(create_app(rt, worker_inside=worker_inside), settings), rt.changes)
    running = asyncio.create_task(server.serve())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, server.stop)
    while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(POLL_SECONDS)
    if server.started:
        await _say_where(rt, access)
    with suppress(asyncio.CancelledError):
        await running


def server_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves this app.

    The client's address is that of the connection. Left alone, uvicorn would believe the forwarding headers of anybody
    on this machine; ours are believed from the proxies that `OUVIDOR_TRUSTED_PROXIES` names and from nobody else.
    """
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,  # ours is configured; requests are logged by the app, without what was asked for
        access_log=False,
        timeout_graceful_shutdown=2,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )


class _Server(uvicorn.Server):
    """Stops in order at a signal and returns: uvicorn would raise the signal again and so skip our own closing."""

    def __init__(self, config: uvicorn.Config, changes: Changes) -> None:
        super().__init__(config)
        self._changes = changes

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to `serve`."""
        yield

    def stop(self) -> None:
        """Finish what runs, which live streams would never do by themselves, then return; the second time at once."""
        self._changes.end()
        self.force_exit = self.should_exit
        self.should_exit = True


async def _say_where(rt: Runtime, access: DemoAccess | None) -> None:
    base = f"http://{rt.settings.host}:{rt.settings.port}"
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    console.print(f"\n[bold]Ouvidor[/bold] is on [bold cyan]{base}[/bold cyan]  (stop with Ctrl-C)")
    if access is None:
        return
    console.print(f"Sign in as [bold]{access.username}[/bold] with the password [bold]{access.password}[/bold]")
    for company in EVERY:
        console.print(f"API key of {company.name} ({company.title}): {access.keys[company.name]}")
    company = COMPANIES[0]
    body = {
        "helpdeskId": 1,
        "projectName": company.name,
        "messages": [{"role": "USER", "content": company.question}],
    }
    console.print("\nTry it:\n")
    console.print(
        f"curl -s {base}/conversations/completions -H 'Content-Type: application/json' \\\n"
        f"  -H 'Authorization: Bearer {access.keys[company.name]}' \\\n  -d '{json.dumps(body)}'",
        markup=False,
    )
    async with rt.db.read() as session:
        project = await project_named(session, company.name)
    reply = await answer(rt, project, company.question)
    console.print("\nIt answers:\n")
    console.print(reply.text, markup=False)
    for number in sorted(reply.cited):
        section = reply.sections[number]
        console.print(f"  [{number}] {section.heading} ({section.tier}, score {section.score:.2f})", markup=False)
    console.print(f"\nEvery route with its errors: [bold cyan]{base}/docs[/bold cyan]\n")

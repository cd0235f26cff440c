"""`flockerctl ui`: the dashboard in a browser that has no certificate."""

from __future__ import annotations

import webbrowser

import click

from flocker_lite.cli.session import Session, with_session
from flocker_lite.client import contexts


@click.command()
@click.option("--port", type=int, default=0, help="The port on 127.0.0.1; any, by default.")
@click.option("--open/--no-open", "opens", default=True, help="Open a browser.")
@with_session
def ui(session: Session, port: int, opens: bool) -> None:
    """Show the dashboard in a browser, with your own certificate, until Ctrl-C.

    Prints an address of this machine that can be opened once.
    """
    # These take half of the time that any command needs to start.
    from flocker_lite.client.browser_proxy import BrowserProxy
    from flocker_lite.client.http_transport import HTTPTransport

    context = contexts.current(session.context_name, session.environment)
    try:
        proxy = BrowserProxy(HTTPTransport(context), port)
    except OSError as error:
        raise click.ClickException(f"port {port} cannot be used: {error}") from None
    with proxy:
        click.echo(proxy.address)
        session.say("Open it in a browser of this machine; it works once. Ctrl-C ends it.")
        if opens and session.is_interactive:
            webbrowser.open(proxy.address)
        try:
            proxy.serve_forever()
        except KeyboardInterrupt:
            session.say("")

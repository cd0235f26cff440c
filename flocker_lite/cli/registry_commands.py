"""The commands about registries: with what nodes log in for the images that they pull."""

from __future__ import annotations

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.inputs import hidden_answer, standard_input
from flocker_lite.cli.output import Column, in_order
from flocker_lite.cli.session import Session, with_session
from flocker_lite.cli.units import shown_day
from flocker_lite.client.errors import BadRequest, NotFound

PASSWORD_BYTES_MAX = 65_536
COLUMNS = (
    Column("REGISTRY", lambda item: item["registry"]),
    Column("USER", lambda item: item["user"]),
    Column("PASSWORD", lambda item: "missing" if item.get("missing") else "kept"),
    Column("CHANGED", lambda item: shown_day(item["changed_at"])),
)


@click.group()
def registry() -> None:
    """Manage registries: with what nodes log in to pull images."""


@registry.command("list")
@with_session
def list_(session: Session) -> None:
    """List the registries that nodes log in to."""
    found = in_order(session.client.registries(), COLUMNS[0])
    session.show(found, COLUMNS, "no registries yet: `flockerctl registry login HOST -u USER`")


@registry.command("login")
@click.argument("host", shell_complete=completion.registries)
@click.option("-u", "--username", required=True, help="The user of the registry.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@with_session
def log_in(session: Session, host: str, username: str, password_stdin: bool) -> None:
    """Have nodes log in to the registry HOST; docker.io is Docker's own.

    A terminal asks for the password; elsewhere it comes from standard input. It is never an
    argument, as everybody on a machine can see those.
    """
    is_asked = session.is_interactive and not password_stdin
    password = hidden_answer("Password") if is_asked else _piped_password()
    item = session.client.set_registry(host, username, password)
    text = f"nodes log in to {item['registry']} as {item['user']}, when they pull from it"
    session.show_done(item, COLUMNS, text)


def _piped_password() -> str:
    """As for `docker login`, the newline that `echo` writes is no part of it."""
    data = standard_input(PASSWORD_BYTES_MAX)
    try:
        password = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise BadRequest("the password on standard input is no UTF-8") from None
    if not password:
        raise BadRequest("there is no password on standard input: write it there")
    return password


@registry.command("logout")
@click.argument("host", shell_complete=completion.registries)
@with_session
def log_out(session: Session, host: str) -> None:
    """Have nodes log in to the registry HOST no more."""
    client = session.client
    try:
        # The service knows the other names of a registry.
        client.delete_registry(host)
    except NotFound:
        lookup.find(host, client.registries(), lookup.registry_names, "registry", is_whole=True)
        raise
    session.say(f"nodes do not log in to {host} any more")

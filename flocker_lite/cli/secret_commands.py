"""The commands about secrets: their names are listed, their values are only ever written."""

from __future__ import annotations

from pathlib import Path

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.inputs import file_bytes, hidden_answer, standard_input
from flocker_lite.cli.output import Column, in_order
from flocker_lite.cli.session import Session, with_session
from flocker_lite.cli.units import shown_day
from flocker_lite.client.errors import BadRequest, NotFound

VALUE_BYTES_MAX = 65_536
STANDARD_INPUT = "-"
NEVER_AN_ARGUMENT = (
    "the value of a secret is never an argument: everybody on this machine can see arguments, and "
    "the shell keeps them in its history; write --file FILE, or - for standard input"
)
COLUMNS = (
    Column("SECRET", lambda item: item["name"]),
    Column("VALUE", lambda item: "missing" if item.get("missing") else "kept"),
    Column("CREATED", lambda item: shown_day(item["created_at"])),
    Column("CHANGED", lambda item: shown_day(item["changed_at"])),
)


@click.group()
def secret() -> None:
    """Manage secrets: values that containers get, and that nobody can read again."""


@secret.command("list")
@with_session
def list_(session: Session) -> None:
    """List the names of the secrets."""
    found = in_order(session.client.secrets(), COLUMNS[0])
    session.show(found, COLUMNS, "no secrets yet: `flockerctl secret set NAME` keeps one")


@secret.command("set")
@click.argument("name", shell_complete=completion.secrets)
@click.argument("source", nargs=-1, metavar="[-]")
@click.option("--file", type=click.Path(path_type=Path), help="The file that has the value.")
@with_session
def set_(session: Session, name: str, source: tuple[str, ...], file: Path | None) -> None:
    """Keep a value under a NAME, or change the value of the secret of that name.

    The value is that of --file, or with - what comes from standard input, byte by byte. Without
    either, a terminal asks for it. It is never an argument: everybody on a machine can see
    arguments, and the shell keeps them in its history.
    """
    if source not in ((), (STANDARD_INPUT,)):
        raise BadRequest(NEVER_AN_ARGUMENT)
    if source and file is not None:
        raise BadRequest("the value comes from --file or from standard input: leave one out")
    value = _value(session, file, is_piped=bool(source))
    client = session.client
    try:
        item = client.update_secret(name, value)
        text = f"secret {name} has this value now; containers that had another one are replaced"
    except NotFound:
        item = client.create_secret(name, value)
        text = f"secret {name} is kept"
    # Few programs expect a password to end with the newline that `echo` and editors write.
    ending = "; it ends with a newline" if value.endswith(b"\n") else ""
    session.show_done(item, COLUMNS, text + ending)


def _value(session: Session, file: Path | None, is_piped: bool) -> bytes:
    if file is not None and str(file) != STANDARD_INPUT:
        return file_bytes(file, VALUE_BYTES_MAX)
    if file is None and not is_piped and session.is_interactive:
        return hidden_answer("Value", is_new=True).encode()
    return standard_input(VALUE_BYTES_MAX)


@secret.command("rm")
@click.argument("names", nargs=-1, required=True, shell_complete=completion.secrets)
@with_session
def remove(session: Session, names: tuple[str, ...]) -> None:
    """Forget secrets and their values for good; not while a container uses them.

    The names have to be whole ones.
    """
    client = session.client
    known = client.secrets()
    for name in names:
        lookup.find(name, known, lookup.secret_names, "secret", is_whole=True)
    for name in names:
        client.delete_secret(name)
        session.say(f"secret {name} is forgotten")

"""The commands about flockerctl itself: context, completion, version."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import get_completion_class

from flocker_lite import __version__
from flocker_lite.cli.output import Column
from flocker_lite.cli.session import Session, with_session
from flocker_lite.client import contexts
from flocker_lite.client.errors import BadRequest

PROGRAM = "flockerctl"
COLUMNS = (
    Column("CONTEXT", lambda item: item["name"]),
    Column("USED", lambda item: "yes" if item["used"] else ""),
    Column("CONTROL SERVICES", lambda item: ", ".join(item["hosts"])),
    Column("CERTIFICATES", lambda item: item["certificates"]),
    Column("USER", lambda item: item["user"]),
)


@click.group()
def context() -> None:
    """Manage contexts: the clusters that flockerctl knows, and which one it uses."""


@context.command("add")
@click.argument("name")
@click.argument("hosts", nargs=-1, required=True)
@click.option("--certificates", type=click.Path(path_type=Path), help="Their directory.")
@click.option("--user", help="The user, if the directory has several.")
@with_session
def add(
    session: Session, name: str, hosts: tuple[str, ...], certificates: Path | None, user: str | None
) -> None:
    """Add a cluster by name, with the addresses of its control services."""
    folder = certificates.expanduser().absolute() if certificates is not None else None
    added = contexts.Context(name, hosts, folder, user)
    contexts.credentials(added)
    path = contexts.file_path(session.environment)
    contexts.save(path, contexts.load(path).adding(added))
    session.say(f"{name} is in {path}")


@context.command("use")
@click.argument("name")
@with_session
def use(session: Session, name: str) -> None:
    """Use this cluster from now on."""
    path = contexts.file_path(session.environment)
    contexts.save(path, contexts.load(path).using(name))


@context.command("remove")
@click.argument("name")
@with_session
def remove(session: Session, name: str) -> None:
    """Forget a cluster; the cluster itself does not change."""
    path = contexts.file_path(session.environment)
    contexts.save(path, contexts.load(path).removing(name))


@context.command("list")
@with_session
def list_(session: Session) -> None:
    """List the clusters."""
    kept = contexts.load(contexts.file_path(session.environment))
    items = [
        {
            "name": each.name,
            "used": each.name == kept.used,
            "hosts": list(each.hosts),
            "certificates": str(each.certificates_path or ""),
            "user": each.user or "",
        }
        for each in kept.by_name.values()
    ]
    session.show(items, COLUMNS, "no contexts yet: flockerctl context add NAME HOST")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    In ~/.bashrc: eval "$(flockerctl completion bash)"
    """
    made = get_completion_class(shell)
    if made is None:
        raise BadRequest(f"click does not know {shell}")
    root = ctx.find_root().command
    click.echo(made(root, {}, PROGRAM, "_FLOCKERCTL_COMPLETE").source())


@click.command()
@with_session
def version(session: Session) -> None:
    """Print the versions of flockerctl and of the control service."""
    click.echo(f"flockerctl {__version__}")
    click.echo(f"control service {session.client.version()}")

"""The commands of standbys: failover, switchover and failback."""

from __future__ import annotations

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.edit_commands import ask
from flocker_lite.cli.move_commands import (
    WAIT_SECONDS,
    MoveOptions,
    MoveSubject,
    follow,
    with_move_options,
)
from flocker_lite.cli.output import clean
from flocker_lite.cli.session import Session, parsed, with_session
from flocker_lite.cli.units import seconds, shown_seconds
from flocker_lite.client import Client
from flocker_lite.client.client import Item
from flocker_lite.client.errors import Conflict, NotFound


@click.command()
@click.argument("name", shell_complete=completion.containers)
@click.option("--to", "node", shell_complete=completion.nodes, help="The standby.")
@click.option("--force", is_flag=True, help="Nothing proves that the old primary has stopped.")
@click.option("--dry-run", is_flag=True, help="Print what would be lost and change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, help="Wait until it serves.")
@click.option("--timeout", default=f"{WAIT_SECONDS:g}s", help="How long to wait.")
@with_session
def failover(
    session: Session,
    name: str,
    node: str | None,
    force: bool,
    dry_run: bool,
    yes: bool,
    wait: bool,
    timeout: str,
) -> None:
    """Have a standby take over, because the node of a container is dead.

    What was written since the last complete snapshots reached the standby is lost to the service;
    the old node keeps it, and has it set aside when it comes back.
    """
    client, wait_seconds = session.client, parsed(seconds, timeout) or 0.0
    host = lookup.node_host(node, client.nodes()) if node is not None else None
    what = MoveSubject.find(client, name)
    found = _ask(client, what, host, dry_run=True)
    why = found.get("why_not")
    if dry_run:
        _show(session, found)
        if why is not None:
            raise Conflict(why)
        return
    why = why or (None if force else found.get("needs_force"))
    if why is not None:
        raise Conflict(why)
    if not yes:
        ago = shown_seconds(found["loses_seconds"])
        ask(
            f"go on with {name} at {found['to']} as it was {ago} ago? What was written since is at "
            f"{found['old_primary']} alone"
        )
    begun = _ask(client, what, found["to"], force=force)
    if not wait:
        click.echo(begun["move_id"])
        return
    follow(session, client, {begun["move_id"]: ""}, wait_seconds)


@click.command()
@click.argument("name", shell_complete=completion.containers)
@click.option("--to", "node", shell_complete=completion.nodes, help="The standby.")
@with_move_options
@with_session
def switchover(session: Session, name: str, node: str | None, options: MoveOptions) -> None:
    """Move a container or a dataset to a standby; nothing is lost."""
    client = session.client
    what = MoveSubject.find(client, name)
    standbys, where = what.standbys(client)
    if node is not None:
        host = lookup.node_host(node, client.nodes())
        if host not in standbys:
            known = ", ".join(standbys) or "no node"
            raise Conflict(f"{host} is no standby of {name}: {known} is")
    elif len(standbys) == 1:
        [host] = standbys
    else:
        several = f"several: {', '.join(standbys)}; choose one with --to"
        raise Conflict(f"{name}, on {where}, has {several if standbys else 'no standby'}")
    _move(session, client, what, host, options)


@click.command()
@click.argument("name", shell_complete=completion.containers)
@with_move_options
@with_session
def failback(session: Session, name: str, options: MoveOptions) -> None:
    """Move a container or a dataset back to where it was before its last failover."""
    client = session.client
    what = MoveSubject.find(client, name)
    before = [each for each in what.moves(client) if each.get("kind") == "failover"]
    if not before:
        raise NotFound(f"{name} did not fail over, as far as is known")
    _move(session, client, what, before[0]["from"], options)


def _move(
    session: Session, client: Client, what: MoveSubject, host: str, options: MoveOptions
) -> None:
    what.ask(client, host, options.asked, dry_run=False)
    found = what.newest_move(client)
    if found is None or found.get("to") != host:
        session.say(f"{what.name} is already on {host}")
    elif options.wait:
        follow(session, client, {found["move_id"]: ""}, options.timeout_seconds)
    else:
        click.echo(found["move_id"])


def _ask(
    client: Client, what: MoveSubject, host: str | None, dry_run: bool = False, force: bool = False
) -> Item:
    body = {**({"host": host} if host is not None else {}), **({"force": True} if force else {})}
    if what.kind == "container":
        return client.fail_over_container(what.identity, dry_run, **body)
    return client.fail_over_dataset(what.identity, dry_run, **body)


def _show(session: Session, found: Item) -> None:
    if session.output in ("json", "yaml"):
        session.show([found], (), "")
        return
    known = {
        "from": found["old_primary"],
        "to": found.get("to"),
        "loses at most": shown_seconds(found.get("loses_seconds")),
        "proved stopped": "yes" if found["proved_stopped"] else "no",
        "not possible": found.get("why_not"),
        "needs --force": found.get("needs_force"),
    }
    for key, value in known.items():
        if value:
            click.echo(f"{key:<15} {clean(value)}")

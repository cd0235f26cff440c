"""The commands about copies: who stands by, and dropping a copy."""

from __future__ import annotations

from typing import Any

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.edit_commands import ask
from flocker_lite.cli.move_commands import MoveSubject
from flocker_lite.cli.session import Session, parsed, with_session
from flocker_lite.cli.units import seconds, size_bytes
from flocker_lite.client.errors import BadRequest

WHICH = "say who stands by: --to NODE (also several times), --count N, or --none"


@click.command()
@click.argument("name", shell_complete=completion.containers)
@click.option("--to", "nodes", multiple=True, shell_complete=completion.nodes, help="A standby.")
@click.option("--count", type=click.IntRange(1), help="So many standbys, which are chosen.")
@click.option("--none", is_flag=True, help="Nobody stands by any more; the copies stay.")
@click.option("--rpo", help="How old a copy may be, for example 30s.")
@click.option("--bandwidth", help="Bytes per second to each standby, for example 20M.")
@click.option("--warm", is_flag=True, help="Prepare the container at the standbys beforehand.")
@with_session
def replicate(
    session: Session,
    name: str,
    nodes: tuple[str, ...],
    count: int | None,
    none: bool,
    rpo: str | None,
    bandwidth: str | None,
    warm: bool,
) -> None:
    """Keep copies of a dataset, or of all of a container's data, fresh on other nodes."""
    client = session.client
    if bool(nodes) + (count is not None) + none != 1:
        raise BadRequest(WHICH)
    hosts = [lookup.node_host(node, client.nodes()) for node in nodes]
    ids = MoveSubject.find(client, name).dataset_ids(client)
    if not ids:
        raise BadRequest(f"{name} has no datasets, so there is nothing to copy")
    given = {
        "nodes": hosts or None,
        "count": count,
        "rpo_seconds": parsed(seconds, rpo),
        "bandwidth_limit": parsed(size_bytes, bandwidth),
        "warm": warm or None,
    }
    asked: dict[str, Any] | None = {key: each for key, each in given.items() if each is not None}
    for dataset_id in ids:
        body = client.update_dataset(dataset_id, replicas=None if none else asked)
        if not none and asked is not None:
            # The datasets of a container are promoted together: all of them at the same nodes.
            asked["nodes"] = body["replicas"]["nodes"]
            others = [host for host in asked["nodes"] if host != body["primary"]]
            session.say(f"{dataset_id}: {', '.join(others)} stand by")
        else:
            session.say(f"{dataset_id}: nobody stands by")


@click.command("drop-copy")
@click.argument("dataset")
@click.argument("node", shell_complete=completion.nodes)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session
def drop_copy(session: Session, dataset: str, node: str, yes: bool) -> None:
    """Destroy the copy of a dataset on a node that nobody needs any more."""
    client = session.client
    datasets = [each for each in client.datasets() if not each["deleted"]]
    found = lookup.find(dataset, datasets, lookup.dataset_names, "dataset")
    host = lookup.node_host(node, client.nodes())
    if not yes:
        ask(f"destroy the copy of {dataset} on {host}?")
    client.drop_copy(found["dataset_id"], host)
    session.say(f"the copy on {host} is dropped")

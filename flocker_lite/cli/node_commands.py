"""The commands that change nodes: cordon, uncordon, forget, readmit."""

from __future__ import annotations

from collections.abc import Iterator

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.edit_commands import ask
from flocker_lite.cli.session import Session, with_session
from flocker_lite.cli.units import shown_seconds
from flocker_lite.client import Client

NODES = click.argument("nodes", nargs=-1, required=True, shell_complete=completion.nodes)


def _scheduling_command(name: str, what: str, schedulable: bool, said: str) -> click.Command:
    @click.command(name, help=what)
    @NODES
    @with_session
    def command(session: Session, nodes: tuple[str, ...]) -> None:
        client = session.client
        known = client.configured_nodes()
        for node in [lookup.find(each, known, lookup.node_names, "node") for each in nodes]:
            client.update_node(node["uuid"], schedulable)
            session.say(f"{node['host']}: {said}")

    return command


cordon = _scheduling_command(
    "cordon",
    "Put nothing new on nodes; what they have goes on running there.",
    False,
    "nothing new is put on it",
)
uncordon = _scheduling_command(
    "uncordon", "Let nodes be used again.", True, "datasets and containers may be put on it"
)


@click.command()
@NODES
@click.option("--force", is_flag=True, help="Lose what is only there.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session
def forget(session: Session, nodes: tuple[str, ...], force: bool, yes: bool) -> None:
    """Forget nodes that are gone for good.

    A node must be away and have nothing: delete first what only it has, and is lost with it. With
    --force all of that goes with it; what that is, is said first.
    """
    client = session.client
    known = client.configured_nodes()
    found = [lookup.find(each, known, lookup.node_names, "node") for each in nodes]
    if force:
        for node in found:
            told = client.forget_node(node["uuid"], force=True, dry_run=True)
            for line in _losses(told["lost"]):
                session.say(f"{node['host']}: lost is {line}")
    if not yes:
        ask(f"forget {', '.join(node['host'] for node in found)} for good?")
    before = _standbys(client)
    for node in found:
        client.forget_node(node["uuid"], force=force)
        session.say(f"{node['host']} is forgotten")
    for name, nodes_now in _standbys(client).items():
        for host in nodes_now - before.get(name, nodes_now):
            session.say(f"{host} stands by for dataset {name} in its place")


def _standbys(client: Client) -> dict[str, set[str]]:
    """The nodes that stand by for each dataset."""
    return {
        lookup.dataset_names(item)[-1]: set((item.get("replicas") or {}).get("nodes", ()))
        for item in client.datasets()
    }


def _losses(lost: lookup.Item) -> Iterator[str]:
    yield from (f"container {name}" for name in lost["containers"])
    for dataset in lost["datasets"]:
        name = f" ({dataset['name']})" if "name" in dataset else ""
        yield f"dataset {dataset['dataset_id']}{name}{_other_copy(dataset.get('other_copy'))}"


def _other_copy(other: lookup.Item | None) -> str:
    if other is None:
        return ""
    aged = f", {shown_seconds(other['age_seconds'])} old" if "age_seconds" in other else ""
    return f", and the copy at {other['host']}{aged}"


@click.command()
@click.argument("nodes", nargs=-1, required=True, shell_complete=completion.forgotten_nodes)
@with_session
def readmit(session: Session, nodes: tuple[str, ...]) -> None:
    """Let nodes in again that were forgotten (see forgotten-nodes).

    Their old containers are removed when they come. Datasets that went with them stay there, and
    nobody uses them.
    """
    client = session.client
    known = client.forgotten_nodes()
    for node in [lookup.find(each, known, lookup.node_names, "forgotten node") for each in nodes]:
        client.readmit_node(node["uuid"])
        session.say(f"{node['host']} is let in when its agent comes")

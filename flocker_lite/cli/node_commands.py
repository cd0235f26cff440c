"""The commands that change nodes: cordon, uncordon, forget."""

from __future__ import annotations

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.edit_commands import ask
from flocker_lite.cli.session import Session, with_session

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
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session
def forget(session: Session, nodes: tuple[str, ...], yes: bool) -> None:
    """Forget nodes that are gone for good.

    A node must be away and have nothing: delete first what only it has, and is lost with it.
    """
    client = session.client
    known = client.configured_nodes()
    found = [lookup.find(each, known, lookup.node_names, "node") for each in nodes]
    if not yes:
        ask(f"forget {', '.join(node['host'] for node in found)} for good?")
    for node in found:
        client.forget_node(node["uuid"])
        session.say(f"{node['host']} is forgotten")

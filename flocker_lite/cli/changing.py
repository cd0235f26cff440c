"""The commands that change what is configured, other than moves: run, delete, export."""

from __future__ import annotations

from typing import Any

import click
import yaml

from flocker_lite.cli import completing, docker_words, finding
from flocker_lite.cli.session import Session, answering, parsed
from flocker_lite.cli.units import seconds, size_bytes
from flocker_lite.client import Client
from flocker_lite.client.client import Item
from flocker_lite.client.errors import ClientError, NotThere, TimedOut

WAIT_SECONDS = 120.0


# Options after IMAGE are the program's own, as with `docker run`.
@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--on", "node", required=True, shell_complete=completing.nodes, help="The node.")
@click.option("--name", help="What it is called; as its image is, unless said otherwise.")
@click.option("-p", "--publish", "ports", multiple=True, help="OUTSIDE:INSIDE, both TCP ports.")
@click.option("-v", "--volume", "volumes", multiple=True, help="DATASET:/path; made if need be.")
@click.option("-e", "--env", "variables", multiple=True, help="KEY=VALUE, or KEY as it is here.")
@click.option("--restart", default="no", help="no, always, on-failure or on-failure:3.")
@click.option("-m", "--memory", help="The most memory that it gets: 512m, say.")
@click.option("--cpu-shares", type=int, help="Docker's relative weight; 1024 is the usual share.")
@click.option("--wait/--no-wait", default=True, help="Wait until it runs.")
@click.option("--timeout", default=f"{WAIT_SECONDS:g}s", help="How long to wait.")
@click.argument("image")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@answering
def run(
    session: Session,
    node: str,
    name: str | None,
    ports: tuple[str, ...],
    volumes: tuple[str, ...],
    variables: tuple[str, ...],
    restart: str,
    memory: str | None,
    cpu_shares: int | None,
    wait: bool,
    timeout: str,
    image: str,
    command: tuple[str, ...],
) -> None:
    """Run a container on a node, with the words of `docker run`.

    A dataset that does not exist is made on that node. An option after IMAGE is the container's.
    """
    client = session.client
    host = finding.find(node, client.nodes(), finding.node_words, "node")["host"]
    environment = dict(session.environment)
    fields: dict[str, Any] = {
        "host": host,
        "name": name or docker_words.container_name(image),
        "image": image,
        "restart_policy": parsed(docker_words.restart_policy, restart),
        "ports": [parsed(docker_words.port, each) for each in ports],
        "environment": parsed(lambda _: docker_words.environment(variables, environment), ""),
        "memory_limit": parsed(size_bytes, memory),
        "cpu_shares": cpu_shares,
        "command_line": list(command),
    }
    wait_seconds = parsed(seconds, timeout)
    wanted = [parsed(docker_words.volume, each) for each in volumes]
    fields["volumes"] = [
        {
            "dataset_id": _dataset_there(session, client, each.dataset, host),
            "mountpoint": each.mountpoint,
        }
        for each in wanted
    ]
    made = client.create_container(
        **{key: value for key, value in fields.items() if value not in (None, [], {})}
    )
    if wait:
        _wait_until_running(client, made["name"], wait_seconds)
    if session.output in ("json", "yaml"):
        session.show([made], (), "")
    else:
        click.echo(made["name"])


def _dataset_there(session: Session, client: Client, word: str, host: str) -> str:
    """The id of the dataset; one that does not exist is made with that name."""
    known = [item for item in client.datasets() if not item["deleted"]]
    try:
        found = finding.find(word, known, finding.dataset_words, "dataset")
    except NotThere:
        found = client.create_dataset(host, metadata={"name": word})
        session.say(f"made dataset {word} ({found['dataset_id']}) on {host}")
    return str(found["dataset_id"])


def _wait_until_running(client: Client, name: str, timeout_seconds: float) -> None:
    errors: list[str] = []
    try:
        for states in client.watch("/state/containers", timeout_seconds):
            of_it = [state for state in states if state["name"] == name]
            if any(state["running"] and not state.get("error") for state in of_it):
                return
            errors = [state["error"] for state in of_it if state.get("error")]
    except TimedOut as error:
        why = f": {'; '.join(errors)}" if errors else ""
        raise TimedOut(f"container {name} does not run, {error}{why}; it is still tried") from None


@click.command()
@click.argument("names", nargs=-1, required=True, shell_complete=completing.containers)
@click.option("--datasets", is_flag=True, help="Destroy the datasets of its volumes as well.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@answering
def delete(session: Session, names: tuple[str, ...], datasets: bool, yes: bool) -> None:
    """Delete containers; their datasets stay, unless it is said otherwise."""
    client = session.client
    known = client.containers()
    found = [finding.find(name, known, finding.container_words, "container") for name in names]
    ids = [each["dataset_id"] for item in found for each in item.get("volumes", ())]
    if datasets and ids and not yes:
        _ask(f"destroy {len(ids)} datasets for good, with all that is in them?")
    for item in found:
        client.delete_container(item["name"])
        session.say(f"container {item['name']} is being removed")
    for dataset_id in ids if datasets else ():
        client.delete_dataset(dataset_id)
        session.say(f"dataset {dataset_id} is being destroyed")
    for dataset_id in () if datasets else ids:
        session.say(f"dataset {dataset_id} stays")


@click.command("delete-dataset")
@click.argument("names", nargs=-1, required=True, shell_complete=completing.datasets)
@click.option("--purge", is_flag=True, help="Forget what is left of one that is destroyed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@answering
def delete_dataset(session: Session, names: tuple[str, ...], purge: bool, yes: bool) -> None:
    """Destroy datasets for good, with all that is in them."""
    client = session.client
    known = client.datasets()
    found = [finding.find(name, known, finding.dataset_words, "dataset") for name in names]
    if not yes:
        words = ", ".join(finding.dataset_words(item)[-1] for item in found)
        _ask(f"destroy {words} for good, with all that is in them?")
    for item in found:
        client.delete_dataset(item["dataset_id"], purge)
        session.say(f"dataset {item['dataset_id']} is {'forgotten' if purge else 'destroyed'}")


@click.command()
@answering
def export(session: Session) -> None:
    """Answer all that is configured, as YAML (or JSON, with -o json)."""
    client = session.client
    body: Item = {
        "datasets": [_without_state(item) for item in client.datasets() if not item["deleted"]],
        "containers": [_without_state(item) for item in client.containers()],
    }
    if session.output == "json":
        session.show([body], (), "")
    else:
        click.echo(yaml.safe_dump(body, sort_keys=False).rstrip("\n"))


def _without_state(item: Item) -> Item:
    return {key: value for key, value in item.items() if key not in ("state", "running")}


def _ask(question: str) -> None:
    try:
        agreed = click.confirm(f"flockerctl: {question}", err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise ClientError("nothing was done; -y agrees beforehand")

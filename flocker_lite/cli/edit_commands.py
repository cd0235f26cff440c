"""The commands that edit the configuration: run, the deletes, export. Moves have their own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml

from flocker_lite.cli import completion, docker_options, lookup
from flocker_lite.cli.inputs import file_bytes
from flocker_lite.cli.output import clean
from flocker_lite.cli.run_options import fields_of, with_options
from flocker_lite.cli.session import Session, parsed, with_session
from flocker_lite.cli.starting import wait_until_running, with_waiting
from flocker_lite.client import Client
from flocker_lite.client.client import Item
from flocker_lite.client.errors import BadRequest, ClientError, NotFound

ENVIRONMENT_FILE_BYTES_MAX = 1024**2


# Options after IMAGE are the program's own, as with `docker run`.
@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--on", "node", required=True, shell_complete=completion.nodes, help="The node.")
@click.option("--name", help="The container's name; by default the image's.")
@click.option("-p", "--publish", "ports", multiple=True, help="OUTSIDE:INSIDE, as for Docker.")
@click.option(
    *("-v", "--volume"),
    "volumes",
    multiple=True,
    help="DATASET:/path, with :ro read only; creates DATASET if needed.",
)
@click.option(
    "--mount",
    "mounts",
    multiple=True,
    help="source=DATASET,target=/path[,readonly][,volume-subpath=PATH].",
)
@click.option(
    "-e", "--env", "variables", multiple=True, help="KEY=VALUE, or KEY for its value here."
)
@click.option(
    "--env-file",
    "variable_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of KEY=VALUE lines; what --env says counts more.",
)
@with_options
@click.option("-d", "--detach", is_flag=True, expose_value=False, help="It always does.")
@with_waiting
@click.argument("image")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@with_session
def run(
    session: Session,
    node: str,
    name: str | None,
    ports: tuple[str, ...],
    volumes: tuple[str, ...],
    mounts: tuple[str, ...],
    variables: tuple[str, ...],
    variable_files: tuple[Path, ...],
    wait_seconds: float | None,
    image: str,
    command: tuple[str, ...],
    **more: Any,
) -> None:
    """Run a container on a node, with the options of `docker run`.

    Creates a dataset on that node if it does not exist. Options after IMAGE go to the container.
    """
    client = session.client
    host = lookup.node_host(node, client.nodes())
    fields: dict[str, Any] = {
        "host": host,
        "name": name or docker_options.container_name(image),
        "image": image,
        "ports": [parsed(docker_options.port, each) for each in ports],
        "environment": _environment(session, variables, variable_files),
        "command_line": list(command),
        **fields_of(more),
    }
    desired = [parsed(docker_options.volume, each) for each in volumes]
    desired += [parsed(docker_options.mount, each) for each in mounts]
    fields["bind_mounts"] = [each.fields() for each in desired if each.is_bind_mount]
    fields["volumes"] = [
        each.fields(_dataset_there(session, client, each.dataset, host))
        for each in desired
        if not each.is_bind_mount
    ]
    made = client.create_container(
        **{key: value for key, value in fields.items() if value not in (None, [], {})}
    )
    if wait_seconds is not None:
        wait_until_running(session, client, [made["name"]], wait_seconds)
    if session.output in ("json", "yaml"):
        session.show([made], (), "")
    else:
        click.echo(made["name"])


def _environment(
    session: Session, variables: tuple[str, ...], files: tuple[Path, ...]
) -> dict[str, str]:
    """As for Docker, a later file counts more than an earlier one, and `variables` most."""
    ours = dict(session.environment)
    found: dict[str, str] = {}
    try:
        for path in files:
            data = file_bytes(path, ENVIRONMENT_FILE_BYTES_MAX)
            found |= docker_options.environment_file(data, str(path), ours)
        return found | docker_options.environment(variables, ours)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _dataset_there(session: Session, client: Client, word: str, host: str) -> str:
    """Return the id of the dataset; create a dataset with that name if there is none."""
    known = [item for item in client.datasets() if not item["deleted"]]
    try:
        found = lookup.find(word, known, lookup.dataset_names, "dataset")
    except NotFound:
        found = client.create_dataset(host, metadata={"name": word})
        session.say(f"created dataset {word} ({found['dataset_id']}) on {host}")
    return str(found["dataset_id"])


@click.command()
@click.argument("names", nargs=-1, required=True, shell_complete=completion.containers)
@click.option("--datasets", is_flag=True, help="Also destroy the datasets of its volumes.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session
def delete(
    session: Session, names: tuple[str, ...], datasets: bool, dry_run: bool, yes: bool
) -> None:
    """Delete containers; their datasets stay unless you give --datasets."""
    client = session.client
    known = client.containers()
    found = [lookup.find(name, known, lookup.container_names, "container") for name in names]
    ids = [each["dataset_id"] for item in found for each in item.get("volumes", ())]
    if dry_run:
        for line in _deleted_lines(found, ids, datasets, list(client.datasets()) if ids else []):
            click.echo(line)
        return
    if datasets and ids and not yes:
        ask(f"destroy {len(ids)} datasets and everything in them for good?")
    for item in found:
        client.delete_container(item["name"])
        session.say(f"container {item['name']} is being removed")
    for dataset_id in ids if datasets else ():
        client.delete_dataset(dataset_id)
        session.say(f"dataset {dataset_id} is being destroyed")
    for dataset_id in () if datasets else ids:
        session.say(f"dataset {dataset_id} stays")


def _deleted_lines(
    found: list[Item], ids: list[str], destroys: bool, known: list[Item]
) -> list[str]:
    """What a delete would do."""
    lines = [f"container {item['name']} on {item['host']} would be removed" for item in found]
    names = {item["dataset_id"]: lookup.dataset_names(item)[-1] for item in known}
    for dataset_id in dict.fromkeys(ids):
        becomes = "and everything in it would be destroyed for good" if destroys else "would stay"
        lines.append(f"dataset {names.get(dataset_id, dataset_id)} {becomes}")
    return [clean(line) for line in [*lines, "nothing was done: this is a dry run"]]


@click.command("delete-dataset")
@click.argument("names", nargs=-1, required=True, shell_complete=completion.datasets)
@click.option("--purge", is_flag=True, help="Also forget the record of a destroyed dataset.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session
def delete_dataset(session: Session, names: tuple[str, ...], purge: bool, yes: bool) -> None:
    """Destroy datasets and everything in them for good."""
    client = session.client
    known = client.datasets()
    found = [lookup.find(name, known, lookup.dataset_names, "dataset") for name in names]
    if not yes:
        words = ", ".join(lookup.dataset_names(item)[-1] for item in found)
        ask(f"destroy {words} and everything in it for good?")
    for item in found:
        client.delete_dataset(item["dataset_id"], purge)
        session.say(f"dataset {item['dataset_id']} is {'forgotten' if purge else 'destroyed'}")


@click.command("delete-set-aside")
@click.argument("names", nargs=-1, required=True, shell_complete=completion.set_aside)
@click.option(
    "--on",
    "node",
    shell_complete=completion.nodes,
    help="The node, if several nodes have it.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_session
def delete_set_aside(session: Session, names: tuple[str, ...], node: str | None, yes: bool) -> None:
    """Destroy copies that were set aside, for good: no other copy has their data."""
    client = session.client
    known = client.set_aside()
    if node is not None:
        host = lookup.node_host(node, client.nodes())
        known = [item for item in known if item["host"] == host]
    for name in names:
        nodes = [item["host"] for item in known if item["name"] == name]
        if len(nodes) > 1:
            raise BadRequest(f"{name} is on {' and on '.join(nodes)}: choose one with --on")
    found = [lookup.find(name, known, lookup.aside_names, "copy set aside") for name in names]
    if not yes:
        words = ", ".join(f"{item['name']} on {item['host']}" for item in found)
        ask(f"destroy {words} for good? No other copy has this data.")
    for item in found:
        client.delete_set_aside(item["name"], item["host"])
        session.say(f"{item['name']} on {item['host']} is being destroyed")


@click.command()
@with_session
def export(session: Session) -> None:
    """Print the whole configuration as YAML (or as JSON, with -o json)."""
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
    left_out = ("state", "running", "stopped", "restart_generation")
    stopped = {"running": False} if item.get("stopped") else {}
    return {key: value for key, value in item.items() if key not in left_out} | stopped


def ask(question: str) -> None:
    try:
        agreed = click.confirm(f"flockerctl: {question}", err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise ClientError("nothing was done; give -y to agree in advance")

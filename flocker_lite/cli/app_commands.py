"""The commands about applications: a Compose file in, containers and datasets out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flocker_lite.cli import completion, compose_files, compose_yaml, lookup
from flocker_lite.cli.compose_files import Loaded
from flocker_lite.cli.output import Column, clean, in_order
from flocker_lite.cli.session import Session, with_session
from flocker_lite.client.client import Item
from flocker_lite.client.errors import BadRequest, ClientError

COLUMNS = (
    Column("APPLICATION", lambda item: item["name"]),
    Column("SERVICES", lambda item: ", ".join(each["service"] for each in item["services"])),
    Column("ON", lambda item: ", ".join(sorted({each["host"] for each in item["services"]}))),
    Column(
        "DATASETS",
        lambda item: ", ".join(each.get("name", each["dataset_id"]) for each in item["datasets"]),
        wide=True,
    ),
)
_PLAN_COLUMNS = (Column("APPLICATION", lambda item: item["name"]),)
_DATASETS = {
    "created": "dataset {name} is created on {host}",
    "stays": "dataset {name} stays on {host}; `flockerctl delete-dataset {name}` destroys it",
}


@click.group()
def app() -> None:
    """Run applications from Compose files, and move them as a whole."""


@app.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="The application's name; by default the file's, or its directory's.")
@click.option(
    "--host",
    shell_complete=completion.nodes,
    help="The node; by default services stay where they are.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option(
    "--env-file",
    "variable_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of variables, instead of .env beside FILE.",
)
@click.option("--profile", "profiles", multiple=True, help="A profile of services to include.")
@with_session
def up(
    session: Session,
    file: Path,
    name: str | None,
    host: str | None,
    dry_run: bool,
    variable_files: tuple[Path, ...],
    profiles: tuple[str, ...],
) -> None:
    """Make an application what the Compose file FILE says; datasets are never deleted.

    What the file says that is not supported is refused with its line, and nothing is done.
    """
    loaded = compose_files.load(file, session.environment, variable_files)
    client = session.client
    fields: dict[str, Any] = {
        "name": name or loaded.name,
        "compose": loaded.compose,
        "variables": loaded.variables,
        **({"host": lookup.node_host(host, client.nodes())} if host is not None else {}),
        **({"profiles": list(profiles)} if profiles else {}),
    }
    try:
        plan = client.bring_up_application(dry_run, **fields)
    except BadRequest as error:
        raise _with_lines(error, loaded) from None
    _show(session, plan)


@app.command("list")
@with_session
def list_(session: Session) -> None:
    """List the applications."""
    found = in_order(session.client.applications(), COLUMNS[0])
    session.show(found, COLUMNS, "no applications yet: `flockerctl app up FILE` makes one")


@app.command()
@click.argument("name", shell_complete=completion.applications)
@click.argument("host", shell_complete=completion.nodes)
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@with_session
def move(session: Session, name: str, host: str, dry_run: bool) -> None:
    """Move all containers of an application to a node, each with its data."""
    client = session.client
    _show(session, client.move_application(name, lookup.node_host(host, client.nodes()), dry_run))


@app.command()
@click.argument("name", shell_complete=completion.applications)
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@with_session
def delete(session: Session, name: str, dry_run: bool) -> None:
    """Delete all containers of an application; its datasets stay."""
    _show(session, session.client.delete_application(name, dry_run))


def _show(session: Session, plan: Item) -> None:
    if not session.is_for_person:
        session.show([plan], _PLAN_COLUMNS, "")
        return
    for line in lines_of(plan):
        click.echo(clean(line))


def lines_of(plan: Item) -> list[str]:
    """What becomes of an application, in plain words."""
    found = [_about(each) for each in plan["containers"]]
    for each in plan["datasets"]:
        if each["action"] in _DATASETS:
            name = each.get("name", each["dataset_id"])
            found.append(_DATASETS[each["action"]].format(name=name, host=each["host"]))
    found += [f"note: {each}" for each in plan["notes"]]
    if plan.get("dry_run"):
        found.append("nothing was done: this is a dry run")
    return found


def _about(container: Item) -> str:
    name, host = container["name"], container["host"]
    fields = ", ".join(container.get("fields", ()))
    match container["action"]:
        case "created":
            return f"container {name} is created on {host}"
        case "changed":
            return f"container {name} on {host} is changed" + (f": {fields}" if fields else "")
        case "moved":
            also = f", and is changed: {fields}" if fields else ""
            return f"container {name} moves from {container['from']} to {host}{also}"
        case "removed":
            return f"container {name} on {host} is removed"
    return f"container {name} on {host} stays as it is"


def _with_lines(error: BadRequest, loaded: Loaded) -> ClientError:
    """The error with the line of each problem in the file; several are printed one by one."""
    problems = error.body.get("problems", ())
    if not any(str(each.get("path", "")).startswith("$.compose") for each in problems):
        return error
    lines = [
        f"{loaded.file.where(compose_yaml.path_of(each.get('path', ''))[1:])}: {each['message']}"
        for each in problems
    ]
    if len(lines) == 1:
        return BadRequest(lines[0], error.status, error.body)
    for line in lines:
        click.echo(clean(line), err=True)
    text = f"{len(lines)} things in {loaded.file.name} are not possible; nothing was done"
    return BadRequest(text, error.status, error.body)

"""The commands about applications: a Compose file in, containers and datasets out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from flocker_lite.cli import completion, compose_files, compose_yaml, lookup
from flocker_lite.cli.compose_files import Loaded
from flocker_lite.cli.edit_commands import ask
from flocker_lite.cli.move_commands import MoveOptions, follow, with_move_options
from flocker_lite.cli.output import Column, clean, in_order
from flocker_lite.cli.session import Session, with_session
from flocker_lite.cli.starting import wait_until_running, with_waiting
from flocker_lite.cli.watching import watch as watch_list
from flocker_lite.client.client import OVER, Item
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
    "replicated": "dataset {name} on {host} has other standbys",
    "stays": "dataset {name} stays on {host}; `flockerctl delete-dataset {name}` destroys it",
}


Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class FileOptions:
    """How a Compose file is read, and what the application is called."""

    name: str | None
    host: str | None
    variable_files: tuple[Path, ...]
    profiles: tuple[str, ...]

    def brought_up(
        self, session: Session, file: Path, dry_run: bool, tag: str | None = None
    ) -> Item:
        """The plan of an application that is brought up; the errors have the lines of the file."""
        loaded = compose_files.load(file, session.environment, self.variable_files)
        client = session.client
        fields: dict[str, Any] = {
            "name": self.name or loaded.name,
            "compose": loaded.compose,
            "variables": loaded.variables,
        }
        if self.host is not None:
            fields["host"] = lookup.node_host(self.host, client.nodes())
        if self.profiles:
            fields["profiles"] = list(self.profiles)
        try:
            return client.bring_up_application(dry_run, tag, **fields)
        except BadRequest as error:
            raise _with_lines(error, loaded) from None


def _with_file_options(command: Command) -> Command:
    """Give a command the options of a Compose file, as `asked: FileOptions`."""

    @click.option(
        "--name", help="The application's name; by default the file's, or its directory's."
    )
    @click.option(
        *("--host", "--on"),
        "host",
        shell_complete=completion.nodes,
        help="The node; by default services stay where they are.",
    )
    @click.option(
        "--env-file",
        "variable_files",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A file of variables, instead of .env beside the file.",
    )
    @click.option("--profile", "profiles", multiple=True, help="A profile of services to include.")
    @wraps(command)
    def answer(
        *arguments: Any,
        name: str | None,
        host: str | None,
        variable_files: tuple[Path, ...],
        profiles: tuple[str, ...],
        **others: Any,
    ) -> Any:
        asked = FileOptions(name, host, variable_files, profiles)
        return command(*arguments, asked=asked, **others)

    return cast(Command, answer)


@click.group()
def app() -> None:
    """Run applications from Compose files, and move them as a whole."""


@app.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@_with_file_options
@with_waiting
@with_session
def up(
    session: Session, file: Path, dry_run: bool, asked: FileOptions, wait_seconds: float | None
) -> None:
    """Make an application what the Compose file FILE says; datasets are never deleted.

    What the file says that is not supported is refused with its line, and nothing is done.
    """
    plan = asked.brought_up(session, file, dry_run)
    _show(session, plan)
    if not dry_run and wait_seconds is not None:
        _wait(session, plan, wait_seconds)


@click.command()
@click.option("-f", "--file", required=True, type=click.Path(path_type=Path), help="Its file.")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@_with_file_options
@with_waiting
@with_session
def apply(
    session: Session,
    file: Path,
    dry_run: bool,
    yes: bool,
    asked: FileOptions,
    wait_seconds: float | None,
) -> None:
    """Make an application what a Compose file says, after you have seen the plan.

    If the configuration has changed between the plan and your answer, nothing is done.
    """
    tag = session.client.tag()
    plan = asked.brought_up(session, file, dry_run=True)
    if dry_run or not _changes(plan):
        _show(session, plan)
        return
    if session.is_for_person:
        _show(session, {**plan, "dry_run": False})
    if not yes:
        ask("do this?")
    done = asked.brought_up(session, file, dry_run=False, tag=tag)
    if not session.is_for_person:
        _show(session, done)
    if wait_seconds is None:
        session.say("done: its nodes carry it out, `flockerctl containers` shows how far they are")
    else:
        _wait(session, done, wait_seconds)
        session.say("done")


@click.command()
@click.option("-f", "--file", required=True, type=click.Path(path_type=Path), help="Its file.")
@_with_file_options
@with_session
def diff(session: Session, file: Path, asked: FileOptions) -> None:
    """Print what `apply` would change."""
    plan = asked.brought_up(session, file, dry_run=True)
    if session.is_for_person and not _changes(plan):
        click.echo(f"{plan['name']} is as {clean(file)} says")
        return
    _show(session, plan)


def _wait(session: Session, done: Item, seconds: float) -> None:
    """Wait until those that were created, changed or moved run."""
    changed = {
        each["name"]: each.get("fields", ())
        for each in done["containers"]
        if each["action"] in ("created", "changed", "moved")
    }
    if changed:
        wait_until_running(session, session.client, list(changed), seconds, changed)


def _changes(plan: Item) -> bool:
    """Whether the plan does anything."""
    return any(each["action"] != "unchanged" for each in plan["containers"]) or any(
        each["action"] == "created" for each in plan["datasets"]
    )


@click.command("list")
@click.option("-w", "--watch", is_flag=True, help="Print the list again at each change.")
@with_session
def apps(session: Session, watch: bool) -> None:
    """List the applications."""
    client, empty = session.client, "no applications yet: `flockerctl app up FILE` makes one"

    def get() -> list[Item]:
        return in_order(client.applications(), COLUMNS[0])

    if watch:
        watch_list(session, client, "state/containers", COLUMNS, get, empty)
    else:
        session.show(get(), COLUMNS, empty)


app.add_command(apps)


@app.command()
@click.argument("name", shell_complete=completion.applications)
@click.argument("host", shell_complete=completion.nodes)
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@with_move_options
@with_session
def move(
    session: Session,
    name: str,
    host: str,
    dry_run: bool,
    options: MoveOptions,
) -> None:
    """Move all containers of an application to a node, with their data, at one instant.

    Ctrl-C stops the display; the moves go on. To move it back cancels them.
    """
    client = session.client
    there = lookup.node_host(host, client.nodes())
    plan = client.move_application(name, there, dry_run, **options.asked)
    if not options.wait or dry_run or session.is_for_person:
        _show(session, plan)
    if dry_run or not options.wait:
        return
    names = {each["name"] for each in plan["containers"] if each["host"] == there}
    moves = {
        each["move_id"]: each["container"]
        for each in sorted(client.moves(), key=lambda item: str(item.get("container")))
        if each.get("container") in names and each["to"] == there and each["phase"] not in OVER
    }
    if moves:
        follow(session, client, moves, options.timeout_seconds)


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

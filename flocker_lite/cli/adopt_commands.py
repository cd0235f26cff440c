"""The command that brings a container of Docker's along: adopt."""

from __future__ import annotations

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.move_commands import MoveOptions, follow, with_move_options
from flocker_lite.cli.output import clean, table
from flocker_lite.cli.session import Session, with_session
from flocker_lite.cli.units import shown_bytes
from flocker_lite.client.client import Item


@click.command()
@click.argument("node", metavar="HOST", shell_complete=completion.nodes)
@click.argument("container", required=False)
@click.option(
    "--leave", multiple=True, help="A volume or directory of CONTAINER whose data is not taken."
)
@click.option("--volume", help="Adopt a volume of Docker's by itself, in place of a container.")
@click.option("--directory", help="Adopt a directory of HOST, in place of a container.")
@click.option("--filesystem", help="Make a ZFS filesystem of HOST's pool a dataset: it is renamed.")
@click.option("--name", help="What to call it here; by default as there.")
@click.option("--dry-run", is_flag=True, help="Show what it would be and change nothing.")
@with_move_options
@with_session
def adopt(
    session: Session,
    node: str,
    container: str | None,
    leave: tuple[str, ...],
    volume: str | None,
    directory: str | None,
    filesystem: str | None,
    name: str | None,
    dry_run: bool,
    options: MoveOptions,
) -> None:
    """Adopt a container that `docker run` started on HOST, with its data; or only data.

    CONTAINER is its name or id in Docker. It is copied while it runs, stopped and renamed, and runs
    here. If it does not get well here, the old one is started again. The data of a volume or of a
    directory is copied into a dataset, a filesystem becomes one. Ctrl-C stops the display; the
    adoption goes on.
    """
    given = {
        "container": container,
        "volume": volume,
        "directory": directory,
        "filesystem": filesystem,
    }
    what = {key: value for key, value in given.items() if value is not None}
    if len(what) != 1:
        raise click.UsageError("name one container, or one --volume, --directory or --filesystem")
    client = session.client
    host = lookup.node_host(node, client.nodes())
    if container is not None:
        left = {"leave": list(leave)} if leave else {}
        found = client.adopt(host, container, name, dry_run, **left, **options.asked)
    else:
        named = {} if name is None else {"name": name}
        found = client.adopt_data(host, dry_run, **what, **named, **options.asked)
    if dry_run:
        _show(session, host, next(iter(what.values())), found)
        return
    if not options.wait:
        click.echo(found["move_id"])
        return
    for remark in found["not_kept"]:
        session.say(f"it will not have {clean(remark['field'])}: {clean(remark['message'])}")
    follow(session, client, {found["move_id"]: ""}, options.timeout_seconds)


def _show(session: Session, host: str, what: str, found: Item) -> None:
    if session.output in ("json", "yaml"):
        session.show([found], (), "")
        return
    wanted = found.get("container")
    if wanted is None:
        would = f"dataset {clean(found['volumes'][0].get('dataset'))}"
    else:
        would = f"container {clean(wanted.get('name'))} of image {clean(wanted.get('image'))}"
    click.echo(f"{clean(what)} on {clean(host)} would be {would}; nothing was changed")
    if found["volumes"]:
        click.echo(f"\n{_volumes(found['volumes'])}")
    for title, key in (("it would not have", "not_kept"), ("to settle first", "hindrances")):
        if found[key]:
            click.echo(f"\n{title}:")
        for remark in found[key]:
            click.echo(f"  {clean(remark['field'])}: {clean(remark['message'])}")
    if wanted is not None:
        click.echo("\n`-o json` has the request that creates it, under container")


def _volumes(volumes: list[Item]) -> str:
    rows = [
        (
            clean(each["source"]),
            clean(each["mountpoint"]),
            f"dataset {clean(each['dataset'])}" if each["take"] else "not taken",
            shown_bytes(each["size_bytes"]),
            clean(each["why"]),
        )
        for each in volumes
    ]
    return table(("MOUNTED", "AT", "BECOMES", "SIZE", "WHY"), rows)

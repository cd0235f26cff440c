"""The command that looks at a container of Docker's which is to be brought along: adopt."""

from __future__ import annotations

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.output import clean, table
from flocker_lite.cli.session import Session, with_session
from flocker_lite.cli.units import shown_bytes
from flocker_lite.client.client import Item


@click.command()
@click.argument("node", metavar="HOST", shell_complete=completion.nodes)
@click.argument("container")
@click.option("--name", help="What to call it here; by default as in Docker.")
@click.option("--dry-run", is_flag=True, help="Show what it would be and change nothing.")
@with_session
def adopt(session: Session, node: str, container: str, name: str | None, dry_run: bool) -> None:
    """Show what a container that `docker run` started on HOST would be here.

    CONTAINER is its name or id in Docker. This release only has --dry-run; docs/adopt.rst says how
    to bring the container along by hand.
    """
    client = session.client
    host = lookup.node_host(node, client.nodes())
    found = client.adopt(host, container, name, dry_run)
    if session.output in ("json", "yaml"):
        session.show([found], (), "")
        return
    wanted = found["container"]
    click.echo(
        f"{clean(container)} on {clean(host)} would be container {clean(wanted.get('name'))} of "
        f"image {clean(wanted.get('image'))}; nothing was changed"
    )
    if found["volumes"]:
        click.echo(f"\n{_volumes(found['volumes'])}")
    for title, key in (("it would not have", "not_kept"), ("to settle first", "hindrances")):
        if found[key]:
            click.echo(f"\n{title}:")
        for remark in found[key]:
            click.echo(f"  {clean(remark['field'])}: {clean(remark['message'])}")
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

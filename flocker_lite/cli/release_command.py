"""The command that gives a container back to Docker alone: release."""

from __future__ import annotations

import click

from flocker_lite.cli import completion
from flocker_lite.cli.move_commands import MoveOptions, follow, with_move_options
from flocker_lite.cli.output import clean, table
from flocker_lite.cli.session import Session, with_session
from flocker_lite.client.client import Item


@click.command()
@click.argument("container", shell_complete=completion.containers)
@click.option("--name", help="What to call it in Docker; by default as here, if that is free.")
@click.option("--dry-run", is_flag=True, help="Show what it would be and change nothing.")
@with_move_options
@with_session
def release(
    session: Session,
    container: str,
    name: str | None,
    dry_run: bool,
    options: MoveOptions,
) -> None:
    """Release a container to Docker alone, with its data in volumes.

    On its node its data is copied while it runs; then a plain container takes over. If that does
    not get well, this one is started again. Its datasets stay until you delete them. Ctrl-C stops
    the display; the release goes on.
    """
    client = session.client
    found = client.release(container, name, dry_run, **options.asked)
    if dry_run:
        _show(session, found)
        return
    if not options.wait:
        click.echo(found["move_id"])
        return
    for remark in found["not_kept"]:
        session.say(f"{clean(remark['field'])}: {clean(remark['message'])}")
    follow(session, client, {found["move_id"]: ""}, options.timeout_seconds)
    for each in found["volumes"]:
        session.say(
            f"dataset {each['dataset_id']} stays, with what it had until then: delete-dataset "
            "destroys it"
        )


def _show(session: Session, found: Item) -> None:
    if session.output in ("json", "yaml"):
        session.show([found], (), "")
        return
    click.echo(
        f"{clean(found['container'])} would be {clean(found['docker_name'])} in Docker on "
        f"{clean(found['host'])}; nothing was changed"
    )
    if found["volumes"]:
        rows = [
            (clean(each["mountpoint"]), clean(each["dataset_id"]), clean(each["volume"]))
            for each in found["volumes"]
        ]
        click.echo("\n" + table(("AT", "DATASET", "BECOMES VOLUME"), rows))
    for title, key in (("it would lack", "not_kept"), ("to settle first", "hindrances")):
        if found[key]:
            click.echo(f"\n{title}:")
        for remark in found[key]:
            click.echo(f"  {clean(remark['field'])}: {clean(remark['message'])}")

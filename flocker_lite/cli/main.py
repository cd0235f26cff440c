"""`flockerctl`: the table of its commands, and its entry point."""

from __future__ import annotations

import os

import click

from flocker_lite.cli import (
    adopt_commands,
    app_commands,
    context_commands,
    edit_commands,
    lifecycle_commands,
    list_commands,
    move_commands,
    node_commands,
    registry_commands,
    secret_commands,
)
from flocker_lite.cli.session import Session

COMMANDS: tuple[click.Command, ...] = (
    list_commands.status,
    list_commands.nodes,
    list_commands.datasets,
    list_commands.containers,
    list_commands.set_aside,
    list_commands.moves,
    list_commands.events,
    lifecycle_commands.start,
    lifecycle_commands.stop,
    lifecycle_commands.restart,
    lifecycle_commands.retry,
    lifecycle_commands.logs,
    edit_commands.run,
    edit_commands.delete,
    edit_commands.delete_dataset,
    edit_commands.delete_set_aside,
    edit_commands.export,
    adopt_commands.adopt,
    move_commands.move,
    move_commands.cancel,
    app_commands.app,
    node_commands.cordon,
    node_commands.uncordon,
    node_commands.forget,
    secret_commands.secret,
    registry_commands.registry,
    context_commands.context,
    context_commands.completion,
    context_commands.version,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.pass_context
def flockerctl(ctx: click.Context) -> None:
    """Look at a cluster of flocker-lite, run containers in it, and move them.

    Exit codes: 0 done, 1 failed, 2 usage, 3 conflict, 4 TLS or not allowed, 5 time-out,
    6 the move was rolled back or cancelled.
    """
    if ctx.obj is None:
        ctx.obj = Session(os.environ)


for _command in COMMANDS:
    flockerctl.add_command(_command)


def main() -> None:
    """The entry point of the command."""
    flockerctl(prog_name=context_commands.PROGRAM)

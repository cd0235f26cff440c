"""`flockerctl`: the table of its commands, and its entry point."""

from __future__ import annotations

import os

import click

from flocker_lite.cli import (
    adopt_commands,
    app_commands,
    audit_command,
    context_commands,
    doctor_command,
    drain_commands,
    edit_commands,
    edit_container,
    failover_commands,
    lifecycle_commands,
    list_commands,
    move_commands,
    node_commands,
    registry_commands,
    release_command,
    secret_commands,
    standby_commands,
    status_command,
    top_command,
    ui_command,
)
from flocker_lite.cli.session import Session

COMMANDS: tuple[click.Command, ...] = (
    status_command.status,
    doctor_command.doctor,
    top_command.top,
    list_commands.nodes,
    list_commands.datasets,
    list_commands.containers,
    list_commands.set_aside,
    list_commands.forgotten_nodes,
    list_commands.moves,
    list_commands.events,
    audit_command.audit,
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
    release_command.release,
    move_commands.move,
    move_commands.cancel,
    standby_commands.replicate,
    standby_commands.drop_copy,
    failover_commands.failover,
    failover_commands.switchover,
    failover_commands.failback,
    app_commands.app,
    app_commands.apply,
    app_commands.diff,
    node_commands.cordon,
    node_commands.uncordon,
    node_commands.forget,
    node_commands.readmit,
    edit_container.edit,
    drain_commands.drain,
    drain_commands.bring_back,
    secret_commands.secret,
    registry_commands.registry,
    ui_command.ui,
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
flockerctl.add_command(app_commands.apps, "apps")


def main() -> None:
    """The entry point of the command."""
    flockerctl(prog_name=context_commands.PROGRAM)

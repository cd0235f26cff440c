"""`flockerctl` itself: the table of its commands."""

from __future__ import annotations

import os

import click

from flocker_lite.cli import changing, contexts, looking, moving
from flocker_lite.cli.session import Session

COMMANDS: tuple[click.Command, ...] = (
    looking.status,
    looking.nodes,
    looking.datasets,
    looking.containers,
    looking.moves,
    looking.events,
    changing.run,
    changing.delete,
    changing.delete_dataset,
    changing.export,
    moving.move,
    moving.cancel,
    contexts.context,
    contexts.completion,
    contexts.version,
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
    flockerctl(prog_name=contexts.PROGRAM)

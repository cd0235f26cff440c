"""Restarts and retries that users ask for, as edits of the configuration."""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.errors import Conflict, Fact
from flocker_lite.model import completion
from flocker_lite.model.editing import edited, existing_container
from flocker_lite.model.field_support import require_retries_known
from flocker_lite.model.nodes import is_placeholder, require_known_where_it_is
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import Change, Configuration, Container, Edit


def restart_container(configuration: Configuration, name: str) -> Edit:
    """Restart the container, once; it also starts one that has ended."""
    container = existing_container(configuration, name)
    _require_running(container)
    restarted = completion.restarted(container)
    require_known_where_it_is(configuration, restarted)
    return edited(configuration, [Change("containers", name, restarted)])


def retry_container(configuration: Configuration, name: str) -> Edit:
    """Have the nodes try again now what failed for the container or its data."""
    container = existing_container(configuration, name)
    _require_running(container)
    if container.ended is not None:
        raise Conflict(
            "The container has ended, and nothing is retried: restart it.",
            Fact(
                f"container {name} ended with exit code {container.ended.exit_code}, and its "
                "restart_policy does not have it run again"
            ),
        )
    move = move_of_container(configuration, name)
    for where in {container.node, move.source if move is not None else container.node}:
        node = configuration.nodes[where]
        if not is_placeholder(node):
            require_retries_known(node)
    retried = replace(container, retry_generation=container.retry_generation + 1)
    return edited(configuration, [Change("containers", name, retried)])


def _require_running(container: Container) -> None:
    if not container.running:
        raise Conflict(
            'The container is stopped: set "running" to true to start it.',
            Fact(f"container {container.name} is configured not to run", ("running",), False),
        )

"""Pools that are taken away from a node of a lab while its agent is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from admin.hosts import Node
from tests.functional.agents_lab import wait_for


@contextmanager
def agent_held_still(node: Node) -> Iterator[None]:
    """It would mount what it finds unmounted, and clear away what it finds dead."""
    pid = (node.root / "run/flocker-agent.pid").read_text().strip()
    node.run(["kill", "-STOP", pid])
    try:
        yield
    finally:
        node.run(["kill", "-CONT", pid])


def export_pool(node: Node) -> None:
    """Take the pool away; else AssertionError with what ZFS and the kernel's mounts say."""
    said = ""

    def is_exported() -> bool:
        nonlocal said
        done = node.run(["zpool", "export", "-f", node.pool], check=False)
        said = done.stderr
        return done.returncode == 0

    try:
        wait_for(is_exported, "the pool is free")
    except AssertionError as error:
        mounts = node.run(["grep", "/flocker", "/proc/mounts"], check=False).stdout
        raise AssertionError(f"{error}: {said}\n{mounts}") from None

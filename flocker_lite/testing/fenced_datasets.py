"""What a fence does with a dataset of a node in memory, whether or not its agent lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from flocker_lite.model.lease import Role
from flocker_lite.model.records import DatasetId
from flocker_lite.testing.made_containers import KILLED
from flocker_lite.testing.memory_containers import MemoryContainers
from flocker_lite.testing.memory_foreign import MemoryForeignContainers
from flocker_lite.testing.memory_storage import MemoryStorage


class FencedNode(Protocol):
    """A node whose fence ends what uses its datasets."""

    storage: MemoryStorage
    containers: MemoryContainers
    foreign: MemoryForeignContainers


def ended(node: FencedNode, on_trial: bool = False) -> Callable[[DatasetId], None]:
    """Kills the containers that have a dataset, and unmounts it; `on_trial`, only on probation."""

    def end(dataset_id: DatasetId) -> None:
        copy = node.storage.copies.get(dataset_id)
        if copy is None:
            return
        held = copy.local.lease
        if on_trial and (held is None or held.role is not Role.PROBATION):
            return
        for name, paths in list(node.containers.processes.items()):
            if copy.local.path in paths:
                node.containers.end(name, KILLED)
        for instance, _ in node.foreign.running_with(copy.local.path):
            node.foreign.fenced(instance)
        node.storage.unmount_by_hand(dataset_id)

    return end

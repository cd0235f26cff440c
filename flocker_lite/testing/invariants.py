"""The rules of a memory cluster: those of every instant, and those of a cluster at rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations

from flocker_lite.model.lease import Role
from flocker_lite.model.membership import Membership
from flocker_lite.model.records import Configuration, Container, DatasetId
from flocker_lite.model.state import Held
from flocker_lite.testing.cluster import MemoryNode
from flocker_lite.testing.memory_storage import Copy

_HOLDERS = (Role.PRIMARY, Role.RELEASING)
_KEEPERS = (*_HOLDERS, Role.LENT)

OWN = "own "
"""The prefix of texts that a container writes on trial: no client was told that they are safe."""


@dataclass
class History:
    """The texts that are promised to be on disk, for each dataset, in order.

    `together` has the texts that were written to both of a pair of datasets, even on trial.
    """

    written: dict[DatasetId, tuple[str, ...]] = field(default_factory=dict)
    together: dict[frozenset[DatasetId], set[str]] = field(default_factory=dict)

    def write(self, node: MemoryNode, name: str, text: str) -> None:
        """Have a running container write `text` to each of its datasets, and record the promise.

        Raises what the write raises; nothing was promised then. No client reaches a container on
        trial, so a text that it writes gets the prefix `OWN`.
        """
        ids = [path.rpartition("/")[2] for path in node.containers.processes[name]]
        on_trial = any(
            _role(node.storage.copies[dataset_id]) is Role.PROBATION for dataset_id in ids
        )
        text = OWN + text if on_trial else text
        for dataset_id in ids:
            node.storage.write(dataset_id, text)
            if not on_trial:
                self.written[dataset_id] = (*self.written.get(dataset_id, ()), text)
        for pair in combinations(ids, 2):
            self.together.setdefault(frozenset(pair), set()).add(text)


def violations(
    nodes: list[MemoryNode], configuration: Configuration, history: History
) -> list[str]:
    """Every broken rule, in words; these rules must hold at every instant, whatever fails."""
    found: list[str] = []
    seen = [_NodeNow.of(node) for node in nodes]
    ids = {dataset_id for node in seen for dataset_id in (*node.copies, *node.made)}
    for dataset_id in sorted(ids | set(history.written)):
        found += _one_writer(seen, dataset_id)
        made = sum(node.made.count(dataset_id) for node in seen)
        if made > 1:
            found.append(f"{dataset_id} was made {made} times")
        dataset = configuration.datasets.get(dataset_id)
        if dataset is not None and not dataset.deleted:
            found += _nothing_lost(seen, dataset_id, history)
    for node in nodes:
        found += together_rules(nodes, node, history)
    return found


def together_rules(nodes: list[MemoryNode], node: MemoryNode, history: History) -> Iterator[str]:
    """The broken rules about trials, and about the datasets of a group, at one of the nodes."""
    yield from _nobody_reaches_a_trial(nodes, node)
    yield from _not_torn(node, history)
    yield from _not_split(node)


@dataclass(frozen=True, slots=True)
class _NodeNow:
    """What a node has at one instant; `users` has the containers that run with each path."""

    address: str
    copies: Mapping[DatasetId, Copy]
    made: Sequence[DatasetId]
    users: Mapping[str, list[str]]
    path: Callable[[DatasetId], str]

    @classmethod
    def of(cls, node: MemoryNode) -> _NodeNow:
        users: dict[str, list[str]] = {}
        for name, paths in node.containers.processes.items():
            for path in paths:
                users.setdefault(path, []).append(name)
        storage = node.storage
        return cls(node.address, storage.copies, storage.made, users, storage.path)


def _not_torn(node: MemoryNode, history: History) -> Iterator[str]:
    """A container finds all of its datasets as they were at the same instant."""
    for name, paths in node.containers.processes.items():
        ids = [path.rpartition("/")[2] for path in paths]
        for one, other in combinations(ids, 2):
            both = history.together.get(frozenset({one, other}))
            if not both or not {one, other} <= node.storage.copies.keys():
                continue
            kept = [both.intersection(node.storage.copies[each].content) for each in (one, other)]
            if kept[0] != kept[1]:
                torn = sorted(kept[0] ^ kept[1])
                yield f"{name} at {node.address}: of {one} and {other}, {torn} is in one alone"


def _not_split(node: MemoryNode) -> Iterator[str]:
    """Once a group's coordinator was released, nobody here writes to the group's datasets."""
    copies = node.storage.copies
    for dataset_id, copy in copies.items():
        note, held = copy.local.membership, copy.local.lease
        first = copies.get(note.coordinator) if note is not None else None
        if note is None or held is None or first is None or first.local.lease is None:
            continue
        same = Membership(
            note.coordinator_epoch, note.peer, note.coordinator, note.coordinator_epoch
        )
        is_released = first.local.lease.role in (Role.RELEASED, Role.REPLICA)
        is_released = is_released and first.local.lease.epoch >= note.coordinator_epoch
        is_kept = held.role is Role.PRIMARY and held.epoch < note.epoch
        if is_released and is_kept and first.local.membership == same:
            yield (
                f"{node.address} has {dataset_id} as {held}, yet released {note.coordinator}, "
                f"which it is handed over with, as {first.local.lease}"
            )


def _nobody_reaches_a_trial(nodes: list[MemoryNode], node: MemoryNode) -> Iterator[str]:
    """No client reaches a copy on trial: its answers would be lost if the copy is given back."""
    lent = {
        node.storage.path(dataset_id)
        for dataset_id, copy in node.storage.copies.items()
        if _role(copy) is Role.PROBATION
    }
    for name, paths in node.containers.processes.items():
        if lent.isdisjoint(paths):
            continue
        for port in node.containers.made[name].local.container.ports:
            for first in nodes:
                if _node_reached(nodes, first, port.external) is node:
                    yield f"{name} is on trial at {node.address} and reached from {first.address}"


def _node_reached(nodes: list[MemoryNode], node: MemoryNode, port: int) -> MemoryNode | None:
    """The node that a connection reaches; None when a node holds it, or it never arrives."""
    by_address = {other.address: other for other in nodes}
    for _ in nodes:
        rule = node.routing.goes_to(port)
        if rule is None:
            return node
        if isinstance(rule, Held):
            return None
        node = by_address[rule.address]
    return None


def _one_writer(nodes: list[_NodeNow], dataset_id: DatasetId) -> Iterator[str]:
    writers, mounted, users = [], [], []
    for node in nodes:
        copy = node.copies.get(dataset_id)
        processes = node.users.get(node.path(dataset_id), ())
        is_mounted = copy is not None and copy.local.mounted
        role = _role(copy) if copy is not None else None
        # Nobody writes to a copy whose trial has ended, whatever its lease still says.
        is_writer = role in _HOLDERS or (role is Role.PROBATION and is_mounted)
        if is_mounted and not is_writer:
            yield f"{node.address} has {dataset_id} mounted as {copy and copy.local.lease}"
        if processes and not is_mounted:
            yield f"{processes} run at {node.address} without {dataset_id} mounted"
        if len(processes) > 1:
            yield f"{processes} share {dataset_id} at {node.address}"
        writers += [node.address] if is_writer else []
        mounted += [node.address] if is_mounted else []
        users += [node.address] if processes else []
    for what, where in (("primary", writers), ("mounted", mounted), ("used", users)):
        if len(where) > 1:
            yield f"{dataset_id} is {what} at {' and '.join(where)}"


def _nothing_lost(nodes: list[_NodeNow], dataset_id: DatasetId, history: History) -> Iterator[str]:
    written = history.written.get(dataset_id, ())
    is_somewhere = not written
    for node in nodes:
        copy = node.copies.get(dataset_id)
        if copy is None:
            continue
        is_whole = promised(copy) == written
        is_somewhere |= is_whole
        if not is_whole and _role(copy) in _KEEPERS:
            yield f"{dataset_id} at {node.address} holds {copy.content}, written was {written}"
    if not is_somewhere:
        yield f"no copy of {dataset_id} holds what was written: {written}"


def unfinished(
    nodes: list[MemoryNode], configuration: Configuration, history: History
) -> list[str]:
    """What differs from the configuration, in words; a cluster at rest has no differences."""
    found: list[str] = []
    for node in nodes:
        for name, made in node.containers.made.items():
            desired = configuration.containers.get(name)
            if desired is None or desired.node != node.node_id:
                found.append(f"{name} is still at {node.address}")
            elif (
                made.local.running != desired.running
                or made.local.container.volumes != desired.volumes
            ):
                found.append(f"{name} at {node.address} is {made.local}")
        for dataset_id in node.storage.copies:
            if configuration.datasets[dataset_id].deleted:
                found.append(f"{dataset_id} is deleted, and still at {node.address}")
    by_id = {node.node_id: node for node in nodes}
    for container in configuration.containers.values():
        found += _runs(by_id[container.node], container)
    for dataset in configuration.datasets.values():
        if not dataset.deleted:
            node = by_id[dataset.primary]
            grant = configuration.grants[dataset.dataset_id]
            copy = node.storage.copies.get(dataset.dataset_id)
            if copy is None or _role(copy) is not Role.PRIMARY or not copy.local.mounted:
                found.append(f"{dataset.dataset_id} at {node.address} is {copy and copy.local}")
            elif copy.local.lease is None or grant.owner != node.node_id:
                found.append(f"{grant} of {dataset.dataset_id} is not of {node.address}")
            elif grant.epoch != copy.local.lease.epoch or not grant.materialised:
                found.append(f"{grant} of {dataset.dataset_id} is not {copy.local.lease}")
            elif promised(copy) != history.written.get(dataset.dataset_id, ()):
                found.append(f"{dataset.dataset_id} at {node.address} is not complete")
    return found


def _runs(node: MemoryNode, container: Container) -> Iterator[str]:
    if container.running and container.name not in node.containers.processes:
        yield f"{container.name} does not run at {node.address}"


def promised(copy: Copy) -> tuple[str, ...]:
    """The texts in the copy that a client was told are safe."""
    return _promised_of(copy.content)


@lru_cache
def _promised_of(content: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in content if not text.startswith(OWN))


def _role(copy: Copy) -> Role | None:
    return copy.local.lease.role if copy.local.lease is not None else None

"""The rules of copies at standbys: those of every instant, and those of a cluster at rest."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from flocker_lite.model.increments import EPOCHS_KEPT_MAX, last_pushed, prunable
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Configuration, DatasetId
from flocker_lite.model.snapshot_sets import SnapshotSet
from flocker_lite.testing.cluster import MemoryNode
from flocker_lite.testing.invariants import OWN, History
from flocker_lite.testing.memory_storage import Copy

SPARE = 3
"""Snapshots that are about to be destroyed, or were left by what was cut off."""


def standby_violations(
    nodes: list[MemoryNode], configuration: Configuration, history: History
) -> list[str]:
    """Every broken rule, in words; these rules must hold at every instant, whatever fails."""
    found: list[str] = []
    for node in nodes:
        for dataset_id, complete in node.copy_notes.sets.items():
            copy = node.storage.copies.get(dataset_id)
            if copy is not None and _has(copy, complete):
                found += _of_one_instant(node, complete, history)
        found += _few_snapshots(node, len(nodes), configuration)
    return found


def stale(
    nodes: list[MemoryNode], configuration: Configuration, history: History, now: float
) -> list[str]:
    """Which standbys are not as fresh as they are to be; in a cluster at rest none is."""
    found = []
    by_id = {node.node_id: node for node in nodes}
    for dataset_id, dataset in configuration.datasets.items():
        if dataset.deleted or dataset.replicas is None:
            continue
        for standby in dataset.replicas.standbys(configuration.grants[dataset_id].owner):
            node = by_id[standby]
            complete = node.copy_notes.sets.get(dataset_id)
            copy = node.storage.copies.get(dataset_id)
            if complete is None or copy is None or not _has(copy, complete):
                found.append(f"{dataset_id} has no complete set at {node.address}")
            elif now - complete.taken_at > dataset.replicas.rpo_seconds:
                found.append(f"{dataset_id} at {node.address} is of {complete.taken_at}, now {now}")
            elif promised(copy, complete.snapshots[dataset_id]) != history.written.get(
                dataset_id, ()
            ):
                found.append(f"{dataset_id} at {node.address} lacks something")
    return found


def unneeded(nodes: list[MemoryNode]) -> list[str]:
    """What no increment needs; in a cluster at rest that is at most one snapshot of each copy.

    Needed are those with which the copies of other nodes end, those of complete sets, and those of
    which an aside is a clone.
    """
    ends: dict[DatasetId, set[str]] = {}
    for node in nodes:
        for dataset_id, copy in node.storage.copies.items():
            last, complete = last_pushed(copy.local.snapshots), node.copy_notes.sets.get(dataset_id)
            found = {last.guid} if last is not None else set()
            if complete is not None:
                found.add(complete.snapshots.get(dataset_id, ""))
            ends.setdefault(dataset_id, set()).update(found)
    return [
        f"{dataset_id} at {node.address} has {[each.name for each in needless]} for nobody"
        for node in nodes
        for dataset_id, copy in node.storage.copies.items()
        if len(needless := prunable(copy.local.snapshots, _needed(node, ends[dataset_id]))) > 1
    ]


def _needed(node: MemoryNode, ends: set[str]) -> frozenset[str]:
    return frozenset(ends.union(node.storage.origins.values()))


def promised(copy: Copy, guid: str) -> tuple[str, ...]:
    """The texts in a snapshot that a client was told are safe."""
    return tuple(text for text in copy.frozen[guid] if not text.startswith(OWN))


def _has(copy: Copy, complete: SnapshotSet) -> bool:
    """Whether it would be reported: a replica that has its snapshot of the set."""
    lease = copy.local.lease
    guid = complete.snapshots.get(copy.local.dataset_id)
    return lease is not None and lease.role is Role.REPLICA and guid in copy.frozen


def _of_one_instant(node: MemoryNode, complete: SnapshotSet, history: History) -> Iterator[str]:
    """What it shows is what was on disk at the primary at some time, of all datasets at once."""
    shown = {
        dataset_id: node.storage.copies[dataset_id]
        for dataset_id in complete.snapshots
        if dataset_id in node.storage.copies and _has(node.storage.copies[dataset_id], complete)
    }
    for dataset_id, copy in shown.items():
        texts = promised(copy, complete.snapshots[dataset_id])
        if history.written.get(dataset_id, ())[: len(texts)] != texts:
            yield f"the set of {dataset_id} at {node.address} shows {texts}, which never was"
    for one, other in combinations(shown, 2):
        both = history.together.get(frozenset({one, other}), set())
        kept = [both.intersection(shown[e].frozen[complete.snapshots[e]]) for e in (one, other)]
        if kept[0] != kept[1]:
            torn = sorted(kept[0] ^ kept[1])
            yield f"the set of {one} and {other} at {node.address} is torn: {torn}"


def _few_snapshots(node: MemoryNode, nodes: int, configuration: Configuration) -> Iterator[str]:
    """One base and one in flight for each standby, and those of the latest epochs."""
    for dataset_id, copy in node.storage.copies.items():
        last = last_pushed(copy.local.snapshots)
        ours = len(prunable(copy.local.snapshots, frozenset())) + (last is not None)
        allowed = EPOCHS_KEPT_MAX + 2 * (nodes - 1) + SPARE
        if ours > allowed:
            names = [snapshot.name for snapshot in copy.local.snapshots]
            yield f"{dataset_id} at {node.address} has {ours} snapshots of ours: {names}"

"""The rules of a cluster in which persons fail over by force, while nodes may be cut off.

By such a word there may be two writers for a moment. Then these rules hold at every instant:

* Two nodes are never primaries of the same epoch.
* A node that has been told of the failover for long starts nothing, and in the end runs nothing.
* The new primary has all that was acknowledged before its snapshots were taken.
* What was acknowledged besides is on some disk for ever: in a copy, or set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, product

from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Configuration, DatasetId
from flocker_lite.model.state import NodeView, SnapshotSet
from flocker_lite.testing.cluster import MemoryNode
from flocker_lite.testing.invariants import OWN, History, promised, together_rules
from flocker_lite.testing.memory_storage import Copy

TOLD_SECONDS_MAX = 90.0
"""After so long nothing that was planned before is still under way."""

_HELD = (Role.PRIMARY, Role.RELEASING)
_KEEPERS = (*_HELD, Role.LENT)


@dataclass
class Failovers(History):
    """What was promised, across failovers.

    `epochs` has the epoch of the last failover of each dataset, `lost` what was acknowledged and
    may be lost by it, `pending` what the new primary must have at least once it is promoted.
    """

    epochs: dict[DatasetId, int] = field(default_factory=dict)
    lost: dict[DatasetId, set[str]] = field(default_factory=dict)
    pending: dict[DatasetId, tuple[str, ...]] = field(default_factory=dict)
    count: int = 0
    told_at: dict[tuple[str, DatasetId], float] = field(default_factory=dict)
    written_at: dict[tuple[DatasetId, str], float] = field(default_factory=dict)
    early: list[str] = field(default_factory=list)
    now: Callable[[], float] = lambda: 0.0

    def write(self, node: MemoryNode, name: str, text: str) -> None:
        """What a node writes that was replaced is lost to the others, and must be kept."""
        ids = [path.rpartition("/")[2] for path in node.containers.processes[name]]
        stale = [each for each in ids if self._is_replaced(node, each)]
        if not stale:
            super().write(node, name, text)
            self.written_at |= {(each, text): self.now() for each in ids}
            return
        for dataset_id in ids:
            node.storage.write(dataset_id, text)
            self.lost.setdefault(dataset_id, set()).add(text)
        for pair in combinations(ids, 2):
            self.together.setdefault(frozenset(pair), set()).add(text)

    def _is_replaced(self, node: MemoryNode, dataset_id: DatasetId) -> bool:
        lease = node.storage.copies[dataset_id].local.lease
        if dataset_id in self.pending:
            return True
        return lease is not None and lease.epoch < self.epochs.get(dataset_id, 0)

    def see(self, nodes: list[MemoryNode], configuration: Configuration) -> None:
        """Note the failovers that were committed, and those that took place."""
        by_id = {node.node_id: node for node in nodes}
        for dataset_id, grant in configuration.grants.items():
            known = self.epochs.get(dataset_id, 0)
            if grant.snapshot is None or grant.epoch <= known:
                continue
            self.count += 1
            self.epochs[dataset_id] = grant.epoch
            copy = by_id[grant.owner].storage.copies[dataset_id]
            self.pending[dataset_id] = kept = texts(copy.frozen[grant.snapshot])
            since = _loses_since(configuration, dataset_id)
            for text in set(self.written.get(dataset_id, ())) - set(kept):
                if self.written_at[dataset_id, text] < since:
                    self.early.append(f"{text} of {dataset_id} was written before {since}")
        for dataset_id, kept in list(self.pending.items()):
            owner = configuration.grants[dataset_id].owner
            there = by_id[owner].storage.copies.get(dataset_id)
            held = there.local.lease if there is not None else None
            if there is None or held is None or held.epoch < self.epochs[dataset_id]:
                continue
            if held.role is Role.PRIMARY:
                found = promised(there)
                assert found[: len(kept)] == kept, (dataset_id, kept, found)
                gone = set(self.written.get(dataset_id, ())) - set(found)
                self.lost.setdefault(dataset_id, set()).update(gone)
                self.written[dataset_id] = found
                del self.pending[dataset_id]


def _loses_since(configuration: Configuration, dataset_id: DatasetId) -> float:
    """Since when what was written may be lost, as the last failover of a dataset says."""
    past = [each.move for each in configuration.past_moves.values()]
    moves = [*past, *configuration.moves.values()]
    failovers = [
        (move.requested_at, move.failover.loses_since)
        for move in moves
        if move.failover is not None and dataset_id in move.dataset_ids
    ]
    return max(failovers)[1]


def texts(content: tuple[str, ...]) -> tuple[str, ...]:
    """Those that a client was told are safe."""
    return tuple(text for text in content if not text.startswith(OWN))


def complete_set(
    node: MemoryNode, ids: tuple[DatasetId, ...], history: Failovers, epoch: int
) -> SnapshotSet | None:
    """The newest snapshots at a node that show its datasets at one instant of the present line."""
    choices = []
    for dataset_id in ids:
        copy = node.storage.copies.get(dataset_id)
        if copy is None or dataset_id in history.pending:
            return None
        written = history.written.get(dataset_id, ())
        guids = [
            each.guid
            for each in reversed(copy.local.snapshots)
            if texts(copy.frozen[each.guid]) == written[: len(texts(copy.frozen[each.guid]))]
        ]
        choices.append([(dataset_id, guid) for guid in guids])
    for chosen in product(*choices):
        if _is_one_instant(node, dict(chosen), history):
            return SnapshotSet(epoch, 0.0, pmap(dict(chosen)))
    return None


def _is_one_instant(node: MemoryNode, chosen: dict[DatasetId, str], history: Failovers) -> bool:
    for one, other in combinations(chosen, 2):
        both = history.together.get(frozenset({one, other}), set())
        kept = [
            both.intersection(node.storage.copies[each].frozen[chosen[each]])
            for each in (one, other)
        ]
        if kept[0] != kept[1]:
            return False
    return True


def broken_rules(
    nodes: list[MemoryNode], configuration: Configuration, history: Failovers, now: float
) -> Iterator[str]:
    """Every broken rule, in words."""
    history.see(nodes, configuration)
    yield from history.early
    ids = {dataset_id for node in nodes for dataset_id in node.storage.copies}
    for dataset_id in sorted(ids | set(history.written)):
        yield from _writers(nodes, dataset_id)
        dataset = configuration.datasets.get(dataset_id)
        if dataset is not None and not dataset.deleted:
            yield from _kept(nodes, dataset_id, history)
    for node in nodes:
        yield from together_rules(nodes, node, history)
        note_told(node, history, now)


def _writers(nodes: list[MemoryNode], dataset_id: DatasetId) -> Iterator[str]:
    writers: dict[int, list[str]] = {}
    for node in nodes:
        copy = node.storage.copies.get(dataset_id)
        held = copy.local.lease if copy is not None else None
        is_mounted = copy is not None and copy.local.mounted
        is_writer = held is not None and (
            held.role in _HELD or (held.role is Role.PROBATION and is_mounted)
        )
        path = node.storage.path(dataset_id)
        users = [name for name, paths in node.containers.processes.items() if path in paths]
        if is_mounted and not is_writer:
            yield f"{node.address} has {dataset_id} mounted as {held}"
        if users and not is_mounted:
            yield f"{users} run at {node.address} without {dataset_id} mounted"
        if len(users) > 1:
            yield f"{users} share {dataset_id} at {node.address}"
        if is_writer and held is not None:
            writers.setdefault(held.epoch, []).append(node.address)
    for epoch, where in writers.items():
        if len(where) > 1:
            yield f"{dataset_id} has writers of epoch {epoch} at {' and '.join(where)}"


def _kept(nodes: list[MemoryNode], dataset_id: DatasetId, history: Failovers) -> Iterator[str]:
    written = history.written.get(dataset_id, ())
    copies = [copy for node in nodes if (copy := node.storage.copies.get(dataset_id)) is not None]
    if dataset_id not in history.pending:
        for copy in copies:
            held = copy.local.lease
            if _is_current(held, history.epochs.get(dataset_id, 0)) and promised(copy) != written:
                yield f"{dataset_id} as {held} holds {copy.content}, written was {written}"
    disks = copies + [
        copy
        for node in nodes
        for name, copy in node.storage.aside.items()
        if name.startswith(dataset_id)
    ]
    missing = history.lost.get(dataset_id, set()) | set(written)
    for copy in disks:
        missing = missing.difference(copy.content)
    if missing:
        # A snapshot that was destroyed is none any more, whatever the memory still has of it.
        frozen = (copy.frozen[each.guid] for copy in disks for each in copy.local.snapshots)
        missing = missing.difference(*frozen)
    if missing:
        yield f"no disk has {sorted(missing)} of {dataset_id}"


def _is_current(held: Lease | None, epoch: int) -> bool:
    """Whether a node holds the dataset, since the last failover or later."""
    if held is None or held.role not in _KEEPERS:
        return False
    return held.epoch - (held.role is Role.LENT) >= epoch


def note_told(node: MemoryNode, history: Failovers, now: float) -> None:
    """Note since when a node's agent has known that its copies are replaced."""
    view = node.agent.loop.view if node.agent is not None else None
    for dataset_id, copy in node.storage.copies.items():
        key = node.node_id, dataset_id
        if is_told(view, copy, node.node_id, dataset_id):
            history.told_at.setdefault(key, now)
        else:
            history.told_at.pop(key, None)


def is_told(view: NodeView | None, copy: Copy, node_id: str, dataset_id: DatasetId) -> bool:
    desired = view.datasets.get(dataset_id) if view is not None else None
    held = copy.local.lease
    if desired is None or held is None:
        return False
    return desired.grant.owner != node_id and desired.grant.epoch > held.epoch


def started_in_vain(node: MemoryNode, name: str, history: Failovers, now: float) -> str | None:
    """That a node starts a container whose data it has long known to be replaced."""
    made = node.containers.made.get(name)
    for volume in made.local.container.volumes if made is not None else ():
        since = history.told_at.get((node.node_id, volume.dataset_id))
        if since is not None and now - since > TOLD_SECONDS_MAX:
            return f"{node.address} starts {name}, though it was told {now - since:.0f} s ago"
    return None

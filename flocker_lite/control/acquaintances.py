"""Which node is told whose ssh keys: those of the nodes that its datasets name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from flocker_lite.model.records import NodeId
from flocker_lite.model.state import WantedDataset


@dataclass
class Acquaintances:
    """Counts in how many datasets each node is named to each other, as these change."""

    _named: dict[NodeId, Counter[NodeId]] = field(default_factory=dict)

    def update(
        self, node_id: NodeId, before: WantedDataset | None, after: WantedDataset | None
    ) -> set[NodeId]:
        """A dataset that a node is told of has changed; returns the nodes that it newly names,
        and those that none names to it any more."""
        old, new = _others(node_id, before), _others(node_id, after)
        changed = {other for other in new - old if not self.is_named(other, node_id)}
        for other in new - old:
            self._named.setdefault(other, Counter())[node_id] += 1
        for other in old - new:
            named = self._named[other]
            named[node_id] -= 1
            if not named[node_id]:
                del named[node_id]
                changed.add(other)
            if not named:
                del self._named[other]
        return changed

    def is_named(self, other: NodeId, node_id: NodeId) -> bool:
        """Whether `other` is named to the node."""
        return node_id in self._named.get(other, ())

    def of(self, other: NodeId) -> Iterable[NodeId]:
        """The nodes to which `other` is named."""
        return tuple(self._named.get(other, ()))


def _others(node_id: NodeId, wanted: WantedDataset | None) -> set[NodeId]:
    return set() if wanted is None else set(wanted.addresses) - {node_id}

"""Which nodes get whose ssh keys: a node gets those of the nodes that its datasets name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from flocker_lite.model.records import NodeId
from flocker_lite.model.state import DesiredDataset


@dataclass
class PeerIndex:
    """Counts how many datasets name a node to another node."""

    _named: dict[NodeId, Counter[NodeId]] = field(default_factory=dict)

    def update(
        self, node_id: NodeId, before: DesiredDataset | None, after: DesiredDataset | None
    ) -> set[NodeId]:
        """A dataset in a node's view has changed.

        Returns the nodes that are now named to it for the first time, and those that no dataset
        names to it any more.
        """
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
        """Whether a dataset names `other` to the node."""
        return node_id in self._named.get(other, ())

    def of(self, other: NodeId) -> Iterable[NodeId]:
        """The nodes to which some dataset names `other`."""
        return tuple(self._named.get(other, ()))


def _others(node_id: NodeId, desired: DesiredDataset | None) -> set[NodeId]:
    return set() if desired is None else set(desired.addresses) - {node_id}

"""Removes the order to destroy a copy, set aside or not, once its nodes report that it is gone.

The configuration calls such an order a discard; the store and the wire have that word too.
"""

from __future__ import annotations

from functools import partial

from pyrsistent import pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.retried_edits import RetriedEdits
from flocker_lite.model import copy_drops, discards
from flocker_lite.model.records import Configuration, Discard


class DiscardKeeper:
    """Removes each discard from the store. There are few of them, usually none."""

    def __init__(self, edits: RetriedEdits) -> None:
        self._edits = edits

    def look(self, configuration: Configuration, cluster: ClusterState) -> None:
        """Look again after a report or an edit. A node that has not reported may still have it."""
        for name, discard in configuration.discards.items():
            if name in configuration.datasets:
                self._look_at_copy(configuration, cluster, discard)
                continue
            holders = cluster.set_aside.get(name, pmap())
            known = (node for node in discard.nodes if node in cluster.nodes)
            gone = {node for node in known if node not in holders}
            if gone:
                discarded = partial(discards.discarded, name=name, nodes=frozenset(gone))
                self._edits.make(f"store that {name} is destroyed", discarded)

    def _look_at_copy(
        self, configuration: Configuration, cluster: ClusterState, discard: Discard
    ) -> None:
        """A copy is dropped, or is needed again."""
        dataset_id, holders = discard.name, cluster.datasets.get(discard.name, pmap())
        gone = {node for node in discard.nodes if node in cluster.nodes and node not in holders}
        needed = any(
            copy_drops.why_needed(configuration, dataset_id, node, None) for node in discard.nodes
        )
        if gone:
            dropped = partial(discards.discarded, name=dataset_id, nodes=frozenset(gone))
            self._edits.make(f"store that a copy of {dataset_id} is dropped", dropped)
        elif needed:
            kept = partial(copy_drops.without_drops, dataset_id=dataset_id)
            self._edits.make(f"keep a copy of {dataset_id}", kept)

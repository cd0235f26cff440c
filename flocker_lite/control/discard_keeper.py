"""Removes the order to destroy a copy set aside, once its nodes report that the copy is gone.

The configuration calls such an order a discard; the store and the wire have that word too.
"""

from __future__ import annotations

from functools import partial

from pyrsistent import pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.retried_edits import RetriedEdits
from flocker_lite.model import discards
from flocker_lite.model.records import Configuration


class DiscardKeeper:
    """Removes each discard from the store. There are few of them, usually none."""

    def __init__(self, edits: RetriedEdits) -> None:
        self._edits = edits

    def look(self, configuration: Configuration, cluster: ClusterState) -> None:
        """Look again after a report or an edit. A node that has not reported may still have it."""
        for name, discard in configuration.discards.items():
            holders = cluster.set_aside.get(name, pmap())
            known = (node for node in discard.nodes if node in cluster.nodes)
            gone = {node for node in known if node not in holders}
            if gone:
                discarded = partial(discards.discarded, name=name, nodes=frozenset(gone))
                self._edits.make(f"store that {name} is destroyed", discarded)

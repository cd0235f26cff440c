"""Moves grants when agents report a verified change of owner, and shows the rest as claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from twisted.logger import Logger

from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.retried_edits import RetriedEdits
from flocker_lite.control.view_publisher import ViewPublisher, datasets_of_move
from flocker_lite.model import edits
from flocker_lite.model.records import Change, Configuration, DatasetId, Grant


class GrantKeeper:
    """Judges datasets again when something changed; moves their grants with `retried_edits`."""

    log = Logger()

    def __init__(
        self,
        view_publisher: ViewPublisher,
        change_feed: ChangeFeed,
        retried_edits: RetriedEdits,
    ) -> None:
        self._view_publisher = view_publisher
        self._change_feed = change_feed
        self._edits = retried_edits

    def configured(self, before: Configuration, changes: Iterable[Change]) -> None:
        """An edit changed the configuration, which was `before`."""
        concerned: set[DatasetId] = set()
        for change in changes:
            if change.kind == "moves":
                concerned |= datasets_of_move(change, before)
            elif change.kind in ("datasets", "grants"):
                concerned.add(change.identity)
        self.judge(concerned)

    def reported(self, changes: Iterable[Change]) -> None:
        """A node has reported these changes, and the publisher has applied them."""
        self.judge({change.identity for change in changes if change.kind == "datasets"})

    def came_or_went(self) -> None:
        """An agent connected or disconnected, which decides some claims."""
        self.judge(tuple(self._view_publisher.cluster.claims))

    def judge(self, dataset_ids: Iterable[DatasetId]) -> None:
        """Judge these datasets: move their grants where that is due, and update their claims."""
        moved, claimed = self._view_publisher.judged(dataset_ids)
        self._change_feed.claimed(claimed)
        for dataset_id in claimed:
            self._tell(dataset_id)
        self._owe(moved)

    def _tell(self, dataset_id: DatasetId) -> None:
        for claim in self._view_publisher.cluster.claims.get(dataset_id, ()):
            self.log.warn(
                "node {node} claims to own {dataset} since epoch {epoch}, which cannot be "
                "verified: {reason}",
                node=claim.node_id,
                dataset=dataset_id,
                epoch=claim.epoch,
                reason=claim.reason,
            )

    def _owe(self, moved: Mapping[DatasetId, Grant]) -> None:
        """An agent reports this only once, so an edit that the store refuses is retried.

        Nobody waits until the grant of a new dataset is marked as materialised.
        """
        known = self._view_publisher.configuration.grants
        for dataset_id, grant in moved.items():
            granted = partial(edits.set_grant, dataset_id=dataset_id, grant=grant)
            has_moved = known[dataset_id].epoch != grant.epoch
            self._edits.make(f"move the grant of {dataset_id}", granted, hurry=has_moved)

"""The feed of changes."""

from __future__ import annotations

from pyrsistent import pmap
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.change_feed import ChangeFeed, Entry
from flocker_lite.model.records import Change, Configuration, Node

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
START = 5_000_000


def changed(change_feed: ChangeFeed, *dataset_ids: str) -> None:
    """These datasets were edited, in this order."""
    changes = [Change("datasets", dataset_id, None) for dataset_id in dataset_ids]
    change_feed.configured(Configuration(), changes)


def entry(number: int, dataset_id: str) -> Entry:
    """The entry of that generation after the start."""
    return Entry(START + number, "configuration/datasets", dataset_id)


class ChangeFeedTests(SynchronousTestCase):
    """ChangeFeed"""

    def setUp(self) -> None:
        self.change_feed = ChangeFeed(5.0, entries_max=3)

    def test_in_order(self) -> None:
        """Each change has a generation of its own; what came after one is told in order."""
        assert self.change_feed.since(START, 9) == []
        changed(self.change_feed, "a", "b")
        assert self.change_feed.since(START, 9) == [entry(1, "a"), entry(2, "b")]
        assert self.change_feed.since(START + 1, 9) == [entry(2, "b")]
        assert self.change_feed.since(START + 2, 9) == []

    def test_some(self) -> None:
        """Of many, the first ones are told, and one can go on after them."""
        changed(self.change_feed, "a", "b", "c")
        assert self.change_feed.since(START, 2) == [entry(1, "a"), entry(2, "b")]
        assert self.change_feed.since(START + 2, 2) == [entry(3, "c")]

    def test_once(self) -> None:
        """Of an item that changed several times, there is the last change."""
        changed(self.change_feed, "a", "b", "a")
        assert self.change_feed.since(START, 9) == [entry(2, "b"), entry(3, "a")]

    def test_too_long_ago(self) -> None:
        """Who knows less than the feed must begin anew."""
        changed(self.change_feed, "a", "b", "c", "d")
        assert self.change_feed.since(START, 9) is None
        assert self.change_feed.since(START + 1, 9) == [
            entry(2, "b"),
            entry(3, "c"),
            entry(4, "d"),
        ]

    def test_of_another(self) -> None:
        """A generation of an earlier process, or of a future one, is not known."""
        assert self.change_feed.since(START - 1, 9) is None
        assert self.change_feed.since(START + 1, 9) is None

    def test_collections(self) -> None:
        """What is seen is told apart from what is configured; of grants nothing is told."""
        self.change_feed.reported(NODE, [Change("containers", "web", None)], came_or_went=True)
        self.change_feed.configured(
            Configuration(),
            [Change("grants", "a", None), Change("leases", "a", None)],
        )
        assert self.change_feed.since(START, 9) == [
            Entry(START + 1, "state/containers", "web"),
            Entry(START + 2, "state/nodes", NODE),
            Entry(START + 3, "configuration/leases", "a"),
        ]

    def test_has_changed(self) -> None:
        """A collection is asked for what happened to it alone."""
        changed(self.change_feed, "a")
        assert self.change_feed.has_changed("configuration/datasets", START)
        assert not self.change_feed.has_changed("configuration/datasets", START + 1)
        assert not self.change_feed.has_changed("state/datasets", START)

    def test_has_changed_unknown(self) -> None:
        """What is not known may have changed."""
        assert self.change_feed.has_changed("state/datasets", START - 1)
        assert self.change_feed.has_changed("state/datasets", START + 1)

    def test_new_address(self) -> None:
        """When a node gets another address, by which all call it, everything may have changed."""
        old, new = Node(NODE, "10.0.0.1"), Node(NODE, "10.0.0.2")
        changed(self.change_feed, "a")
        self.change_feed.configured(Configuration(), [Change("nodes", NODE, old)])
        told = [(each.collection, each.identity) for each in self.change_feed.since(START, 9) or ()]
        assert told[1:] == [("configuration/nodes", NODE), ("state/nodes", NODE)]
        generation = self.change_feed.generation
        self.change_feed.configured(Configuration(pmap({NODE: old})), [Change("nodes", NODE, new)])
        assert self.change_feed.since(generation, 9) is None
        assert self.change_feed.has_changed("state/datasets", generation)

    def test_waiting(self) -> None:
        """Who waits is woken by the next change, once."""
        first, second = self.change_feed.next_change(), self.change_feed.next_change()
        assert self.change_feed.waiting_count == 2
        self.assertNoResult(first)
        self.change_feed.configured(Configuration(), [])
        self.assertNoResult(first)
        changed(self.change_feed, "a")
        self.successResultOf(first)
        self.successResultOf(second)
        assert self.change_feed.waiting_count == 0
        changed(self.change_feed, "b")

    def test_cancelled(self) -> None:
        """Who waits no longer is forgotten."""
        waiting = self.change_feed.next_change()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        assert self.change_feed.waiting_count == 0
        changed(self.change_feed, "a")

"""A whole configuration goes into etcd and out of it; half of one never passes for a whole."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.awaiting import deferred_of
from flocker_lite.control.store.content import Content
from flocker_lite.control.store.etcd import EtcdStore, open_store
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.control.store.etcd_import import fill, read_content
from flocker_lite.control.store.leadership import LEASE_SECONDS, LeadershipLost
from flocker_lite.errors import EtcdUnsure, StoreError
from flocker_lite.model.records import Configuration, Image
from flocker_lite.testing.memory_etcd import MemoryEtcd, MemoryGateway
from flocker_lite.testing.store_contract import EVERYTHING, NODE

CLUSTER = "cccccccc-0000-4000-8000-000000000001"
LARGE = Configuration(
    images=pmap({f"{number:05}": Image(f"{number:05}", NODE, "a:b") for number in range(300)})
)


class ImportTests(SynchronousTestCase):
    """Into an etcd in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.etcd = MemoryEtcd(self.clock)
        self.gateway = MemoryGateway(self.etcd)
        self.client = Etcd(self.gateway, self.clock, "/f/")

    def filling(self, configuration: Configuration, generation: int = 0) -> Any:
        """Import it."""
        content = Content(CLUSTER, configuration)
        return deferred_of(fill(self.client, content, generation, wall_seconds=lambda: 1.0))

    def opening(self) -> Any:
        """Open the store."""
        return deferred_of(open_store(self.client, wall_seconds=lambda: 2.0))

    def opened(self) -> EtcdStore:
        """The open store."""
        store: EtcdStore = self.successResultOf(self.opening())
        self.addCleanup(lambda: self.successResultOf(deferred_of(store.close())))
        return store

    def read(self) -> tuple[Content, int]:
        """What an export has."""
        return self.successResultOf(deferred_of(read_content(self.client)))

    def test_round_trip(self) -> None:
        """What was imported is what is there, in one transaction or in several."""
        for configuration in (EVERYTHING, LARGE):
            self.setUp()
            self.successResultOf(self.filling(configuration))
            assert self.read()[0] == Content(CLUSTER, configuration)
            store = self.opened()
            assert store.cluster_id == CLUSTER
            assert self.successResultOf(deferred_of(store.load())) == configuration
            # While the service runs, too.
            assert self.read()[0] == Content(CLUSTER, configuration)

    def test_generations_go_on(self) -> None:
        """No tag of where it comes from is given again, whatever the clock shows."""
        self.successResultOf(self.filling(EVERYTHING, 5_000_000))
        assert self.read()[1] == 5_000_001
        assert self.opened().generation == 5_000_001

    def test_interrupted(self) -> None:
        """Half an import is not loaded, not exported, and replaced by the next import."""
        for cut_after in range(1, 6):
            self.setUp()
            self.gateway.answers_before_loss = 3 + cut_after
            self.gateway.lost_answers = 10**9
            filling = self.filling(LARGE)
            self.clock.pump([0.1] * 110)
            self.failureResultOf(filling, EtcdUnsure, LeadershipLost)
            self.gateway.lost_answers = 0
            self.clock.advance(LEASE_SECONDS)
            if cut_after == 5:  # only the answer to the last transaction was lost
                assert self.read()[0] == Content(CLUSTER, LARGE)
                continue
            self.failureResultOf(self.opening(), StoreError)
            self.failureResultOf(deferred_of(read_content(self.client)), StoreError)
            self.successResultOf(self.filling(EVERYTHING))
            assert self.read()[0] == Content(CLUSTER, EVERYTHING)

    def test_not_empty(self) -> None:
        """What is there is never overwritten; an empty store is."""
        store = self.opened()
        self.successResultOf(deferred_of(store.close()))
        self.successResultOf(self.filling(EVERYTHING))
        error = self.failureResultOf(self.filling(LARGE), StoreError).value
        assert "already has a configuration" in str(error)
        assert self.read()[0] == Content(CLUSTER, EVERYTHING)

    def test_in_use(self) -> None:
        """Nothing is imported under a control service that runs."""
        self.opened()
        error = self.failureResultOf(self.filling(EVERYTHING), StoreError).value
        assert "stop it first" in str(error)

    def test_nothing_to_export(self) -> None:
        """An export makes no store where there is none."""
        error = self.failureResultOf(deferred_of(read_content(self.client)), StoreError).value
        assert "etcd has no store at /f/" in str(error)
        assert not self.etcd.entries

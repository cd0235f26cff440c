"""The store on etcd keeps the contract of stores, and what etcd needs beyond it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyrsistent import pmap
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.awaiting import deferred_of
from flocker_lite.control.store import etcd_requests, schema
from flocker_lite.control.store.errors import DiskFull
from flocker_lite.control.store.etcd import (
    COMMITS_PER_COMPACTION,
    EtcdStore,
    open_store,
    read_marker,
)
from flocker_lite.control.store.etcd_client import PAGE_RECORDS, Etcd
from flocker_lite.control.store.leadership import LEASE_SECONDS, LeadershipLost
from flocker_lite.errors import StoreError
from flocker_lite.interfaces import IStore
from flocker_lite.model import deltas
from flocker_lite.model.records import Change, Configuration, Dataset, Image, Node
from flocker_lite.testing.memory_etcd import MemoryEtcd, MemoryGateway
from flocker_lite.testing.store_contract import EVERYTHING, NODE, StoreContract

PREFIX = "/flocker-lite/"


class OnEtcd(SynchronousTestCase):
    """An etcd in memory, and control services that use it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.etcd = MemoryEtcd(self.clock)
        self.gateway = MemoryGateway(self.etcd)

    def client(self, gateway: MemoryGateway | None = None) -> Etcd:
        """A client, by a way of its own or by the usual one."""
        return Etcd(gateway or self.gateway, self.clock, PREFIX)

    def opening(self, gateway: MemoryGateway | None = None, wall_seconds: float = 1e9) -> Any:
        """Open the store."""
        return deferred_of(open_store(self.client(gateway), wall_seconds=lambda: wall_seconds))

    def opened(self, gateway: MemoryGateway | None = None) -> EtcdStore:
        """The open store."""
        store: EtcdStore = self.successResultOf(self.opening(gateway))
        self.addCleanup(lambda: self.successResultOf(deferred_of(store.close())))
        return store

    def loaded(self, store: EtcdStore) -> Configuration:
        """What is in it."""
        return self.successResultOf(deferred_of(store.load()))


class EtcdStoreTests(StoreContract, SynchronousTestCase):
    """On one etcd in each test."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.etcd = MemoryEtcd(self.clock)

    async def open_store(self) -> IStore:
        return await open_store(Etcd(MemoryGateway(self.etcd), self.clock, PREFIX))


def node(number: int) -> tuple[Change, ...]:
    """An edit that adds a node."""
    name = f"aaaaaaaa-0000-4000-8000-{number:012}"
    return (Change("nodes", name, Node(name, f"10.0.0.{number}")),)


class LimitTests(OnEtcd):
    """What etcd would refuse, and what would grow without end."""

    def test_too_many_changes(self) -> None:
        """A commit of more than 127 records is refused in words; nothing of it is written."""
        store = self.opened()
        changes = [change for number in range(128) for change in node(number)]
        self.gateway.paths.clear()
        refused = deferred_of(store.commit(tuple(changes)))
        error = self.failureResultOf(refused, StoreError).value
        assert "changes 128 records at once, and etcd takes 127" in str(error)
        assert self.gateway.paths == []
        self.successResultOf(deferred_of(store.commit(tuple(changes[:127]))))
        assert len(self.loaded(store).nodes) == 127

    def test_too_large(self) -> None:
        """A commit of more than 1.5 MB is refused in words; nothing of it is written."""
        store = self.opened()
        large = Dataset("d", NODE, pmap({"note": "x" * 1_500_000}))
        error = self.failureResultOf(
            deferred_of(store.commit((Change("datasets", "d", large),))), StoreError
        ).value
        assert "etcd takes 1500000 at once" in str(error)
        assert self.loaded(store) == Configuration()
        assert store.leadership.holds

    def test_pages(self) -> None:
        """A configuration of several pages is loaded as a whole."""
        store = self.opened()
        images = {
            f"{number:05}": Image(f"{number:05}", NODE, "a:b")
            for number in range(2 * PAGE_RECORDS + 1)
        }
        changes = [Change("images", name, image) for name, image in images.items()]
        for start in range(0, len(changes), 100):
            self.successResultOf(deferred_of(store.commit(tuple(changes[start : start + 100]))))
        assert self.loaded(store) == Configuration(images=pmap(images))

    def test_history(self) -> None:
        """etcd is told to forget the history, when the store is loaded and every so often."""
        store = self.opened()
        self.loaded(store)
        loaded_at = self.etcd.compacted_at
        for number in range(COMMITS_PER_COMPACTION):
            assert self.etcd.compacted_at == loaded_at
            self.successResultOf(deferred_of(store.commit(node(number % 7))))
        assert self.etcd.compacted_at == self.etcd.revision

    def test_full(self) -> None:
        """When etcd has no space, it is said what to do, and the service goes on leading."""
        store = self.opened()
        self.etcd.is_full = True
        refused = deferred_of(store.commit(node(1)))
        assert "alarm disarm" in str(self.failureResultOf(refused, DiskFull).value)
        self.etcd.is_full = False
        self.successResultOf(deferred_of(store.commit(node(1))))


class LostAnswerTests(OnEtcd):
    """A transaction may have been done although nobody heard so."""

    def test_a_lost_answer(self) -> None:
        """A commit whose answer is lost is asked for again, and done once."""
        store = self.opened()
        for name in ("lost_answers", "lost_requests"):
            setattr(self.gateway, name, 1)
            committing = deferred_of(store.commit(node(1)))
            self.assertNoResult(committing)
            before = store.generation
            self.clock.advance(0.1)
            [generation] = self.successResultOf(committing)
            assert generation == store.generation > before
        self.successResultOf(deferred_of(store.commit(node(2))))
        assert len(self.loaded(store).nodes) == 2

    def test_no_answer_before_the_lease_ends(self) -> None:
        """Then its outcome is not known, which is said; and this service leads no more."""
        store = self.opened()
        self.gateway.lost_answers = 10**9
        committing = deferred_of(store.commit(node(1)))
        self.clock.pump([0.1] * (LEASE_SECONDS * 10))
        error = self.failureResultOf(committing, LeadershipLost).value
        assert "it may have been made or not" in str(error)
        assert not store.leadership.holds
        self.failureResultOf(deferred_of(store.commit(node(2))), LeadershipLost)
        self.failureResultOf(deferred_of(store.load()), LeadershipLost)


class DeposedTests(OnEtcd):
    """Who does not lead any more cannot write, whatever it believes."""

    def test_a_late_write(self) -> None:
        """A transaction of a former leader that arrives late is refused by etcd."""
        slow = MemoryGateway(self.etcd)
        first = self.opened(slow)
        slow.stalled = []
        late = deferred_of(first.commit(node(1)))
        self.clock.pump([0.5] * (LEASE_SECONDS * 2 + 2))
        second = self.opened()
        assert self.loaded(second) == Configuration()
        self.successResultOf(deferred_of(second.commit(node(2))))
        slow.go_on()
        self.failureResultOf(late, LeadershipLost)
        assert dict(self.loaded(second).nodes).keys() == {node(2)[0].identity}

    def test_generations_go_on(self) -> None:
        """The next leader's generations are later, even with a clock that is behind."""
        first = self.opened()
        [generation] = self.successResultOf(deferred_of(first.commit(node(1))))
        self.successResultOf(deferred_of(first.close()))
        second = self.successResultOf(self.opening(wall_seconds=0))
        assert second.generation == generation
        assert self.successResultOf(deferred_of(second.commit(node(2)))) == (generation + 1,)
        self.successResultOf(deferred_of(second.close()))


class FormatTests(OnEtcd):
    """Stores of other releases, and what is no store."""

    def write(self, name: str, text: str) -> None:
        """Write at a key, as somebody else."""
        operations = [etcd_requests.put(f"{PREFIX}{name}", text)]
        self.etcd.answer("kv/txn", etcd_requests.transaction((), operations))

    def refusal(self) -> str:
        """What is said when the store cannot be opened; another may try then."""
        error = self.failureResultOf(self.opening(), StoreError).value
        self.clock.advance(0)
        assert etcd_requests.encoded(f"{PREFIX}leader") not in self.etcd.entries
        return str(error)

    def test_newer(self) -> None:
        """A store of a later release is not touched."""
        self.write("store", f'{{"format": {schema.FORMAT + 1}, "cluster_id": "c"}}')
        assert "run the release that wrote it, or a later one" in self.refusal()

    def test_older(self) -> None:
        """A store of an earlier release is taken over, and is of this release then."""
        self.write("store", '{"format": 5, "cluster_id": "c", "note": 1}')
        self.write("head", '{"generation": 7, "commit": "x"}')
        store = self.opened()
        assert (store.cluster_id, store.generation) == ("c", 7)
        [marker, _] = self.successResultOf(deferred_of(read_marker(self.client())))
        assert marker is not None
        assert json.loads(marker.value) == {"format": schema.FORMAT, "cluster_id": "c", "note": 1}

    def test_damaged(self) -> None:
        """What is not ours is named, with what to do."""
        store = self.opened()
        self.successResultOf(deferred_of(store.commit(deltas.whole(EVERYTHING))))
        self.write("records/nodes/x", "{")
        refused = self.failureResultOf(deferred_of(store.load()), StoreError).value
        assert "/flocker-lite/records/nodes/x in etcd is damaged, or not ours" in str(refused)
        self.write("records/nodes/x", "5")
        self.failureResultOf(deferred_of(store.load()), StoreError)
        self.successResultOf(deferred_of(store.close()))
        self.write("store", "hello")
        assert "choose another --etcd-prefix" in self.refusal()

    def test_records_without_a_marker(self) -> None:
        """Half an import is never loaded."""
        self.write("records/nodes/x", "{}")
        assert "an import into etcd at /flocker-lite/ was interrupted" in self.refusal()


def test_keys() -> None:
    """The end of a prefix is the first key that does not begin with it."""
    assert etcd_requests.end_of("/flocker-lite/") == "/flocker-lite0"
    with pytest.raises(IndexError):
        etcd_requests.end_of("")

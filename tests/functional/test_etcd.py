"""The store on a real etcd: three members with certificates, and what becomes of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from admin.bench.etcd_load import edits
from admin.etcd_members import Members
from flocker_lite.awaiting import deferred_of
from flocker_lite.control.store import etcd_requests
from flocker_lite.control.store.etcd import EtcdStore, open_store
from flocker_lite.control.store.etcd_client import PAGE_RECORDS, Etcd
from flocker_lite.control.store.etcd_gateway import HTTPGateway
from flocker_lite.control.store.leadership import LeadershipTaken
from flocker_lite.errors import EtcdUnsure
from flocker_lite.interfaces import IStore
from flocker_lite.interfaces.etcd import IEtcdGateway
from flocker_lite.model.records import Change, Configuration, Node
from flocker_lite.testing.etcd_contract import EtcdContract
from flocker_lite.testing.store_contract import StoreContract

T = TypeVar("T")

ATTEMPT_SECONDS = 2.0
WORK_SECONDS_MAX = 30.0
LOOK_SECONDS = 0.2
CONTAINERS = 10_000
OTHER_PAGES_MAX = 2
"""One that is not full, and one without containers."""


@pytest.fixture(scope="module")
def members() -> Iterator[Members]:
    """Three members; they stay the same for all tests, which have prefixes of their own."""
    pool = cast(Any, reactor).getThreadPool()
    pool.start()  # it looks up host names; a reactor that runs would have started it
    with tempfile.TemporaryDirectory() as folder:
        made = Members(Path(folder))
        made.start()
        yield made
        made.stop()
    # Connections that a request gave back after its gateway was closed, and their time-outs: trial
    # would count them against the next tests of this process.
    for call in cast(Any, reactor).getDelayedCalls():
        call.cancel()
    cast(Any, reactor).removeAll()
    # As trial does it: the next test that needs one has a new one.
    cast(Any, reactor)._stopThreadPool()


class Real(SynchronousTestCase):
    """Lets the reactor run until a Deferred has fired; the contracts need nothing else."""

    @pytest.fixture(autouse=True)
    def _use(self, members: Members) -> None:
        self.members = members
        self._prefix = f"/{uuid4()}/"

    def gateway_to(self, members: Members, kind: type[HTTPGateway] = HTTPGateway) -> HTTPGateway:
        """A gateway of its own, closed with the test."""
        made = kind(cast(Any, reactor), members.urls, ATTEMPT_SECONDS, members.certificates)
        self.addCleanup(lambda: finished(deferred_of(made.close())))
        return made

    def client(self) -> Etcd:
        """A client with this test's prefix."""
        return Etcd(self.gateway_to(self.members), cast(Any, reactor), self._prefix)

    def now(self, work: Awaitable[T]) -> T:
        """The result of an awaitable."""
        return finished(deferred_of(work))


def finished(work: Deferred[T]) -> T:
    """Let the reactor run until it has fired."""
    outcome: list[Any] = []
    work.addBoth(outcome.append)
    ends = time.monotonic() + WORK_SECONDS_MAX
    while not outcome:
        assert time.monotonic() < ends
        cast(Any, reactor).iterate(0.01)
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    result: T = outcome[0]
    return result


class GatewayTests(EtcdContract, Real):
    """The gateway does what the fake does."""

    @property
    def prefix(self) -> str:
        return self._prefix

    def open_gateway(self) -> IEtcdGateway:
        return self.gateway_to(self.members)

    def result(self, work: Deferred[T]) -> T:
        return finished(work)

    def elapse(self, seconds: float) -> None:
        time.sleep(seconds)


class StoreTests(StoreContract, Real):
    """The store keeps the contract of stores, as it is."""

    def open_store(self) -> Awaitable[IStore]:
        return cast(Any, open_store(self.client()))

    def now(self, work: Awaitable[T]) -> T:
        return Real.now(self, work)

    def refused(self, work: Awaitable[object]) -> None:
        refused: list[Failure] = []
        finished(deferred_of(work).addErrback(refused.append))
        assert len(refused) == 1


class CountingGateway(HTTPGateway):
    """Counts its reads."""

    reads = 0

    async def call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.reads += path == "kv/range"
        return await super().call(path, body)


class LargeTests(Real):
    """A large configuration."""

    def test_loaded_in_pages(self) -> None:
        """Ten thousand containers are loaded by about as many requests as they have pages."""
        gateway = cast(CountingGateway, self.gateway_to(self.members, CountingGateway))
        store: EtcdStore = self.now(open_store(Etcd(gateway, cast(Any, reactor), self._prefix)))
        self.addCleanup(lambda: self.now(store.close()))
        for edit in edits(CONTAINERS):
            self.now(store.commit(edit))
        before = gateway.reads
        loaded: Configuration = self.now(store.load())
        assert len(loaded.containers) == CONTAINERS
        assert gateway.reads - before <= CONTAINERS // PAGE_RECORDS + OTHER_PAGES_MAX


class LossTests(Real):
    """Members that are gone."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.members = Members(Path(folder.name))
        self.members.start()
        self.addCleanup(self.members.stop)

    def nodes(self, store: EtcdStore) -> int:
        """How many nodes are there."""
        return len(self.now(store.load()).nodes)

    def add(self, store: EtcdStore, number: int) -> None:
        """Commit one more node."""
        name = f"node-{number}"
        self.now(store.commit((Change("nodes", name, Node(name, f"10.0.0.{number}")),)))

    def test_one_and_two(self) -> None:
        """With two of three, the store goes on; with one it does not; then it goes on again."""
        store: EtcdStore = self.now(open_store(self.client()))
        self.add(store, 1)
        leader = self.leader()
        self.members.kill(leader)
        self.add(store, 2)
        other = (leader + 1) % 3
        self.members.kill(other)
        with pytest.raises(EtcdUnsure):
            self.now(self.client().read("/x", seconds_max=3))
        self.members.start([leader, other])
        # They answer before they have elected a leader; to resign is tried only once.
        self.now(self.client().read("/x", seconds_max=WORK_SECONDS_MAX / 2))
        self.now(store.leadership.resign())
        anew = self.now(self.opened_anew())
        assert self.nodes(anew) == 2
        self.add(anew, 3)
        assert self.nodes(anew) == 3
        self.now(anew.close())

    async def opened_anew(self) -> EtcdStore:
        """The store, once the key of its former leader is gone.

        Without a majority a lease cannot be renewed. If that took too long, the leader gave up by
        its own clock, and its key ends with its lease.
        """
        while True:
            try:
                return await open_store(self.client())
            except LeadershipTaken:
                await deferLater(cast(Any, reactor), LOOK_SECONDS)

    def leader(self) -> int:
        """Which member leads etcd."""
        for number, url in enumerate(self.members.urls):
            gateway = HTTPGateway(
                cast(Any, reactor), [url], ATTEMPT_SECONDS, self.members.certificates
            )
            answer = self.now(gateway.call("maintenance/status", {}))
            self.now(gateway.close())
            if answer["leader"] == answer["header"]["member_id"]:
                return number
        raise AssertionError("nobody leads")

    def test_versions(self) -> None:
        """Each member that runs says its release."""
        self.members.kill(0)
        versions = self.now(self.client().gateway.versions())
        assert set(versions) == set(self.members.urls[1:])
        self.members.start([0])

    def test_strangers(self) -> None:
        """Without a certificate of etcd's own authority nothing is answered."""
        other = Path(tempfile.mkdtemp(dir=self.members.certificates))
        stranger = Members(other, 1).certificates
        gateway = HTTPGateway(cast(Any, reactor), self.members.urls, ATTEMPT_SECONDS, stranger)
        with pytest.raises(EtcdUnsure):
            self.now(gateway.call("kv/range", etcd_requests.page("a", "b", 1, 0)))
        with pytest.raises(EtcdUnsure):
            self.now(gateway.versions())
        self.now(gateway.close())

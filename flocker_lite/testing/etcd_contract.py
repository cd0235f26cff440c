"""What we know of etcd's JSON gateway, as tests to mix into a SynchronousTestCase.

They run on the fake and on the real one: what the store builds on is written down here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from flocker_lite.awaiting import deferred_of
from flocker_lite.control.store import etcd_requests as requests
from flocker_lite.control.store.etcd_version import require_supported
from flocker_lite.errors import EtcdRejected
from flocker_lite.interfaces.etcd import IEtcdGateway

if TYPE_CHECKING:
    Base = SynchronousTestCase
else:
    Base = object

T = TypeVar("T")

LEASE_SECONDS = 2
GONE_SECONDS = 3.5
"""After this time a lease of `LEASE_SECONDS` has ended, however busy etcd is."""


class EtcdContract(Base):
    """Mix this in before SynchronousTestCase, and implement the first three methods."""

    def open_gateway(self) -> IEtcdGateway:
        """A gateway to an etcd that has nothing below `prefix`."""
        raise NotImplementedError

    def elapse(self, seconds: float) -> None:
        """Let time pass for etcd."""
        raise NotImplementedError

    @property
    def prefix(self) -> str:
        """What the keys of this test begin with; it ends with "/"."""
        return "/contract/"

    def result(self, work: Deferred[T]) -> T:
        """What becomes of it."""
        return self.successResultOf(work)

    def setUp(self) -> None:
        self.gateway = self.open_gateway()

    def now(self, work: Awaitable[T]) -> T:
        """The result of an awaitable."""
        return self.result(deferred_of(work))

    def rejection(self, path: str, body: dict[str, Any]) -> EtcdRejected:
        """How etcd refuses a request."""

        async def refused() -> EtcdRejected:
            try:
                await self.gateway.call(path, body)
            except EtcdRejected as error:
                return error
            raise AssertionError("etcd did it")

        return self.now(refused())

    def key(self, name: str) -> str:
        """A key of this test."""
        return f"{self.prefix}{name}"

    def done(
        self,
        then: Sequence[requests.Json],
        conditions: Sequence[requests.Json] = (),
        otherwise: Sequence[requests.Json] = (),
    ) -> dict[str, Any]:
        """The answer to a transaction."""
        body = requests.transaction(conditions, then, otherwise)
        return self.now(self.gateway.call("kv/txn", body))

    def read(self, name: str) -> requests.KeyValue | None:
        """What is at a key."""
        [found] = requests.read(self.done([requests.get(self.key(name))]))
        return found

    def test_interface(self) -> None:
        """It provides IEtcdGateway."""
        assert verifyObject(IEtcdGateway, self.gateway)

    def test_versions(self) -> None:
        """Each member says which release it is, and this one will do."""
        versions = self.now(self.gateway.versions())
        assert versions
        require_supported(versions)

    def test_put_and_get(self) -> None:
        """A key has its value, and the revisions at which it was created and changed."""
        assert self.read("a") is None
        first = requests.revision_of(self.done([requests.put(self.key("a"), "\N{SNOWMAN}")]))
        assert self.read("a") == requests.KeyValue(self.key("a"), "\N{SNOWMAN}", first, first)
        second = requests.revision_of(self.done([requests.put(self.key("a"), "")]))
        assert second > first
        assert self.read("a") == requests.KeyValue(self.key("a"), "", first, second)
        third = requests.revision_of(self.done([requests.delete(self.key("a"))]))
        assert self.read("a") is None
        assert requests.revision_of(self.done([requests.delete(self.key("a"))])) == third

    def test_conditions(self) -> None:
        """A transaction does one thing if all of its conditions hold, and else the other."""
        is_new = requests.was_created_at(self.key("a"), 0)
        put = requests.put(self.key("a"), "1")
        answer = self.done([put], [is_new], [requests.get(self.key("a"))])
        assert answer["succeeded"] is True
        revision = requests.revision_of(answer)
        answer = self.done([put], [is_new], [requests.get(self.key("a"))])
        assert not answer.get("succeeded")
        assert requests.read(answer) == [requests.KeyValue(self.key("a"), "1", revision, revision)]
        as_known = requests.was_changed_at(self.key("a"), revision)
        answer = self.done([requests.put(self.key("a"), "2")], [as_known])
        assert answer["succeeded"] is True
        created = requests.was_created_at(self.key("a"), revision)
        assert not self.done([put], [created, as_known]).get("succeeded")
        assert self.done([put], [created])["succeeded"] is True

    def test_all_or_nothing(self) -> None:
        """What is refused did nothing: a key that is named twice, or too many operations."""
        twice = [requests.put(self.key("a"), "1"), requests.delete(self.key("a"))]
        many = [requests.put(self.key(str(number)), "") for number in range(129)]
        for operations in (twice, many):
            assert self.rejection("kv/txn", requests.transaction((), operations)).code == 3
        body = requests.page(self.prefix, requests.end_of(self.prefix), 10, 0)
        assert requests.found(self.now(self.gateway.call("kv/range", body))) == []
        assert self.done(many[:128])["succeeded"] is True

    def test_size(self) -> None:
        """A transaction of 1.5 MB is done, one of 1.6 MB is refused."""
        large = [requests.put(self.key(str(number)), "x" * 250_000) for number in range(6)]
        assert requests.bytes_of(large) > 1_500_000
        assert self.done(large)["succeeded"] is True
        larger = [*large, requests.put(self.key("a"), "x" * 100_000)]
        assert self.rejection("kv/txn", requests.transaction((), larger)).code in (3, 8)
        assert self.read("a") is None

    def test_pages(self) -> None:
        """A range is read in pages as of one revision, whatever is written meanwhile."""
        for name in ("a", "b", "c/d"):
            self.done([requests.put(self.key(name), name)])
        start, end = self.prefix, requests.end_of(self.prefix)
        answer = self.now(self.gateway.call("kv/range", requests.page(start, end, 2, 0)))
        assert answer["more"] is True
        seen = requests.found(answer)
        self.done([requests.put(self.key("c/d"), "new"), requests.delete(self.key("a"))])
        body = requests.page(f"{seen[-1].key}\0", end, 2, requests.revision_of(answer))
        answer = self.now(self.gateway.call("kv/range", body))
        assert not answer.get("more")
        seen += requests.found(answer)
        assert [(each.key, each.value) for each in seen] == [
            (self.key(name), name) for name in ("a", "b", "c/d")
        ]
        self.done([requests.delete_all(self.prefix)])
        assert self.read("b") is None

    def test_compaction(self) -> None:
        """History before a revision is forgotten; what is there stays."""
        first = requests.revision_of(self.done([requests.put(self.key("a"), "1")]))
        second = requests.revision_of(self.done([requests.put(self.key("a"), "2")]))
        body = {"revision": str(second)}
        self.now(self.gateway.call("kv/compaction", body))
        assert self.rejection("kv/compaction", body).code == 11
        page = requests.page(self.prefix, requests.end_of(self.prefix), 1, first)
        assert self.rejection("kv/range", page).code == 11
        found = self.read("a")
        assert found is not None
        assert found.value == "2"

    def test_lease(self) -> None:
        """A key on a lease stays while that is kept alive, and goes with it."""
        granted = self.now(self.gateway.call("lease/grant", {"TTL": str(LEASE_SECONDS)}))
        assert int(granted["TTL"]) == LEASE_SECONDS
        self.done([requests.put(self.key("a"), "1", int(granted["ID"]))])
        for _ in range(3):
            self.elapse(LEASE_SECONDS / 2)
            alive = self.now(self.gateway.call("lease/keepalive", {"ID": granted["ID"]}))
            assert int(alive["result"]["TTL"]) == LEASE_SECONDS
        assert self.read("a") is not None
        self.elapse(GONE_SECONDS)
        assert self.read("a") is None
        self.lease_is_unknown(granted["ID"])

    def test_written_again(self) -> None:
        """A key that is written again keeps its creation; one that was deleted is not."""
        granted = self.now(self.gateway.call("lease/grant", {"TTL": "60"}))
        put = requests.put(self.key("a"), "1", int(granted["ID"]))
        created = requests.revision_of(self.done([put]))
        mine = requests.was_created_at(self.key("a"), created)
        again = requests.revision_of(self.done([put], [mine]))
        found = self.read("a")
        assert found is not None
        assert (found.created_at, found.changed_at) == (created, again)
        as_seen = requests.was_changed_at(self.key("a"), created)
        assert not self.done([requests.delete(self.key("a"))], [as_seen]).get("succeeded")
        as_is = requests.was_changed_at(self.key("a"), again)
        assert self.done([requests.delete(self.key("a"))], [as_is])["succeeded"] is True
        assert not self.done([put], [mine]).get("succeeded")
        assert self.read("a") is None
        self.now(self.gateway.call("lease/revoke", {"ID": granted["ID"]}))

    def test_revoked_lease(self) -> None:
        """A lease that is revoked takes its keys along at once."""
        granted = self.now(self.gateway.call("lease/grant", {"TTL": "60"}))
        self.done([requests.put(self.key("a"), "1", int(granted["ID"]))])
        self.now(self.gateway.call("lease/revoke", {"ID": granted["ID"]}))
        assert self.read("a") is None
        self.lease_is_unknown(granted["ID"])

    def lease_is_unknown(self, lease: str) -> None:
        """It is not kept alive, which is no error; nothing is written on it."""
        alive = self.now(self.gateway.call("lease/keepalive", {"ID": lease}))
        assert int(alive["result"].get("TTL", 0)) == 0
        assert self.rejection("lease/revoke", {"ID": lease}).code == 5
        body = requests.transaction((), [requests.put(self.key("b"), "1", int(lease))])
        assert self.rejection("kv/txn", body).code == 5
        assert self.read("b") is None

"""Nodes by host name and by IPv6 address, and nodes of which nobody knows yet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from queue import Queue
from threading import Event
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import IResource

from flocker_lite.control.http.host_names import LOOKUPS_MAX, RESOLVE_SECONDS_MAX, HostResolver
from flocker_lite.model import edits
from flocker_lite.model.nodes import placeholder
from flocker_lite.model.records import Node
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, Reply, RESTTestCase

UNKNOWN_NODE = "The provided primary node is not part of the cluster."
DATASETS = "/configuration/datasets"
CONTAINERS = "/configuration/containers"
NODE_3 = "33333333-3333-4333-8333-333333333333"


class HostNameTests(RESTTestCase):
    """Host names in requests."""

    def create(self, primary: str) -> Reply:
        """Create a dataset there."""
        return self.post(DATASETS, {"primary": primary})

    def test_known(self) -> None:
        """A name is resolved once, and what is kept is the node."""
        self.hosts["one.example"] = (ADDRESS_1,)
        assert self.create("one.example").body["primary"] == ADDRESS_1
        self.hosts["one.example"] = (ADDRESS_2,)
        assert self.get(DATASETS)[0]["primary"] == ADDRESS_1

    def test_several_addresses(self) -> None:
        """Of several addresses, that of a node counts."""
        self.hosts["two.example"] = ("192.0.2.1", "fd00::1", ADDRESS_2)
        body = {"host": "two.example", "name": "web", "image": "a:1"}
        assert self.created(CONTAINERS, body)["host"] == ADDRESS_2

    def test_unknown(self) -> None:
        """A name that has no address, or none of a node, is refused."""
        self.hosts["other.example"] = ("192.0.2.1",)
        for name in ("other.example", "typo.example"):
            self.assert_refused(self.create(name), 400, UNKNOWN_NODE)
        assert self.get(DATASETS) == []

    def test_no_name(self) -> None:
        """What can be no host name is refused by the schema; so are numbers like an address."""
        for name in ("", "a b", "-a", "a..b", "10.0.0.257", "1.2.3", "a" * 64, "a\n"):
            self.assert_invalid(self.create(name))

    def test_ipv6(self) -> None:
        """An IPv6 address is accepted in whichever way it is written, and answered in one."""
        self.announce(Node(NODE_3, "fd00::3"))
        for name in ("fd00::3", "FD00:0:0::3", "fd00:0000:0000:0000:0000:0000:0000:0003"):
            assert self.create(name).body["primary"] == "fd00::3"

    def announce(self, node: Node) -> None:
        """An agent announces itself."""
        self.successResultOf(
            Deferred.fromCoroutine(
                self.control.edit(lambda before: edits.announce_node(before, node))
            )
        )


class UnknownNodeTests(HostNameTests):
    """The same, of a service that accepts unknown nodes."""

    def resource(self) -> IResource:
        return self.api(accept_unknown_nodes=True).resource()

    def test_unknown(self) -> None:
        """An address becomes a node, also that of a name; a name without one is refused."""
        self.hosts["other.example"] = ("192.0.2.1",)
        assert self.create("other.example").body["primary"] == "192.0.2.1"
        assert self.create("192.0.2.2").body["primary"] == "192.0.2.2"
        self.assert_refused(self.create("typo.example"), 400, UNKNOWN_NODE)
        self.assert_refused(self.create(NODE_3), 400, UNKNOWN_NODE)
        assert placeholder("192.0.2.1").node_id in self.control.configuration.nodes

    def test_moves(self) -> None:
        """Moves go to unknown nodes as well; what is refused for another reason makes no node."""
        dataset = self.create(ADDRESS_1).body
        path = f"{DATASETS}/{dataset['dataset_id']}"
        assert self.post(path, {"primary": "192.0.2.3"}).body["primary"] == "192.0.2.3"
        self.created(CONTAINERS, {"host": ADDRESS_1, "name": "web", "image": "a:1"})
        reply = self.post(f"{CONTAINERS}/web", {"host": "192.0.2.4"})
        assert reply.body["host"] == "192.0.2.4"
        reply = self.post(f"{CONTAINERS}/none", {"host": "192.0.2.5"})
        self.assert_refused(reply, 404, "Container not found.")
        addresses = {node.address for node in self.control.configuration.nodes.values()}
        assert addresses == {ADDRESS_1, ADDRESS_2, "192.0.2.3", "192.0.2.4"}

    def test_announced_later(self) -> None:
        """When the agent comes, what was put on its address is on its node."""
        dataset = self.create("192.0.2.9").body
        self.announce(Node(NODE_3, "192.0.2.9"))
        assert self.get(DATASETS) == [dataset]
        assert self.get(f"{DATASETS}?host={NODE_3}") == [dataset]


class LookupsTests(TestCase):
    """The resolver of the operating system."""

    def test_resolve(self) -> Deferred[None]:
        """It knows localhost, and answers nothing for what has no address."""
        resolve = HostResolver(cast(Any, reactor)).resolve

        async def use() -> None:
            assert "127.0.0.1" in await resolve("localhost")
            assert await resolve("name.invalid") == ()
            assert await resolve("a" * 64) == ()

        return Deferred.fromCoroutine(use())


class Threads(Clock):
    """A reactor that has what its threads call called when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.from_threads: Queue[Callable[[], None]] = Queue()

    def callFromThread(self, function: Callable[..., None], *args: object) -> None:
        self.from_threads.put(partial(function, *args))


class NoAnswerTests(SynchronousTestCase):
    """A resolver that answers nobody until it is back."""

    def test_nobody_answers(self) -> None:
        """Who asks is told so after a while; when too many wait, at once, and then no longer."""
        threads, is_back = Threads(), Event()

        def ask(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
            assert is_back.wait(60)
            return [(0, 0, 0, "", (name, 0))]

        lookups = HostResolver(cast(Any, threads), ask)

        def looking(name: str) -> Deferred[tuple[str, ...]]:
            return Deferred.fromCoroutine(lookups.resolve(name))

        waiting = [looking("slow") for _ in range(LOOKUPS_MAX)]
        assert self.successResultOf(looking("one more")) == ()
        threads.advance(RESOLVE_SECONDS_MAX)
        assert [self.successResultOf(each) for each in waiting] == [()] * LOOKUPS_MAX
        assert self.successResultOf(looking("one more")) == ()
        is_back.set()
        for _ in waiting:
            threads.from_threads.get(timeout=60)()
        again = looking("again")
        threads.from_threads.get(timeout=60)()
        assert self.successResultOf(again) == ("again",)

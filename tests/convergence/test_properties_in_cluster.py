"""What users set on a dataset with `zfs set` moves with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces.peer_requests import SetProperties
from flocker_lite.model import edits, moves
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-000000000001"
WAIT_SECONDS_MAX = 120


class PropertiesTests(SynchronousTestCase):
    """A container with a dataset on the first of two nodes."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(2)
        self.cluster.start()
        self.here, self.there = self.cluster.nodes
        self.cluster.configure("shop", D, self.here)
        self.cluster.run(5.0)
        self.asked: list[tuple[str, str]] = []
        for node in self.cluster.nodes:
            node.storage.before = self.noting(node)

    def noting(self, node: MemoryNode) -> Any:
        """What the storage of a node is asked, in its order."""

        async def note(method: str, _: str) -> None:
            self.asked.append((node.node_id, method))

        return note

    def move(self, node: MemoryNode) -> None:
        """Have the container moved; the move is done then."""
        self.cluster.edit(lambda c: edits.move_container(c, "shop", node.node_id))
        control = self.cluster.control
        assert control is not None
        for _ in range(WAIT_SECONDS_MAX):
            self.cluster.run(0.5)
            if not control.configuration.moves:
                break
        past = max(control.configuration.past_moves.values(), key=lambda move: move.ended_at)
        assert past.verdict == moves.DONE, past

    def own(self, node: MemoryNode) -> dict[str, str]:
        """What was set on the copy of a node."""
        return dict(node.storage.copies[D].properties)

    def test_a_move_carries_them(self) -> None:
        """What is set at the source is set at the destination; what is unset goes back."""
        self.here.storage.set_property(D, "compression", "gzip")
        self.here.storage.set_property(D, "atime", "off")
        self.move(self.there)
        assert self.own(self.there) == {"compression": "gzip", "atime": "off"}
        self.there.storage.set_property(D, "atime", None)
        self.there.storage.set_property(D, "compression", "lz4")
        self.move(self.here)
        assert self.own(self.here) == {"compression": "lz4"}

    def test_before_the_pause(self) -> None:
        """They are there before the destination is asked to take over, and cost no pause."""
        self.here.storage.set_property(D, "compression", "gzip")
        seen = []

        async def look(source: str, target: str, method: str) -> None:
            if method in ("offer_trial", "acquire", "acquire_group"):
                seen.append(self.own(self.there))

        self.cluster.network.before = look
        self.asked.clear()
        self.move(self.there)
        assert seen
        assert all(own == {"compression": "gzip"} for own in seen)
        methods = [method for node_id, method in self.asked if node_id == self.here.node_id]
        last = max(place for place, method in enumerate(methods) if method == "properties")
        assert last < methods.index("unmount")

    def test_what_the_source_lacks(self) -> None:
        """A property that the ZFS of the source does not know stays what it is at the other."""
        self.move(self.there)
        self.there.storage.set_property(D, "xattr", "sa")
        self.here.storage.unsupported.add("xattr")
        self.move(self.here)
        self.move(self.there)
        assert self.own(self.there) == {"xattr": "sa"}

    def test_what_the_destination_lacks(self) -> None:
        """It is left out, the others travel, and the move is done; it is there when it is back."""
        self.there.storage.unsupported.update({"lz4", "sync"})
        for name, value in (("compression", "lz4"), ("sync", "always"), ("atime", "off")):
            self.here.storage.set_property(D, name, value)
        self.move(self.there)
        assert self.own(self.there) == {"atime": "off"}
        self.move(self.here)
        assert self.own(self.here) == {"compression": "lz4", "sync": "always", "atime": "off"}

    def test_an_older_release(self) -> None:
        """An agent that knows nothing of them takes the dataset over as ever."""
        self.cluster.network.without_properties.add(self.there.node_id)
        self.here.storage.set_property(D, "atime", "off")
        self.move(self.there)
        assert self.own(self.there) == {}

    def ask(self, asking: Any) -> Deferred[Any]:
        """What comes of a request of a peer."""
        return Deferred.fromCoroutine(asking)

    def test_a_peer_that_lies(self) -> None:
        """What does not travel is not set, whoever says so, and is answered with why."""
        self.move(self.there)
        service: Any = self.cluster.network.services[self.here.node_id](self.there.node_id)
        told = {"mountpoint": "/etc", "exec": "on", "flocker:lease": "primary:9", "atime": "off"}
        copy = self.here.storage.copies[D]
        # The dataset is not wanted at that node: nothing at all is done.
        self.failureResultOf(self.ask(service.answer(SetProperties(D, told))), PeerRefused)
        assert self.here.storage.copies[D] == copy
        undone = self.successResultOf(self.ask(service.service.set_properties(D, told)))
        assert [why.partition("=")[0] for why in undone] == ["exec", "flocker:lease", "mountpoint"]
        expected = replace(copy, properties=copy.properties.set("atime", "off"))
        assert self.here.storage.copies[D] == expected

    def test_not_of_a_primary(self) -> None:
        """A copy that is in use here is no peer's to change."""
        service: Any = self.cluster.network.services[self.here.node_id](self.there.node_id)
        asking = service.service.set_properties(D, {"atime": "off"})
        self.failureResultOf(self.ask(asking), PeerRefused)
        assert self.own(self.here) == {}

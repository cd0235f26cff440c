"""What agents do about ports that other software of their node has."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Container, Port
from flocker_lite.model.state import Held, Listener, Route
from flocker_lite.testing.cluster import MemoryCluster

WEB = Container("web", "10.0.0.1", "redis:latest", ports=(Port(6379, 7000), Port(6380, 7001)))


class ListenersTests(SynchronousTestCase):
    """Two nodes in memory."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.led_on: list[dict[int, Route | Held | None]] = []
        self.cluster.start()

    async def _watch(self, _method: str) -> None:
        self._note()

    def _note(self) -> None:
        routing = self.cluster.nodes[1].routing
        self.led_on.append({port.external: routing.goes_to(port.external) for port in WEB.ports})

    def test_software_that_listened_first_keeps_its_port(self) -> None:
        """Not for a moment is its port led away, though it came after the last full look."""
        second = self.cluster.nodes[1]
        second.listeners.listening["7001"] = Listener("nginx", 8)
        second.routing.before = self._watch
        self.cluster.edit(lambda before: edits.create_container(before, WEB))
        self.cluster.run(60.0)
        self._note()
        assert isinstance(self.led_on[-1][7000], Route)
        assert all(seen[7001] is None for seen in self.led_on)

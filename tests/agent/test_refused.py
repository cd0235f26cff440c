"""An agent that is refused comes again, though not at once."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.greeting import RECONNECT_SECONDS_MAX
from flocker_lite.agent.service import RECONNECT_SECONDS_FIRST, REFUSED_SECONDS
from flocker_lite.model.records import NodeId
from flocker_lite.testing.cluster import MemoryCluster


class CountingCluster(MemoryCluster):
    """A cluster that counts how often agents come, and may hang up on each."""

    count = 0
    hangs_up = False

    def connect(self, node_id: NodeId, factory: Any) -> Any:
        self.count += 1
        if not self.hangs_up:
            return super().connect(node_id, factory)
        client = factory.buildProtocol(None)
        transport = StringTransportWithDisconnection()
        transport.protocol = client
        client.makeConnection(transport)
        self.clock.callLater(0, transport.loseConnection)
        return client


class RefusedTests(SynchronousTestCase):
    """One agent, whose node belongs to another cluster."""

    def test_pause(self) -> None:
        """It waits after each time, and is let in at last."""
        cluster = CountingCluster(nodes=1)
        [node] = cluster.nodes
        node.cluster_id = "another"
        cluster.start()
        assert cluster.count == 1
        cluster.run(REFUSED_SECONDS - 2)
        assert cluster.count == 1
        cluster.run(5 * REFUSED_SECONDS)
        assert 2 <= cluster.count <= 6
        assert cluster.control is not None
        assert node.node_id not in cluster.control.cluster.nodes
        node.cluster_id = ""
        cluster.run(4 * REFUSED_SECONDS)
        assert node.node_id in cluster.control.cluster.nodes
        assert node.cluster_id == cluster.control.cluster_id
        # Refused no more, it comes back at once when it is cut off.
        before = cluster.count
        cluster.cut_control(node)
        cluster.cut_from_control.clear()
        cluster.run(2 * RECONNECT_SECONDS_FIRST + 1)
        assert cluster.count == before + 1

    def test_hung_up_on(self) -> None:
        """One that gets no answer at all comes ever more seldom."""
        cluster = CountingCluster(nodes=1)
        cluster.hangs_up = True
        cluster.start()
        cluster.run(20.0)
        assert 3 <= cluster.count <= 8
        before = cluster.count
        cluster.run(60.0)
        assert cluster.count <= before + 6
        cluster.hangs_up = False
        cluster.run(RECONNECT_SECONDS_MAX + 10)
        assert cluster.control is not None
        assert cluster.nodes[0].node_id in cluster.control.cluster.nodes

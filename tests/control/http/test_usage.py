"""/state/usage: what nodes and containers use now."""

from __future__ import annotations

from pyrsistent import pmap
from twisted.internet.defer import Deferred

from flocker_lite.model.machine import Capacity, Machine
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import NodeState
from flocker_lite.model.usage import ContainerUsage, NodeUsage
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

MACHINE = Machine(load=1.5, memory=Capacity(100, 40))
USAGE = NodeUsage(MACHINE, 4, pmap({"db": ContainerUsage(0.25, 1000, None, 1, 2, 3, 4)}))


class UsageTests(RESTTestCase):
    """Two nodes, one of which is away."""

    def setUp(self) -> None:
        super().setUp()
        self.control.report(NODE_1, NodeState())

    def asked(self) -> list[NodeId]:
        """Have the agent answer; returns who is asked from now on."""
        asked = []
        usage = self.control.usage

        async def answer(node_id: NodeId) -> NodeUsage:
            asked.append(node_id)
            return USAGE if node_id == NODE_1 else await usage(node_id)

        self.control.usage = answer  # type: ignore[method-assign]
        return asked

    def test_usage(self) -> None:
        """What is known is said; of a node that is away, why it is not."""
        self.asked()
        found = {each["host"]: each for each in self.get("/state/usage")}
        assert found[ADDRESS_1] == {
            "host": ADDRESS_1,
            "uuid": NODE_1,
            "cpus": 4,
            "machine": {
                "load": 1.5,
                "memory_size_bytes": 100,
                "memory_free_bytes": 40,
                "told_at": 0.0,
            },
            "containers": [
                {
                    "name": "db",
                    "cpu_share": 0.25,
                    "memory_bytes": 1000,
                    "received_bytes": 1,
                    "sent_bytes": 2,
                    "read_bytes": 3,
                    "written_bytes": 4,
                }
            ],
        }
        assert set(found[ADDRESS_2]) == {"host", "uuid", "error"}
        assert "away" in found[ADDRESS_2]["error"]

    def test_one_node(self) -> None:
        """Nobody else is asked."""
        asked = self.asked()
        (found,) = self.get(f"/state/usage?host={ADDRESS_1}")
        assert (found["uuid"], asked) == (NODE_1, [NODE_1])
        assert self.request("GET", "/v1/state/usage?host=10.9.9.9").status == 400

    def test_all_at_once(self) -> None:
        """A node that is slow does not keep the others from being asked."""
        asked: list[NodeId] = []
        slow: list[Deferred[NodeUsage]] = []

        async def answer(node_id: NodeId) -> NodeUsage:
            asked.append(node_id)
            slow.append(Deferred())
            return await slow[-1]

        self.control.usage = answer  # type: ignore[method-assign]
        sent = self.begin("GET", "/v1/state/usage")
        assert set(asked) == {NODE_1, NODE_2}
        self.assertNoResult(sent)
        for each in slow:
            each.callback(USAGE)
        self.treq.flush()
        self.successResultOf(sent)

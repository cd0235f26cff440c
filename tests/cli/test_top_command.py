"""`flockerctl top` shows what nodes and containers use, the busiest first."""

from __future__ import annotations

import json

from pyrsistent import pmap

from flocker_lite.cli.top_command import busiest
from flocker_lite.model.machine import Capacity, Machine
from flocker_lite.model.records import NodeId
from flocker_lite.model.usage import ContainerUsage, NodeUsage
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1

GIBIBYTE = 1024**3
MACHINE = Machine(
    capacity=Capacity(100 * GIBIBYTE, 25 * GIBIBYTE),
    memory=Capacity(8 * GIBIBYTE, 6 * GIBIBYTE),
    load=1.5,
)


class TopTests(CLITestCase):
    """A node with two containers, and one whose agent is silent."""

    def setUp(self) -> None:
        super().setUp()
        usage = self.control.usage
        containers = {
            "idle": ContainerUsage(0.001, 10 * 1024**2, None, 0, 0, 0, 0),
            "busy": ContainerUsage(1.5, GIBIBYTE, 2 * GIBIBYTE, 2048, 1024, 0, 4096),
        }

        async def answer(node_id: NodeId) -> NodeUsage:
            if node_id != NODE_1:
                return await usage(node_id)
            return NodeUsage(MACHINE, 2, pmap(containers))

        self.control.usage = answer  # type: ignore[method-assign]
        self.both_report()

    def test_tables(self) -> None:
        """The nodes and the containers."""
        nodes, containers = self.answer("top").split("\n\n")
        row = nodes.splitlines()[1]
        assert row.split("  ")[0] == ADDRESS_1
        assert "1.50 of 2" in row
        assert "2.0 GiB of 8.0 GiB (25%)" in row
        assert "75.0 GiB of 100.0 GiB (75%)" in row
        assert "it did not answer" in nodes.splitlines()[2]
        busy, idle = containers.splitlines()[1:]
        assert busy.split() == [
            *("busy", ADDRESS_1, "150.0%", "1.0", "GiB", "of", "2.0", "GiB"),
            *("2.0", "KiB", "1.0", "KiB", "0", "B", "4.0", "KiB"),
        ]
        assert idle.split()[:3] == ["idle", ADDRESS_1, "0.1%"]

    def test_one_node(self) -> None:
        """Nothing of the others is shown."""
        assert ADDRESS_2 not in self.answer("top", ADDRESS_1)

    def test_for_programs(self) -> None:
        """The objects of the API, or the names of the containers, the busiest first."""
        first, second = json.loads(self.answer("top", "-o", "json"))
        assert (first["host"], second["host"]) == (ADDRESS_1, ADDRESS_2)
        assert [each["name"] for each in first["containers"]] == ["busy", "idle"]
        assert self.answer("top", "-q").split() == ["busy", "idle"]

    def test_an_older_control_service(self) -> None:
        """Is to be upgraded, says one line."""
        self.unknown_paths = ("/state/usage",)
        result = self.run_command("top")
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert "too old" in result.stderr


def test_rates() -> None:
    """Between two looks it is bytes per second; a container that began anew counts from zero."""
    before = {
        ("n1", "db"): {"sent_bytes": 1000, "received_bytes": 900, "at": 10.0},
        ("n1", "gone"): {"sent_bytes": 1, "at": 10.0},
    }
    container = {"name": "db", "sent_bytes": 3000, "received_bytes": 5, "read_bytes": 7}
    (item,) = busiest([{"host": "n1", "containers": [container]}], before, 12.0)
    assert item["sent_bytes_per_second"] == 1000.0
    assert item["received_bytes_per_second"] == 0.0
    assert "read_bytes_per_second" not in item

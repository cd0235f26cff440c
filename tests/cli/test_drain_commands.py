"""`flockerctl drain` and `return` before a control service in memory."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.cli.drain_commands import name_of
from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerState, NodeState
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2


class DrainCommandsTests(CLITestCase):
    """Two nodes that report, with a container at the first."""

    def setUp(self) -> None:
        super().setUp()
        self.both_report()
        self.answer("run", "--on", ADDRESS_1, "--name", "web", "--no-wait", "nginx")

    def where(self) -> str:
        """Where the container is to be."""
        return self.control.configuration.containers["web"].node

    def test_dry_run(self) -> None:
        """What would go where; nothing is done."""
        said = self.answer("drain", ADDRESS_1, "--dry-run")
        assert f"container web  {ADDRESS_2}" in said
        assert self.where() == NODE_1
        assert self.control.configuration.nodes[NODE_1].schedulable
        assert f"nothing is on {ADDRESS_2}" in self.answer("drain", ADDRESS_2, "--dry-run")

    def test_there_and_back(self) -> None:
        """It begins, is stopped, and comes back."""
        self.answer("drain", ADDRESS_1, "--no-wait", "--parallel", "1", "--deadline", "1h")
        assert self.where() == NODE_2
        assert "here, draining" in self.answer("nodes")
        assert "stays cordoned" in self.answer("drain", ADDRESS_1, "--stop")
        assert self.run_command("drain", ADDRESS_1, "--stop").exit_code == 3
        assert "is open again" in self.answer("return", ADDRESS_1, "--no-wait")
        assert self.where() == NODE_1
        assert self.run_command("return", ADDRESS_1).exit_code == 3

    def test_nothing_to_do(self) -> None:
        """A node with nothing is empty at once."""
        assert f"{ADDRESS_2} is empty: 0 moved" in self.answer("drain", ADDRESS_2)

    def test_last_requests(self) -> None:
        """What no longer belongs there may run on for a moment: the node is not empty before."""
        shop = ContainerState(Container("shop", NODE_1, "shop:1"), running=True)
        self.control.report(NODE_2, NodeState(containers=pmap({"shop": shop})))
        self.meanwhile = [lambda: self.control.report(NODE_2, NodeState())]
        said = self.answer("drain", ADDRESS_2).splitlines()
        assert said == [
            f"container shop still ends its last requests on {ADDRESS_2}",
            f"{ADDRESS_2} is empty: 0 moved",
        ]

    def test_last_requests_that_do_not_end(self) -> None:
        """It does not say that the node is empty."""
        shop = ContainerState(Container("shop", NODE_1, "shop:1"), running=True)
        self.control.report(NODE_2, NodeState(containers=pmap({"shop": shop})))
        result = self.run_command("drain", ADDRESS_2, "--timeout", "0s")
        assert result.exit_code != 0
        assert "is empty" not in result.output
        assert "not within" in result.output

    def test_it_stays(self) -> None:
        """What cannot go is named with the reason, and the command fails."""
        self.answer("cordon", ADDRESS_2)
        result = self.run_command("drain", ADDRESS_1)
        assert result.exit_code == 1
        assert "container web stays: no other node may have it" in result.output
        assert f"{ADDRESS_1}: 0 moved, 1 stayed" in result.output

    def test_wrong(self) -> None:
        """A node that there is not, and numbers that are none."""
        assert self.run_command("drain", "10.77.0.99").exit_code == 1
        assert self.run_command("drain", ADDRESS_1, "--parallel", "0").exit_code == 2
        assert self.run_command("drain", ADDRESS_1, "--deadline", "soon").exit_code == 2


def test_names() -> None:
    """What leaves, in a few words."""
    assert name_of({"application": "shop", "containers": ["db", "web"]}) == "application shop"
    assert name_of({"containers": ["web"]}) == "container web"
    assert name_of({"dataset_id": "x"}) == "dataset x"

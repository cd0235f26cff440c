"""`flockerctl failover`, `switchover` and `failback` before a control service in memory."""

from __future__ import annotations

import json
from typing import Any

from pyrsistent import pmap
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from flocker_lite.cli.session import EXIT_CONFLICT
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Grant
from flocker_lite.model.state import ContainerState, DatasetState, NodeState, SnapshotSet
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2

D = "dddddddd-0000-4000-8000-000000000001"
E = "dddddddd-0000-4000-8000-000000000002"
SETTLED = 11.0
"""Whether an agent is away is said this long after the control service has started."""


class FailoverCommandsTests(CLITestCase):
    """A container with a dataset at one node, and another node that stands by."""

    def setUp(self) -> None:
        super().setUp()
        self.dataset(D, nodes=[ADDRESS_1, ADDRESS_2])
        shop = {
            "name": "shop",
            "host": ADDRESS_1,
            "image": "shop:1",
            "volumes": [{"dataset_id": D, "mountpoint": "/data"}],
        }
        self.created("/configuration/containers", shop)
        self.clock.advance(SETTLED)
        self.set = SnapshotSet(1, self.clock.seconds() - 12, pmap({D: "g"}))
        self.link = self.report(NODE_1, Lease(Role.PRIMARY, 1))
        self.report(NODE_2, Lease(Role.REPLICA, 1), self.set)

    def dataset(self, dataset_id: str, **replicas: Any) -> None:
        body: dict[str, Any] = {"primary": ADDRESS_1, "dataset_id": dataset_id}
        if replicas:
            body["replicas"] = replicas
        self.created("/configuration/datasets", body)

    def report(self, node_id: str, lease: Lease, complete: SnapshotSet | None = None) -> Any:
        is_primary = lease.role is Role.PRIMARY
        shop = self.control.configuration.containers["shop"]
        made = {"shop": ContainerState(shop, True, serving=True)} if is_primary else {}
        held = {D: DatasetState(D, lease, complete_set=complete)}
        return self.control.report(node_id, NodeState(pmap(held), pmap(made)))

    def dies(self) -> None:
        self.link.connectionLost(Failure(ConnectionDone()))

    def where(self) -> str:
        return self.control.configuration.containers["shop"].node

    def fails(self, *words: str, input_text: str | None = None) -> str:
        result = self.run_command(*words, input_text=input_text)
        assert result.exit_code != 0, result.output
        return result.output

    def test_dry_run(self) -> None:
        """What would be lost, and what speaks against it."""
        self.dies()
        said = self.answer("failover", "shop", "--dry-run")
        assert "loses at most   12.0 s" in said
        assert "proved stopped  no" in said
        assert "needs --force   Nothing proves that container shop is stopped" in said
        assert self.told("failover", "shop", "--dry-run")[0]["to"] == ADDRESS_2
        assert self.where() == NODE_1

    def test_dry_run_of_what_is_not_possible(self) -> None:
        """It shows what it would be, and is a conflict that says why."""
        self.dies()
        for force in ((), ("--force",)):
            result = self.run_command("failover", "shop", "--to", ADDRESS_1, "--dry-run", *force)
            assert result.exit_code == EXIT_CONFLICT
            assert f"not possible    The agent of {ADDRESS_1} is away." in result.stdout
            assert result.stderr == f"flockerctl: The agent of {ADDRESS_1} is away.\n"
        result = self.run_command("failover", "shop", "--to", ADDRESS_1, "--dry-run", "-o", "json")
        assert result.exit_code == EXIT_CONFLICT
        assert json.loads(result.stdout)[0]["possible"] is False

    def test_only_with_force(self) -> None:
        """A node that is well keeps it; of one that is away nobody knows."""
        assert "move it instead" in self.fails("failover", "shop", "-y")
        self.dies()
        assert "Nothing proves" in self.fails("failover", "shop", "-y")
        to_itself = ("failover", "shop", "--to", ADDRESS_1, "--force")
        assert f"The agent of {ADDRESS_1} is away." in self.fails(*to_itself)

    def test_it_asks(self) -> None:
        """With how much is lost; no is no."""
        self.dies()
        said = self.fails("failover", "shop", "--force", input_text="n\n")
        assert "as it was 12.0 s ago?" in said
        assert self.where() == NODE_1

    def test_fail_over_and_back(self) -> None:
        """It waits until the standby serves, says what was lost, and the way back is a move."""
        self.dies()
        primary = Lease(Role.PRIMARY, 3)
        self.meanwhile = [lambda: self.clock.advance(1), lambda: self.report(NODE_2, primary)]
        said = self.answer("failover", "shop", "--force", input_text="y\n")
        assert "lost at most what was written in 12.0 s before the failover" in said
        assert self.where() == NODE_2
        assert self.control.configuration.grants[D] == Grant(NODE_2, 3, True, "g")
        self.answer("failback", "shop", "--no-wait")
        assert self.where() == NODE_1
        self.answer("switchover", "shop", "--no-wait")
        assert self.where() == NODE_2

    def test_switch_over(self) -> None:
        """To the standby, or to the one that is named; never to a node that is none."""
        assert f"{ADDRESS_1} is no standby of shop" in self.fails(
            "switchover", "shop", "--to", ADDRESS_1
        )
        self.answer("switchover", "shop", "--no-wait")
        assert self.where() == NODE_2
        self.answer("switchover", "shop", "--to", ADDRESS_1, "--no-wait")
        assert self.where() == NODE_1

    def test_no_standby(self) -> None:
        """A dataset without one, and one that never failed over."""
        self.dataset(E)
        assert "has no standby" in self.fails("switchover", E)
        assert "did not fail over" in self.fails("failback", E)
        assert "no standby" in self.fails("failover", E, "--force", "-y")

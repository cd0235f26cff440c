"""`flockerctl replicate` and `drop-copy` before a control service in memory."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Replicas
from flocker_lite.model.state import DatasetState, NodeState, SnapshotSet
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2

D = "dddddddd-0000-4000-8000-000000000001"
E = "dddddddd-0000-4000-8000-000000000002"


class StandbyCommandsTests(CLITestCase):
    """A container with two datasets at one node, and another node."""

    def setUp(self) -> None:
        super().setUp()
        for dataset_id in (D, E):
            body = {"primary": ADDRESS_1, "dataset_id": dataset_id}
            self.created("/configuration/datasets", body)
        volumes = [{"dataset_id": D, "mountpoint": "/d"}, {"dataset_id": E, "mountpoint": "/e"}]
        shop = {"name": "shop", "host": ADDRESS_1, "image": "shop:1", "volumes": volumes}
        self.created("/configuration/containers", shop)

    def report(self, node_id: str, role: Role, **more: Any) -> None:
        held = {D: DatasetState(D, Lease(role, 1), **more)}
        self.control.report(node_id, NodeState(pmap(held)))

    def replicas(self, dataset_id: str = D) -> Replicas | None:
        return self.control.configuration.datasets[dataset_id].replicas

    def fails(self, *words: str) -> str:
        result = self.run_command(*words)
        assert result.exit_code != 0, result.output
        return str(result.output)

    def test_a_container(self) -> None:
        """All of its datasets are copied to that node."""
        asked = ("--to", ADDRESS_2, "--rpo", "1m", "--bandwidth", "20M", "--warm")
        assert f"{D}: {ADDRESS_2} stand by" in self.answer("replicate", "shop", *asked)
        expected = Replicas((NODE_2,), 60.0, 20 * 2**20, True)
        assert self.replicas(D) == self.replicas(E) == expected

    def test_none(self) -> None:
        """Nobody stands by any more."""
        self.answer("replicate", D, "--to", NODE_2)
        assert self.replicas(E) is None
        assert "nobody" in self.answer("replicate", D, "--none")
        assert self.replicas(D) is None

    def test_count(self) -> None:
        """All of a container's data go to the same nodes that were chosen."""
        self.report(NODE_1, Role.PRIMARY)
        self.report(NODE_2, Role.REPLICA)
        self.answer("replicate", "shop", "--count", "1")
        assert self.replicas(D) == self.replicas(E) == Replicas((NODE_1, NODE_2), count=1)

    def test_which(self) -> None:
        """Exactly one of the three says who stands by."""
        for words in ((), ("--none", "--count", "1"), ("--to", ADDRESS_2, "--none")):
            assert "--to NODE" in self.fails("replicate", "shop", *words)

    def test_shown(self) -> None:
        """The list has each copy with its lag."""
        self.answer("replicate", D, "--to", ADDRESS_2)
        self.report(NODE_1, Role.PRIMARY)
        complete = SnapshotSet(1, self.clock.seconds() - 12, pmap({D: "g"}))
        self.report(NODE_2, Role.REPLICA, complete_set=complete)
        assert f"{ADDRESS_2} standby lag 12.0 s" in self.answer("datasets", "-o", "wide")

    def test_dropped(self) -> None:
        """A copy that is not needed is dropped, one that is needed is not."""
        self.report(NODE_1, Role.PRIMARY)
        self.report(NODE_2, Role.REPLICA)
        assert "it is the primary" in self.fails("drop-copy", D, ADDRESS_1, "-y")
        self.answer("drop-copy", D, ADDRESS_2, "-y")
        assert D in self.control.configuration.discards

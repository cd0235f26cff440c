"""A standby that is kept fresh takes over, in a whole cluster in memory, and back again."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.failover_edits import container_group
from flocker_lite.model.failover_prospects import Prospect
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Configuration, Container, Dataset, Volume
from flocker_lite.model.replicas import Replicas
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-000000000001"
E = "dddddddd-0000-4000-8000-000000000002"
RPO_SECONDS = 5.0


class StandbyTakesOverTests(SynchronousTestCase):
    """A pair of nodes, and a container with two datasets; on a warm standby it is prestarted."""

    warm = False

    def setUp(self) -> None:
        self.cluster = MemoryCluster(3)
        self.a, self.b, _ = self.cluster.nodes
        self.cluster.start()
        pair = Replicas((self.a.node_id, self.b.node_id), RPO_SECONDS, warm=self.warm)
        for dataset_id in (D, E):
            dataset = Dataset(dataset_id, self.a.node_id, replicas=pair)
            self.cluster.edit(partial(edits.create_dataset, dataset=dataset))
        volumes = (Volume(D, "/d"), Volume(E, "/e"))
        shop = Container("shop", self.a.node_id, "shop:1", volumes=volumes)
        self.cluster.edit(partial(edits.create_container, container=shop))
        self.cluster.run(3)
        self.a.write("shop", "one")
        self.cluster.run(20)

    @property
    def configuration(self) -> Configuration:
        assert self.cluster.control is not None
        return self.cluster.control.configuration

    def prospect(self) -> Prospect:
        assert self.cluster.control is not None
        return self.cluster.control.failovers.prospect(
            lambda before: container_group(before, "shop"), None
        )

    def fail_over(self) -> None:
        assert self.cluster.control is not None
        doing = self.cluster.control.failovers.fail_over(
            lambda before: container_group(before, "shop"), None, force=True
        )
        self.successResultOf(Deferred.fromCoroutine(doing))

    def dies(self, node: MemoryNode) -> None:
        self.cluster.stop_agent(node)
        node.containers.crash()
        node.storage.reboot()
        node.routing.crash()

    def lease(self, node: MemoryNode) -> Lease | None:
        leases = {node.storage.copies[each].local.lease for each in (D, E)}
        assert len(leases) == 1, leases
        return leases.pop()

    def asides(self, node: MemoryNode) -> dict[str, tuple[str, ...]]:
        return {
            name.rpartition("-")[0]: aside.content for name, aside in node.storage.aside.items()
        }

    def test_there_and_back(self) -> None:
        """What was acknowledged before the set is there; the rest is set aside when A is back."""
        prospect = self.prospect()
        assert (prospect.destination, prospect.why_not) == (self.b.node_id, None)
        assert prospect.needs_force is not None
        assert "move it instead" in prospect.needs_force
        self.a.write("shop", "lost")
        self.dies(self.a)
        self.cluster.run(1)
        prospect = self.prospect()
        assert prospect.loses_seconds is not None
        assert prospect.loses_seconds <= 2 * RPO_SECONDS
        self.fail_over()
        self.cluster.run(10)
        assert self.lease(self.b) == Lease(Role.PRIMARY, 3)
        assert self.b.storage.read(D) == self.b.storage.read(E) == ("one",)
        assert "shop" in self.b.containers.processes
        assert not self.configuration.moves
        self.b.write("shop", "two")

        self.cluster.start_agent(self.a)
        self.cluster.run(40)
        assert self.lease(self.a) == Lease(Role.REPLICA, 3)
        assert self.a.containers.processes == {}
        assert self.asides(self.a) == {f"{each}.failover": ("one", "lost") for each in (D, E)}
        assert self.prospect().destination == self.a.node_id
        for dataset_id in (D, E):
            assert self.a.storage.copies[dataset_id].content == ("one", "two")

        self.cluster.edit(lambda c: edits.move_container(c, "shop", self.a.node_id))
        self.cluster.run(30)
        assert not self.configuration.moves
        assert self.a.storage.read(D) == ("one", "two")
        assert "shop" in self.a.containers.processes
        self.cluster.run(20)
        assert self.prospect().destination == self.b.node_id

    def test_both_die_in_turn(self) -> None:
        """Each takes over from the other, in later and later epochs."""
        primary, standby = self.a, self.b
        for number in range(4):
            self.dies(primary)
            self.cluster.run(1)
            self.fail_over()
            self.cluster.run(10)
            standby.write("shop", f"text {number}")
            self.cluster.start_agent(primary)
            self.cluster.run(60)
            primary, standby = standby, primary
            assert self.lease(primary) == Lease(Role.PRIMARY, 3 + 2 * number)
            assert self.lease(standby) == Lease(Role.REPLICA, 3 + 2 * number)
            assert standby.containers.processes == {}
        assert primary.storage.read(D) == ("one", *(f"text {number}" for number in range(4)))


class WarmStandbyTakesOverTests(StandbyTakesOverTests):
    """The same where the container waits there for its data."""

    warm = True

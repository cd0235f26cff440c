"""Failovers in a whole cluster in memory: the old primary comes back in each role it had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.failover_edits import container_group, fail_over
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.moves import Moment
from flocker_lite.model.records import Configuration, Container, Dataset, Edit, Volume
from flocker_lite.model.state import SnapshotSet
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-000000000001"
E = "dddddddd-0000-4000-8000-000000000002"


class FailoverCase(SynchronousTestCase):
    """A container with two datasets at A, whose copies at B are what A had a while ago."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(3)
        self.a, self.b, self.c = self.cluster.nodes
        self.full = 0
        for node in self.cluster.nodes:
            self.count_full_sends(node)
        self.cluster.start()
        for dataset_id in (D, E):
            dataset = Dataset(dataset_id, self.a.node_id)
            self.edit(partial(edits.create_dataset, dataset=dataset))
        volumes = (Volume(D, "/d"), Volume(E, "/e"))
        shop = Container("shop", self.a.node_id, "shop:1", volumes=volumes)
        self.edit(lambda c: edits.create_container(c, shop))
        self.cluster.run(5)
        self.a.write("shop", "one")
        self.move(self.b)
        self.move(self.a)
        self.full = 0
        self.set = self.newest_set()
        self.a.write("shop", "lost")

    def count_full_sends(self, node: MemoryNode) -> None:
        send = node.storage.send

        def sent(dataset_id: str, base: str | None, snapshot: str, fd: int) -> object:
            self.full += base is None
            return send(dataset_id, base, snapshot, fd)

        node.storage.send = sent  # type: ignore[method-assign, assignment]

    def edit(self, function: Callable[[Configuration], Edit]) -> None:
        self.cluster.edit(function)

    def move(self, node: MemoryNode) -> None:
        self.edit(lambda c: edits.move_container(c, "shop", node.node_id))
        for _ in range(60):
            self.cluster.run(1)
            if not self.configuration.moves:
                return
        raise AssertionError(f"it did not move: {self.configuration.moves}")

    @property
    def configuration(self) -> Configuration:
        assert self.cluster.control is not None
        return self.cluster.control.configuration

    def newest_set(self) -> SnapshotSet:
        """What B's copies end with, as of the last handoff from there."""
        guids = {each: self.b.storage.copies[each].local.snapshots[-1].guid for each in (D, E)}
        return SnapshotSet(self.configuration.grants[D].epoch, 0.0, pmap(guids))

    def fail_over(self, node: MemoryNode) -> None:
        """By force; the set at the node is complete."""
        control = self.cluster.control
        assert control is not None
        facts = control.failovers.facts
        told = {
            each: {
                node_id: replace(state, complete_set=self.set if node_id == node.node_id else None)
                for node_id, state in facts.datasets[each].items()
            }
            for each in (D, E)
        }
        known = replace(facts, datasets=told)
        moment = Moment(self.cluster.clock.seconds(), lambda: f"failover-{node.address}")
        self.edit(
            lambda c: fail_over(
                c, container_group(c, "shop"), node.node_id, known, moment, force=True
            )
        )

    def dies(self, node: MemoryNode) -> None:
        """The machine loses power."""
        self.cluster.stop_agent(node)
        node.containers.crash()
        node.storage.reboot()
        node.routing.crash()
        node.fence.crash()

    def lease(self, node: MemoryNode, dataset_id: str = D) -> Lease | None:
        return node.storage.copies[dataset_id].local.lease

    def asides(self, node: MemoryNode) -> dict[str, tuple[str, ...]]:
        """What was set aside at a node, by dataset and reason."""
        return {
            name.rpartition("-")[0]: aside.content for name, aside in node.storage.aside.items()
        }

    def starts(self, node: MemoryNode) -> list[str]:
        """Notes each start of a container at the node from now on."""
        started: list[str] = []
        start = node.containers.start

        def noted(name: str) -> object:
            started.append(name)
            return start(name)

        node.containers.start = noted  # type: ignore[method-assign, assignment]
        return started


class FailoverTests(FailoverCase):
    """A dies, and B takes over."""

    def test_the_whole_way(self) -> None:
        """B goes on from the set; A comes back by an increment, and what it alone had is kept."""
        self.dies(self.a)
        self.cluster.run(1)
        self.fail_over(self.b)
        self.cluster.run(10)
        assert self.lease(self.b) == self.lease(self.b, E) == Lease(Role.PRIMARY, 5)
        assert self.b.storage.read(D) == self.b.storage.read(E) == ("one",)
        assert "shop" in self.b.containers.processes
        assert not self.configuration.moves
        past = self.configuration.past_moves[f"failover-{self.b.address}"]
        assert past.verdict == "done"
        self.b.write("shop", "two")

        started = self.starts(self.a)
        self.cluster.start_agent(self.a)
        self.cluster.run(10)
        assert self.lease(self.a) == self.lease(self.a, E) == Lease(Role.REPLICA, 5)
        assert self.a.containers.processes == {}
        assert started == []

        self.move(self.a)
        assert self.a.storage.read(D) == self.a.storage.read(E) == ("one", "two")
        assert self.lease(self.a) == Lease(Role.PRIMARY, 6)
        assert self.asides(self.a) == {f"{each}.failover": ("one", "lost") for each in (D, E)}
        assert self.full == 0
        assert started == ["shop"]

    def test_a_primary_that_was_cut_off(self) -> None:
        """It stops once it hears of it; what it wrote meanwhile is kept."""
        self.cluster.cut_control(self.a)
        self.cluster.network.cut.add(frozenset({self.a.node_id, self.b.node_id}))
        self.cluster.run(1)
        self.fail_over(self.b)
        self.cluster.run(10)
        assert self.lease(self.a) == Lease(Role.PRIMARY, 3)
        assert self.lease(self.b) == Lease(Role.PRIMARY, 5)
        self.a.write("shop", "lost, too")
        self.cluster.cut_from_control.clear()
        self.cluster.network.cut.clear()
        self.cluster.run(60)
        assert self.a.containers.processes == {}
        assert self.lease(self.a) == Lease(Role.REPLICA, 5)
        self.move(self.a)
        kept = ("one", "lost", "lost, too")
        assert self.asides(self.a) == {f"{each}.failover": kept for each in (D, E)}

    def test_the_old_primary_is_well(self) -> None:
        """By force all the same: it stops, and B goes on."""
        self.fail_over(self.b)
        self.cluster.run(10)
        assert self.a.containers.processes == {}
        assert self.lease(self.a) == Lease(Role.REPLICA, 5)
        assert self.lease(self.b) == Lease(Role.PRIMARY, 5)
        assert "shop" in self.b.containers.processes

    def test_the_standby_is_ahead(self) -> None:
        """What arrived after the set is set aside, so that its datasets are of one instant."""
        self.b.storage._set(D, mounted=True)
        self.b.storage.write(D, "of a later set")
        self.b.storage._set(D, mounted=False)
        self.b.storage.user_snapshot(D, "flocker-lite-3-1")
        self.dies(self.a)
        self.fail_over(self.b)
        self.cluster.run(15)
        assert self.b.storage.read(D) == self.b.storage.read(E) == ("one",)
        assert self.asides(self.b) == {f"{D}.failover": ("one", "of a later set")}
        assert "shop" in self.b.containers.processes


class ReturnTests(FailoverCase):
    """A comes back with its copies in some role of a move to C, which was cut off."""

    def comes_back_as(self, lease: Lease) -> None:
        """It is given up: a replica in the end, and nothing was ever started."""
        self.dies(self.a)
        for dataset_id in (D, E):
            self.a.storage._set(dataset_id, lease=lease)
        self.cluster.run(1)
        self.fail_over(self.b)
        self.cluster.run(10)
        self.b.write("shop", "two")
        started = self.starts(self.a)
        self.cluster.start_agent(self.a)
        self.cluster.run(15)
        for dataset_id in (D, E):
            held = self.lease(self.a, dataset_id)
            assert held is not None
            assert held.role is Role.REPLICA, held
        assert started == []
        assert self.a.containers.processes == {}
        assert self.configuration.grants[D].owner == self.b.node_id
        self.move(self.a)
        assert self.a.storage.read(D) == self.a.storage.read(E) == ("one", "two")
        lost = [content for content in self.asides(self.a).values() if "lost" in content]
        assert len(lost) == 2
        assert self.full == 0

    def test_primary(self) -> None:
        """It was cut off while it ran."""
        self.comes_back_as(Lease(Role.PRIMARY, 3))

    def test_releasing(self) -> None:
        """It would take the dataset back, and start."""
        self.comes_back_as(Lease(Role.RELEASING, 3, self.c.node_id))

    def test_lent(self) -> None:
        """It would recall the trial first."""
        self.comes_back_as(Lease(Role.LENT, 4, self.c.node_id, 45))

    def test_probation(self) -> None:
        """It would give it back, or be acquired."""
        self.comes_back_as(Lease(Role.PROBATION, 4))

    def test_released(self) -> None:
        """It would deliver it; all that it had is in its snapshots."""
        for dataset_id in (D, E):
            self.a.storage.user_snapshot(dataset_id, "flocker-lite-3-9")
        self.comes_back_as(Lease(Role.RELEASED, 4, self.c.node_id))

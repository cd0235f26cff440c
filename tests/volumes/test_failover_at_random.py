"""Volumes with failover=automatic while everything happens to their nodes, in random orders."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from flocker_lite.convergence.awaited_mounts import AWAITED_SECONDS_MAX
from flocker_lite.model.fencing.names import volume_unit
from flocker_lite.model.lease import Role
from flocker_lite.testing.cluster import MemoryCluster
from tests.volumes.memory_docker import MemoryDocker
from tests.volumes.test_failover import OPTIONS

SEEDS = range(3)
STEPS = 40
STEP_SECONDS = 0.25


class Walk:
    """Three nodes whose Dockers start and stop containers with one volume, and what befalls them.

    `acknowledged` is what containers wrote, each with the node.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.cluster = MemoryCluster(3)
        self.cluster.start()
        self.dockers = [MemoryDocker(self.cluster, node) for node in self.cluster.nodes]
        everywhere = ",".join(node.address for node in self.cluster.nodes)
        for docker in self.dockers:
            docker.create(**{**OPTIONS, "replicas": everywhere})
        assert self.cluster.control is not None
        self.dataset_id = next(iter(self.cluster.control.configuration.datasets))
        self.dead: set[int] = set()
        self.hung: set[int] = set()
        self.mounting: set[int] = set()
        self.wrote = 0
        self.served: list[int] = []
        self.said = ""

    def run(self) -> None:
        """The walk, and some quiet time in the end in which it has to work again."""
        for _ in range(STEPS):
            self.random.choice(self.actions())()
            self.go_on(self.random.choice((0.25, 1.0, 4.0, 15.0)))
        self.mend()
        self.go_on(AWAITED_SECONDS_MAX + 10.0)
        for number in range(3):
            self.docker_stop(number)
        self.go_on(30.0)
        self.docker_run(self.random.randrange(3))
        self.go_on(40.0)
        assert any(self.runs(number) for number in range(3)), f"it never works again: {self.said}"

    def actions(self) -> list[Any]:
        """What may happen next."""
        one, other = self.random.sample(range(3), 2)
        return [
            *[lambda: self.docker_run(one)] * 4,
            lambda: self.docker_stop(one),
            lambda: self.kill(one),
            lambda: self.stop_agent(one),
            lambda: self.cluster.cut_control(self.node(one)),
            lambda: self.cut(one),
            lambda: self.cut_between(one, other),
            self.restart_control,
            *[self.mend] * 3,
        ]

    def node(self, number: int) -> Any:
        """One of the nodes."""
        return self.cluster.nodes[number]

    def docker_run(self, number: int) -> None:
        """`docker run`, which takes its time."""
        if number in self.dead | self.hung | self.mounting or self.runs(number):
            return
        docker, served = self.dockers[number], len(self.served)
        self.mounting.add(number)

        def mounted(answer: Any) -> None:
            self.mounting.discard(number)
            self.said = answer["Err"]
            if answer["Err"] == "" and number not in self.dead and docker is self.dockers[number]:
                docker.start_container("web", answer["Mountpoint"])
                self.served.append(number)

        docker.begin("Mount", mount_id=f"for web {served}").addCallback(mounted)

    def docker_stop(self, number: int) -> None:
        """`docker stop`."""
        if self.runs(number):
            docker = self.dockers[number]
            docker.node.foreign.fenced(docker.instance("web"))

    def kill(self, number: int) -> None:
        """A loss of power."""
        if number in self.dead:
            return
        self.stop_agent(number)
        node = self.node(number)
        node.deadline_fence.crash()
        node.storage.reboot()
        self.docker_stop(number)
        node.volume_records.awaited = {}
        self.hung.discard(number)
        self.dead.add(number)

    def stop_agent(self, number: int) -> None:
        """The agent dies alone."""
        if number not in self.dead | self.hung:
            self.dockers[number].volumes.stopService()
            self.cluster.stop_agent(self.node(number))
            self.mounting.discard(number)
            self.hung.add(number)

    def cut(self, number: int) -> None:
        """The cable of a node is pulled."""
        self.cluster.cut_control(self.node(number))
        for other in range(3):
            if other != number:
                self.cut_between(number, other)

    def cut_between(self, one: int, other: int) -> None:
        """Two nodes do not reach each other."""
        ends = {self.node(one).node_id, self.node(other).node_id}
        self.cluster.network.cut.add(frozenset(ends))

    def restart_control(self) -> None:
        """The control service dies, and starts again or does not."""
        if self.cluster.control is not None:
            self.cluster.stop_control()
        if self.random.random() < 0.5:
            self.cluster.start_control()

    def mend(self) -> None:
        """All is well again."""
        self.cluster.cut_from_control.clear()
        self.cluster.network.cut.clear()
        if self.cluster.control is None:
            self.cluster.start_control()
        for number in sorted(self.dead | self.hung):
            self.cluster.start_agent(self.node(number))
            docker = MemoryDocker(self.cluster, self.node(number))
            self.dockers[number] = docker
        self.dead, self.hung = set(), set()

    def runs(self, number: int) -> bool:
        """Whether the container runs on that node."""
        made = self.node(number).foreign.made.get("web")
        return made is not None and bool(made["State"]["Running"])

    def go_on(self, seconds: float) -> None:
        """Let time pass; containers write, and the rules hold."""
        ends = self.cluster.clock.seconds() + seconds
        while self.cluster.clock.seconds() < ends:
            self.cluster.run(STEP_SECONDS)
            self.check()

    def check(self) -> None:
        """No two nodes write, and nobody does without a deadline."""
        writers = [number for number in range(3) if self.runs(number) and self.is_mounted(number)]
        assert len(writers) <= 1, f"two writers: {writers}"
        for number in writers:
            copy = self.node(number).storage.copies[self.dataset_id].local
            assert copy.lease is not None
            assert copy.lease.role in (Role.PRIMARY, Role.RELEASING), copy.lease
            armed = self.node(number).deadline_fence.armed.get(volume_unit(self.dataset_id))
            assert armed is not None, f"node {number} writes without a deadline"
            assert not armed.has_passed
            self.wrote += 1
            self.node(number).storage.write(self.dataset_id, f"{number}: {self.wrote}")

    def is_mounted(self, number: int) -> bool:
        """Whether the volume is mounted on that node."""
        copy = self.node(number).storage.copies.get(self.dataset_id)
        return copy is not None and copy.local.mounted


@pytest.mark.parametrize("seed", SEEDS)
def test_at_random(seed: int) -> None:
    """One writer at most, never without a deadline; and in the end it works."""
    Walk(seed).run()

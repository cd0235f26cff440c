"""Volumes of Docker with failover=automatic: who uses one ends at a deadline, a standby goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import Conflict
from flocker_lite.model import edits
from flocker_lite.model.fencing.names import volume_unit
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Container, Volume
from flocker_lite.model.volume_failover import VolumeFailover
from flocker_lite.testing.cluster import MemoryCluster
from tests.volumes.memory_docker import MemoryDocker

AFTER = 10
OPTIONS = {
    "failover": "automatic",
    "failover_after": f"{AFTER}s",
    "max_lag": "1h",
    "replicas": "10.0.0.1,10.0.0.2",
    "rpo": "5s",
}
ALWAYS: dict[str, Any] = {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}


class FailoverTests(SynchronousTestCase):
    """Three nodes; the volume is on the first, and the second stands by."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(3)
        self.cluster.start()
        self.dockers = [MemoryDocker(self.cluster, node) for node in self.cluster.nodes]
        self.first, self.second, self.third = self.dockers
        for docker in (self.first, self.second):
            docker.create(**OPTIONS)
        self.dataset_id = next(iter(self.configuration.datasets))
        self.unit = volume_unit(self.dataset_id)

    @property
    def configuration(self) -> Any:
        """That of the control service."""
        assert self.cluster.control is not None
        return self.cluster.control.configuration

    def use(self) -> None:
        """A container on the first node writes, and the standby has it."""
        self.first.run("web", **ALWAYS)
        self.first.node.storage.write(self.dataset_id, "row")
        self.run_one_writer(30)

    def run_one_writer(self, seconds: float) -> None:
        """Let time pass; at no moment can two nodes write."""
        ends = self.cluster.clock.seconds() + seconds
        while self.cluster.clock.seconds() < ends:
            self.cluster.run(0.05)
            assert len(self.mounted()) <= 1

    def mounted(self) -> list[str]:
        """The nodes on which it is mounted."""
        copies = ((each, each.storage.copies.get(self.dataset_id)) for each in self.cluster.nodes)
        return [each.address for each, copy in copies if copy is not None and copy.local.mounted]

    def runs(self, docker: MemoryDocker, name: str = "web") -> bool:
        """Whether a container runs."""
        return bool(docker.node.foreign.made[name]["State"]["Running"])

    def cut(self, docker: MemoryDocker) -> None:
        """Pull the cable of a node."""
        self.cluster.cut_control(docker.node)
        for other in self.cluster.nodes:
            if other is not docker.node:
                self.cluster.network.cut.add(frozenset({docker.node.node_id, other.node_id}))

    def heal(self, docker: MemoryDocker) -> None:
        """Put the cable back."""
        self.cluster.cut_from_control.discard(docker.node.node_id)
        self.cluster.network.cut.clear()

    def kill(self, docker: MemoryDocker) -> None:
        """The node loses power."""
        docker.volumes.stopService()
        self.cluster.stop_agent(docker.node)
        docker.node.deadline_fence.crash()
        docker.node.storage.reboot()
        for name in docker.node.foreign.made:
            docker.node.foreign.fenced(docker.instance(name))

    def come_back(self, docker: MemoryDocker) -> None:
        """It has power again."""
        docker.node.volume_records.awaited = {}
        self.cluster.start_agent(docker.node)
        docker.start()

    def mount(self, docker: MemoryDocker, seconds: float = 60) -> Any:
        """What Docker is told that mounts it, while at no moment two nodes can write."""
        answers: list[Any] = []
        docker.begin("Mount", mount_id="for web").addBoth(answers.append)
        ends = self.cluster.clock.seconds() + seconds
        while not answers and self.cluster.clock.seconds() < ends:
            self.run_one_writer(0.05)
        (answer,) = answers
        return answer

    def run_there(self, docker: MemoryDocker, seconds: float = 60) -> None:
        """`docker run`, which succeeds."""
        answer = self.mount(docker, seconds)
        assert answer["Err"] == "", answer
        docker.start_container("web", answer["Mountpoint"])

    def lease(self, docker: MemoryDocker) -> Any:
        """What the node has written on its copy."""
        return docker.node.storage.copies[self.dataset_id].local.lease


class RunningTests(FailoverTests):
    """Its node is well."""

    def test_under_a_deadline(self) -> None:
        """It is mounted under a deadline that goes on, and the fence knows who uses it."""
        self.use()
        armed = self.first.node.deadline_fence.armed[self.unit]
        assert not armed.has_passed
        assert armed.instances == {self.first.instance("web")}
        assert armed.dataset_ids == {self.dataset_id}
        assert self.runs(self.first)
        told = self.first.call("Get")["Volume"]["Status"]
        assert told["failover"] == "automatic, after 10 s"
        assert "waits" not in told

    def test_control_is_away(self) -> None:
        """While the standby renews, nobody ends it; nor does a new agent."""
        self.use()
        self.cluster.stop_control()
        self.run_one_writer(3 * AFTER)
        assert self.runs(self.first)
        self.first.restart_agent()
        self.run_one_writer(3 * AFTER)
        assert self.runs(self.first)
        self.first.run("more")

    def test_standby_is_away(self) -> None:
        """While the control service renews, nobody ends it."""
        self.use()
        self.kill(self.second)
        self.run_one_writer(3 * AFTER)
        assert self.runs(self.first)

    def test_moves(self) -> None:
        """It goes where Docker starts a container, and is under a deadline there alone."""
        self.use()
        self.successResultOf(Deferred.fromCoroutine(self.first.stop("web")))
        self.run_there(self.second)
        self.run_one_writer(3 * AFTER)
        assert self.runs(self.second)
        assert list(self.second.node.deadline_fence.armed) == [self.unit]
        assert self.first.node.deadline_fence.armed == {}

    def test_given_while_it_runs(self) -> None:
        """A volume that is in use gets a failover, and nothing is stopped for that."""
        self.first.create("log", replicas="10.0.0.1,10.0.0.2")
        self.first.run("tail", "log")
        self.first.call("Remove", "log")
        self.first.create("log", **OPTIONS)
        self.run_one_writer(3 * AFTER)
        assert self.runs(self.first, "tail")
        assert len(self.first.node.deadline_fence.armed) == 2
        armed = self.first.node.deadline_fence.armed.values()
        assert not any(each.has_passed for each in armed)

    def test_taken_away(self) -> None:
        """Without the failover nothing ends it any more."""
        self.use()
        self.cluster.edit(
            lambda before: edits.update_dataset(
                before, self.dataset_id, lambda it: replace(it, failover=None)
            )
        )
        self.run_one_writer(1)
        assert self.first.node.deadline_fence.armed == {}
        self.cut(self.first)
        self.run_one_writer(3 * AFTER)
        assert self.runs(self.first)
        assert "agent is away" in self.mount(self.second)["Err"]

    def test_used_by_ours(self) -> None:
        """While a container of flocker_lite's uses it, that one's failover counts."""
        self.run_one_writer(20)
        volumes = (Volume(self.dataset_id, "/data"),)
        ours = Container("kv", self.first.node.node_id, "redis:7", volumes=volumes)
        self.cluster.edit(lambda before: edits.create_container(before, ours))
        self.run_one_writer(10)
        assert self.unit not in self.configuration.fencings
        assert self.first.node.deadline_fence.armed == {}
        self.cluster.edit(lambda before: edits.delete_container(before, "kv"))
        self.run_one_writer(10)
        assert self.unit in self.configuration.fencings
        assert self.unit in self.first.node.deadline_fence.armed

    def test_fence_is_killed(self) -> None:
        """Root may kill both halves of the fence: who uses it is stopped, or fenced anew."""
        self.use()
        self.first.node.deadline_fence.crash()
        self.first.node.deadline_fence.lost(self.unit)
        self.cut(self.first)
        self.run_one_writer(AFTER / 2)
        assert not self.runs(self.first)
        assert self.mounted() == []
        self.heal(self.first)
        self.run_there(self.first)
        assert self.unit in self.first.node.deadline_fence.armed


class CutOffTests(FailoverTests):
    """The cable of its node is pulled."""

    def test_ends(self) -> None:
        """What uses it is killed, it is unmounted, and Docker is told why it does not start."""
        self.use()
        self.cut(self.first)
        self.run_one_writer(AFTER + 2)
        assert not self.runs(self.first)
        assert self.mounted() == []
        assert "deadline" in self.mount(self.first, 120)["Err"]
        assert self.mounted() == []

    def test_comes_back_in_time(self) -> None:
        """Nobody took over: it goes on there, once it is renewed."""
        self.use()
        self.cut(self.first)
        self.run_one_writer(2 * AFTER)
        self.heal(self.first)
        self.run_there(self.first)
        assert self.lease(self.first).role is Role.PRIMARY
        self.run_one_writer(3 * AFTER)
        assert self.runs(self.first)

    def test_standby_takes_over(self) -> None:
        """Docker's request there waits for the deadline; the node that returns writes no more."""
        self.use()
        self.cut(self.first)
        cut_at = self.cluster.clock.seconds()
        self.run_there(self.second)
        assert self.cluster.clock.seconds() - cut_at > AFTER
        assert self.second.node.storage.read(self.dataset_id) == ("row",)
        self.second.node.storage.write(self.dataset_id, "after")
        self.heal(self.first)
        self.run_one_writer(30)
        assert "in use at 10.0.0.2" in self.mount(self.first)["Err"]
        self.run_one_writer(30)
        assert self.lease(self.first).role is Role.REPLICA
        assert self.first.node.storage.read(self.dataset_id) == ("row", "after")

    def test_hears_the_standby(self) -> None:
        """Cut off from the control service alone it goes on, and nobody takes it away."""
        self.use()
        self.cluster.cut_control(self.first.node)
        answer = self.mount(self.second, 120)
        assert "agent does not answer" in answer["Err"]
        assert self.runs(self.first)
        self.first.node.storage.write(self.dataset_id, "more")


class DeadTests(FailoverTests):
    """Its node loses power."""

    def setUp(self) -> None:
        super().setUp()
        self.use()
        self.kill(self.first)

    def test_standby_takes_over(self) -> None:
        """It is there with its data, and the node that returns sets its own copy aside."""
        self.run_there(self.second)
        assert self.second.node.storage.read(self.dataset_id) == ("row",)
        self.second.node.storage.write(self.dataset_id, "after")
        self.come_back(self.first)
        answer = self.mount(self.first)
        assert "in use at 10.0.0.2" in answer["Err"]
        self.run_one_writer(30)
        assert self.mounted() == ["10.0.0.2"]
        assert self.lease(self.first).role is Role.REPLICA

    def test_silent(self) -> None:
        """Its connection may look well for a while."""
        self.come_back(self.first)
        self.run_one_writer(20)
        self.cluster.late_until[self.first.node.node_id] = float("inf")
        self.cluster.network.cut.add(frozenset({self.first.node.node_id, self.second.node.node_id}))
        began = self.cluster.clock.seconds()
        self.run_there(self.second)
        assert self.cluster.clock.seconds() - began > AFTER

    def test_back_again(self) -> None:
        """It goes home with what was written meanwhile, and is fenced there."""
        self.run_there(self.second)
        self.second.node.storage.write(self.dataset_id, "after")
        self.come_back(self.first)
        self.run_one_writer(30)
        self.successResultOf(Deferred.fromCoroutine(self.second.stop("web")))
        self.run_there(self.first)
        assert self.first.node.storage.read(self.dataset_id) == ("row", "after")
        self.run_one_writer(3 * AFTER)
        assert self.runs(self.first)
        assert not self.first.node.deadline_fence.armed[self.unit].has_passed

    def test_comes_back_first(self) -> None:
        """Nothing is mounted there before its deadline is renewed."""
        self.cluster.network.cut.add(frozenset({self.first.node.node_id, self.second.node.node_id}))
        self.cluster.cut_control(self.first.node)
        self.come_back(self.first)
        self.run_one_writer(5)
        assert self.mount(self.first, 120)["Err"]
        assert self.mounted() == []
        self.heal(self.first)
        self.run_there(self.first)
        assert self.unit in self.first.node.deadline_fence.armed

    def test_other_nodes(self) -> None:
        """A node that does not stand by is told who does."""
        self.third.create()
        self.cluster.run(1)
        said = self.mount(self.third)["Err"]
        assert "only standbys that it counts can take over: 10.0.0.2" in said
        assert self.mounted() == []

    def test_both_want_it_twice(self) -> None:
        """Docker that asks twice at once gets it once."""
        answers: list[Any] = []
        for number in (1, 2):
            asked = self.second.begin("Mount", mount_id=str(number))
            asked.addBoth(answers.append)
        self.run_one_writer(40)
        assert [each["Err"] for each in answers] == ["", ""]
        assert self.mounted() == ["10.0.0.2"]

    def test_too_many_are_away(self) -> None:
        """That looks like a cut at the control service, so nothing is taken over."""
        self.kill(self.third)
        answer = self.mount(self.second, 120)
        assert "2 of 3 nodes are away" in answer["Err"]
        assert self.mounted() == []


class OptionsTests(FailoverTests):
    """What a volume needs to fail over."""

    def test_no_standby(self) -> None:
        """It needs another node with a copy, and keeps one."""
        asked = {**OPTIONS, "replicas": "10.0.0.1"}
        assert "no standby" in self.first.error("Create", "other", **asked)
        assert len(self.configuration.datasets) == 1
        self.second.call("Remove")
        replicas = self.configuration.datasets[self.dataset_id].replicas
        assert replicas.standbys(self.first.node.node_id) == (self.second.node.node_id,)

    def test_another(self) -> None:
        """A volume has one failover."""
        self.third.create()
        assert self.third.call("Get")["Volume"]["Status"]["failover"] == "automatic, after 10 s"
        self.third.call("Remove")
        asked = {**OPTIONS, "failover_after": "20s"}
        assert "another failover" in self.third.error("Create", **asked)

    def test_no_volume(self) -> None:
        """Other datasets have none of their own."""
        with pytest.raises(Conflict):
            self.cluster.edit(
                lambda before: edits.update_dataset(
                    before,
                    self.dataset_id,
                    lambda it: replace(
                        it, metadata=it.metadata.discard("docker_volume"), failover=VolumeFailover()
                    ),
                )
            )

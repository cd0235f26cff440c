"""Volumes of Docker that are wanted on another node than the one that has them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.awaited_mounts import AWAITED_SECONDS_MAX
from flocker_lite.errors import PeerUnreachable
from flocker_lite.model import edits
from flocker_lite.model.failover_edits import dataset_group, fail_over
from flocker_lite.model.lease import Role
from flocker_lite.model.moves import Moment
from flocker_lite.testing.cluster import MemoryCluster
from flocker_lite.volumes.arrival import ANSWER_SECONDS_MAX
from tests.volumes.memory_docker import MemoryDocker

ALWAYS: dict[str, Any] = {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}


class TwoNodesTests(SynchronousTestCase):
    """A volume that was made and written to on the first of three nodes."""

    options: dict[str, str] = {}

    def setUp(self) -> None:
        self.cluster = MemoryCluster(3)
        self.cluster.start()
        self.dockers = [MemoryDocker(self.cluster, node) for node in self.cluster.nodes]
        self.first, self.second, self.third = self.dockers
        for docker in self.dockers:
            docker.create(**self.options)
        self.cluster.run(1)
        assert self.cluster.control is not None
        (self.dataset_id,) = self.cluster.control.configuration.datasets
        self.first.node.storage.write(self.dataset_id, "row")

    def stop(self, docker: MemoryDocker, name: str) -> None:
        """`docker stop`."""
        self.successResultOf(Deferred.fromCoroutine(docker.stop(name)))

    def writers(self) -> list[str]:
        """The addresses of the nodes whose lease lets them write."""
        return [
            node.address
            for node in self.cluster.nodes
            for copy in node.storage.copies.values()
            if copy.local.lease is not None and copy.local.lease.role is Role.PRIMARY
        ]


class UnusedTests(TwoNodesTests):
    """Nobody uses it."""

    def test_comes(self) -> None:
        """It comes with its data, and the node that had it keeps a replica."""
        self.second.run("web")
        assert self.second.node.storage.read(self.dataset_id) == ("row",)
        assert self.writers() == [self.second.node.address]

    def test_there_and_back(self) -> None:
        """It follows each container that is started."""
        for docker in (self.second, self.third, self.first, self.second):
            docker.run("web")
            docker.node.storage.write(self.dataset_id, docker.node.address)
            self.stop(docker, "web")
            docker.node.foreign.made.clear()
        assert len(self.second.node.storage.read(self.dataset_id)) == 5

    def test_two_at_once(self) -> None:
        """Of two nodes that mount at once one wins, and the other is told who."""
        answers: list[dict[str, str]] = []
        for docker in (self.second, self.third):
            docker.begin("Mount", mount_id="1").addCallback(answers.append)
        self.cluster.run(20)
        refused, mounted = sorted(answers, key=lambda answer: not answer["Err"])
        assert "10.0.0." in refused["Err"]
        assert mounted["Err"] == ""
        assert len(self.writers()) == 1

    def test_slow(self) -> None:
        """Docker is answered before it gives up, the push goes on, and the next start has it."""
        self.first.node.storage.write(self.dataset_id, "x" * 5000)
        self.cluster.network.bytes_per_second = 1
        said = self.second.error("Mount", mount_id="1", seconds=ANSWER_SECONDS_MAX + 5)
        assert "is on its way from 10.0.0.1" in said
        assert "start again" in said
        self.cluster.network.bytes_per_second = None
        self.second.run("web")

    def test_holder_is_away(self) -> None:
        """Without the node that has it, nobody can have it."""
        self.cluster.stop_agent(self.first.node)
        self.cluster.run(1)
        assert "agent is away" in self.second.error("Mount", mount_id="1")

    def test_control_is_away(self) -> None:
        """It does not come without the control service, which says who may write."""
        self.cluster.cut_control(self.second.node)
        assert "control service" in self.second.error("Mount", mount_id="1")

    def test_killed(self) -> None:
        """An agent that was killed while a volume came answers Docker's next try."""
        self.second.begin("Mount", mount_id="1")
        self.cluster.run(0.3)
        self.second.restart_agent()
        self.cluster.run(1)
        self.second.run("web")
        assert self.writers() == [self.second.node.address]

    def test_destination_died(self) -> None:
        """What was on its way to a node that died goes to the one that wants it now."""
        ends = {self.first.node.node_id, self.second.node.node_id}
        self.cluster.network.cut.add(frozenset(ends))
        self.second.begin("Mount", mount_id="1")
        self.cluster.run(1)
        self.second.volumes.stopService()
        self.cluster.stop_agent(self.second.node)
        self.cluster.run(1)
        self.third.run("web")
        assert self.writers() == [self.third.node.address]


class RefusingTests(TwoNodesTests):
    """A container on the first node uses it, and nothing was said about conflicts."""

    def setUp(self) -> None:
        super().setUp()
        self.first.run("web")

    def test_refused(self) -> None:
        """The error names the container and its node, and nothing moves."""
        said = self.second.error("Mount", mount_id="1")
        assert "in use at 10.0.0.1 by container web" in said
        self.cluster.run(5)
        assert self.writers() == ["10.0.0.1"]

    def test_stopped(self) -> None:
        """Once the container is stopped it comes."""
        self.stop(self.first, "web")
        self.second.run("web")

    def test_about_to_start(self) -> None:
        """A node whose Docker was told that it is mounted keeps it until its container shows."""
        self.stop(self.first, "web")
        self.first.call("Mount", mount_id="2")
        assert "has come first" in self.second.error("Mount", mount_id="1")
        self.cluster.run(AWAITED_SECONDS_MAX)
        self.second.run("web")

    def test_about_to_start_and_killed(self) -> None:
        """An agent that was killed left a note of what it had told Docker, until the next boot."""
        self.stop(self.first, "web")
        self.first.call("Mount", mount_id="2")
        self.first.restart_agent()
        self.cluster.run(1)
        assert "has come first" in self.second.error("Mount", mount_id="1")
        self.first.restart_agent(reboots=True)
        self.cluster.run(3)
        self.second.run("web")

    def test_move_by_hand_waits(self) -> None:
        """A user's own move of the dataset waits for the end of the container."""
        where = self.second.node.node_id
        self.cluster.edit(lambda before: edits.move_dataset(before, self.dataset_id, where))
        self.cluster.run(20)
        assert self.writers() == ["10.0.0.1"]
        self.stop(self.first, "web")
        self.cluster.run(40)
        assert self.writers() == ["10.0.0.2"]

    def test_destroy(self) -> None:
        """No node destroys what another one uses."""
        self.third.call("Remove")
        self.third.create(on_remove="destroy")
        assert "in use at 10.0.0.1" in self.third.error("Remove")


class FollowingTests(TwoNodesTests):
    """Volumes with conflict=follow: a container elsewhere is stopped for the one that starts."""

    options = {"conflict": "follow"}

    def test_follows(self) -> None:
        """The other container runs while rounds are pushed, and is stopped for the switch."""
        self.first.run("web")
        self.first.node.storage.write(self.dataset_id, "later")
        self.second.run("web")
        assert self.second.node.storage.read(self.dataset_id) == ("row", "later")
        assert not self.first.node.foreign.made["web"]["State"]["Running"]
        assert not self.first.node.volume_records.stopped

    def test_restart_policy(self) -> None:
        """A container that Docker would start again is not stopped."""
        self.first.run("web", **ALWAYS)
        said = self.second.error("Mount", mount_id="1")
        assert "docker update --restart=no web" in said
        assert self.first.node.foreign.made["web"]["State"]["Running"]

    def test_swarm(self) -> None:
        """Nor is a task of Swarm's: it is waited for, because Swarm stops it."""
        path = self.first.run("web")
        labels = {"com.docker.swarm.service.name": "shop"}
        host = {"Binds": [f"{path}:/data"]}
        self.first.node.foreign.run(
            "web", {"Image": "redis:7", "HostConfig": host, "Labels": labels}
        )
        answers: list[dict[str, str]] = []
        self.second.begin("Mount", mount_id="1").addCallback(answers.append)
        self.cluster.run(8)
        assert answers == []
        self.first.node.storage.write(self.dataset_id, "last")
        self.stop(self.first, "web")
        self.cluster.run(3)
        assert [answer["Err"] for answer in answers] == [""]
        assert self.second.node.storage.read(self.dataset_id) == ("row", "last")

    def test_swarm_that_stays(self) -> None:
        """A task that Swarm does not stop keeps it, and the error says who it is."""
        path = self.first.run("web")
        labels = {"com.docker.swarm.service.name": "shop"}
        host = {"Binds": [f"{path}:/data"]}
        self.first.node.foreign.run(
            "web", {"Image": "redis:7", "HostConfig": host, "Labels": labels}
        )
        assert "cannot be unmounted" in self.second.error("Mount", mount_id="1", seconds=110)
        assert self.writers() == ["10.0.0.1"]

    def test_failure(self) -> None:
        """If the switch fails after the stop, the container runs again where it was."""
        self.first.run("web")

        async def before(source: str, target: str, step: str) -> None:
            if self.is_stopped():
                raise PeerUnreachable("the cable was pulled")

        self.cluster.network.before = before
        said = self.second.error("Mount", mount_id="1", seconds=110)
        assert "the cable was pulled" in said
        self.cluster.run(10)
        assert not self.is_stopped()
        assert self.writers() == ["10.0.0.1"]

    def is_stopped(self) -> bool:
        """Whether the container was stopped."""
        return not self.first.node.foreign.made["web"]["State"]["Running"]


class StandbyTests(TwoNodesTests):
    """Each node that has created the volume has a copy, so that a mount costs one increment."""

    options = {"rpo": "5s"}

    def test_copies(self) -> None:
        """The other nodes have fresh copies before anybody asks for the volume."""
        self.cluster.run(10)
        self.first.node.storage.write(self.dataset_id, "later")
        self.cluster.run(10)
        for docker in (self.second, self.third):
            assert self.dataset_id in docker.node.storage.copies
            told = docker.call("Get")["Volume"]["Status"]
            assert told["node"] == "10.0.0.1"
        self.second.run("web")
        assert self.second.node.storage.read(self.dataset_id) == ("row", "later")

    def test_forgotten(self) -> None:
        """A node that removes the volume stands by no more."""
        self.third.call("Remove")
        assert self.cluster.control is not None
        replicas = self.cluster.control.configuration.datasets[self.dataset_id].replicas
        assert replicas is not None
        assert self.third.node.node_id not in replicas.nodes
        self.second.call("Remove")
        assert self.cluster.control.configuration.datasets[self.dataset_id].replicas is None

    def test_named(self) -> None:
        """Nodes may be named by whoever creates the volume."""
        self.first.create("other", replicas="10.0.0.3", rpo="1m")
        assert self.cluster.control is not None
        (made,) = [
            dataset
            for dataset in self.cluster.control.configuration.datasets.values()
            if dataset.metadata["name"] == "other"
        ]
        assert made.replicas is not None
        assert made.replicas.nodes == (self.first.node.node_id, self.third.node.node_id)
        assert made.replicas.rpo_seconds == 60
        assert "no node of the cluster" in self.first.error("Create", "more", replicas="10.9.9.9")

    def test_failed_over(self) -> None:
        """Once a person says that its node is off, the next try has it, and the node no more."""
        self.cluster.run(20)
        self.first.run("web")
        self.first.volumes.stopService()
        self.cluster.stop_agent(self.first.node)
        self.cluster.run(2)
        assert "agent is away" in self.second.error("Mount", mount_id="1")
        control = self.cluster.control
        assert control is not None
        moment = Moment(self.cluster.clock.seconds(), lambda: "failover")
        facts, where = control.failovers.facts, self.second.node.node_id
        self.cluster.edit(
            lambda c: fail_over(
                c, dataset_group(c, self.dataset_id), where, facts, moment, force=True
            )
        )
        self.cluster.run(5)
        self.second.run("web")
        self.first.node.foreign.restart_docker()
        self.first.node.storage.reboot()
        self.cluster.start_agent(self.first.node)
        self.first.start()
        said = self.first.error("Mount", mount_id="2")
        assert "in use at 10.0.0.2 by container web" in said
        self.cluster.run(10)
        assert self.writers() == ["10.0.0.2"]

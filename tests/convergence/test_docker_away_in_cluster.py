"""What agents do, and say, while the Docker of their node does not answer."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.interfaces import EditFunction
from flocker_lite.errors import DockerAway
from flocker_lite.model import edits
from flocker_lite.model.records import Container, Dataset
from flocker_lite.model.state import ContainerState
from flocker_lite.testing.cluster import MemoryCluster

DATASET_ID = "dddddddd-0000-4000-8000-000000000001"
AWAY = "Docker does not answer"
AWAY_SECONDS = 40.0
ANSWER_SECONDS = 0.01


class DockerAwayTests(SynchronousTestCase):
    """One node in memory, whose Docker goes away after the agent has seen all once."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=1)
        [self.node] = self.cluster.nodes
        self.cluster.start()
        self.cluster.run(2.0)
        self.node.containers.before = self._nobody_answers

    async def _nobody_answers(self, _method: str, _name: str) -> None:
        await deferLater(self.cluster.clock, ANSWER_SECONDS)
        raise DockerAway(AWAY)

    def edit(self, function: EditFunction) -> None:
        """Edit the configuration."""
        assert self.cluster.control is not None
        self.successResultOf(Deferred.fromCoroutine(self.cluster.control.edit(function)))

    def state(self) -> ContainerState | None:
        """What the control service knows of the container."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.node.node_id].containers.get("web")

    def test_a_container_that_is_wanted_meanwhile(self) -> None:
        """Its state says what is wrong; with Docker it is made."""
        web = Container("web", self.node.address, "nginx:latest")
        self.edit(lambda before: edits.create_container(before, web))
        self.cluster.run(AWAY_SECONDS)
        state = self.state()
        assert state is not None
        assert (state.running, state.error) == (False, AWAY)
        self.node.containers.before = None
        self.cluster.run(AWAY_SECONDS)
        state = self.state()
        assert state is not None
        assert (state.running, state.error) == (True, None)
        assert self.flushLoggedErrors(DockerAway)

    def test_a_dataset_that_is_wanted_meanwhile(self) -> None:
        """It needs no Docker, and does not wait for one."""
        wanted = Dataset(DATASET_ID, self.node.address)
        self.edit(lambda before: edits.create_dataset(before, wanted))
        self.cluster.run(AWAY_SECONDS)
        assert self.cluster.control is not None
        seen = self.cluster.control.cluster.nodes[self.node.node_id].datasets
        assert seen[DATASET_ID].mounted
        self.flushLoggedErrors(DockerAway)

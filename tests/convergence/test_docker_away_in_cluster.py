"""What agents do, and say, while the Docker of their node does not answer."""

from __future__ import annotations

from twisted.internet.task import deferLater
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import DockerAway
from flocker_lite.model import edits
from flocker_lite.model.records import Container, Dataset, Volume
from flocker_lite.model.state import ContainerState
from flocker_lite.planner.resources import ContainerResource
from flocker_lite.testing.cluster import MemoryCluster

DATASET_ID = "dddddddd-0000-4000-8000-000000000001"
AWAY = "Docker does not answer"
AWAY_SECONDS = 40.0
ANSWER_SECONDS = 0.9


class DockerAwayTests(SynchronousTestCase):
    """Two nodes in memory; the Docker of one goes away after its agent has seen all once."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.other, self.node = self.cluster.nodes
        self.cluster.start()
        self.cluster.run(2.0)
        self.node.containers.before = self._nobody_answers
        assert self.node.agent is not None
        self.node.agent.loop.look_again()  # as the end of Docker's events has it do
        self.cluster.run(2.0)

    async def _nobody_answers(self, _method: str, _name: str) -> None:
        await deferLater(self.cluster.clock, ANSWER_SECONDS)
        raise DockerAway(AWAY)

    def state(self) -> ContainerState | None:
        """What the control service knows of the container."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.node.node_id].containers.get("web")

    def test_a_container_that_is_desired_meanwhile(self) -> None:
        """Its state says what is wrong; with Docker it is made."""
        web = Container("web", self.node.address, "nginx:latest")
        self.cluster.edit(lambda before: edits.create_container(before, web))
        self.cluster.run(AWAY_SECONDS)
        state = self.state()
        assert state is not None
        error = f"discovery of this node fails: {AWAY}"
        assert (state.running, state.error) == (False, error)
        self.node.containers.before = None
        self.cluster.run(AWAY_SECONDS)
        state = self.state()
        assert state is not None
        assert (state.running, state.error) == (True, None)

    def test_it_is_asked_at_an_even_pace(self) -> None:
        """However often somebody wanted a look: one try a second, a line in the log for each."""
        asked: list[float] = []

        async def nobody_answers_fast(_method: str, _name: str) -> None:
            asked.append(self.cluster.clock.seconds())
            raise DockerAway(AWAY)

        self.node.containers.before = nobody_answers_fast
        assert self.node.agent is not None
        for _ in range(5):
            self.node.agent.loop.look_again()
        self.cluster.run(2.0)
        asked.clear()
        with capturedLogs() as events:
            self.cluster.run(AWAY_SECONDS)
        assert 0.5 * AWAY_SECONDS < len(asked) <= AWAY_SECONDS + 2, asked
        failed = [
            each for each in events if "discovery of this node" in (each.get("log_format") or "")
        ]
        assert len(failed) == len(asked)
        assert AWAY in (formatEvent(failed[0]) or "")

    def test_a_move_to_there(self) -> None:
        """The move says what it waits for; nothing is stopped until Docker is there."""
        assert self.cluster.control is not None
        self.cluster.configure("shop", DATASET_ID, self.other)
        self.cluster.run(AWAY_SECONDS)
        self.cluster.edit(lambda before: edits.move_container(before, "shop", self.node.address))
        self.cluster.run(AWAY_SECONDS)
        progress = self.cluster.control.cluster.nodes[self.other.node_id].moves[DATASET_ID]
        assert AWAY in str(progress.error)
        assert self.other.containers.made["shop"].local.running
        self.node.containers.before = None
        self.cluster.run(2 * AWAY_SECONDS)
        assert self.node.containers.made["shop"].local.running

    def test_a_move_to_where_nothing_is_tried(self) -> None:
        """It says so, too, while the container has to be looked at there before all else."""
        assert self.cluster.control is not None
        assert self.node.agent is not None
        self.cluster.configure("shop", DATASET_ID, self.other)
        self.cluster.run(AWAY_SECONDS)
        self.node.agent.loop.look_again(frozenset({ContainerResource("shop")}))
        self.cluster.edit(lambda before: edits.move_container(before, "shop", self.node.address))
        self.cluster.run(AWAY_SECONDS)
        progress = self.cluster.control.cluster.nodes[self.other.node_id].moves[DATASET_ID]
        assert AWAY in str(progress.error)
        self.node.containers.before = None
        self.cluster.run(2 * AWAY_SECONDS)
        assert self.node.containers.made["shop"].local.running

    def test_a_dataset_that_may_have_got_into_use(self) -> None:
        """Started and not seen since, a container keeps its dataset from the next one."""
        containers = self.node.containers
        cannot_look = False

        async def before_each(method: str, name: str) -> None:
            nonlocal cannot_look
            if method == "start" and name == "old":
                cannot_look = True
            elif cannot_look and method in ("look", "discover"):
                raise DockerAway(AWAY)

        containers.before = before_each
        self.cluster.configure("old", DATASET_ID, self.node)
        self.cluster.run(AWAY_SECONDS)
        self.cluster.edit(lambda before: edits.delete_container(before, "old"))
        volumes = (Volume(DATASET_ID, "/data"),)
        new = Container("new", self.node.node_id, "redis:7", volumes=volumes)
        self.cluster.edit(lambda before: edits.create_container(before, new))
        self.cluster.run(AWAY_SECONDS)
        assert set(containers.processes) == {"old"}
        containers.before = None
        self.cluster.run(AWAY_SECONDS)
        assert set(containers.processes) == {"new"}

    def test_a_dataset_that_is_desired_meanwhile(self) -> None:
        """It needs no Docker, and does not wait for one."""
        desired = Dataset(DATASET_ID, self.node.address)
        self.cluster.edit(lambda before: edits.create_dataset(before, desired))
        self.cluster.run(AWAY_SECONDS)
        assert self.cluster.control is not None
        seen = self.cluster.control.cluster.nodes[self.node.node_id].datasets
        assert seen[DATASET_ID].mounted

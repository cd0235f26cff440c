"""What containers write, read through the control service and an agent."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.container_output import READERS_MAX
from flocker_lite.control import agent_queries
from flocker_lite.model.state import ContainerState
from flocker_lite.protocol.container_output import (
    NoOutput,
    OutputAway,
    RemoteOutput,
    TooManyReaders,
)
from flocker_lite.testing.cluster import MemoryCluster

DATASET = "dddddddd-0000-4000-8000-000000000001"


class OutputTests(SynchronousTestCase):
    """One node in memory, with a container that runs."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=1)
        self.node = self.cluster.nodes[0]
        self.cluster.start()
        self.cluster.configure("job", DATASET, self.node)
        self.cluster.run(2.0)
        self.say("one")

    def say(self, line: str) -> None:
        """The program writes a line."""
        containers = self.node.containers
        containers.outputs.say(containers.made["job"].local.instance, f"{line}\n".encode())

    def opening(self, name: str = "job", follow: bool = True) -> Deferred[RemoteOutput]:
        """Begin to read."""
        assert self.cluster.control is not None
        output = self.cluster.control.output(self.node.node_id, name, 10, follow)
        opening = Deferred.fromCoroutine(output)
        self.cluster.deliver()
        return opening

    def reading(self, output: RemoteOutput) -> Deferred[bytes]:
        """Ask for more."""
        reading = Deferred.fromCoroutine(output.read())
        self.cluster.deliver()
        return reading

    def state(self) -> ContainerState:
        """What the control service knows of it."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.node.node_id].containers["job"]

    def test_follow(self) -> None:
        """It is read as it is written, to the end of the container."""
        output = self.successResultOf(self.opening())
        assert self.successResultOf(self.reading(output)) == b"one\n"
        more = self.reading(output)
        self.say("two")
        self.cluster.deliver()
        assert self.successResultOf(more) == b"two\n"
        self.node.containers.end("job", 0)
        assert self.successResultOf(self.reading(output)) == b""

    def test_of_one_that_has_ended(self) -> None:
        """All that it wrote is there, and the state has what it wrote last if that was an error."""
        self.node.containers.end("job", 0)
        self.cluster.run(1.0)
        assert self.state().last_output == ()
        output = self.successResultOf(self.opening())
        assert self.successResultOf(self.reading(output)) == b"one\n"
        assert self.successResultOf(self.reading(output)) == b""

    def test_last_output(self) -> None:
        """The state has the last lines of one that ended with an error."""
        self.node.containers.end("job", 3)
        self.cluster.run(1.0)
        assert (self.state().exit_code, self.state().last_output) == (3, ("one",))

    def test_no_container(self) -> None:
        """The agent says that there is none."""
        said = self.failureResultOf(self.opening("other"), NoOutput)
        assert "container other" in str(said.value)

    def test_away(self) -> None:
        """Without the agent nothing is read; who reads learns that it went away."""
        output = self.successResultOf(self.opening())
        self.successResultOf(self.reading(output))
        more = self.reading(output)
        self.cluster.stop_agent(self.node)
        self.failureResultOf(more, OutputAway)
        self.failureResultOf(self.opening(), OutputAway)

    def test_readers_of_one_node(self) -> None:
        """There is a limit to them; one that closes makes room for another."""
        outputs = [self.successResultOf(self.opening()) for _ in range(READERS_MAX)]
        self.failureResultOf(self.opening(), TooManyReaders)
        outputs[0].close()
        self.cluster.deliver()
        self.successResultOf(self.opening())

    def test_readers_of_all_nodes(self) -> None:
        """There is a limit to these, too; one that could not begin does not count."""
        self.patch(agent_queries, "READERS_MAX", 1)
        self.failureResultOf(self.opening("other"), NoOutput)
        output = self.successResultOf(self.opening())
        self.failureResultOf(self.opening(), TooManyReaders)
        output.close()
        self.successResultOf(self.opening())

    def test_agent_that_comes_back(self) -> None:
        """Those that read when an agent went away count for the next one no more."""
        for _ in range(READERS_MAX):
            self.successResultOf(self.opening())
        self.cluster.cut_control(self.node)
        self.cluster.cut_from_control.clear()
        self.cluster.run(5.0)
        self.successResultOf(self.opening())

"""Restart policies carried out by an agent, through what may befall it, its Docker and its node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import ConfigurationFileError
from flocker_lite.model import edits
from flocker_lite.model.records import Configuration, Container, Edit, RestartPolicy
from flocker_lite.model.state import ContainerState
from flocker_lite.planner.restart_policy import STABLE_SECONDS
from flocker_lite.testing.cluster import MemoryCluster

JOB = Container("job", "10.0.0.1", "redis:latest")
NEVER = RestartPolicy("never")
ALWAYS = RestartPolicy("always")
ONCE = RestartPolicy("on-failure", 1)


class RestartTests(SynchronousTestCase):
    """One node in memory, with a container."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=1)
        self.node = self.cluster.nodes[0]
        self.cluster.start()

    def run_job(self, policy: RestartPolicy) -> None:
        """Have the container run."""
        container = replace(JOB, restart_policy=policy)
        self.edit_container(container)
        self.cluster.run(1.0)
        assert self.running()

    def edit_container(self, container: Container) -> None:
        """Create it."""
        self.cluster.edit(lambda before: edits.create_container(before, container))

    def running(self) -> bool:
        """Whether it runs."""
        return "job" in self.node.containers.processes

    def end(self, exit_code: int = 1, ran_seconds: float = 0.0) -> None:
        """It ends by itself."""
        self.node.containers.ran_seconds = ran_seconds
        self.node.containers.end("job", exit_code)

    def state(self) -> ContainerState:
        """What the control service knows of it."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.node.node_id].containers["job"]

    def crash_node(self) -> None:
        """Lose power and come back."""
        self.cluster.stop_agent(self.node)
        self.node.containers.crash()
        self.cluster.start_agent(self.node)
        self.cluster.run(1.0)

    def restart_agent(self) -> None:
        """The agent's process is another one."""
        self.cluster.stop_agent(self.node)
        self.cluster.start_agent(self.node)
        self.cluster.run(1.0)

    def test_never(self) -> None:
        """A job that is done is not run again: not by a restart of the agent, nor by a reboot."""
        self.run_job(NEVER)
        self.end(exit_code=0)
        self.cluster.run(120.0)
        assert not self.running()
        assert (self.state().exit_code, self.state().error) == (0, None)
        self.restart_agent()
        assert not self.running()
        self.crash_node()
        assert not self.running()

    def test_never_after_a_power_cut(self) -> None:
        """What ran when the power went runs when it is back, whatever its policy says."""
        for _ in range(2):
            if not self.running():
                self.run_job(NEVER)
            self.crash_node()
            assert self.running()
        assert self.state().restarts == 0

    def test_never_while_the_agent_was_away(self) -> None:
        """A job that ended while nobody looked is done all the same."""
        self.run_job(NEVER)
        self.cluster.stop_agent(self.node)
        self.end(exit_code=3)
        self.cluster.start_agent(self.node)
        self.cluster.run(60.0)
        assert not self.running()
        assert (self.state().exit_code, self.state().restarts) == (3, 0)
        assert "exit code 3" in (self.state().error or "")

    def test_a_quick_job_runs_once(self) -> None:
        """A job that ends before its start was seen is not run a second time."""
        starts = []

        async def before(method: str, name: str) -> None:
            if method in ("discover", "look") and self.running():
                self.end(exit_code=0)
            if method == "start":
                starts.append(name)

        self.node.containers.before = before
        self.edit_container(JOB)
        self.cluster.run(60.0)
        assert starts == ["job"]

    def test_always(self) -> None:
        """A server that ends after a good while is started again at once, each time."""
        self.run_job(ALWAYS)
        for restarts in range(1, 4):
            self.cluster.run(2.0)
            self.end(ran_seconds=STABLE_SECONDS)
            self.cluster.run(0.1)
            assert self.running()
            assert self.state().restarts == restarts

    def test_crash_loop(self) -> None:
        """One that ends at once is started more and more seldom, and the state says why."""
        self.run_job(ALWAYS)
        began = self.cluster.clock.seconds()
        starts = []

        async def before(method: str, name: str) -> None:
            if method == "start":
                starts.append(self.cluster.clock.seconds() - began)
                self.cluster.clock.callLater(0, self.end)

        self.node.containers.before = before
        self.end()
        self.cluster.run(300.0)
        waits = [round(after - before) for before, after in pairwise(starts)]
        assert 8 <= len(starts) <= 13
        assert waits == sorted(waits)
        assert not self.running()
        assert self.state().restarts == len(starts)
        assert "exit code 1" in (self.state().error or "")

    def test_a_retry_in_a_crash_loop(self) -> None:
        """It is started at once; a crash of now waits as briefly as a first one."""
        self.edits_in_a_crash_loop(lambda before: edits.retry_container(before, "job"))

    def test_an_edit_in_a_crash_loop(self) -> None:
        """So it is after an edit that makes no other container of it."""
        policy = RestartPolicy("on-failure", 1000)
        self.edits_in_a_crash_loop(
            lambda before: edits.update_container(
                before, "job", lambda job: replace(job, restart_policy=policy)
            )
        )

    def edits_in_a_crash_loop(self, edit: Callable[[Configuration], Edit]) -> None:
        """The edit ends the wait."""
        self.run_job(ALWAYS)
        for _ in range(10):
            self.end()
            self.cluster.run(100.0)
            assert self.running()
        self.end()
        self.cluster.run(1.0)
        restarts = self.state().restarts
        assert not self.running()
        assert (self.state().next_try_at or 0) > self.cluster.clock.seconds() + 10
        self.cluster.edit(edit)
        self.cluster.run(0.2)
        assert self.running()
        assert (self.state().error, self.state().next_try_at) == (None, None)
        assert self.state().restarts == restarts + 1
        for _ in range(2):
            self.end()
            self.cluster.run(0.2)
            assert not self.running()
            self.cluster.run(1.0)
            assert self.running()

    def test_on_failure(self) -> None:
        """After as many restarts as are allowed it stays down, over a reboot as well."""
        self.run_job(ONCE)
        self.end()
        self.cluster.run(3.0)
        assert self.running()
        self.end()
        self.cluster.run(120.0)
        assert not self.running()
        assert "1 times" in (self.state().error or "")
        self.crash_node()
        assert not self.running()

    def test_on_failure_that_succeeds(self) -> None:
        """An exit code of 0 is no failure."""
        self.run_job(ONCE)
        self.end(exit_code=0)
        self.cluster.run(60.0)
        assert not self.running()

    def test_a_disk_that_is_full(self) -> None:
        """What cannot be written down is kept in mind, and written as soon as that works."""
        self.run_job(NEVER)
        self.node.restart_history.error = ConfigurationFileError("no room")
        self.end(exit_code=0)
        self.cluster.run(60.0)
        assert not self.running()
        self.node.restart_history.error = None
        self.cluster.run(60.0)
        self.crash_node()
        assert not self.running()

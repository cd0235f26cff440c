"""Containers that become unhealthy while they run, as the control service sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Container, Dataset, HealthCheck, Volume
from flocker_lite.model.state import ContainerState, ImageHealth
from flocker_lite.testing.cluster import MemoryCluster

CHECK = HealthCheck(
    port=80, start_period_seconds=10.0, interval_seconds=10.0, on_unhealthy="restart"
)
DATASET = "dddddddd-0000-4000-8000-000000000001"
WEB = Container("web", "10.0.0.1", "nginx:1", health_check=CHECK)
SAID = "port 80 did not answer in time"
NOT_HEALTHY = f"not healthy: {SAID}"


class UnhealthyTestCase(SynchronousTestCase):
    """Two nodes in memory; at the first a container that is healthy at first."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.node = self.cluster.nodes[0]
        self.stops: list[float] = []
        self.cluster.start()

    def run_web(self, container: Container = WEB) -> None:
        """Have it run, and count how often it is stopped."""
        self.cluster.edit(lambda before: edits.create_container(before, container))
        self.cluster.run(5.0)
        assert (self.state().health, self.state().error) == ("healthy", None)
        before = self.node.containers.before

        async def counted(method: str, name: str) -> None:
            if method == "stop":
                self.stops.append(self.cluster.clock.seconds())
            if before is not None:
                await before(method, name)

        self.node.containers.before = counted

    def state(self) -> ContainerState:
        """What the control service knows of it."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.node.node_id].containers["web"]

    def sicken(self) -> None:
        """From now on its check fails."""
        self.node.containers.unhealthy["web"] = SAID

    def cure(self) -> None:
        """From now on it succeeds."""
        self.node.containers.unhealthy.clear()

    def revise(self, **fields: Any) -> None:
        """Want it otherwise."""
        self.cluster.edit(
            lambda before: edits.update_container(before, "web", lambda c: replace(c, **fields))
        )


class SeenTests(UnhealthyTestCase):
    """`on_unhealthy` is "nothing"."""

    def setUp(self) -> None:
        super().setUp()
        self.run_web(replace(WEB, health_check=replace(CHECK, on_unhealthy="nothing")))

    def test_seen(self) -> None:
        """The state says that it is unhealthy and why, and it runs on; a success ends that."""
        instance = self.node.containers.made["web"].local.instance
        self.sicken()
        self.cluster.run(20.0)
        assert (self.state().health, self.state().error) == ("healthy", None)
        self.cluster.run(15.0)
        assert (self.state().health, self.state().error) == ("unhealthy", NOT_HEALTHY)
        assert self.state().running
        assert not self.state().serving
        self.cure()
        self.cluster.run(11.0)
        assert (self.state().health, self.state().error) == ("healthy", None)
        assert self.state().serving
        assert self.node.containers.made["web"].local.instance == instance
        assert self.stops == []

    def test_not_running(self) -> None:
        """It has no health then."""
        self.sicken()
        self.cluster.run(40.0)
        self.revise(running=False)
        self.cluster.run(5.0)
        assert (self.state().running, self.state().health, self.state().error) == (False, "", None)


class RestartTests(UnhealthyTestCase):
    """`on_unhealthy` is "restart", and the restart policy "never": that is about other exits."""

    def setUp(self) -> None:
        super().setUp()
        self.run_web()

    def test_restarted(self) -> None:
        """It is stopped and started once, and counted as a restart."""
        instance = self.node.containers.made["web"].local.instance
        self.sicken()
        self.cluster.run(31.0)
        assert len(self.stops) == 1
        self.cure()
        self.cluster.run(20.0)
        state = self.state()
        assert (state.running, state.health, state.restarts) == (True, "healthy", 1)
        assert state.error is None
        assert self.node.containers.made["web"].local.instance == instance
        self.cluster.run(600.0)
        assert len(self.stops) == 1

    def test_back_off(self) -> None:
        """One that is never healthy again is restarted ever more rarely; the state says when."""
        self.sicken()
        self.node.containers.ran_seconds = 40.0
        waits = []
        for _ in range(9):
            while self.state().running:
                self.cluster.run(0.5)
            at = self.state().next_try_at
            assert at is not None
            waits.append(at - self.stops[-1])
            assert "started again after a wait" in (self.state().error or "")
            assert self.state().ended is None
            while not self.state().running:
                self.cluster.run(0.5)
        assert waits[-1] > 55.0
        assert waits == sorted(waits)
        between = [b - a for a, b in zip(self.stops, self.stops[1:], strict=False)]
        assert min(between) > CHECK.interval_seconds * (CHECK.retries - 1)
        assert self.state().restarts == 9

    def test_the_agent_dies_in_the_middle(self) -> None:
        """It is started again, though its restart policy would not."""
        self.sicken()
        while not self.stops:
            self.cluster.run(0.5)
        self.cluster.stop_agent(self.node)
        if "web" in self.node.containers.processes:
            self.node.containers.end("web", 143)
        self.cure()
        self.cluster.start_agent(self.node)
        self.cluster.run(20.0)
        assert (self.state().running, self.state().health) == (True, "healthy")
        assert self.state().ended is None

    def test_an_exit_by_itself(self) -> None:
        """That is one, also after a restart."""
        self.sicken()
        self.cluster.run(31.0)
        self.cure()
        self.cluster.run(20.0)
        self.node.containers.end("web", 3)
        self.cluster.run(20.0)
        assert not self.state().running
        assert "restart_policy is never" in (self.state().error or "")

    def test_paused(self) -> None:
        """A paused one is left alone; once it goes on, so does this."""
        self.sicken()
        self.cluster.run(22.0)
        self.node.containers.pause("web")
        self.cluster.run(60.0)
        assert self.stops == []
        self.node.containers.unpause("web")
        self.cluster.run(15.0)
        assert len(self.stops) == 1

    def test_stopped_by_its_user(self) -> None:
        """It stays stopped."""
        self.sicken()
        self.cluster.run(22.0)
        self.revise(running=False)
        self.cluster.run(60.0)
        assert "web" not in self.node.containers.processes

    def test_a_user_restarts_it_while_it_waits(self) -> None:
        """It does not wait any longer."""
        self.sicken()
        self.node.containers.ran_seconds = 40.0
        while len(self.stops) < 7:
            self.cluster.run(0.5)
        self.cluster.run(1.0)
        assert not self.state().running
        self.cure()
        self.cluster.edit(lambda before: edits.restart_container(before, "web"))
        self.cluster.run(2.0)
        assert self.state().running
        assert self.state().restarts == 0


class ImageTests(UnhealthyTestCase):
    """It has no health check, and its image has one."""

    def test_seen(self) -> None:
        """What Docker finds out is in the state at once, and changes nothing else."""
        containers = self.node.containers
        containers.image_checks.add(WEB.image)
        self.cluster.edit(
            lambda before: edits.create_container(before, replace(WEB, health_check=None))
        )
        self.cluster.run(5.0)
        assert (self.state().health, self.state().error) == ("starting", None)
        said = "`HEALTHCHECK` exited with 7"
        for found, error in (
            (ImageHealth("healthy"), None),
            (ImageHealth("unhealthy", said), f"not healthy: {said}"),
            (ImageHealth("healthy"), None),
        ):
            containers.find_health("web", found)
            self.cluster.run(1.0)
            assert (self.state().health, self.state().error) == (found.status, error)
            assert self.state().serving
        containers.pause("web")
        self.cluster.run(1.0)
        assert self.state().health == ""


class MovingTests(UnhealthyTestCase):
    """It has data, and moves."""

    def test_not_while_it_moves(self) -> None:
        """A move goes on as it would; at its destination it is as healthy as it is there."""
        dataset = Dataset(DATASET, self.node.node_id)
        self.cluster.edit(lambda before: edits.create_dataset(before, dataset))
        self.run_web(replace(WEB, volumes=(Volume(DATASET, "/data"),)))
        self.sicken()
        self.cluster.run(25.0)
        where = self.cluster.nodes[1]
        self.cluster.edit(lambda before: edits.move_container(before, "web", where.address))
        self.cluster.run(60.0)
        assert "web" in where.containers.processes
        assert "web" not in self.node.containers.processes
        # The handoff stops it, and removes it.
        assert len(set(self.stops)) == 1
        assert self.cluster.control is not None
        state = self.cluster.control.cluster.nodes[where.node_id].containers["web"]
        assert (state.health, state.error, state.restarts) == ("healthy", None, 0)

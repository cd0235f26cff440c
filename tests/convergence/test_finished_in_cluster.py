"""A job that is done is done, whatever becomes of its container, data, node or agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import StoreError
from flocker_lite.interfaces import Stopped
from flocker_lite.model import edits
from flocker_lite.model.records import Container, DatasetId, HealthCheck, Port, RestartPolicy
from flocker_lite.model.state import ContainerState
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode
from flocker_lite.testing.made_containers import TERMINATED

DATASET: DatasetId = "dddddddd-0000-4000-8000-000000000001"


class FinishedTests(SynchronousTestCase):
    """Two nodes in memory; a job has run on the first one, and each run leaves a line."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.here, self.there = self.cluster.nodes
        self.cluster.start()
        self.cluster.configure("job", DATASET, self.here)
        self.cluster.run(2.0)
        assert self.runs(self.here)

    def runs(self, node: MemoryNode) -> bool:
        """Whether it is at work there."""
        return "job" in node.containers.processes

    def runs_anywhere(self) -> bool:
        """Whether it is at work."""
        return self.runs(self.here) or self.runs(self.there)

    def done(self, exit_code: int = 0) -> None:
        """It ends by itself."""
        self.here.containers.end("job", exit_code)

    def desired(self) -> Container:
        """What the control service has."""
        assert self.cluster.control is not None
        return self.cluster.control.configuration.containers["job"]

    def revise(self, **fields: object) -> None:
        """Want it otherwise."""

        def revised(container: Container) -> Container:
            return replace(container, **fields)  # type: ignore[arg-type]

        self.cluster.edit(lambda before: edits.update_container(before, "job", revised))

    def move(self) -> None:
        """Want it on the other node."""
        self.revise(node=self.there.node_id)

    def state(self, node: MemoryNode) -> ContainerState:
        """What the control service is told of it."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[node.node_id].containers["job"]

    def verdict(self) -> str:
        """Of the only move."""
        assert self.cluster.control is not None
        (past,) = self.cluster.control.configuration.past_moves.values()
        return past.verdict

    def never(self, seconds: float = 60.0, also: Callable[[], None] = lambda: None) -> None:
        """Let time pass; it is not at work at any moment."""
        ends = self.cluster.clock.seconds() + seconds
        while self.cluster.clock.seconds() < ends:
            self.cluster.run(0.05)
            assert not self.runs_anywhere()
            also()

    def test_moved(self) -> None:
        """It moves with its data and does not run there; the state there says how it ended."""
        self.done(3)
        self.cluster.run(1.0)
        self.move()
        self.never()
        assert self.verdict() == "done"
        state = self.state(self.there)
        assert (state.exit_code, state.running) == (3, False)
        assert "exit code 3" in (state.error or "")
        assert self.here.containers.made == self.there.containers.made == {}

    def test_what_we_stop_has_not_ended(self) -> None:
        """A job at work that is stopped for a move goes on there, and when it comes back."""
        for node in (self.there, self.here, self.there):
            self.revise(node=node.node_id)
            self.cluster.run(10.0)
            assert self.runs(node)
            assert self.desired().ended is None

    def test_moved_with_a_health_check_and_ports(self) -> None:
        """Nobody waits for it there."""
        self.revise(health_check=HealthCheck(port=80), ports=(Port(80, 8080),))
        self.cluster.run(5.0)
        self.done()
        self.cluster.run(1.0)
        self.move()
        self.never(20.0)
        assert self.verdict() == "done"

    def test_moved_back_and_forth(self) -> None:
        """Not on the way back either."""
        self.done()
        self.cluster.run(1.0)
        self.move()
        self.never(10.0)
        self.revise(node=self.here.node_id)
        self.never(20.0)
        assert self.state(self.here).exit_code == 0

    def test_pruned(self) -> None:
        """`docker container prune` takes the container, and not that it ran."""
        self.done()
        self.cluster.run(1.0)
        self.here.containers.remove_by_force("job")
        self.never()
        assert self.state(self.here).exit_code == 0
        self.cluster.stop_agent(self.here)
        self.cluster.start_agent(self.here)
        self.never()
        assert self.state(self.here).exit_code == 0

    def test_stopped_and_removed(self) -> None:
        """`docker stop && docker rm`, with no look in between, is an end as well."""
        self.here.containers.stop_and_remove("job")
        self.never()
        assert self.state(self.here).exit_code == TERMINATED
        self.cluster.stop_agent(self.here)
        self.cluster.start_agent(self.here)
        self.never()

    def test_what_we_stop_is_removed_by_somebody(self) -> None:
        """A service that was stopped for its move goes on there, whoever removes what is left."""
        stopped = self.here.containers.stop

        async def stop(
            name: str, timeout_seconds: float | None = None, is_exit: bool = True
        ) -> Stopped:
            found = await stopped(name, timeout_seconds, is_exit)
            self.here.containers.remove_by_force(name)
            return found

        self.here.containers.stop = stop  # type: ignore[method-assign]
        self.move()
        self.cluster.run(20.0)
        assert self.runs(self.there)
        assert self.verdict() == "done"
        assert self.desired().ended is None

    def test_removed_by_force(self) -> None:
        """`docker rm -f` of one at work has it made anew."""
        self.here.containers.remove_by_force("job")
        self.cluster.run(5.0)
        assert self.runs(self.here)

    def test_pruned_and_moved(self) -> None:
        """The same where nothing is left of it."""
        self.done()
        self.cluster.run(1.0)
        self.here.containers.remove_by_force("job")
        self.move()
        self.never()
        assert self.verdict() == "done"

    def test_ended_during_the_push(self) -> None:
        """A job that ends by itself on its way is not run again, whichever step it is at."""
        for step in ("stop", "look"):
            with self.subTest(step):
                self.setUp()

                async def before(method: str, name: str, at: str = step) -> None:
                    is_going = self.desired().node == self.there.node_id
                    if method == at and self.runs(self.here) and is_going:
                        self.done()

                self.here.containers.before = before
                self.move()
                self.cluster.run(0.05)
                while self.runs(self.here):
                    self.cluster.run(0.05)
                self.never()
                assert self.verdict() == "done"

    def test_the_control_service_is_away(self) -> None:
        """What ended meanwhile is told later, and nothing of it is run before."""
        self.cluster.stop_control()
        self.done()
        self.cluster.run(5.0)
        self.here.containers.remove_by_force("job")
        self.never(20.0)
        self.cluster.start_control()
        self.cluster.run(30.0)
        self.move()
        self.never()
        assert self.verdict() == "done"

    def test_the_store_is_full(self) -> None:
        """It is noted as soon as that works."""
        assert self.cluster.control is not None
        self.cluster.disk.refusal = StoreError("no room")
        self.done()
        self.cluster.run(3.0)
        assert self.desired().ended is None
        self.cluster.disk.refusal = None
        self.cluster.run(10.0)
        assert self.desired().ended is not None
        self.flushLoggedErrors()

    def test_the_destination_is_told_late(self) -> None:
        """Its link to the control service is slow: it does not run what it takes for new."""
        self.cluster.late_until[self.there.node_id] = self.cluster.clock.seconds() + 8.0
        self.move()
        self.cluster.run(0.2)
        self.done()
        self.never(60.0)
        assert self.verdict() == "done"

    def test_desired_otherwise(self) -> None:
        """Another configuration is another job; the same one again is not."""
        self.done()
        self.cluster.run(1.0)
        self.revise(restart_policy=RestartPolicy("on-failure"))
        self.never(10.0)
        self.revise(environment=pmap({"TZ": "UTC"}))
        self.cluster.run(3.0)
        assert self.runs(self.here)
        assert self.desired().ended is None

    def test_desired_to_run_always(self) -> None:
        """With a policy that has it run again it does, and then moves as what runs."""
        self.done()
        self.cluster.run(1.0)
        self.revise(restart_policy=RestartPolicy("always"))
        self.cluster.run(3.0)
        assert self.runs(self.here)
        assert self.desired().ended is None
        self.revise(restart_policy=RestartPolicy("never"))
        self.move()
        self.cluster.run(5.0)
        assert self.runs(self.there)

    def test_started_again_by_hand(self) -> None:
        """`docker start` is somebody's wish: it runs, and that is known."""
        self.done()
        self.cluster.run(1.0)
        self.here.containers.start_by_hand("job")
        self.cluster.run(3.0)
        assert self.runs(self.here)
        assert self.desired().ended is None

    def test_deleted_and_made_anew(self) -> None:
        """The name alone says nothing of what ran."""
        self.done()
        self.cluster.run(1.0)
        container = self.desired()
        self.cluster.edit(lambda before: edits.delete_container(before, "job"))
        self.cluster.run(3.0)
        self.cluster.edit(
            lambda before: edits.create_container(before, replace(container, ended=None))
        )
        self.cluster.run(3.0)
        assert self.runs(self.here)

    def test_its_source_is_gone(self) -> None:
        """That it ran is known when the node that ran it is no more."""
        self.done()
        self.cluster.run(1.0)
        self.move()
        self.never(10.0)
        self.cluster.stop_agent(self.here)
        self.cluster.stop_control()
        self.cluster.start_control()
        self.cluster.stop_agent(self.there)
        self.there.restart_history.remembered = pmap()
        self.cluster.start_agent(self.there)
        self.never()

    def test_a_stranger_tells(self) -> None:
        """What a node says that has not the container's data counts for nothing."""
        assert self.cluster.control is not None
        reported = self.state(self.here)
        self.there.containers.made["job"] = self.here.containers.made["job"]
        self.cluster.run(40.0)
        assert reported.container.name == "job"
        assert self.desired().ended is None
        assert self.runs(self.here)

    def test_killed(self) -> None:
        """A program that does not heed the stop is killed, and the move's account says so."""
        self.here.containers.stubborn.add("job")
        self.move()
        self.cluster.run(5.0)
        assert self.runs(self.there)
        assert self.cluster.control is not None
        (past,) = self.cluster.control.configuration.past_moves.values()
        assert [each.killed for each in past.accounts] == [True, False]

"""Containers that users stop, start and restart, whatever befalls their agents and nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import Conflict
from flocker_lite.model import edits
from flocker_lite.model.records import Container, DatasetId, HealthCheck, RestartPolicy
from flocker_lite.model.state import ContainerState
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

DATASET: DatasetId = "dddddddd-0000-4000-8000-000000000001"
ALWAYS = RestartPolicy("always")
ONCE = RestartPolicy("on-failure", 1)


class LifeTestCase(SynchronousTestCase):
    """Two nodes in memory; a container with a dataset runs on the first."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.here, self.there = self.cluster.nodes
        self.cluster.start()
        self.have_it()
        self.cluster.run(2.0)
        assert self.runs(self.here)

    def have_it(self) -> None:
        """Configure it."""
        self.cluster.configure("db", DATASET, self.here)

    def runs(self, node: MemoryNode) -> bool:
        """Whether it has processes there."""
        return "db" in node.containers.processes

    def number_of_runs(self, node: MemoryNode) -> int:
        """How often anything was started there, in the life of its Docker."""
        return int(node.containers.made["db"].local.run)

    def revise(self, **fields: object) -> None:
        """Want it otherwise."""

        def revised(container: Container) -> Container:
            return replace(container, **fields)  # type: ignore[arg-type]

        self.cluster.edit(lambda before: edits.update_container(before, "db", revised))

    def restart(self) -> int:
        """Ask for a restart; returns its generation."""
        edit = self.cluster.edit(lambda before: edits.restart_container(before, "db"))
        return edit.configuration.containers["db"].restart_generation

    def stop(self) -> None:
        """Have it stopped, and let that happen."""
        self.revise(running=False)
        self.cluster.run(1.0)

    def restart_agent(self, node: MemoryNode) -> None:
        """The agent's process is another one."""
        self.cluster.stop_agent(node)
        self.cluster.start_agent(node)
        self.cluster.run(2.0)

    def reboot(self, node: MemoryNode) -> None:
        """Lose power and come back."""
        self.cluster.stop_agent(node)
        node.containers.crash()
        self.cluster.start_agent(node)
        self.cluster.run(2.0)

    def state(self, node: MemoryNode) -> ContainerState:
        """What the control service knows of it."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[node.node_id].containers["db"]

    def phases(self) -> list[str]:
        """How all moves went; those that are open are not over."""
        assert self.cluster.control is not None
        configuration = self.cluster.control.configuration
        over = [past.verdict for past in configuration.past_moves.values()]
        return [*over, *("open" for _ in configuration.moves)]


class StoppedTests(LifeTestCase):
    """`running` in the configuration."""

    def test_stop(self) -> None:
        """It is stopped, and kept as it is: that is no end, and no error."""
        instance = self.here.containers.made["db"].local.instance
        self.stop()
        assert not self.runs(self.here)
        assert self.here.containers.made["db"].local.instance == instance
        state = self.state(self.here)
        assert (state.running, state.error, state.exit_code, state.ended) == (
            *(False, None, None, None),
        )
        self.cluster.run(60.0)
        assert not self.runs(self.here)
        assert self.state(self.here).restarts == 0

    def test_stays_stopped(self) -> None:
        """Neither another agent nor a reboot starts it, whatever its policy is."""
        self.revise(restart_policy=ALWAYS)
        self.stop()
        for happens in (self.restart_agent, self.reboot, self.restart_agent):
            happens(self.here)
            assert not self.runs(self.here)
            assert self.state(self.here).error is None

    def test_start(self) -> None:
        """It runs again, the same container, whatever its policy is."""
        for policy in (RestartPolicy(), ALWAYS, ONCE):
            self.revise(restart_policy=policy)
            instance = self.here.containers.made["db"].local.instance
            self.stop()
            self.restart_agent(self.here)
            self.revise(running=True)
            self.cluster.run(1.0)
            assert self.runs(self.here)
            assert self.here.containers.made["db"].local.instance == instance
            runs = self.number_of_runs(self.here)
            self.cluster.run(60.0)
            assert self.number_of_runs(self.here) == runs
            assert (self.state(self.here).error, self.state(self.here).restarts) == (None, 0)

    def test_start_before_it_was_stopped(self) -> None:
        """Stopped and started while its agent was away, it is restarted once."""
        runs = self.number_of_runs(self.here)
        self.cluster.cut_control(self.here)
        self.revise(running=False)
        self.revise(running=True)
        self.cluster.cut_from_control.clear()
        self.cluster.run(30.0)
        assert self.runs(self.here)
        assert self.number_of_runs(self.here) == runs + 1

    def test_by_hand(self) -> None:
        """Somebody who starts it on its node does not change what is configured."""
        self.stop()
        self.here.containers.start_by_hand("db")
        self.cluster.run(1.0)
        assert not self.runs(self.here)
        assert not self.here.containers.made["db"].local.has_processes

    def test_paused(self) -> None:
        """One that somebody paused is stopped when it goes on."""
        self.here.containers.pause("db")
        self.stop()
        assert "docker unpause" in (self.state(self.here).error or "")
        self.here.containers.unpause("db")
        self.cluster.run(1.0)
        assert not self.runs(self.here)
        assert self.state(self.here).error is None

    def test_changed_while_stopped(self) -> None:
        """It is made anew, and runs as it is configured then once it is started."""
        self.stop()
        self.revise(cpu_shares=512)
        self.cluster.run(1.0)
        assert self.here.containers.made["db"].local.container.cpu_shares == 512
        assert not self.runs(self.here)
        self.revise(running=True)
        self.cluster.run(1.0)
        assert self.runs(self.here)

    def test_move(self) -> None:
        """Its data moves, and it is there, stopped; it runs there once it is started."""
        self.here.write("db", "before")
        self.stop()
        self.revise(node=self.there.node_id)
        self.cluster.run(10.0)
        assert self.phases() == ["done"]
        assert "db" not in self.here.containers.made
        assert not self.there.containers.made["db"].local.has_processes
        assert (self.state(self.there).running, self.state(self.there).error) == (False, None)
        self.reboot(self.there)
        assert not self.runs(self.there)
        self.revise(running=True)
        self.cluster.run(1.0)
        assert self.runs(self.there)
        assert self.number_of_runs(self.there) == 1
        assert self.there.storage.read(DATASET) == ("before",)

    def test_move_with_a_health_check(self) -> None:
        """There is no trial of what does not run."""
        self.revise(health_check=HealthCheck(command=("true",)))
        self.cluster.run(2.0)
        self.stop()
        self.revise(node=self.there.node_id)
        self.cluster.run(10.0)
        assert self.phases() == ["done"]
        assert not self.runs(self.there)

    def test_stopped_and_moved_at_once(self) -> None:
        """It is stopped where it runs, and never runs where it goes."""
        self.revise(running=False, node=self.there.node_id)
        self.cluster.run(10.0)
        assert self.phases() == ["done"]
        assert not self.there.containers.made["db"].local.has_processes
        assert self.there.containers.made["db"].local.run == ""

    def test_stopped_while_it_moves(self) -> None:
        """Whenever that is said, it ends up stopped at the destination."""
        for number in range(20):
            self.revise(node=self.there.node_id)
            self.cluster.run(0.05 * number)
            self.stop()
            self.cluster.run(20.0)
            assert not self.runs(self.here)
            assert not self.runs(self.there)
            assert set(self.phases()) == {"done"}
            self.here, self.there = self.there, self.here
            self.revise(running=True)
            self.cluster.run(2.0)
            assert self.runs(self.here)

    def test_lost_data(self) -> None:
        """A stopped container waits for its data as any other, and is not removed for that."""
        self.stop()
        self.here.storage.unmount_by_hand(DATASET)
        self.cluster.run(60.0)
        assert "db" in self.here.containers.made
        assert not self.runs(self.here)


class StoppedWithoutDataTests(LifeTestCase):
    """A container without datasets."""

    def have_it(self) -> None:
        container = Container("db", self.here.node_id, "redis:7")
        self.cluster.edit(lambda before: edits.create_container(before, container))

    def test_move(self) -> None:
        """It is gone from its node, and stopped on the other."""
        self.stop()
        self.revise(node=self.there.node_id)
        self.cluster.run(10.0)
        assert self.phases() == ["done"]
        assert "db" not in self.here.containers.made
        assert not self.there.containers.made["db"].local.has_processes

    def test_stopped_and_moved_at_once(self) -> None:
        """It serves nowhere, and so leaves its node at once."""
        self.revise(running=False, node=self.there.node_id)
        self.cluster.run(10.0)
        assert self.phases() == ["done"]
        assert "db" not in self.here.containers.made
        assert not self.there.containers.made["db"].local.has_processes

    def test_created_stopped(self) -> None:
        """One that is stopped from the beginning is there, and did not run."""
        other = Container("other", self.here.node_id, "nginx:1", running=False)
        self.cluster.edit(lambda before: edits.create_container(before, other))
        self.cluster.run(2.0)
        assert self.here.containers.made["other"].local.status == "created"


class RestartTests(LifeTestCase):
    """A restart that a user asks for."""

    def test_restart(self) -> None:
        """The same container is stopped and started, once; the state says so."""
        local = self.here.containers.made["db"].local
        generation = self.restart()
        self.cluster.run(2.0)
        assert self.runs(self.here)
        assert self.here.containers.made["db"].local.instance == local.instance
        assert self.number_of_runs(self.here) == int(local.run) + 1
        state = self.state(self.here)
        assert state.container.restart_generation == generation == 1
        assert (state.running, state.error, state.restarts) == (True, None, 0)
        self.restart_agent(self.here)
        self.reboot(self.here)
        assert self.number_of_runs(self.here) == int(local.run) + 2

    def test_each_restart(self) -> None:
        """Every one that is asked for has its own generation; the last one is carried out."""
        runs = self.number_of_runs(self.here)
        self.cluster.cut_control(self.here)
        assert [self.restart(), self.restart()] == [1, 2]
        self.cluster.cut_from_control.clear()
        self.cluster.run(30.0)
        assert self.state(self.here).container.restart_generation == 2
        assert self.number_of_runs(self.here) == runs + 1

    def test_crashes(self) -> None:
        """Wherever the agent or the control service crashes meanwhile, it is restarted once."""
        for number in range(8):
            for crash in (self.restart_agent, self.restart_control):
                runs = self.number_of_runs(self.here)
                self.restart()
                self.crash_after(number)
                crash(self.here)
                self.cluster.run(5.0)
                assert self.runs(self.here)
                assert self.number_of_runs(self.here) == runs + 1, (number, crash)

    def restart_control(self, _: MemoryNode) -> None:
        """The control service's process is another one."""
        self.cluster.stop_control()
        self.cluster.start_control()
        self.cluster.run(30.0)

    def crash_after(self, flushes: int) -> None:
        """Let so little of it happen."""
        for _ in range(flushes):
            for _, pump in self.cluster.pumps:
                pump.pump()
        self.cluster.clock.advance(0.01 * flushes)

    def test_of_one_that_has_ended(self) -> None:
        """It is started, whatever its policy is; its next end counts as ever."""
        self.here.containers.end("db", 3)
        self.cluster.run(1.0)
        assert self.state(self.here).exit_code == 3
        self.restart()
        self.cluster.run(1.0)
        assert self.runs(self.here)
        assert (self.state(self.here).error, self.state(self.here).restarts) == (None, 0)
        self.here.containers.end("db", 4)
        self.cluster.run(1.0)
        assert not self.runs(self.here)
        assert self.state(self.here).exit_code == 4
        self.restart_agent(self.here)
        assert not self.runs(self.here)

    def test_of_one_that_ended_and_is_gone(self) -> None:
        """It is made anew, and runs once."""
        self.here.containers.end("db", 0)
        self.cluster.run(1.0)
        self.here.containers.remove_by_force("db")
        self.cluster.run(1.0)
        assert "db" not in self.here.containers.made
        self.restart()
        self.cluster.run(2.0)
        assert self.runs(self.here)
        runs = self.number_of_runs(self.here)
        self.cluster.run(60.0)
        assert self.number_of_runs(self.here) == runs

    def test_of_one_that_ended_elsewhere(self) -> None:
        """It runs where its data is now."""
        self.here.containers.end("db", 0)
        self.cluster.run(1.0)
        self.revise(node=self.there.node_id)
        self.cluster.run(10.0)
        assert not self.runs(self.there)
        self.restart()
        self.cluster.run(2.0)
        assert self.runs(self.there)

    def test_tries_begin_anew(self) -> None:
        """What counts to a maximum begins at nothing."""
        self.revise(restart_policy=ONCE)
        for _ in range(2):
            self.here.containers.end("db", 1)
            self.cluster.run(3.0)
        assert not self.runs(self.here)
        self.restart()
        self.cluster.run(1.0)
        self.here.containers.end("db", 1)
        self.cluster.run(3.0)
        assert self.runs(self.here)
        assert self.state(self.here).restarts == 1

    def test_back_off_ends(self) -> None:
        """One that waits after crashes is started at once."""
        self.revise(restart_policy=ALWAYS)
        for _ in range(8):
            self.cluster.run(100.0)
            self.here.containers.end("db", 1)
        self.cluster.run(1.0)
        assert not self.runs(self.here)
        self.restart()
        self.cluster.run(1.0)
        assert self.runs(self.here)
        assert self.state(self.here).error is None

    def test_while_it_moves(self) -> None:
        """Whenever that is asked for, it runs at the destination, and its data was never lost."""
        for number in range(10):
            self.revise(node=self.there.node_id)
            self.cluster.run(0.05 * number)
            self.restart()
            self.cluster.run(20.0)
            assert self.runs(self.there)
            assert not self.runs(self.here)
            assert set(self.phases()) == {"done"}
            generation = self.state(self.there).container.restart_generation
            assert generation == number + 1
            self.here, self.there = self.there, self.here

    def test_of_a_stopped_one(self) -> None:
        """That is refused: it should not run."""
        self.stop()
        with pytest.raises(Conflict):
            self.restart()

"""Containers that are not healthy yet: tried again, ever more rarely, until they are."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.startup_probes import (
    RETRY_SECONDS_FIRST,
    RETRY_SECONDS_MAX,
    StartupProbes,
)
from flocker_lite.errors import ContainerError
from flocker_lite.model.records import Container, HealthCheck
from flocker_lite.model.state import LocalContainer
from flocker_lite.testing.memory_containers import MemoryContainers

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
CHECK = HealthCheck(port=6379)
DB = Container("db", NODE, "redis:latest", health_check=CHECK)
RUNNING = {"db": LocalContainer(DB, "running")}
SAID = "port 6379 says no"


class HealthWatchTests(SynchronousTestCase):
    """One container on a Clock; `tries` are the times of its health check's tries."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.tries: list[float] = []
        self.changes = 0
        self.containers = MemoryContainers(before=self.before)
        self.watch = StartupProbes(self.containers, self.clock, self.changed)
        self.successResultOf(Deferred.fromCoroutine(self.run_db()))
        self.containers.unhealthy["db"] = SAID

    async def run_db(self) -> None:
        await self.containers.pull(DB.image, lambda progress: None)
        await self.containers.prepare(DB, {}, "10.0.0.1")
        await self.containers.start("db")

    async def before(self, method: str, name: str) -> None:
        if method == "answers":
            self.tries.append(self.clock.seconds())

    def changed(self) -> None:
        self.changes += 1

    def test_not_healthy(self) -> None:
        """It is tried again after a while, at first soon."""
        self.watch.note("db", CHECK, SAID)
        assert self.watch.troubles == {"db": SAID}
        assert self.tries == []
        self.clock.advance(RETRY_SECONDS_FIRST)
        assert len(self.tries) == 1

    def test_tried_ever_more_rarely(self) -> None:
        """The waits grow, to a limit."""
        self.watch.note("db", CHECK, SAID)
        self.clock.pump([1.0] * 600)
        waits = [after - before for before, after in zip(self.tries, self.tries[1:], strict=False)]
        assert waits == sorted(waits)
        assert waits[0] == 2 * RETRY_SECONDS_FIRST
        assert waits[-1] == RETRY_SECONDS_MAX

    def test_cured(self) -> None:
        """Once a try succeeds it has no trouble, which is told, and is tried no more."""
        self.watch.note("db", CHECK, SAID)
        del self.containers.unhealthy["db"]
        self.clock.advance(RETRY_SECONDS_FIRST)
        assert (self.watch.troubles, self.changes) == ({}, 1)
        self.watch.see(RUNNING, frozenset())
        self.clock.pump([1.0] * 200)
        assert len(self.tries) == 1

    def test_other_trouble(self) -> None:
        """What the last try said is what counts, and that it is another is told."""
        self.watch.note("db", CHECK, SAID)
        self.containers.unhealthy["db"] = "another"
        self.clock.advance(RETRY_SECONDS_FIRST)
        assert (self.watch.troubles, self.changes) == ({"db": "another"}, 1)

    def test_cannot_be_told(self) -> None:
        """That Docker does not answer ends nothing."""
        self.watch.note("db", CHECK, SAID)
        self.containers.fail_next("answers", ContainerError("Docker is away"))
        del self.containers.unhealthy["db"]
        self.clock.advance(RETRY_SECONDS_FIRST)
        assert self.watch.troubles == {"db": "Docker is away"}
        self.clock.advance(2 * RETRY_SECONDS_FIRST)
        assert self.watch.troubles == {}

    def test_healthy_at_once(self) -> None:
        """One that was healthy in time is not tried any more."""
        self.watch.note("db", CHECK, None)
        self.watch.see(RUNNING, frozenset())
        self.clock.pump([1.0] * 200)
        assert (self.tries, self.watch.troubles) == ([], {})

    def test_of_an_earlier_agent(self) -> None:
        """One that runs when the agent starts is tried as well, until it is healthy."""
        self.watch.see(RUNNING, frozenset())
        assert self.watch.troubles == {"db": SAID}
        del self.containers.unhealthy["db"]
        self.clock.pump([1.0] * 5)
        assert self.watch.troubles == {}

    def test_starting(self) -> None:
        """One that is waited for anyway is left to that."""
        self.watch.see(RUNNING, frozenset({"db"}))
        assert self.tries == []

    def test_without_a_check(self) -> None:
        """There is nothing to try."""
        self.watch.see({"db": LocalContainer(Container("db", NODE, "i:1"), "running")}, frozenset())
        assert self.tries == []

    def test_ended(self) -> None:
        """One that does not run is not tried, and has no trouble of this kind."""
        self.watch.note("db", CHECK, SAID)
        self.watch.see({"db": LocalContainer(DB, "exited")}, frozenset())
        self.clock.pump([1.0] * 200)
        assert (self.tries, self.watch.troubles) == ([], {})

    def test_stop(self) -> None:
        """After that nothing is tried, whatever is seen."""
        self.watch.note("db", CHECK, SAID)
        self.watch.stop()
        self.watch.see(RUNNING, frozenset())
        assert self.clock.getDelayedCalls() == []
        assert self.tries == []

"""Containers whose health is watched: tried again and again, until they end."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.health_monitor import UNKNOWN_SECONDS, HealthMonitor
from flocker_lite.errors import DockerAway
from flocker_lite.model.records import Container, HealthCheck
from flocker_lite.model.state import LocalContainer
from flocker_lite.planner.health_policy import (
    ADOPTION_SECONDS_MAX,
    RETRY_SECONDS_FIRST,
    RETRY_SECONDS_MAX,
)
from flocker_lite.testing.memory_containers import MemoryContainers

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
CHECK = HealthCheck(port=6379, interval_seconds=120.0, on_unhealthy="restart")
DB = Container("db", NODE, "redis:latest", health_check=CHECK)
RUNS = LocalContainer(DB, "running", "1")
RUNNING = {"db": RUNS}
PAUSED = {"db": replace(RUNS, status="paused")}
SAID = "port 6379 says no"


class MonitorTestCase(SynchronousTestCase):
    """One container on a Clock; `tries` are the times of its health check's tries."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.tries: list[float] = []
        self.changes = 0
        self.due: list[str] = []
        self.slow: Deferred[None] | None = None
        self.containers = MemoryContainers(before=self.before)
        self.monitor = HealthMonitor(self.containers, self.clock, self.changed, self.due.append)
        self.successResultOf(Deferred.fromCoroutine(self.run_container(DB)))
        self.containers.unhealthy["db"] = SAID

    async def run_container(self, container: Container) -> None:
        await self.containers.pull(container.image, lambda progress: None)
        await self.containers.prepare(container, {}, "10.0.0.1")
        await self.containers.start(container.name)

    async def before(self, method: str, name: str) -> None:
        if method == "probe":
            self.tries.append(self.clock.seconds())
            if self.slow is not None:
                await self.slow

    def changed(self) -> None:
        self.changes += 1

    def seconds(self, count: float) -> None:
        """Let time pass."""
        self.clock.pump([1.0] * round(count))


class StartupTests(MonitorTestCase):
    """Until it is healthy for the first time."""

    def test_not_healthy(self) -> None:
        """It is tried again after a while, at first soon."""
        self.monitor.note("db", CHECK, SAID)
        assert self.monitor.troubles == {"db": SAID}
        assert self.tries == []
        self.clock.advance(RETRY_SECONDS_FIRST)
        assert len(self.tries) == 1

    def test_tried_ever_more_rarely(self) -> None:
        """The waits grow, to a limit."""
        self.monitor.note("db", CHECK, SAID)
        self.seconds(600)
        waits = [after - before for before, after in zip(self.tries, self.tries[1:], strict=False)]
        assert waits == sorted(waits)
        assert waits[0] == 2 * RETRY_SECONDS_FIRST
        assert waits[-1] == RETRY_SECONDS_MAX

    def test_no_more_rarely_than_later(self) -> None:
        """The interval is a limit, too."""
        self.monitor.note("db", replace(CHECK, interval_seconds=3.0), SAID)
        self.seconds(60)
        assert self.tries[-1] - self.tries[-2] == 3.0

    def test_cured(self) -> None:
        """Once a try succeeds it has no trouble, and that is told."""
        self.monitor.note("db", CHECK, SAID)
        assert self.monitor.statuses == {"db": "unhealthy"}
        del self.containers.unhealthy["db"]
        self.clock.advance(RETRY_SECONDS_FIRST)
        assert (self.monitor.troubles, self.changes) == ({}, 1)
        assert self.monitor.statuses == {"db": "healthy"}

    def test_other_trouble(self) -> None:
        """What the last try said is what counts, and that it is another is told."""
        self.monitor.note("db", CHECK, SAID)
        self.containers.unhealthy["db"] = "another"
        self.clock.advance(RETRY_SECONDS_FIRST)
        assert (self.monitor.troubles, self.changes) == ({"db": "another"}, 1)

    def test_of_an_earlier_agent(self) -> None:
        """One that runs when the agent starts is soon tried as well."""
        self.monitor.see(RUNNING, frozenset())
        assert self.monitor.statuses == {"db": "starting"}
        self.clock.advance(ADOPTION_SECONDS_MAX)
        assert self.monitor.troubles == {"db": SAID}
        del self.containers.unhealthy["db"]
        self.seconds(5)
        assert self.monitor.troubles == {}

    def test_never_healthy(self) -> None:
        """It is to be restarted once it failed for as long as another may."""
        self.monitor.note("db", CHECK, SAID)
        self.seconds(2 * CHECK.interval_seconds - 1)
        assert self.due == []
        self.seconds(RETRY_SECONDS_MAX)
        assert self.due == ["db"]
        assert self.monitor.to_restart == {"db"}

    def test_starting(self) -> None:
        """One that is waited for anyway is left to that."""
        self.monitor.see(RUNNING, frozenset({"db"}))
        self.seconds(200)
        assert self.tries == []

    def test_without_a_check(self) -> None:
        """There is nothing to try."""
        plain = LocalContainer(Container("db", NODE, "i:1"), "running")
        self.monitor.see({"db": plain}, frozenset())
        self.seconds(200)
        assert (self.tries, self.monitor.statuses) == ([], {})


class ForLifeTests(MonitorTestCase):
    """After it was healthy."""

    def setUp(self) -> None:
        super().setUp()
        del self.containers.unhealthy["db"]
        self.monitor.note("db", CHECK, None)
        self.monitor.see(RUNNING, frozenset())

    def fail(self) -> None:  # type: ignore[override]
        """From now on its check fails."""
        self.containers.unhealthy["db"] = SAID

    def intervals(self, count: int) -> None:
        """Let so many tries be made."""
        self.seconds(count * CHECK.interval_seconds)

    def test_healthy(self) -> None:
        """It is tried each interval, and nothing is told."""
        self.intervals(10)
        waits = [after - before for before, after in zip(self.tries, self.tries[1:], strict=False)]
        assert waits == [CHECK.interval_seconds] * 9
        assert (self.monitor.statuses, self.changes) == ({"db": "healthy"}, 0)

    def test_it_may_fail_a_few_times(self) -> None:
        """Nothing is told of that."""
        self.fail()
        self.intervals(2)
        del self.containers.unhealthy["db"]
        self.intervals(1)
        self.fail()
        self.intervals(2)
        assert (self.monitor.troubles, self.changes, self.due) == ({}, 0, [])

    def test_unhealthy(self) -> None:
        """It is told once it failed often enough, and should be restarted; that is told once."""
        self.fail()
        self.intervals(3)
        assert self.monitor.troubles == {"db": SAID}
        assert self.monitor.statuses == {"db": "unhealthy"}
        assert (self.changes, self.due) == (1, ["db"])
        self.intervals(3)
        assert (self.changes, self.due) == (1, ["db"])

    def test_cured(self) -> None:
        """One success is enough."""
        self.fail()
        self.intervals(3)
        del self.containers.unhealthy["db"]
        self.intervals(1)
        assert (self.monitor.troubles, self.monitor.to_restart) == ({}, frozenset())
        assert self.monitor.statuses == {"db": "healthy"}

    def test_nobody_can_tell(self) -> None:
        """That Docker does not answer is no failure, and ends nothing."""
        self.fail()
        self.intervals(2)
        for _ in range(5):
            self.containers.fail_next("probe", DockerAway("Docker is away"))
        self.intervals(1)
        assert (self.monitor.troubles, self.due) == ({}, [])
        self.seconds(5 * UNKNOWN_SECONDS)
        assert self.due == ["db"]

    def test_one_try_at_a_time(self) -> None:
        """A try that hangs is waited for; its result counts then."""
        self.slow = Deferred()
        self.intervals(10)
        assert len(self.tries) == 1
        self.fail()
        self.slow.callback(None)
        self.slow = None
        self.intervals(2)
        assert self.due == ["db"]

    def test_a_result_that_comes_too_late(self) -> None:
        """The result of a try of a container that ended or was replaced is nobody's."""
        for later in (
            {},
            {"db": replace(RUNS, instance="2")},
            {"db": replace(RUNS, status="dead")},
        ):
            self.monitor.note("db", replace(CHECK, retries=1), None)
            self.monitor.see(RUNNING, frozenset())
            self.slow = Deferred()
            self.intervals(1)
            self.fail()
            self.monitor.see(later, frozenset())
            slow, self.slow = self.slow, None
            del self.containers.unhealthy["db"]
            if not slow.called:
                slow.callback(None)
            assert (self.monitor.troubles, self.changes, self.due) == ({}, 0, [])
            self.monitor.forget("db")

    def test_ended(self) -> None:
        """One that does not run is not tried, and has no trouble of this kind."""
        self.fail()
        self.intervals(3)
        tries = len(self.tries)
        self.monitor.see({"db": replace(RUNS, status="exited")}, frozenset())
        self.intervals(3)
        assert (len(self.tries), self.monitor.troubles) == (tries, {})
        assert self.monitor.to_restart == frozenset()

    def test_paused(self) -> None:
        """It is not tried, and what was known of it holds when it goes on."""
        self.fail()
        self.intervals(2)
        self.monitor.see(PAUSED, frozenset())
        self.intervals(3)
        assert len(self.tries) == 2
        assert self.monitor.statuses == {"db": "healthy"}
        self.monitor.see(RUNNING, frozenset())
        self.clock.advance(ADOPTION_SECONDS_MAX)
        assert self.due == ["db"]

    def test_seen_from_within(self) -> None:
        """Whoever is told may say that it is gone; there is still one try at a time after that."""

        def changed() -> None:
            self.monitor.see(PAUSED, frozenset())
            self.monitor.see(RUNNING, frozenset())

        self.monitor.stop()
        self.monitor = HealthMonitor(self.containers, self.clock, changed)
        self.monitor.note("db", CHECK, SAID)
        self.seconds(10)
        assert self.monitor.statuses == {"db": "healthy"}
        self.tries.clear()
        self.intervals(10)
        assert len(self.tries) == 10

    def test_stop(self) -> None:
        """After that nothing is tried, whatever is seen."""
        self.monitor.stop()
        self.monitor.see(RUNNING, frozenset())
        assert self.clock.getDelayedCalls() == []
        assert self.tries == []


class ManyTests(MonitorTestCase):
    """All containers of a node started at one moment."""

    def test_spread(self) -> None:
        """Their tries are not made at one moment."""
        names = [f"web-{number}" for number in range(50)]
        for name in names:
            running = Deferred.fromCoroutine(self.run_container(replace(DB, name=name)))
            self.successResultOf(running)
            self.monitor.note(name, CHECK, None)
        self.seconds(2 * CHECK.interval_seconds)
        assert len(self.tries) == 2 * len(names)
        assert max(map(self.tries.count, self.tries)) <= 6
        assert len(self.clock.getDelayedCalls()) == len(names)

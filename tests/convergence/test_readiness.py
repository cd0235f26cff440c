"""From the start of a container until it serves: how long that is waited for, and who it is for."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.readiness import ANSWER_SECONDS_MAX, Readiness
from flocker_lite.errors import ContainerError
from flocker_lite.model.records import Container, HealthCheck
from flocker_lite.model.state import Held, Route
from flocker_lite.routing.switchboard import Switchboard
from flocker_lite.testing.memory_containers import MemoryContainers
from flocker_lite.testing.memory_holder import MemoryHolder
from flocker_lite.testing.memory_listeners import MemoryListeners
from flocker_lite.testing.memory_routing import MemoryRouting

HERE, ELSEWHERE = "10.0.0.1", "10.0.0.2"
PORT = 7000
AWAY = Route(PORT, ELSEWHERE, "web")
CHECK = HealthCheck(port=80, start_period_seconds=90.0)
WEB = Container("web", "aaaaaaaa-0000-4000-8000-000000000001", "nginx:latest", health_check=CHECK)


class SlowContainers(MemoryContainers):
    """Their answers take as long as they may, unless `serves` is fired before."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.waits: list[float] = []
        self.serves: Deferred[None] = Deferred()

    async def answers(self, name: str, timeout_seconds: float) -> str | None:
        self.waits.append(timeout_seconds)
        late = self.clock.callLater(timeout_seconds, self.serves.callback, None)
        await self.serves
        if late.active():
            late.cancel()
        self.serves = Deferred()
        return await super().answers(name, timeout_seconds)


class ArrivalsTests(SynchronousTestCase):
    """A container whose port is led to another node when it is started here."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.containers = SlowContainers(self.clock)
        self.containers.unhealthy["web"] = "no"
        self.routing = MemoryRouting()
        self.holder = MemoryHolder()
        self.switchboard = Switchboard(
            self.routing, self.holder, MemoryListeners(), HERE, self.clock, 1000.0
        )
        self.readiness = Readiness(
            self.containers, self.switchboard, MoveLog(self.clock), self.clock
        )
        self.successResultOf(Deferred.fromCoroutine(self.switchboard.replace(frozenset({AWAY}))))

    async def begin(self, check: HealthCheck | None, on_trial: bool = False) -> None:
        await self.containers.pull(WEB.image, lambda progress: None)
        await self.containers.prepare(replace(WEB, health_check=check), {}, HERE)
        await self.readiness.start("web", (PORT,), (), on_trial, check)

    def start(self, check: HealthCheck | None = CHECK) -> None:
        """Have it started; it does not serve yet."""
        self.successResultOf(Deferred.fromCoroutine(self.begin(check)))
        assert self.readiness.starting == {"web"}
        assert self.routing.goes_to(PORT) == AWAY

    def answer(self) -> None:
        """What it is waited for has come about."""
        serves = self.containers.serves
        serves.callback(None)

    def test_start_period(self) -> None:
        """With a health check it is waited for as long as that says."""
        self.start()
        assert self.containers.waits == [CHECK.start_period_seconds]

    def test_without_a_check(self) -> None:
        """There is a limit as well, after which it is led to; nothing is wrong with it."""
        self.start(None)
        assert self.containers.waits == [ANSWER_SECONDS_MAX]
        self.clock.advance(ANSWER_SECONDS_MAX)
        assert self.routing.goes_to(PORT) is None
        assert self.readiness.unhealthy == {}

    def test_healthy(self) -> None:
        """What comes is for it."""
        self.start()
        del self.containers.unhealthy["web"]
        self.answer()
        assert self.readiness.starting == frozenset()
        assert self.routing.goes_to(PORT) is None
        assert self.readiness.unhealthy == {}

    def test_not_healthy(self) -> None:
        """What comes goes where the cluster says, which may be elsewhere; what is wrong is said."""
        self.start()
        self.clock.advance(CHECK.start_period_seconds)
        assert self.routing.goes_to(PORT) == AWAY
        assert self.readiness.unhealthy == {"web": "no"}

    def test_not_healthy_and_waited_for(self) -> None:
        """Who was held here for it is not held any longer."""
        self.successResultOf(Deferred.fromCoroutine(self.switchboard.hold("web", (PORT,))))
        self.successResultOf(Deferred.fromCoroutine(self.begin(CHECK)))
        self.clock.advance(CHECK.start_period_seconds)
        assert self.routing.goes_to(PORT) is None

    def test_started_again(self) -> None:
        """What was wrong before is history."""
        self.start()
        self.clock.advance(CHECK.start_period_seconds)
        self.containers.end("web", 1)
        self.successResultOf(Deferred.fromCoroutine(self.begin(CHECK)))
        assert self.readiness.unhealthy == {}
        assert self.readiness.starting == {"web"}

    def test_ended(self) -> None:
        """Nothing is led to one that ended before it served, and it is said elsewhere how."""
        self.start()
        self.containers.end("web", 1)
        self.answer()
        assert self.routing.goes_to(PORT) == AWAY
        assert self.readiness.unhealthy == {}

    def test_a_trial(self) -> None:
        """Nothing is led to one that answers before it is kept."""
        self.start_trial()
        assert not self.readiness.is_healthy("web")
        self.answer()
        assert self.readiness.is_healthy("web")
        assert self.routing.goes_to(PORT) == AWAY
        self.readiness.keep("web")
        assert self.routing.goes_to(PORT) is None

    def test_a_trial_where_nothing_is_led_away(self) -> None:
        """It is held then, and refused when the trial is over."""
        self.successResultOf(Deferred.fromCoroutine(self.switchboard.replace(frozenset())))
        self.start_trial()
        self.answer()
        assert isinstance(self.routing.goes_to(PORT), Held)
        self.successResultOf(Deferred.fromCoroutine(self.readiness.end_trial("web")))
        assert self.routing.goes_to(PORT) is None
        assert self.holder.refused == [PORT]

    def test_a_trial_that_fails_to_start(self) -> None:
        """It may run all the same: nothing gets there before it was given back."""
        self.successResultOf(Deferred.fromCoroutine(self.switchboard.replace(frozenset())))
        self.containers.fail_next("start", ContainerError("no answer in time"))
        starting = Deferred.fromCoroutine(self.begin(CHECK, on_trial=True))
        self.failureResultOf(starting, ContainerError)
        assert isinstance(self.routing.goes_to(PORT), Held)
        assert not self.readiness.is_healthy("web")
        self.successResultOf(Deferred.fromCoroutine(self.readiness.end_trial("web")))
        assert self.routing.goes_to(PORT) is None
        assert self.holder.refused == [PORT]

    def start_trial(self) -> None:
        """Have it started on trial, where it turns out to be healthy."""
        del self.containers.unhealthy["web"]
        self.successResultOf(Deferred.fromCoroutine(self.begin(CHECK, on_trial=True)))

    def test_stop(self) -> None:
        """With the agent all waiting ends."""
        self.start()
        self.readiness.stop()
        assert self.readiness.starting == frozenset()

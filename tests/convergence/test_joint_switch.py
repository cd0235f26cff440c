"""How the containers of an application wait for each other when they switch."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.convergence.joint_switch import JointSwitch, JointSwitches, Point
from flocker_lite.convergence.trials import trial_seconds
from flocker_lite.errors import ContainerError, NotHealthy
from flocker_lite.model.records import HealthCheck
from tests.planner.test_companions import HERE, container, view


def begun(coroutine: Coroutine[Any, Any, Any]) -> Deferred[Any]:
    """What goes on by now."""
    return Deferred.fromCoroutine(coroutine)


class SwitchTests(SynchronousTestCase):
    """A database, and a site that starts after it."""

    def setUp(self) -> None:
        self.switch = JointSwitch({"db": 0, "web": 1})

    def test_meet(self) -> None:
        """Nobody goes on before all are there."""
        first = begun(self.switch.meet("db", Point.SENT))
        self.assertNoResult(first)
        second = begun(self.switch.meet("web", Point.SENT))
        self.successResultOf(first)
        self.successResultOf(second)

    def test_points(self) -> None:
        """To be at another point does not count."""
        first = begun(self.switch.meet("db", Point.TRIED))
        self.switch.reach("web", Point.SENT)
        self.assertNoResult(first)

    def test_order(self) -> None:
        """The site stops first and is handed over last; the database waits, and does not."""
        self.successResultOf(begun(self.switch.precede("web", Point.STOPPED)))
        waits = begun(self.switch.precede("db", Point.STOPPED))
        self.assertNoResult(waits)
        self.switch.reach("web", Point.STOPPED)
        self.successResultOf(waits)
        self.successResultOf(begun(self.switch.follow("db", Point.HANDED_OVER)))
        waits = begun(self.switch.follow("web", Point.HANDED_OVER))
        self.assertNoResult(waits)
        self.switch.reach("db", Point.HANDED_OVER)
        self.successResultOf(waits)

    def test_failure(self) -> None:
        """A failure is that of all, those who come later too; the first one counts."""
        waits = begun(self.switch.meet("db", Point.SENT))
        self.switch.fail("web", ContainerError("disk full"))
        self.switch.fail("db", ContainerError("because of web"))
        said = "container web, which moves together with it, does not: disk full"
        assert str(self.failureResultOf(waits, ContainerError).value) == said
        later = begun(self.switch.meet("db", Point.TRIED))
        assert str(self.failureResultOf(later, ContainerError).value) == said

    def test_unhealthy(self) -> None:
        """Their moves are over like the move of the one that did not get well."""
        waits = begun(self.switch.meet("web", Point.TRIED))
        self.switch.fail("db", NotHealthy("no answer"))
        self.failureResultOf(waits, NotHealthy)

    def test_behind(self) -> None:
        """A failure does not reach those who have what they waited for."""
        self.switch.reach("web", Point.SENT)
        self.switch.fail("web", ContainerError("late"))
        self.successResultOf(begun(self.switch.meet("db", Point.SENT)))

    def test_cancelled(self) -> None:
        """One who does not wait any more does not keep the others."""
        waits = begun(self.switch.meet("db", Point.SENT))
        waits.cancel()
        self.failureResultOf(waits, CancelledError)
        self.successResultOf(begun(self.switch.meet("web", Point.SENT)))


class SwitchesTests(SynchronousTestCase):
    """Two of an application that are on their way."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.desired = DesiredState()
        self.desired.view = view(container("db"), container("web", needs=("db",)))
        self.switches = JointSwitches(self.clock, self.desired)

    def ready(self, name: str) -> Deferred[frozenset[str]]:
        return begun(self.switches.ready(name, 2.0))

    def test_alone(self) -> None:
        """Without companions it begins at once."""
        self.desired.view = view(container("db"), container("web"), web=HERE)
        assert self.successResultOf(self.ready("db")) == frozenset()
        assert self.switches.of("db").ranks == {"db": 0}

    def test_both(self) -> None:
        """They begin one switch when both are ready."""
        first = self.ready("db")
        self.assertNoResult(first)
        assert self.successResultOf(self.ready("web")) == frozenset()
        assert self.successResultOf(first) == frozenset()
        switch = self.switches.of("db")
        assert switch is self.switches.of("web")
        assert switch.ranks == {"db": 0, "web": 1}
        assert self.clock.getDelayedCalls() == []

    def test_not_yet(self) -> None:
        """After a while it hears who is missing, and does not count as ready any more."""
        first = self.ready("db")
        self.clock.advance(2.0)
        assert self.successResultOf(first) == {"web"}
        second = self.ready("web")
        self.assertNoResult(second)
        self.successResultOf(self.ready("db"))
        self.successResultOf(second)

    def test_cancelled(self) -> None:
        """What was cancelled is not ready."""
        first = self.ready("db")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(self.ready("web"))

    def test_stays(self) -> None:
        """One whose companion stays here after all does not wait for it again."""
        first = self.ready("db")
        self.desired.view = view(container("db"), container("web"), web=HERE)
        self.clock.advance(2.0)
        assert self.successResultOf(first) == frozenset()

    def test_one_of_three_stays(self) -> None:
        """The other two switch together then."""
        three = (container("db"), container("files"), container("web", needs=("db",)))
        self.desired.view = view(*three)
        first, second = self.ready("db"), self.ready("web")
        self.desired.view = view(*three, files=HERE)
        self.clock.advance(2.0)
        assert self.successResultOf(first) == self.successResultOf(second) == frozenset()
        assert self.switches.of("db") is self.switches.of("web")

    def test_longest_trial(self) -> None:
        """All trials go on until the longest may be over."""
        check = HealthCheck(command=("true",), start_period_seconds=60.0)
        self.desired.view = view(container("db"), replace(container("web"), health_check=check))
        self.ready("db")
        self.ready("web")
        assert self.switches.of("db").trial_seconds == trial_seconds(check)

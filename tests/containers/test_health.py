"""How long a container is waited for, how often it is tried, and what is said in the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.containers.engine import Engine
from flocker_lite.containers.execution import trouble
from flocker_lite.containers.health import (
    COMMANDS_MAX,
    PROBES_MAX,
    TRY_DELAY_SECONDS_MAX,
    TRY_DELAY_SECONDS_MIN,
    Health,
    delay_seconds,
    limit_seconds,
)
from flocker_lite.containers.server import Server
from flocker_lite.errors import ContainerError, DockerAway
from flocker_lite.interfaces import Executed
from flocker_lite.model.records import HealthCheck

COMMAND = HealthCheck(command=("true",), timeout_seconds=5.0, start_period_seconds=30.0)
WELL = Executed(0, "")
REFUSED = Executed(1, "no")
LATE = Executed(None, "")
NO = trouble(["true"], REFUSED)
TOO_LATE = trouble(["true"], LATE)


def server(check: HealthCheck | None, process: Path, address: str = "172.17.0.2") -> Server:
    """A running container."""
    return Server("c0ffee", process, frozenset({"6379"}), address, check)


class HealthTests(SynchronousTestCase):
    """Docker is played by the test: `looks` is what it has, `tries` what a command comes to."""

    def setUp(self) -> None:
        self.clock = Clock()
        # Not trial's own: that is left in the checkout.
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.process = Path(directory.name, "process")
        self.process.mkdir()
        self.looks: list[Server | str] = []
        self.tries: list[Any] = []
        self.tried_with: list[float] = []
        self.tried_at: list[float] = []
        self.health = Health(
            Engine("/none", Path("/none")), self.run_in_thread, cast(Any, self.clock)
        )

    def run_in_thread(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        if function.__name__ == "server":
            answer.callback(self.looks.pop(0))
            return answer
        self.tried_with.append(arguments[-1])
        self.tried_at.append(self.clock.seconds())
        outcome = self.tries.pop(0) if self.tries else REFUSED
        if outcome is LATE:
            self.clock.callLater(arguments[-1], answer.callback, outcome)
        elif isinstance(outcome, Exception):
            answer.errback(outcome)
        else:
            answer.callback(outcome)
        return answer

    def answers(self, timeout_seconds: float = 60.0) -> Deferred[str | None]:
        return Deferred.fromCoroutine(self.health.answers("db", timeout_seconds))

    def advance(self, seconds: float) -> None:
        self.clock.pump([0.01] * round(seconds * 100))

    def test_does_not_run(self) -> None:
        """It is not waited for."""
        self.looks = ["it does not exist"]
        assert self.successResultOf(self.answers()) == "it does not exist"

    def test_healthy_at_last(self) -> None:
        """It is tried until it succeeds, with the whole time for each try."""
        self.looks = [server(COMMAND, self.process)]
        self.tries = [REFUSED, ContainerError("Docker is busy"), WELL]
        asked = self.answers()
        self.assertNoResult(asked)
        self.advance(1.0)
        assert self.successResultOf(asked) is None
        assert self.tried_with == [5.0, 5.0, 5.0]

    def test_never_healthy(self) -> None:
        """What the last try said is said after the start period, and not before."""
        self.looks = [server(COMMAND, self.process)]
        asked = self.answers()
        self.advance(28.0)
        self.assertNoResult(asked)
        self.advance(3.0)
        assert self.successResultOf(asked) == NO

    def test_no_longer_than_asked(self) -> None:
        """Whoever asks may have less time than that."""
        self.looks = [server(COMMAND, self.process)]
        asked = self.answers(2.0)
        self.advance(2.1)
        assert self.successResultOf(asked) == NO

    def test_cut_off(self) -> None:
        """A try may last to the end, no longer; what an earlier one said is of more use."""
        self.looks = [server(COMMAND, self.process)]
        self.tries = [REFUSED, LATE]
        asked = self.answers(3.0)
        self.advance(3.1)
        assert self.successResultOf(asked) == NO
        assert self.tried_with[-1] < 3.0

    def test_only_one_try(self) -> None:
        """When there was none before it, it is what can be said."""
        self.looks = [server(COMMAND, self.process)]
        self.tries = [LATE]
        asked = self.answers(3.0)
        self.advance(3.1)
        assert self.successResultOf(asked) == TOO_LATE

    def test_commands_are_limited(self) -> None:
        """However many commands hang, there are threads left for what is urgent."""
        self.looks = [server(COMMAND, self.process)] * (COMMANDS_MAX + 1)
        self.tries = [LATE] * (COMMANDS_MAX + 1)
        for _ in range(COMMANDS_MAX + 1):
            self.answers()
        assert len(self.tried_at) == COMMANDS_MAX
        self.advance(5.1)
        assert len(self.tried_at) > COMMANDS_MAX

    def test_it_ends_meanwhile(self) -> None:
        """It is not waited for any more, and it is said that it ended."""
        self.looks = [server(COMMAND, self.process), "it does not run: exit code 137"]
        asked = self.answers()
        self.process.rmdir()
        self.advance(0.5)
        assert self.successResultOf(asked) == "it does not run: exit code 137"

    def probe(self) -> Deferred[str | None]:
        return Deferred.fromCoroutine(self.health.probe("db"))

    def test_probe(self) -> None:
        """It is tried once, with the whole time for that."""
        self.looks = [server(COMMAND, self.process)] * 2
        self.tries = [WELL, REFUSED]
        assert self.successResultOf(self.probe()) is None
        assert self.successResultOf(self.probe()) == NO
        assert self.tried_with == [5.0, 5.0]
        assert self.clock.getDelayedCalls() == []

    def test_probe_of_what_does_not_run(self) -> None:
        """Nobody can tell whether it is healthy."""
        self.looks = ["it does not run: it is paused"]
        error = self.failureResultOf(self.probe(), ContainerError)
        assert "it is paused" in str(error.value)

    def test_probe_that_docker_refuses(self) -> None:
        """A command that is not there fails; one in a container that has just ended is none."""
        self.looks = [server(COMMAND, self.process)] * 2
        self.tries = [ContainerError("no such file")] * 2
        assert self.successResultOf(self.probe()) == "no such file"
        self.looks = [server(COMMAND, self.process), "it does not run: exit code 1"]
        self.failureResultOf(self.probe(), ContainerError)

    def test_probe_without_docker(self) -> None:
        """That Docker does not answer says nothing about a container."""
        self.looks = [server(COMMAND, self.process)]
        self.tries = [DockerAway("is it running?")]
        self.failureResultOf(self.probe(), DockerAway)

    def test_probes_delay_no_start(self) -> None:
        """However many of them hang, a container that starts is asked at once."""
        self.looks = [server(COMMAND, self.process)] * (PROBES_MAX + 2)
        self.tries = [LATE] * PROBES_MAX + [WELL, LATE]
        for _ in range(PROBES_MAX + 1):
            self.probe()
        assert len(self.tried_at) == PROBES_MAX
        assert self.successResultOf(self.answers()) is None

    def test_pace(self) -> None:
        """Quickly at first, then more slowly, and with a limit."""
        self.looks = [server(COMMAND, self.process)]
        self.answers()
        self.advance(29.0)
        waits = [b - a for a, b in zip(self.tried_at, self.tried_at[1:], strict=False)]
        assert abs(waits[0] - TRY_DELAY_SECONDS_MIN) < 0.02
        assert abs(waits[-1] - TRY_DELAY_SECONDS_MAX) < 0.02
        assert len(waits) < 100

    def test_closed_ports(self) -> None:
        """Without a health check it is said at which ports nothing listens."""
        (self.process / "net").mkdir()
        (self.process / "net/tcp").write_text("head\n")
        self.looks = [server(None, self.process)]
        asked = self.answers(1.0)
        self.advance(1.1)
        assert self.successResultOf(asked) == "nothing accepts connections at port 6379"

    def test_no_address(self) -> None:
        """A container outside of every network cannot be asked over it."""
        self.looks = [server(HealthCheck(port=6379), self.process, address="")]
        asked = self.answers(0.1)
        self.advance(0.2)
        assert "no address" in (self.successResultOf(asked) or "")

    def test_cancelled(self) -> None:
        """Nothing is tried after that."""
        self.looks = [server(COMMAND, self.process)]
        asked = self.answers()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        assert self.clock.getDelayedCalls() == []


def test_limit() -> None:
    """The start period is one of the container's; without a check there is none."""
    assert limit_seconds(None, 60.0) == 60.0
    assert limit_seconds(COMMAND, 60.0) == 30.0
    assert limit_seconds(COMMAND, 20.0) == 20.0


def test_delay_without_check() -> None:
    """A container that does not listen for a minute is looked at 400 times at most, not 6000."""
    waited, looks = 0.0, 0
    while waited < 60.0:
        delay = delay_seconds(None, waited)
        assert delay <= max(waited * 0.05, 0.01)
        waited += delay
        looks += 1
    assert looks <= 400

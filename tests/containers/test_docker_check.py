"""What is found wrong with Docker."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.containers.docker_check import DockerCheck
from flocker_lite.interfaces.checks import ICheck
from flocker_lite.testing.check_contract import CheckContract
from tests.containers.fake_engine import Answer, FakeEngine, Request
from tests.containers.leaked_sockets import collect


def nothing(request: Request) -> Answer:
    """It is asked for nothing but its version."""
    raise AssertionError(request)


def at_once(function: Any, *arguments: Any) -> Any:
    """Calls it here, not in a thread."""
    return succeed(function(*arguments))


class DockerCheckTests(CheckContract, SynchronousTestCase):
    """An engine behind a socket, or none."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.addCleanup(collect)

    def healthy(self) -> ICheck:
        engine = FakeEngine(self.directory, nothing)
        self.addCleanup(engine.close)
        return DockerCheck(at_once, "/docker.sock", self.directory)

    def ill(self) -> ICheck:
        return DockerCheck(at_once, "/docker.sock", self.directory)

    def test_its_version(self) -> None:
        """Is said, so that people can compare their nodes."""
        assert self.looked(self.healthy()).fact == "24.0.7"

    def test_away(self) -> None:
        """How to start it is said."""
        (finding,) = self.looked(self.ill()).findings
        assert "systemctl start docker" in finding.remedy

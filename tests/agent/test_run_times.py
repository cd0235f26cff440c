"""How containers stopped and started is on the node's disk, or an error says what to do."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.run_times import FILE_NAME, RunTimesFile
from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.convergence.run_log import RunLog
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.interfaces.run_times import IRunTimes
from flocker_lite.model.records import Container
from flocker_lite.model.state import NodeView, RunTimes
from flocker_lite.testing.memory_run_times import MemoryRunTimes
from tests.agent.test_restart_history import at_once

TIMES = pmap({"shop": RunTimes(0.25, 1.5, True)})


class RunTimesContract:
    """What holds of each IRunTimes."""

    def open(self) -> IRunTimes:
        """As an agent does that starts."""
        raise NotImplementedError

    def test_remembers(self) -> None:
        """What is remembered is there for the next agent."""
        assert self.open().remembered == pmap()

        async def remember() -> None:
            await self.open().remember(TIMES)

        Deferred.fromCoroutine(remember())
        assert self.open().remembered == TIMES


class MemoryRunTimesTests(RunTimesContract, SynchronousTestCase):
    """In memory."""

    def setUp(self) -> None:
        self.times = MemoryRunTimes()

    def open(self) -> IRunTimes:
        return self.times


class RunTimesFileTests(RunTimesContract, SynchronousTestCase):
    """A directory that is not there at first."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name) / "state"

    def open(self) -> IRunTimes:
        return RunTimesFile(self.directory, at_once)

    def test_damaged(self) -> None:
        """A file that cannot be understood is not taken for an empty one."""
        self.directory.mkdir(parents=True)
        (self.directory / FILE_NAME).write_text('{"times": {"shop": 5}}')
        with pytest.raises(ConfigurationFileError, match="remove it"):
            self.open()


class RunLogTests(SynchronousTestCase):
    """What is noted, and what is forgotten."""

    def setUp(self) -> None:
        self.kept = MemoryRunTimes()
        self.desired = DesiredState()
        self.log = RunLog(self.kept, self.desired)

    def test_first_start(self) -> None:
        """Only the very first one here counts as such, and none after an arrival."""
        assert self.log.times("shop") == RunTimes()
        self.log.answered("shop", 2.0, False)
        assert self.log.times("shop") == RunTimes(None, 2.0, True)
        self.log.stopped("shop", 0.5)
        self.log.answered("shop", 1.0, False)
        assert self.log.times("shop") == RunTimes(0.5, 1.0)
        self.log.answered("moved", 1.0, True)
        assert self.log.times("moved") == RunTimes(None, 1.0)
        assert RunLog(self.kept, self.desired).times("shop") == RunTimes(0.5, 1.0)

    def test_forgets(self) -> None:
        """A container that is no longer wanted here leaves nothing behind."""
        self.log.stopped("old", 0.5)
        shop = Container("shop", "a", "redis")
        self.desired.view = NodeView(containers=pmap({"shop": shop}))
        self.log.stopped("shop", 0.5)
        assert self.kept.remembered.keys() == {"shop"}

    def test_not_written(self) -> None:
        """It is logged, and what was noted still counts."""
        self.kept.error = ConfigurationFileError("no space")
        self.log.stopped("shop", 0.5)
        assert self.log.times("shop").stop_seconds == 0.5
        assert len(self.flushLoggedErrors(ConfigurationFileError)) == 1

"""What a node remembers of its containers is on its disk, whole, or an error says what to do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from pyrsistent import pmap
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.restart_history import FILE_NAME, RestartHistoryFile
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.model.state import RestartHistory

ENDINGS = pmap({"job": RestartHistory("c0ffee", 1767225600.123456, times=2, in_a_row=1)})


def at_once(function: Any, *arguments: Any) -> Deferred[Any]:
    """A thread that takes no time."""
    return maybeDeferred(function, *arguments)


class EndingsFileTests(SynchronousTestCase):
    """A directory that is not there at first."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name) / "state"

    def open(self) -> RestartHistoryFile:
        """As an agent does that starts."""
        return RestartHistoryFile(self.directory, at_once)

    def test_remembers(self) -> None:
        """What is remembered is there for the next agent, to the last digit."""
        histories = self.open()
        assert histories.remembered == pmap()
        self.successResultOf(Deferred.fromCoroutine(histories.remember(ENDINGS)))
        assert histories.remembered == self.open().remembered == ENDINGS
        assert [path.name for path in self.directory.iterdir()] == [FILE_NAME]

    def test_damaged(self) -> None:
        """A file that cannot be understood is not taken for an empty one."""
        self.directory.mkdir(parents=True)
        for text in ("", '{"endings": {"job": 5}}', "\xff"):
            (self.directory / FILE_NAME).write_bytes(text.encode("latin-1"))
            with pytest.raises(ConfigurationFileError, match="remove it"):
                self.open()

    def test_cannot_be_written(self) -> None:
        """That is said, and what was remembered before still is."""
        histories = self.open()
        self.directory.write_text("a file in the way")
        failure = self.failureResultOf(Deferred.fromCoroutine(histories.remember(ENDINGS)))
        assert failure.check(ConfigurationFileError)
        assert histories.remembered == pmap()

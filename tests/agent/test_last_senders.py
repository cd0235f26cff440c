"""Where copies came from is on this node's disk before a stream is promised, or nothing is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.last_senders import FILE_NAME, LastSendersFile
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.model.state import LastSender

ONE, TWO = LastSender("node-a", 7), LastSender("node-b", 2)


class LastSendersFileTests(SynchronousTestCase):
    """A directory, and a thread that takes the time that a test wants."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name) / "state"
        self.going: list[tuple[Any, Deferred[None]]] = []

    def open(self) -> LastSendersFile:
        """As an agent does that starts."""

        def run(function: Any, *arguments: Any) -> Deferred[Any]:
            done: Deferred[Any] = Deferred()
            self.going.append((lambda: function(*arguments), done))
            return done

        return LastSendersFile(self.directory, run)

    def note(
        self, senders: LastSendersFile, name: str, sender: LastSender, *present: str
    ) -> Deferred[None]:
        """Remember one."""
        return Deferred.fromCoroutine(senders.note(name, sender, present))

    def go_on(self) -> None:
        """The thread is done with what it got first."""
        act, done = self.going.pop(0)
        act()
        done.callback(None)

    def test_remembers(self) -> None:
        """It is there for the next agent; of what is not there any more nothing is kept."""
        senders = self.open()
        noting = self.note(senders, "d1", ONE)
        assert senders.remembered == {}
        self.go_on()
        self.successResultOf(noting)
        assert senders.remembered == self.open().remembered == pmap({"d1": ONE})
        noting = self.note(senders, "d2", TWO, "d2")
        self.go_on()
        self.successResultOf(noting)
        assert self.open().remembered == pmap({"d2": TWO})

    def test_two_at_once(self) -> None:
        """What is noted while another is written loses neither."""
        senders = self.open()
        first = self.note(senders, "d1", ONE)
        second = self.note(senders, "d2", TWO, "d1")
        self.go_on()
        self.successResultOf(first)
        self.assertNoResult(second)
        self.go_on()
        self.successResultOf(second)
        assert self.open().remembered == pmap({"d1": ONE, "d2": TWO})

    def test_damaged(self) -> None:
        """A file that cannot be understood is not taken for an empty one."""
        self.directory.mkdir(parents=True)
        (self.directory / FILE_NAME).write_text('{"origins": {"d1": 5}}')
        with pytest.raises(ConfigurationFileError, match="remove it"):
            self.open()

    def test_cannot_be_written(self) -> None:
        """That is said, and whoever waits for it gets nothing."""
        senders = self.open()
        noting = self.note(senders, "d1", ONE)
        self.going.pop(0)[1].errback(OSError("full"))
        self.failureResultOf(noting, ConfigurationFileError)
        assert senders.remembered == {}

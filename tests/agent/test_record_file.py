"""What an agent keeps in a file of its own."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.record_file import RecordFile
from flocker_lite.errors import ConfigurationFileError


@dataclass(frozen=True, slots=True)
class Numbers:
    """A record."""

    numbers: tuple[int, ...] = ()

    def plus(self, number: int) -> Numbers:
        return replace(self, numbers=(*self.numbers, number))

    def minus(self, number: int) -> Numbers:
        return replace(self, numbers=tuple(each for each in self.numbers if each != number))


class RecordFileTests(SynchronousTestCase):
    """Whose writes take place when the test lets them."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "numbers.json")
        self.writes: list[Deferred[None]] = []
        self.is_slow = False

    def run_in_thread(self, function: Any, *arguments: Any) -> Deferred[Any]:
        began: Deferred[None] = Deferred() if self.is_slow else succeed(None)
        self.writes.append(began)
        return began.addCallback(lambda _: function(*arguments))

    def file(self) -> RecordFile[Numbers]:
        return RecordFile(self.path, Numbers, self.run_in_thread, "remove it")

    def test_what_stays_as_it_is(self) -> None:
        """It is not written again."""
        file = self.file()
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(file.write(Numbers((1,)))))
        assert len(self.writes) == 1
        assert self.file().record == Numbers((1,))

    def test_one_change_sees_what_the_one_before_wrote(self) -> None:
        """Though it was asked for while that was being written."""
        file, self.is_slow = self.file(), True
        first = Deferred.fromCoroutine(file.update(lambda known: known.plus(1)))
        second = Deferred.fromCoroutine(file.update(lambda known: known.minus(1)))
        while self.writes:
            self.writes.pop(0).callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        assert (file.record, self.file().record) == (Numbers(), Numbers())

    def test_after_a_write_that_failed(self) -> None:
        """What is in the file is not known, so the same record is written again."""
        file = self.file()
        self.successResultOf(Deferred.fromCoroutine(file.write(Numbers((1,)))))
        self.path.unlink()
        self.path.mkdir()
        failed = Deferred.fromCoroutine(file.write(Numbers((2,))))
        with pytest.raises(ConfigurationFileError):
            self.failureResultOf(failed).raiseException()
        self.path.rmdir()
        self.successResultOf(Deferred.fromCoroutine(file.write(Numbers((1,)))))
        assert self.file().record == Numbers((1,))

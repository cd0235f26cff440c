"""Which volumes Docker has on a node is on its disk, whole, or an error says what to do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from flocker_lite.agent.volume_records import FILE_NAME, VolumeRecordsFile
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.interfaces import IVolumeRecords
from flocker_lite.model.volumes import FOLLOW, KnownVolume
from flocker_lite.testing.memory_volume_records import MemoryVolumeRecords
from tests.agent.test_restart_history import at_once

VOLUME = KnownVolume("shop_db", "d1", "db")
LATER = KnownVolume("shop_db", "d1", "db", 2**30, True, FOLLOW, 1767225600.125)


class RecordsContract:
    """Both kinds of records."""

    def done(self, doing: Any) -> None:
        """Carry it out, which takes no time."""
        results: list[object] = []
        Deferred.fromCoroutine(doing).addBoth(results.append)
        assert results == [None]

    def open(self) -> IVolumeRecords:
        """As an agent does that starts."""
        raise NotImplementedError

    def test_remembers(self) -> None:
        """What is written is there for the next agent; each name is one volume."""
        records = self.open()
        assert verifyObject(IVolumeRecords, records)
        assert records.known == pmap()
        for volume in (VOLUME, KnownVolume("b", "d2", "b"), LATER):
            self.done(records.write(volume))
        assert records.known["shop_db"] == self.open().known["shop_db"] == LATER
        for _ in range(2):
            self.done(records.forget("shop_db"))
        assert list(self.open().known) == ["b"]

    def test_stopped(self) -> None:
        """The containers that a move stopped are there until they run again."""
        records = self.open()
        self.done(records.note_stopped("d1", ("c1", "c2")))
        self.done(records.write(VOLUME))
        assert self.open().stopped == pmap({"d1": ("c1", "c2")})
        for _ in range(2):
            self.done(records.note_stopped("d1", ()))
        assert self.open().stopped == pmap()
        assert list(self.open().known) == ["shop_db"]

    def test_awaited(self) -> None:
        """The awaited mounts are there for the next agent."""
        assert self.open().awaited == {}
        self.open().note_awaited({"d1": {"m1": None, "m2": ["r1"]}})
        assert self.open().awaited == {"d1": {"m1": None, "m2": ["r1"]}}


class MemoryVolumeRecordsTests(RecordsContract, SynchronousTestCase):
    """The contract, in memory."""

    def setUp(self) -> None:
        self.records = MemoryVolumeRecords()

    def open(self) -> IVolumeRecords:
        records: IVolumeRecords = self.records
        return records


class VolumeRecordsFileTests(RecordsContract, SynchronousTestCase):
    """The contract, in a file."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def open(self) -> IVolumeRecords:
        records: IVolumeRecords = VolumeRecordsFile(self.folder, at_once)
        return records

    def test_damaged(self) -> None:
        """A file that is not whole is not taken for one without volumes."""
        (self.folder / FILE_NAME).write_text('{"volumes": 7')
        with pytest.raises(ConfigurationFileError, match="docker volume create"):
            self.open()

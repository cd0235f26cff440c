"""How far a node is with its adoptions is on its disk, whole, or an error says what to do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from flocker_lite.agent.adoption_notes import FILE_NAME, AdoptionNotesFile
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.interfaces import IAdoptionNotes
from flocker_lite.model.adoption import STOPPED, AdoptionNote, RestartByDocker
from flocker_lite.testing.memory_adoption_notes import MemoryAdoptionNotes
from tests.agent.test_restart_history import at_once

NOTE = AdoptionNote("m1", "c0ffee", since=1767225600.125)
LATER = AdoptionNote("m1", "c0ffee", STOPPED, 2.5, "pg", RestartByDocker("on-failure", 3), True)


class NotesContract:
    """Both kinds of notes."""

    def done(self, doing: Any) -> None:
        """Carry it out, which takes no time."""
        results: list[object] = []
        Deferred.fromCoroutine(doing).addBoth(results.append)
        assert results == [None]

    def open(self) -> IAdoptionNotes:
        """As an agent does that starts."""
        raise NotImplementedError

    def test_remembers(self) -> None:
        """What is written is there for the next agent; each container has one note."""
        notes = self.open()
        assert verifyObject(IAdoptionNotes, notes)
        assert notes.notes == pmap()
        for name, note in (("pg", NOTE), ("web", NOTE), ("pg", LATER)):
            self.done(notes.write(name, note))
        assert notes.notes == self.open().notes == pmap({"pg": LATER, "web": NOTE})
        for _ in range(2):
            self.done(notes.forget("pg"))
        assert self.open().notes == pmap({"web": NOTE})


class AdoptionNotesFileTests(NotesContract, SynchronousTestCase):
    """A directory that is not there at first."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name) / "state"

    def open(self) -> IAdoptionNotes:
        return AdoptionNotesFile(self.directory, at_once)

    def test_damaged(self) -> None:
        """A file that cannot be understood is not taken for an empty one."""
        self.directory.mkdir(parents=True)
        (self.directory / FILE_NAME).write_text('{"adoptions": {"pg": 5}}')
        with pytest.raises(ConfigurationFileError, match="stopped for good"):
            self.open()


class MemoryAdoptionNotesTests(NotesContract, SynchronousTestCase):
    """In memory they outlive an agent, too."""

    def setUp(self) -> None:
        self.notes = MemoryAdoptionNotes()

    def open(self) -> IAdoptionNotes:
        return self.notes

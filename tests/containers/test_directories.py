"""Directories are copied by rsync and, in memory, by their contract; no change is overlooked."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from flocker_lite.containers.changed_files import see_to
from flocker_lite.containers.directories import RsyncDirectories
from flocker_lite.errors import CommandFailed, CopyFailed
from flocker_lite.interfaces import IDirectories
from flocker_lite.processes import Commands, Running
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.directories_contract import DirectoriesContract
from flocker_lite.testing.memory_directories import MemoryDirectories

reactor: Any = installed_reactor
needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="there is no rsync here")


def at_once(function: Any, *arguments: Any) -> Deferred[Any]:
    """A thread that takes no time."""
    return maybeDeferred(function, *arguments)


class MemoryDirectoriesTests(DirectoriesContract, TestCase):
    """Two directories in memory."""

    async def make(self) -> IDirectories:
        self.directories = MemoryDirectories({self.here: (), self.there: ()})
        return self.directories

    def put(self, path: str, text: str) -> None:
        texts = self.directories.texts
        texts[path] = (*texts[path], text)

    def content(self, path: str) -> tuple[str, ...]:
        return self.directories.texts[path]


@needs_rsync
class RsyncDirectoriesTests(DirectoriesContract, TestCase):
    """Two directories of this machine; each text is a file."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.here, self.there = f"{temporary.name}/here", f"{temporary.name}/there"
        Path(self.here).mkdir()
        Path(self.there).mkdir()
        self.directories = RsyncDirectories(at_once, Commands(reactor))

    async def make(self) -> IDirectories:
        return self.directories

    def put(self, path: str, text: str) -> None:
        number = len(os.listdir(path))
        (Path(path) / f"{number:04}").write_text(text)

    def content(self, path: str) -> tuple[str, ...]:
        return tuple(each.read_text() for each in sorted(Path(path).iterdir()))

    async def round(self, since: float = 0.0) -> float:
        """One round; when it began."""
        began = await self.directories.settle(self.here)
        await self.copied(self.directories, since)
        return began

    async def test_all_of_a_file(self) -> None:
        """Permissions, times, hard links, symbolic links, holes and owners come along."""
        inner = Path(self.here) / "d" / "e"
        inner.mkdir(parents=True)
        (inner / "file").write_text("text")
        (inner / "file").chmod(0o4751)
        os.link(inner / "file", inner / "same")
        (inner / "link").symlink_to("/etc/passwd")
        with (inner / "holes").open("wb") as file:
            file.truncate(10_000_000)
        os.utime(inner, ns=(1, 1_234_567_890_123_456_789))
        Path(self.here).chmod(0o711)
        await self.round()
        copy = Path(self.there) / "d" / "e"
        assert (copy / "file").stat().st_mode == (inner / "file").stat().st_mode
        assert (copy / "file").stat().st_ino == (copy / "same").stat().st_ino
        assert os.readlink(copy / "link") == "/etc/passwd"
        assert (copy / "holes").stat().st_blocks < 100
        assert copy.stat().st_mtime_ns == 1_234_567_890_123_456_789
        assert Path(self.there).stat().st_mode & 0o777 == 0o711

    async def test_changed_within_a_second(self) -> None:
        """Not even a change that leaves size and time as they were is overlooked."""
        path = Path(self.here) / "file"
        path.write_text("one")
        first = path.stat().st_mtime_ns
        since = await self.round()
        path.write_text("two")
        os.utime(path, ns=(first, first))
        await self.round(since)
        assert (Path(self.there) / "file").read_text() == "two"

    async def test_mapped(self) -> None:
        """Nor is one to a file that is mapped into memory, whose time shows its first change."""
        path = Path(self.here) / "file"
        path.write_bytes(b"\0" * 8192)
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
            mapped[0] = 1
            since = await self.round()
            for number in range(2, 6):
                mapped[0] = number
                since = await self.round(since)
                assert (Path(self.there) / "file").read_bytes()[0] == number

    async def test_settled(self) -> None:
        """What has not changed since the round before is not copied again."""
        path = Path(self.here) / "file"
        path.write_text("one")
        os.utime(path, ns=(1, 1))
        await self.round()
        later = path.stat().st_ctime + 60
        assert await self.copied(self.directories, later) == 0

    async def test_no_way_out(self) -> None:
        """A directory that was a symbolic link at the round before leads nowhere else."""
        outside = Path(self.here).parent / "outside"
        outside.mkdir()
        (outside / "file").write_text("not yours")
        (Path(self.there) / "d").symlink_to(outside)
        before = (outside / "file").stat().st_mtime_ns
        (Path(self.here) / "d").mkdir()
        (Path(self.here) / "d" / "file").write_text("mine")
        see_to(self.here, self.there, 0.0, Event())
        assert (outside / "file").stat().st_mtime_ns == before
        await self.round()
        assert (outside / "file").read_text() == "not yours"
        assert (Path(self.there) / "d" / "file").read_text() == "mine"

    async def test_cancelled(self) -> None:
        """When a cancellation has arrived, nothing copies any more."""
        with (Path(self.here) / "file").open("wb") as file:
            file.write(os.urandom(20_000_000))
        copying = Deferred.fromCoroutine(
            self.directories.copy(self.here, self.there, 0.0, lambda _: None, 100_000)
        )
        await deferLater(reactor, 0.5)
        copying.cancel()
        await raised(CancelledError, copying)
        assert "file" not in os.listdir(self.there)

    async def test_errors(self) -> None:
        """It is said what to do."""
        for code, text, word in (
            (127, "not started", "install it there"),
            (11, "rsync: write failed on x: No space left on device (28)", "make room in the pool"),
            (11, "rsync: [receiver] y: Disk quota exceeded (122)", "maximum_size"),
            (23, "rsync: something else", "something else"),
            (-9, "", "something killed it"),
        ):
            failing = RsyncDirectories(at_once, Failing(code, text))
            said = await raised(CopyFailed, failing.difference(self.here, self.there))
            assert word in str(said)
            await raised(CopyFailed, failing.require())


class Failing(Commands):
    """Every command fails in the same way."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(reactor)
        self._said = code, text

    def start(self, argv: tuple[str, ...], *_: Any, **__: Any) -> Running:
        """See `Commands`."""
        raise CommandFailed(argv, *self._said)

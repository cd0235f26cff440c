"""Large files that changed are patched in place; the result is what a whole copy would be."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flocker_lite.containers.changed_files import BLOCK_BYTES, PATCH_BYTES_MIN, Stopped, see_to

SIZE = PATCH_BYTES_MIN + 3 * BLOCK_BYTES + 17
WRITES = st.lists(st.tuples(st.integers(0, SIZE), st.integers(1, 3 * BLOCK_BYTES)), max_size=6)


class Sides:
    """A directory with one large file, and its copy."""

    def __init__(self, top: Path) -> None:
        self.here, self.there = top / "here", top / "there"
        for side in (self.here, self.there):
            side.mkdir()
        self.file, self.copy = self.here / "file", self.there / "file"
        content = random.Random(1).randbytes(SIZE)
        self.file.write_bytes(content)
        self.copy.write_bytes(content)

    def patch(self, patches: bool = True) -> int:
        """See to all that has changed; how much was written."""
        return see_to(str(self.here), str(self.there), 0.0, Event(), patches)


@pytest.fixture
def sides() -> Iterator[Sides]:
    """The two."""
    with tempfile.TemporaryDirectory() as directory:
        yield Sides(Path(directory))


@given(WRITES, st.integers(PATCH_BYTES_MIN, SIZE + 5 * BLOCK_BYTES))
@settings(max_examples=25, deadline=None)
def test_patched(writes: list[tuple[int, int]], size: int) -> None:
    """Whatever was written where, and whatever the new length is."""
    with tempfile.TemporaryDirectory() as directory:
        sides = Sides(Path(directory))
        with sides.file.open("r+b") as file:
            for number, (offset, length) in enumerate(writes):
                file.seek(offset)
                file.write(random.Random(number).randbytes(length))
            file.truncate(size)
        written = sides.patch()
        assert sides.copy.read_bytes() == sides.file.read_bytes()
        assert sides.copy.stat().st_mtime_ns == sides.file.stat().st_mtime_ns
        blocks = sum(length // BLOCK_BYTES + 2 for _, length in writes)
        assert written <= (blocks + 1) * BLOCK_BYTES


def test_only_what_changed(sides: Sides) -> None:
    """One byte costs one block; a hole stays one."""
    with sides.file.open("r+b") as file:
        file.seek(BLOCK_BYTES + 5)
        file.write(b"x")
        file.truncate(SIZE + 100 * BLOCK_BYTES)
    assert sides.patch() == BLOCK_BYTES
    assert sides.copy.stat().st_size == sides.file.stat().st_size
    assert sides.copy.stat().st_blocks * 512 < sides.copy.stat().st_size
    assert sides.patch() == 0


def test_left_to_rsync(sides: Sides) -> None:
    """What has several names, is small, or is another kind of file there gets no time."""
    (sides.here / "small").write_text("one")
    (sides.there / "small").write_text("two")
    (sides.here / "link").write_bytes(sides.file.read_bytes())
    (sides.there / "link").symlink_to("/etc/hostname")
    os.link(sides.file, sides.here / "other")
    before = sides.copy.read_bytes()
    with sides.file.open("r+b") as file:
        file.write(b"changed")
    assert sides.patch() == 0
    assert sides.copy.read_bytes() == before
    assert sides.copy.stat().st_mtime == (sides.there / "small").stat().st_mtime == 0
    assert (sides.there / "link").lstat().st_mtime == 0
    assert Path("/etc/hostname").stat().st_mtime != 0


def test_without_patches(sides: Sides) -> None:
    """With a limit on the bandwidth, rsync copies all, because it keeps to the limit."""
    sides.file.write_bytes(bytes(SIZE))
    assert sides.patch(patches=False) == 0
    assert sides.copy.stat().st_mtime == 0


def test_not_changed(sides: Sides) -> None:
    """What has not changed since is not even read."""
    sides.copy.write_bytes(bytes(SIZE))
    later = sides.file.stat().st_ctime + 60
    assert see_to(str(sides.here), str(sides.there), later, Event()) == 0
    assert sides.copy.read_bytes() == bytes(SIZE)


def test_stopped(sides: Sides) -> None:
    """It ends soon, and leaves no descriptor open."""
    stop = Event()
    stop.set()
    count = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Stopped):
        see_to(str(sides.here), str(sides.there), 0.0, stop)
    assert len(os.listdir("/proc/self/fd")) == count

"""Containers that are started before their data is there: their program waits until it is let go.

Docker needs about 0.2 s to start a container. A *poised* one is started while its data is still
on the way; what runs in it is a small static program (hold.c) that waits at a named pipe, and
becomes the container's own program when the agent opens the other end. The dataset is mounted
meanwhile, and appears inside by mount propagation.

Two directories on the engine's machine: in `programs` each container has one that is bound into
it; in `released`, which a boot empties, a file says of each which run of it was let go. It says so
of that run alone: Docker, or a person, may start a container again while nobody looks, and then it
waits anew.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from flocker_lite.containers.inside import device_inside
from flocker_lite.errors import ContainerError

PROGRAM = Path(__file__).with_name("hold")
INSIDE = "/.flocker-lite"
UNUSED = "unused"
ARRIVAL_SECONDS_MAX = 10.0
ARRIVAL_POLL_SECONDS = 0.001
PASSING_SECONDS_MAX = 2.0
WAITING_NAMES = frozenset({"hold", "docker-init"})
"""What the kernel calls a process that waits; the second one before it has given itself a name."""


class Poising:
    """The gates at which poised containers wait; blocking, for use in threads.

    `root` is where the file system of the engine's machine is seen from here.
    """

    def __init__(self, programs: str, released: str, root: Path = Path("/")) -> None:
        self._programs = programs
        self._root = root
        self._released = root / released.lstrip("/")

    def is_possible(self, paths: Iterable[str]) -> bool:
        """Whether this machine can do it for a container with these paths of the node inside.

        What is mounted at them later must propagate, so each has to lie in a shared mount.
        """
        paths = tuple(paths)
        if not paths or not PROGRAM.exists():
            return False
        try:
            mountinfo = (self._root / "proc/1/mountinfo").read_text()
        except OSError:
            return False
        return all(in_shared_mount(mountinfo, path) for path in paths)

    def make(self, name: str) -> str:
        """Make the gate of a container; returns the directory that is to appear as INSIDE."""
        directory = self._directory(name)
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
        program, gate = directory / "hold", directory / "gate"
        if not program.exists() or not filecmp.cmp(PROGRAM, program, shallow=False):
            partial = directory / "hold.new"
            shutil.copyfile(PROGRAM, partial)
            partial.chmod(0o755)
            partial.rename(program)
        if not gate.exists():
            os.mkfifo(gate)
            gate.chmod(0o444)
        (directory / UNUSED).touch()
        return f"{self._programs}/{name}"

    def use(self, name: str) -> None:
        """The program is about to be let go: from now on, over a crash, its volumes hold data."""
        directory = self._directory(name)
        if not (directory / UNUSED).exists():
            return
        (directory / UNUSED).unlink(missing_ok=True)
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def is_unused(self, name: str) -> bool:
        """Whether the program of the container was never let go."""
        return (self._directory(name) / UNUSED).exists()

    def forget(self, name: str) -> None:
        """Remove what `make` made."""
        self.begin(name)
        shutil.rmtree(self._directory(name), ignore_errors=True)

    def begin(self, name: str) -> None:
        """The container is about to be started: it has not been let go."""
        with suppress(FileNotFoundError):
            (self._released / name).unlink()

    def was_let_go(self, name: str, run: str, pid: int = 0) -> bool:
        """Whether the program of this run was let go; `pid` is its first process, 0 when over.

        A process that is to be seen tells by itself; otherwise what was written of this very run
        counts.
        """
        command = self._command(pid) if pid else None
        if command is not None:
            return not _is_on_its_way(command)
        try:
            # The releases before this one left it empty.
            return (self._released / name).read_text() in (run, "")
        except OSError:
            return False

    def release(self, name: str, run: str, pid: int) -> None:
        """Let this run of the container, with this first process, go; returns when it is.

        It is written down before: a program that has ended at once had begun. ContainerError when
        it does not come to the gate in time.
        """
        self._released.mkdir(parents=True, exist_ok=True)
        (self._released / name).write_text(run)
        ends = time.monotonic() + ARRIVAL_SECONDS_MAX
        while not self._open(name) and not self._has_passed(pid):
            if time.monotonic() > ends:
                self.begin(name)
                raise ContainerError(f"container {name} does not come to its gate: remove it")
            time.sleep(ARRIVAL_POLL_SECONDS)
        # It bears the name of the one that waits for a moment still: by that it would be taken for
        # one that was not let go, and its trial for a failed one.
        ends = time.monotonic() + PASSING_SECONDS_MAX
        while not self._has_passed(pid) and time.monotonic() < ends:
            time.sleep(ARRIVAL_POLL_SECONDS)

    def sees(self, pid: int, source: str, target: str) -> bool:
        """Whether the process has at `target` what is mounted at the node's path `source`."""
        root = self._root / f"proc/{pid}/root"
        try:
            return device_inside(root, target) == (self._root / source.lstrip("/")).stat().st_dev
        except OSError:
            return False

    def _directory(self, name: str) -> Path:
        return self._root / self._programs.lstrip("/") / name

    def _open(self, name: str) -> bool:
        """Whether somebody waited at the gate; whoever did goes on."""
        try:
            os.close(os.open(self._directory(name) / "gate", os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno == errno.ENXIO:
                return False
            raise ContainerError(
                f"the gate of container {name} cannot be opened: {error}"
            ) from error
        return True

    def _has_passed(self, pid: int) -> bool:
        """Whether the process has become the container's own program.

        An agent that was killed after it opened the gate finds it like that.
        """
        command = self._command(pid)
        # When it is gone, that it ended is seen elsewhere.
        return command is None or not _is_on_its_way(command)

    def _command(self, pid: int) -> str | None:
        """What the kernel calls the process; None when it is not to be seen."""
        try:
            return (self._root / f"proc/{pid}/comm").read_text().strip()
        except OSError:
            return None


def _is_on_its_way(command: str) -> bool:
    return command in WAITING_NAMES or command.startswith("runc")


def in_shared_mount(mountinfo: str, path: str) -> bool:
    """Whether what is mounted at the path propagates, by the text of a /proc/PID/mountinfo."""
    best, shared = "", False
    for line in mountinfo.splitlines():
        fields, _, _ = line.partition(" - ")
        words = fields.split(" ")
        if len(words) < 6:
            continue
        point = words[4].replace("\\040", " ")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # The last of several mounts at one point is the one on top.
        if inside and len(point) >= len(best):
            best, shared = point, any(word.startswith("shared:") for word in words[6:])
    return shared

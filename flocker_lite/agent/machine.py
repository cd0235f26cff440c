"""Finds out what an agent says of its machine: from /proc, os-release and the storage."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from twisted.application.internet import TimerService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from flocker_lite import __version__
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IMachine, IStorage
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.machine import Capacity, Machine, worth_telling

LOOK_SECONDS = 60.0
_KIBIBYTE = 1024


@implementer(IMachine)
class LinuxMachine:
    """This machine; `root` is where its file system is: "/", except in tests."""

    _log = Logger()

    def __init__(
        self,
        storage: IStorage,
        backend: str,
        run_in_thread: RunInThread,
        clock: IReactorTime,
        root: Path = Path("/"),
    ) -> None:
        self._storage = storage
        self._backend = backend
        self._run_in_thread = run_in_thread
        self._clock = clock
        self._root = root

    async def look(self) -> Machine:
        capacity = None
        try:
            capacity = await self._storage.capacity()
        except FlockerError as error:
            self._log.info("cannot tell how full the storage is: {error}", error=str(error))
        machine: Machine = await self._run_in_thread(self._read, capacity)
        return machine

    def _read(self, capacity: Capacity | None) -> Machine:
        memory = parse_memory(self._text("proc/meminfo"))
        return Machine(
            release=__version__,
            system=parse_system(self._text("etc/os-release")),
            kernel=os.uname().release,
            storage=self._backend,
            capacity=capacity,
            memory=memory,
            load=parse_load(self._text("proc/loadavg")),
            booted_at=parse_boot(self._text("proc/stat")),
            told_at=self._clock.seconds(),
        )

    def _text(self, path: str) -> str:
        try:
            return (self._root / path).read_text(errors="replace")
        except OSError:
            return ""


class MachineWatch(TimerService):
    """Looks at the machine once a minute; `changed` is called when there is something to tell."""

    _log = Logger()

    def __init__(
        self,
        look: Callable[[], Awaitable[Machine]],
        clock: IReactorTime,
        changed: Callable[[], None],
    ) -> None:
        super().__init__(LOOK_SECONDS, self._look)
        self.clock = clock
        self.told: Machine | None = None
        self._find_out = look
        self._changed = changed

    async def _look(self) -> None:
        try:
            now = await self._find_out()
        except Exception:
            # A TimerService ends for ever with the first error.
            self._log.failure("cannot find out about this machine")
            return
        if worth_telling(self.told, now):
            self.told = now
            self._changed()


def parse_memory(text: str) -> Capacity | None:
    """The memory of /proc/meminfo: all of it, and what programs could still get."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            found[name] = int(words[0]) * _KIBIBYTE
    size, free = found.get("MemTotal"), found.get("MemAvailable", found.get("MemFree"))
    return Capacity(size, free) if size is not None and free is not None else None


def parse_load(text: str) -> float | None:
    """The load of the last minute, of /proc/loadavg."""
    try:
        return float(text.split()[0])
    except (IndexError, ValueError):
        return None


def parse_boot(text: str) -> float | None:
    """When the machine was started, of /proc/stat; in seconds since 1970."""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["btime"] and words[1:2] and words[1].isdecimal():
            return float(words[1])
    return None


def parse_system(text: str) -> str:
    """The name of the distribution, of os-release; "" when it does not say."""
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "PRETTY_NAME":
            return value.strip().strip("\"'")
    return ""

"""IListeners with ss, which has it from the kernel and from /proc."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IListeners
from flocker_lite.model.state import Listener
from flocker_lite.routing.firewall import COMMAND_TIMEOUT_SECONDS, RunCommand

COMMAND = ("ss", "--listening", "--tcp", "--numeric", "--processes")
OWN = "flocker-agent itself, which passes connections on from there"
_USER = re.compile(r'\("([^"]*)",pid=(\d+),fd=\d+\)')


@implementer(IListeners)
class SsListeners:
    """One command, however many listen; `own_pid` is that of this process.

    What this process itself listens at is left out, or with `names_own` told as its own.
    """

    def __init__(self, run: RunCommand, own_pid: int, *, names_own: bool = False) -> None:
        self._run = run
        self._own_pid = own_pid
        self._names_own = names_own

    async def discover(self) -> PMap[int, Listener]:
        printed = (await self._run(COMMAND, b"", COMMAND_TIMEOUT_SECONDS)).decode()
        return read(printed, self._own_pid, names_own=self._names_own)


def read(printed: str, own_pid: int, *, names_own: bool = False) -> PMap[int, Listener]:
    """Who listens at each port, from what ss printed; of several, the first that can be seen."""
    found: dict[int, Listener] = {}
    for port, listener in _sockets(printed, own_pid, names_own):
        if found.get(port, Listener()) == Listener():
            found[port] = listener
    return pmap(found)


def _sockets(printed: str, own_pid: int, names_own: bool) -> Iterator[tuple[int, Listener]]:
    for line in printed.splitlines():
        words = line.split(maxsplit=5)
        if len(words) < 5 or words[0] != "LISTEN":
            continue
        users = [(int(pid), name) for name, pid in _USER.findall(line)]
        port = int(words[3].rpartition(":")[2])
        if own_pid not in (pid for pid, _ in users):
            # Of a server and its workers, which share the socket, the server is the oldest.
            pid, name = min(users, default=(None, None))
            yield port, Listener(name, pid)
        elif names_own:
            yield port, Listener(OWN, own_pid)

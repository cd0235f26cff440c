"""IListeners by the command `ss`, which asks the kernel and /proc."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IListeners
from flocker_lite.model.container_fields.ports import port_key
from flocker_lite.model.state import Listener
from flocker_lite.routing.firewall import COMMAND_TIMEOUT_SECONDS, RunCommand

COMMAND = ("ss", "--listening", "--tcp", "--udp", "--numeric", "--processes")
OWN = "flocker-agent itself, which forwards connections from there"
_LISTENING = ("LISTEN", "UNCONN")
"""The states of TCP and of UDP, where no socket listens: each receives at its port."""

_USER = re.compile(r'\("([^"]*)",pid=(\d+),fd=\d+\)')


@implementer(IListeners)
class SsListeners:
    """Runs one command for all ports; `own_pid` is this process's id.

    The result leaves out this process's own ports, or names them as its own with `names_own`.
    """

    def __init__(self, run: RunCommand, own_pid: int, *, names_own: bool = False) -> None:
        self._run = run
        self._own_pid = own_pid
        self._names_own = names_own

    async def discover(self) -> PMap[str, Listener]:
        printed = (await self._run(COMMAND, b"", COMMAND_TIMEOUT_SECONDS)).decode()
        return read(printed, self._own_pid, names_own=self._names_own)


def read(printed: str, own_pid: int, *, names_own: bool = False) -> PMap[str, Listener]:
    """Who listens at each port, from the output of `ss`; the first with a known process, if any."""
    found: dict[str, Listener] = {}
    for port, listener in _sockets(printed, own_pid, names_own):
        if found.get(port, Listener()) == Listener():
            found[port] = listener
    return pmap(found)


def _sockets(printed: str, own_pid: int, names_own: bool) -> Iterator[tuple[str, Listener]]:
    for line in printed.splitlines():
        words = line.split(maxsplit=6)
        if len(words) < 6 or words[1] not in _LISTENING:
            continue
        users = [(int(pid), name) for name, pid in _USER.findall(line)]
        port = port_key(int(words[4].rpartition(":")[2]), words[0])
        if own_pid not in (pid for pid, _ in users):
            # A server and its workers share the socket; the server is the oldest of them.
            pid, name = min(users, default=(None, None))
            yield port, Listener(name, pid)
        elif names_own:
            yield port, Listener(OWN, own_pid)

"""The agents' end of a deadline fence: connections at its socket, which it never waits for."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flocker_lite.zfs.fence_table import LINE_BYTES_MAX, line, read

UNREAD_BYTES_MAX = 4 * 1024 * 1024
"""An agent that leaves more than this unread is dropped; it may connect again."""


@dataclass
class _Agent:
    """One connection: what has come of an unfinished line, and what is still to be sent."""

    unfinished: bytes = b""
    unsent: bytes = b""


class AgentLinks:
    """The connections of agents; `listener` is a socket that does not block."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener: socket.socket | None = listener
        self._agents: dict[socket.socket, _Agent] = {}
        self.orders: deque[tuple[socket.socket, dict[str, Any]]] = deque()

    @property
    def are_there(self) -> bool:
        """Whether any agent is connected."""
        return bool(self._agents)

    def readers(self) -> list[socket.socket]:
        """The sockets to wait for, until something can be read; agents with orders left wait."""
        ends = [] if self._listener is None else [self._listener]
        return ends if self.orders else [*ends, *self._agents]

    def writers(self) -> list[socket.socket]:
        """The sockets to wait for, until something can be sent."""
        return [agent for agent, each in self._agents.items() if each.unsent]

    def read(self, end: socket.socket) -> None:
        """Take what has come at one of `readers`; what are orders of it is in `orders`."""
        if end is self._listener:
            with suppress(OSError):
                agent, _ = end.accept()
                agent.setblocking(False)
                self._agents[agent] = _Agent()
        elif end in self._agents:
            self._read(end, self._agents[end])

    def send(self, agent: socket.socket, message: dict[str, Any]) -> None:
        """Send it to an agent, as soon as that can be."""
        if agent in self._agents:
            self._agents[agent].unsent += line(message)
            self.flush(agent)

    def tell_all(self, message: dict[str, Any]) -> None:
        """Send it to all agents."""
        for agent in tuple(self._agents):
            self.send(agent, message)

    def flush(self, agent: socket.socket) -> None:
        """Send what is left to be sent, as far as it goes now."""
        each = self._agents.get(agent)
        if each is None:
            return
        try:
            each.unsent = each.unsent[agent.send(each.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(agent)
        if len(each.unsent) > UNREAD_BYTES_MAX:
            self._drop(agent)

    def close_listener(self) -> None:
        """Let no other agent in."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _read(self, agent: socket.socket, each: _Agent) -> None:
        try:
            data = agent.recv(LINE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        *lines, each.unfinished = (each.unfinished + data).split(b"\n")
        self.orders.extend((agent, read(text)) for text in lines)
        if not data or len(each.unfinished) > LINE_BYTES_MAX:
            self._drop(agent)

    def _drop(self, agent: socket.socket) -> None:
        del self._agents[agent]
        agent.close()

"""Clients that write numbered records, with proofs of what they are, and note what is acknowledged.

One thread for each place in a network from which it writes: a cut node's own clients reach what
still runs there, and the others reach whoever took over. All go by the clock of this machine.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pg8000.native

from admin.hosts.network import NAMESPACES
from tests.functional.crashes.background import Background
from tests.functional.crashes.journal import ANSWER_SECONDS_MAX, ask

LIST = b"journal"
BETWEEN_SECONDS = 0.04
AWAY_SECONDS = 0.05
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Place:
    """From where to write, and to which address; no namespace stands for this machine's own."""

    name: str
    address: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Where and when a record was acknowledged, in seconds since 1970."""

    at: float
    place: str


def payload_of(number: int) -> str:
    """What a record with this number holds, so that each of its bytes can be checked."""
    return hashlib.sha256(str(number).encode()).hexdigest()


class Writer(Background):
    """Tries each number once from its place, until it is told to stop."""

    def __init__(
        self,
        place: Place,
        numbers: Callable[[], int],
        acknowledged: dict[int, Acknowledged],
    ) -> None:
        super().__init__()
        self._place = place
        self._numbers = numbers
        self._acknowledged = acknowledged

    def go_on(self) -> None:
        while not self.stopping.wait(BETWEEN_SECONDS):
            number = self._numbers()
            try:
                enter(self._place.namespace)
                self.write(number)
            except (OSError, EOFError, pg8000.exceptions.Error):
                self.disconnect()
                self.stopping.wait(AWAY_SECONDS)
                continue
            self._acknowledged[number] = Acknowledged(time.time(), self._place.name)
        self.disconnect()

    def write(self, number: int) -> None:
        """Write one record; raises when it was not acknowledged."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Close the connection."""


class RedisWriter(Writer):
    """Appends to a list, over a connection of its own each time."""

    def __init__(self, place: Place, port: int, *arguments: Any) -> None:
        super().__init__(place, *arguments)
        self._port = port

    def write(self, number: int) -> None:
        record = f"{number}:{payload_of(number)}".encode()
        answer = ask(self._place.address, self._port, b"RPUSH", LIST, record)
        if not answer.startswith(b":"):
            raise EOFError(answer)


class PostgresWriter(Writer):
    """Inserts rows, each in a transaction of its own, over one connection as long as it lasts."""

    def __init__(self, place: Place, port: int, *arguments: Any) -> None:
        super().__init__(place, *arguments)
        self._port = port
        self._connection: Any = None
        self._socket: socket.socket | None = None

    def write(self, number: int) -> None:
        if self._connection is None:
            where = (self._place.address, self._port)
            # The socket is ours, for the library leaves it open when the server is gone.
            self._socket = socket.create_connection(where, ANSWER_SECONDS_MAX)
            self._connection = pg8000.native.Connection("postgres", sock=self._socket)
        self._connection.run(
            "INSERT INTO journal VALUES (:number, :payload)",
            number=number,
            payload=payload_of(number),
        )

    def disconnect(self) -> None:
        if self._socket is not None:
            # Before the library says goodbye to a server that hangs.
            self._socket.close()
            self._socket = None
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
            self._connection = None


class Client:
    """All writers of one database."""

    def __init__(self, kind: type[Any], port: int, places: list[Place]) -> None:
        self.acknowledged: dict[int, Acknowledged] = {}
        counter, lock = itertools.count(1), threading.Lock()

        def numbers() -> int:
            with lock:
                return next(counter)

        self._writers = [kind(place, port, numbers, self.acknowledged) for place in places]

    def start(self) -> None:
        for writer in self._writers:
            writer.start()

    def stop(self) -> None:
        for writer in self._writers:
            writer.stopping.set()
        for writer in self._writers:
            writer.stop()

    def since(self, at: float, place: str | None = None) -> list[float]:
        """When records were acknowledged after a moment, from any place or from one, in order."""
        known = list(self.acknowledged.values())
        return sorted(each.at for each in known if each.at > at and place in (None, each.place))


def enter(namespace: str | None) -> None:
    """Have this thread be in a network namespace of this name, as it is now; OSError if none is."""
    path = NAMESPACES / namespace if namespace is not None else Path("/proc/self/ns/net")
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")
    finally:
        os.close(descriptor)

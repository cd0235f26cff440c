"""A client that appends numbered records to a list of redis, each over a connection of its own."""

from __future__ import annotations

import itertools
import socket
import time
from collections import Counter
from collections.abc import Sequence

from tests.functional.crashes.background import Background

LIST = b"journal"
ANSWER_SECONDS_MAX = 1.0
BETWEEN_SECONDS = 0.03
READ_SECONDS_MAX = 10.0
COMMAND_LINE = ["redis-server", "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
"""What redis acknowledges, it has fsynced."""
OPEN_COMMAND_LINE = [*COMMAND_LINE, "--protected-mode", "no"]
"""The same where it is not the image's entrypoint that starts it."""


class Journal(Background):
    """One thread: each number is tried once, at the addresses in turn."""

    def __init__(self, addresses: Sequence[str], port: int) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        self.longest_gap_seconds = 0.0
        self._addresses = itertools.cycle(addresses)
        self._port = port

    def go_on(self) -> None:
        address, last = next(self._addresses), time.monotonic()
        for number in itertools.count(1):
            if self.stopping.is_set():
                return
            try:
                answer = ask(address, self._port, b"RPUSH", LIST, str(number).encode())
            except OSError:
                answer = b""
            if answer.startswith(b":"):
                self.acknowledged.append(number)
                self.longest_gap_seconds = max(self.longest_gap_seconds, time.monotonic() - last)
                last = time.monotonic()
            else:
                address = next(self._addresses)
            self.stopping.wait(BETWEEN_SECONDS)


def ask(address: str, port: int, *words: bytes) -> bytes:
    """One answer of redis, complete or as much of it as came before the time-out (OSError)."""
    question = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
    with socket.create_connection((address, port), ANSWER_SECONDS_MAX) as connection:
        connection.settimeout(ANSWER_SECONDS_MAX)
        connection.sendall(question)
        return connection.recv(100)


def read_all(address: str, port: int) -> list[int]:
    """The whole list, in its order."""
    return [int(word) for word in read_words(address, port)]


def read_words(address: str, port: int) -> list[str]:
    """The same, as it is stored."""
    with socket.create_connection((address, port), ANSWER_SECONDS_MAX) as connection:
        connection.settimeout(READ_SECONDS_MAX)
        connection.sendall(b"LRANGE %s 0 -1\r\n" % LIST)
        with connection.makefile("rb") as answer:
            count = int(answer.readline().strip().removeprefix(b"*"))
            found = []
            for _ in range(count):
                answer.readline()  # the length of what follows
                found.append(answer.readline().strip().decode())
            return found


def complaints(acknowledged: Sequence[int], stored: Sequence[int]) -> list[str]:
    """What is wrong with a list, in words: records that are lost, twice there, or out of order.

    One that was not acknowledged may be there or not, and in any place: who gave up waiting for it
    wrote others meanwhile.
    """
    found = []
    known = set(acknowledged)
    if lost := sorted(known - set(stored)):
        found.append(f"acknowledged and lost: {lost}")
    if twice := [number for number, count in Counter(stored).items() if count > 1]:
        found.append(f"more than once there: {twice}")
    kept = [number for number in stored if number in known]
    if moved := [later for one, later in itertools.pairwise(kept) if one > later]:
        found.append(f"after records that were acknowledged later: {moved}")
    return found

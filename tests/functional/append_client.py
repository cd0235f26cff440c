"""A client that appends numbers to a list in redis, at whichever node answers, until it is told.

    python append_client.py PORT ADDRESS ADDRESS...

It prints "ready" after the first answer. At the end of its input it prints JSON: how many numbers,
from 0 on, were acknowledged, and the longest time in seconds between two answers.
"""

from __future__ import annotations

import itertools
import json
import socket
import sys
import threading
import time

ATTEMPT_SECONDS = 0.2
BETWEEN_SECONDS = 0.002
KEY = "numbers"


class Server:
    """The redis, wherever it is; one connection is kept for as long as it answers."""

    def __init__(self, port: int, addresses: list[str]) -> None:
        self._port = port
        self._addresses = itertools.cycle(addresses)
        self._link: socket.socket | None = None

    def append(self, number: int) -> bool:
        """Whether the number was acknowledged."""
        try:
            if self._link is None:
                place = (next(self._addresses), self._port)
                self._link = socket.create_connection(place, ATTEMPT_SECONDS)
            self._link.sendall(f"RPUSH {KEY} {number}\r\n".encode())
            if self._link.recv(100).startswith(b":"):
                return True
        except OSError:
            pass
        if self._link is not None:
            self._link.close()
        self._link = None
        return False


def main(port: int, addresses: list[str]) -> None:
    """Append until the input ends."""
    ends = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ends.set()

    threading.Thread(target=wait, daemon=True).start()
    server, number, last, longest = Server(port, addresses), 0, None, 0.0
    while not ends.is_set():
        if server.append(number):
            now = time.monotonic()
            if last is None:
                print("ready", flush=True)
            else:
                longest = max(longest, now - last)
            number, last = number + 1, now
        time.sleep(BETWEEN_SECONDS)
    print(json.dumps([number, longest]))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

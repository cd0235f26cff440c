"""Makes one request after the other, each on a connection of its own, until its stdin ends.

Arguments: address, port, what to send ("redis" or "http"), how many at a time. Prints requests,
errors and the longest wait in seconds as one line of JSON, and the errors in words on stderr.

It takes one source port after the other, and none again within the two minutes for which the kernel
remembers a connection. When Docker stops a container it deletes what the kernel remembers of its
connections, and now and then hits a new one between the same two ends: docs/containers.rst.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import time
from itertools import cycle
from pathlib import Path

CONNTRACK = Path("/proc/net/nf_conntrack")
TIMEOUT_SECONDS = 30.0
BETWEEN_SECONDS = 0.005
SOURCE_PORTS = range(10_000, 60_000)
QUESTIONS = {
    "redis": (b"INCR requests\r\n", b":"),
    "http": (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 200"),
}


class Load:
    """What all threads did together."""

    def __init__(self, address: str, port: int, kind: str) -> None:
        self.requests = 0
        self.errors = 0
        self.longest_seconds = 0.0
        self._target = (address, port)
        self._question, self._expected = QUESTIONS[kind]
        self._lock = threading.Lock()
        first = os.getpid() * 1_000 % len(SOURCE_PORTS)
        self._source_ports = cycle([*SOURCE_PORTS[first:], *SOURCE_PORTS[:first]])
        self._stop = threading.Event()

    def stop(self) -> None:
        """End each thread after its request."""
        self._stop.set()

    def run(self) -> None:
        """What each thread does."""
        while not self._stop.is_set():
            began = time.monotonic()
            error = self._request()
            seconds = time.monotonic() - began
            with self._lock:
                self.requests += 1
                self.errors += error is not None
                self.longest_seconds = max(self.longest_seconds, seconds)
            if error is not None:
                print(f"{time.time():.3f} after {seconds:.3f} s: {error}", file=sys.stderr)
            self._stop.wait(BETWEEN_SECONDS)

    def _request(self) -> str | None:
        """What went wrong, if anything did."""
        step, port = "connect", 0
        try:
            with self._connected() as connection:
                step, port = "send", connection.getsockname()[1]
                connection.sendall(self._question)
                step = "receive"
                answer = connection.recv(65536)
        except OSError as error:
            return f"{step}: {error}, from port {port}: {known(port)}"
        return None if answer.startswith(self._expected) else f"answer: {answer[:80]!r}"

    def _connected(self) -> socket.socket:
        """A connection from the next source port that is free."""
        while True:
            with self._lock:
                source = ("", next(self._source_ports))
            try:
                return socket.create_connection(self._target, TIMEOUT_SECONDS, source)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                    raise


def known(port: int) -> list[str]:
    """What the kernel's connection tracking knows of connections from or to a port."""
    try:
        entries = CONNTRACK.read_text().splitlines()
    except OSError as error:
        return [str(error)]
    return [entry for entry in entries if f"port={port} " in entry]


def main() -> None:
    address, port, kind, threads = sys.argv[1:]
    load = Load(address, int(port), kind)
    running = [threading.Thread(target=load.run) for _ in range(int(threads))]
    for thread in running:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    load.stop()
    for thread in running:
        thread.join()
    print(json.dumps([load.requests, load.errors, load.longest_seconds]), flush=True)


main()

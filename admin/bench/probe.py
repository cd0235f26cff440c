"""A probe that asks a redis on two nodes in turn, and measures the longest time without answer."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType

ATTEMPT_TIMEOUT_SECONDS = 0.2
BETWEEN_SECONDS = 0.002


class Probe:
    """Asks until its context ends; an answer from either node counts."""

    def __init__(self, addresses: tuple[str, ...], port: int) -> None:
        self.longest_gap_seconds = 0.0
        self.answers = 0
        self._addresses = addresses
        self._port = port
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(address,), daemon=True)
            for address in addresses
        ]
        self._lock = threading.Lock()
        self._last: float | None = None

    def __enter__(self) -> Probe:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_answers(self, count: int, timeout_seconds: float = 60.0) -> None:
        """Wait for this many more answers."""
        goal = self.answers + count
        ends = time.monotonic() + timeout_seconds
        while self.answers < goal:
            if time.monotonic() > ends:
                raise TimeoutError(f"no answer at port {self._port}")
            time.sleep(0.01)

    def _run(self, address: str) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                self._ask(address)
            time.sleep(BETWEEN_SECONDS)

    def _ask(self, address: str) -> None:
        with socket.create_connection((address, self._port), ATTEMPT_TIMEOUT_SECONDS) as link:
            link.settimeout(ATTEMPT_TIMEOUT_SECONDS)
            link.sendall(b"PING\r\n")
            if not link.recv(100).startswith(b"+PONG"):
                return
        now = time.monotonic()
        with self._lock:
            if self._last is not None:
                self.longest_gap_seconds = max(self.longest_gap_seconds, now - self._last)
            self._last = now
            self.answers += 1

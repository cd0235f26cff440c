"""Clients that keep talking to a database during a move, and measure the pause that they see."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Any

import pg8000.native

ANSWER_TIMEOUT_SECONDS = 10.0
BETWEEN_REQUESTS_SECONDS = 0.005


class _Client:
    """A thread that makes one request after the other until it is told to stop."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.answered = 0
        self.longest_pause_seconds = 0.0
        self.refused = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop after the current request."""
        self._stop.set()
        self._thread.join(60)

    def wait_for_answers(self, count: int, timeout_seconds: float = 60.0) -> None:
        """Wait for this many more answers."""
        goal = self.answered + count
        ends = time.monotonic() + timeout_seconds
        while self.answered < goal:
            if time.monotonic() > ends:
                raise TimeoutError(f"{self.address}:{self.port} does not answer")
            time.sleep(0.01)

    def wait_until_up(self, timeout_seconds: float = 60.0) -> None:
        """Repeat until one request is answered."""
        ends = time.monotonic() + timeout_seconds
        while True:
            try:
                self.ping()
                return
            except (OSError, EOFError, pg8000.exceptions.Error):
                if time.monotonic() > ends:
                    raise
                time.sleep(0.1)

    def _run(self) -> None:
        last = None
        while not self._stop.is_set():
            with contextlib.suppress(OSError, EOFError, pg8000.exceptions.Error):
                self.request()
                now = time.monotonic()
                if last is not None:
                    self.longest_pause_seconds = max(self.longest_pause_seconds, now - last)
                last = now
                self.answered += 1
            time.sleep(BETWEEN_REQUESTS_SECONDS)
        self.disconnect()

    def open(self) -> socket.socket:
        """A new connection; counts the attempts that fail."""
        try:
            return socket.create_connection((self.address, self.port), ANSWER_TIMEOUT_SECONDS)
        except OSError:
            self.refused += 1
            raise

    def request(self) -> None:
        """One request, with a new connection when there is none; raises when it fails."""
        raise NotImplementedError

    def ping(self) -> None:
        """A request that changes nothing; raises when it fails."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Close the connection."""


class RedisClient(_Client):
    """Appends a number to a list, with a new connection each time, as a naive client does."""

    def request(self) -> None:
        self._ask(b"INCR visits", b":")

    def ping(self) -> None:
        self._ask(b"PING", b"+PONG")

    def _ask(self, question: bytes, expected: bytes) -> None:
        with self.open() as connection:
            connection.sendall(question + b"\r\n")
            answer = connection.recv(100)
            if not answer.startswith(expected):
                raise EOFError(answer)


class PostgresClient(_Client):
    """Inserts numbered rows, each in a transaction of its own; knows which were acknowledged."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(address, port)
        self.acknowledged: list[int] = []
        self._next = 0
        self._connection: Any = None
        self._socket: socket.socket | None = None

    def request(self) -> None:
        self._next += 1
        number = self._next
        try:
            self._connect()
            self._connection.run("INSERT INTO journal VALUES (:number)", number=number)
        except Exception:
            self.disconnect()
            raise
        self.acknowledged.append(number)

    def ping(self) -> None:
        try:
            self._connect()
            self._connection.run("SELECT 1")
        finally:
            self.disconnect()

    def _connect(self) -> None:
        if self._connection is None:
            # The socket is ours, for the library leaves it open when the server is gone.
            self._socket = self.open()
            self._connection = pg8000.native.Connection("postgres", sock=self._socket)

    def disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.close()
            self._connection = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

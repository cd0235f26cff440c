"""Running commands as Twisted processes: with a time-out, and with limits on what they print."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.errors import CommandFailed, CommandTimedOut
from flocker_lite.interfaces.reactor import IProcessReactor

STDOUT_BYTES_MAX = 64 * 1024 * 1024
STDERR_TAIL_BYTES_MAX = 4096
TIMEOUT_SECONDS_DEFAULT = 60.0

HELD_FD = 9
"""Where commands have the descriptor that `take_over` returned."""
TAKE_OVER_POLL_SECONDS = 0.05

NOT_STARTED = 127
"""The exit code of what could not be started, as shells have it."""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
}


_log = Logger()


class Run(Protocol):
    """Run a command to its end; see `Commands.run`."""

    async def __call__(
        self,
        argv: tuple[str, ...],
        stdin: bytes = b"",
        timeout_seconds: float = TIMEOUT_SECONDS_DEFAULT,
        fds: Mapping[int, int] | None = None,
    ) -> bytes: ...


class Commands:
    """Starts commands on a reactor."""

    def __init__(
        self,
        reactor: IProcessReactor,
        environment: Mapping[str, str] = ENVIRONMENT,
        held_fd: int | None = None,
    ) -> None:
        """`held_fd`, what `take_over` returned, is held by each command until it has ended."""
        self._reactor = reactor
        self._environment = environment
        self._held: dict[int, int] = {} if held_fd is None else {HELD_FD: held_fd}

    async def run(
        self,
        argv: tuple[str, ...],
        stdin: bytes = b"",
        timeout_seconds: float = TIMEOUT_SECONDS_DEFAULT,
        fds: Mapping[int, int] | None = None,
    ) -> bytes:
        """Run a command to its end and return its stdout.

        `fds` gives descriptors of ours to the command, keyed by the number that they have there.
        Raises CommandFailed, with what it wrote to stderr, or CommandTimedOut after killing it.
        When a cancellation has arrived, the process has ended.
        """
        running = self.start(argv, stdin, timeout_seconds, fds)
        try:
            return await running.finished
        finally:
            await running.gone

    def start(
        self,
        argv: tuple[str, ...],
        stdin: bytes = b"",
        timeout_seconds: float | None = TIMEOUT_SECONDS_DEFAULT,
        fds: Mapping[int, int] | None = None,
        is_group: bool = False,
    ) -> Running:
        """Start a command; None as time-out means that the caller ends it.

        With `is_group`, what it starts is killed along with it. Raises CommandFailed when there is
        no such command.
        """
        argv = ("setsid", *argv) if is_group else argv
        running = Running(argv, stdin, is_group)
        child_fds: dict[int, int | str] = {0: "w", 1: "r", 2: "r", **self._held, **(fds or {})}
        try:
            self._reactor.spawnProcess(
                running, argv[0], argv, self._environment, childFDs=child_fds
            )
        except OSError as error:
            raise CommandFailed(argv, NOT_STARTED, f"not started: {error.strerror}") from None
        if timeout_seconds is not None:
            running.end_after(self._reactor, timeout_seconds)
        return running


class Running(ProcessProtocol):
    """A command that was started; `finished` fires once, with its stdout or with the error.

    `gone` fires when its process is no more, which is later than `finished` when that is cancelled.
    `heard` is called with what it prints, as that comes.
    """

    def __init__(self, argv: tuple[str, ...], stdin: bytes, is_group: bool = False) -> None:
        self.argv = argv
        self.heard: Callable[[bytes], None] = lambda _: None
        self._is_group = is_group
        self.finished: Deferred[bytes] = Deferred(lambda _: self.kill())
        self.gone: Deferred[None] = Deferred()
        self._stdin = stdin
        self._stdout: list[bytes] = []
        self._stdout_bytes = 0
        self._stderr_tail = b""
        self._timeout: IDelayedCall | None = None
        self._timed_out_after_seconds: float | None = None

    def end_after(self, clock: IReactorTime, seconds: float) -> None:
        def out_of_time() -> None:
            self._timed_out_after_seconds = seconds
            self.kill()

        self._timeout = clock.callLater(seconds, out_of_time)

    def kill(self) -> None:
        """Kill it; safe at any time."""
        transport: Any = self.transport
        if transport is None:
            return
        if self._is_group and transport.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(transport.pid, signal.SIGKILL)
        with suppress(ProcessExitedAlready):
            transport.signalProcess("KILL")

    def connectionMade(self) -> None:
        transport: Any = self.transport
        if 0 in transport.pipes:
            if self._stdin:
                transport.write(self._stdin)
            transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        self.heard(data)
        self._stdout_bytes += len(data)
        if self._stdout_bytes > STDOUT_BYTES_MAX:
            self._stderr_tail = b"printed more than it may"
            self.kill()
        else:
            self._stdout.append(data)

    def errReceived(self, data: bytes) -> None:
        self._stderr_tail = (self._stderr_tail + data)[-STDERR_TAIL_BYTES_MAX:]

    def processEnded(self, reason: Failure = Failure(ProcessDone(0))) -> None:  # noqa: B008
        if self._timeout is not None and self._timeout.active():
            self._timeout.cancel()
        self.gone.callback(None)
        if self.finished.called:
            return
        ended: Any = reason.value
        if self._timed_out_after_seconds is not None:
            self.finished.errback(CommandTimedOut(self.argv, self._timed_out_after_seconds))
        elif isinstance(ended, ProcessDone):
            self.finished.callback(b"".join(self._stdout))
        else:
            code = ended.exitCode if ended.exitCode is not None else -(ended.signal or 0)
            stderr = self._stderr_tail.decode("utf-8", "replace")
            self.finished.errback(CommandFailed(self.argv, code, stderr))


async def take_over(path: Path, clock: IReactorTime) -> int:
    """Wait until no one before us is at work any more; returns the descriptor that says we are.

    A command outlives an agent that is killed, and does late what that one decided: "released"
    would be written over the lease of a dataset that its successor has taken back into use. So
    commands hold the lock that their agent took, and the next agent does nothing before it is free.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    told = False
    try:
        while not _try_lock(fd):
            if not told:
                _log.warn(
                    "an agent before this one, or a command that it started, is still at work "
                    "here: waiting for its end (`fuser {path}` says who it is)",
                    path=str(path),
                )
                told = True
            await deferLater(clock, TAKE_OVER_POLL_SECONDS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

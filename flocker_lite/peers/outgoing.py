"""The sending end of one stream: a pipe, a pump that counts, and the stdin of an ssh."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from zope.interface import implementer

from flocker_lite.awaiting import deferred_of
from flocker_lite.errors import PeerUnreachable
from flocker_lite.interfaces import IReceiving
from flocker_lite.interfaces.peer_requests import Finish, Opened
from flocker_lite.interfaces.reactor import IReactor
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.peers.pump import Pump, make_pipe
from flocker_lite.peers.stall_detector import StallDetector
from flocker_lite.processes import ENVIRONMENT, Commands, Running


class Ask(Protocol):
    """Asks the agent at the other end; see `SshPeer.ask`."""

    def __call__(self, request: PeerRequest[None]) -> Awaitable[None]: ...


@implementer(IReceiving)
class SshReceiving:
    """A stream to the agent that `ask` reaches; `command` is the ssh process that carries it."""

    def __init__(
        self, reactor: IReactor, ask: Ask, address: str, token: str, command: tuple[str, ...]
    ) -> None:
        self._ask = ask
        self._address = address
        self._token = token
        ssh_stdin, pump_target = make_pipe()
        pump_source, self._write_fd = make_pipe()
        try:
            self._ssh: Running = Commands(reactor, ssh_environment()).start(
                command, timeout_seconds=None, fds={0: ssh_stdin}
            )
        finally:
            os.close(ssh_stdin)
        # Nobody needs ssh's exit code: the control session says what became of the stream.
        self._ssh.finished.addErrback(lambda _: None)
        self._pump = Pump(reactor, pump_source, pump_target, self._pumped)
        self._stall_detector = StallDetector(reactor, self.sent_bytes, self._stood_still)
        self._given_up: PeerUnreachable | None = None
        self._finishing: Deferred[None] | None = None
        self._open = True

    async def opened(self) -> None:
        """Wait until the receiver at the other end runs."""
        await self._ask(Opened(self._token))

    def fileno(self) -> int:
        return self._write_fd

    def sent_bytes(self) -> int:
        return self._pump.moved_bytes

    def limit(self, bytes_per_second: int | None) -> None:
        self._pump.limit(bytes_per_second)

    def stall_after(self, seconds: float) -> None:
        self._stall_detector.expect(seconds)

    async def finish(self) -> None:
        self._close_write_end()
        try:
            if self._given_up is not None:
                raise self._given_up
            self._stall_detector.expect()
            asking = self._ask(Finish(self._token))
            self._finishing = deferred_of(asking)
            await self._finishing
        except CancelledError:
            if self._given_up is not None:
                raise self._given_up from None
            raise
        finally:
            self._stall_detector.stop()

    def abort(self) -> None:
        self._close_write_end()
        self._stall_detector.stop()
        self._pump.stop()
        self._ssh.kill()

    def _stood_still(self, seconds: float) -> None:
        self._given_up = PeerUnreachable(
            f"the stream to {self._address} stood still for {seconds:g} s: check that node and "
            "its pool; this node tries again"
        )
        self.abort()
        if self._finishing is not None:
            self._finishing.cancel()

    def _close_write_end(self) -> None:
        if self._open:
            self._open = False
            os.close(self._write_fd)

    def _pumped(self, error: OSError | None) -> None:
        if error is not None:
            self._ssh.kill()


def ssh_environment() -> dict[str, str]:
    """The environment in which ssh finds the keys and known hosts of the agent's user."""
    return {**ENVIRONMENT, "HOME": os.environ.get("HOME", "/root")}

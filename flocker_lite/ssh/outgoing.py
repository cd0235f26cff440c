"""The sending end of one stream: a pipe, a pump that counts, and the stdin of an ssh."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.protocols import amp
from zope.interface import implementer

from flocker_lite.errors import PeerUnreachable
from flocker_lite.interfaces import IReceiving
from flocker_lite.processes import ENVIRONMENT, Commands, Running
from flocker_lite.ssh import commands
from flocker_lite.ssh.pump import Pump, make_pipe
from flocker_lite.ssh.standstill import Standstill


class Ask(Protocol):
    """Ask the agent at the other end; see `SshPeer.ask`."""

    def __call__(
        self,
        command: type[amp.Command],
        timeout_seconds: float | None = ...,
        **arguments: object,
    ) -> Awaitable[dict[str, Any]]: ...


@implementer(IReceiving)
class SshReceiving:
    """A receive at the agent that `ask` leads to; `command` is the ssh that carries its stream."""

    def __init__(
        self, reactor: Any, ask: Ask, address: str, token: str, command: tuple[str, ...]
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
        # Its exit code is nobody's news: what became of the stream, the control session says.
        self._ssh.finished.addErrback(lambda _: None)
        self._pump = Pump(reactor, pump_source, pump_target, self._pumped)
        self._standstill = Standstill(reactor, self.sent_bytes, self._stood_still)
        self._given_up: PeerUnreachable | None = None
        self._finishing: Deferred[dict[str, Any]] | None = None
        self._open = True

    async def opened(self) -> None:
        """Wait until the receiver at the other end runs."""
        await self._ask(commands.Opened, token=self._token)

    def fileno(self) -> int:
        return self._write_fd

    def sent_bytes(self) -> int:
        return self._pump.moved_bytes

    def limit(self, bytes_per_second: int | None) -> None:
        self._pump.limit(bytes_per_second)

    def stall_after(self, seconds: float) -> None:
        self._standstill.expect(seconds)

    async def finish(self) -> None:
        self._close_write_end()
        try:
            if self._given_up is not None:
                raise self._given_up
            self._standstill.expect()
            asking = self._ask(commands.Finish, timeout_seconds=None, token=self._token)
            self._finishing = Deferred.fromCoroutine(_coroutine(asking))
            await self._finishing
        except CancelledError:
            if self._given_up is not None:
                raise self._given_up from None
            raise
        finally:
            self._standstill.stop()

    def abort(self) -> None:
        self._close_write_end()
        self._standstill.stop()
        self._pump.stop()
        self._ssh.kill()

    def _stood_still(self, seconds: float) -> None:
        self._given_up = PeerUnreachable(
            f"the stream to {self._address} stood still for {seconds:g} s: look whether that node "
            "and its pool are well; it is tried again"
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
    """Where ssh finds the keys and the known hosts of whom the agent runs as."""
    return {**ENVIRONMENT, "HOME": os.environ.get("HOME", "/root")}


async def _coroutine(awaitable: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return await awaitable

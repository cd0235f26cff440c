"""IDeadlineFence by the two processes of `fence_keeper`, which this starts, or finds running."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError, ProcessExitedAlready
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import ArmedDeadline, IDeadlineFence
from flocker_lite.interfaces.reactor import IReactor
from flocker_lite.model.records import DatasetId
from flocker_lite.zfs import names
from flocker_lite.zfs.fence_kill import CGROUPS
from flocker_lite.zfs.fence_start import FenceProtocol, spawn
from flocker_lite.zfs.fence_table import LINE_BYTES_MAX, PROTOCOL_VERSION, line, read

ANSWER_TIMEOUT_SECONDS = 5.0
START_TIMEOUT_SECONDS = 10.0
PROGRAM = "flocker_lite.zfs.fence_keeper"
SOCKET_NAME, LOCK_NAME = "deadlines.sock", "deadlines.lock"


@implementer(IDeadlineFence)
class ZfsDeadlineFence:
    """Deadlines for datasets in this pool; `run_directory` has the socket, for root alone.

    `notes` is as in ZfsFence. With a `watchdog`, such as "/dev/watchdog", the fence keeps that
    while a deadline is armed. `cgroups` is where the control groups are, `zfs` the command.
    """

    def __init__(
        self,
        reactor: IReactor,
        pool: str,
        run_directory: Path,
        notes: Path | None = None,
        watchdog: str | None = None,
        cgroups: Path = CGROUPS,
        zfs: str = "zfs",
    ) -> None:
        self.lost: Callable[[str], None] = lambda _: None
        self._reactor = reactor
        self._pool = pool
        self._run_directory = run_directory
        self._notes = notes
        self._watchdog = watchdog
        self._cgroups = cgroups
        self._zfs = zfs
        self._lock = DeferredLock()
        self._link: _Link | None = None
        self._names: set[str] = set()

    async def arm_deadline(
        self, container: str, dataset_ids: frozenset[DatasetId], until: float
    ) -> None:
        filesystems = sorted(names.filesystem(self._pool, each) for each in dataset_ids)
        link = await self._linked(may_start=True)
        assert link is not None
        await self._ask(link, {"arm": container, "filesystems": filesystems, "until": until})
        self._names.add(container)

    async def add_instance(self, container: str, instance: str) -> None:
        link = await self._linked()
        if link is None:
            raise FlockerError(f"no deadline of container {container} is armed")
        await self._ask(link, {"guard": container, "instance": instance})

    async def disarm(self, container: str) -> None:
        link = await self._linked()
        if link is not None:
            await self._ask(link, {"disarm": container})
        self._names.discard(container)

    async def deadlines(self) -> Mapping[str, ArmedDeadline]:
        link = await self._linked()
        if link is None:
            return {}
        answer = await self._ask(link, {"deadlines": True})
        found = {name: _armed(each) for name, each in answer.get("deadlines", {}).items()}
        self._names.update(found)
        return found

    def close(self) -> None:
        """Let go of the connection. The fence goes on."""
        link, self._link = self._link, None
        if link is not None:
            link.leave()

    async def _linked(self, may_start: bool = False) -> _Link | None:
        """The connection to the fence that runs; None when none runs, and may not be started."""
        await self._lock.acquire()
        try:
            if self._link is None:
                link = await self._connect()
                if link is None and may_start:
                    await self._start()
                    link = await self._connect()
                    if link is None:
                        raise FlockerError("the fence for deadlines ended at once")
                self._link = link
            return self._link
        finally:
            self._lock.release()

    async def _connect(self) -> _Link | None:
        path = str(self._run_directory / SOCKET_NAME)
        endpoint = UNIXClientEndpoint(self._reactor, path, timeout=int(ANSWER_TIMEOUT_SECONDS))
        try:
            link: Any = await endpoint.connect(Factory.forProtocol(_Link))
        except ConnectError:
            return None
        link.ending = self._ends
        link.gone = self._is_gone
        try:
            await self._ask(link, {"hello": PROTOCOL_VERSION, "watchdog": self._watchdog})
        except FlockerError:
            link.leave()
            raise
        found: _Link = link
        return found

    async def _ask(self, link: _Link, order: Mapping[str, Any]) -> dict[str, Any]:
        answered = link.ask(order)
        answered.addTimeout(ANSWER_TIMEOUT_SECONDS, self._reactor)
        try:
            answer = await answered
        except Exception as error:
            raise FlockerError(f"the fence for deadlines does not answer: {error}") from None
        if "no" in answer:
            raise FlockerError(f"the fence for deadlines refuses: {answer['no']}")
        return answer

    async def _start(self) -> None:
        self._run_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run_directory.chmod(0o700)
        config = {
            "socket": str(self._run_directory / SOCKET_NAME),
            "lock": str(self._run_directory / LOCK_NAME),
            "cgroups": str(self._cgroups),
            "zfs": self._zfs,
        }
        starting = _Starting()
        spawn(self._reactor, starting, PROGRAM, config, self._notes, path="/")
        ready = starting.ready
        ready.addTimeout(START_TIMEOUT_SECONDS, self._reactor)
        try:
            await ready
        except Exception as error:
            starting.kill()
            reason = starting.why(error)
            raise FlockerError(f"the fence for deadlines does not start: {reason}") from None

    def _ends(self, container: str) -> None:
        self._names.discard(container)
        self.lost(container)

    def _is_gone(self, link: _Link) -> None:
        """The fence ended: whoever it guarded has been ended, or is."""
        if link is self._link:
            self._link = None
            for container in sorted(self._names):
                self._ends(container)


class _Link(LineOnlyReceiver):
    """A connection to the fence; `ending` is called with each container that it ends."""

    delimiter = b"\n"
    MAX_LENGTH = 256 * LINE_BYTES_MAX

    def __init__(self) -> None:
        self.ending: Callable[[str], None] = lambda _: None
        self.gone: Callable[[_Link], None] = lambda _: None
        self._answers: deque[Deferred[dict[str, Any]]] = deque()
        self._is_gone = False

    def ask(self, order: Mapping[str, Any]) -> Deferred[dict[str, Any]]:
        """Send an order; the Deferred fires with its answer."""
        answered: Deferred[dict[str, Any]] = Deferred()
        if self._is_gone:
            answered.errback(FlockerError("it has ended"))
            return answered
        self._answers.append(answered)
        transport: Any = self.transport
        transport.write(line(order))
        return answered

    def leave(self) -> None:
        """Close the connection, without a word to whoever listens."""
        self.gone = lambda _: None
        transport: Any = self.transport
        transport.abortConnection()

    def lineReceived(self, data: bytes) -> None:
        message = read(data)
        if "ending" in message:
            self.ending(str(message["ending"]))
        elif self._answers:
            answered = self._answers.popleft()
            if not answered.called:
                answered.callback(message)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._is_gone = True
        waiting, self._answers = self._answers, deque()
        for answered in waiting:
            if not answered.called:
                answered.errback(FlockerError("it has ended"))
        self.gone(self)


class _Starting(FenceProtocol):
    """A fence that is being started; `ready` fires once it can be connected to."""

    def __init__(self) -> None:
        super().__init__()
        self.ready: Deferred[None] = Deferred()

    def kill(self) -> None:
        """It took too long."""
        transport: Any = self.transport
        with suppress(ProcessExitedAlready):
            transport.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        if not self.ready.called:
            self.ready.callback(None)

    def processEnded(self, reason: Failure) -> None:
        if not self.ready.called:
            self.ready.errback(reason)
        else:
            self.log_stderr()


def _armed(shown: Mapping[str, Any]) -> ArmedDeadline:
    ids = frozenset(str(name).rpartition("/")[2] for name in shown["filesystems"])
    return ArmedDeadline(ids, float(shown["until"]), bool(shown["has_passed"]))

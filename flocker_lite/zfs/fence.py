"""IFence by two processes for each container on trial, which outlive the agent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IFence
from flocker_lite.interfaces.reactor import IReactor
from flocker_lite.model.records import DatasetId
from flocker_lite.zfs import names
from flocker_lite.zfs.fence_kill import CGROUPS
from flocker_lite.zfs.fence_process import now
from flocker_lite.zfs.fence_start import FenceProtocol, spawn

ANSWER_TIMEOUT_SECONDS = 10.0
PROGRAM = "flocker_lite.zfs.fence_process"


@implementer(IFence)
class ZfsFence:
    """Fences for datasets in this pool; `reactor` provides IReactorProcess and IReactorTime."""

    def __init__(
        self,
        reactor: IReactor,
        pool: str,
        notes: Path | None = None,
        cgroups: Path = CGROUPS,
        zfs: str = "zfs",
    ) -> None:
        """A fence that kills a container leaves a file named by the container's id in `notes`.

        `cgroups` is where the control groups are, `zfs` the command; tests use others.
        """
        self.lost: Callable[[str], None] = lambda _: None
        self._reactor = reactor
        self._pool = pool
        self._notes = notes
        self._cgroups = cgroups
        self._zfs = zfs
        self._armed: dict[str, tuple[frozenset[DatasetId], _Fence]] = {}

    async def arm(self, container: str, dataset_ids: frozenset[DatasetId], seconds: float) -> None:
        until = now() + seconds
        ids, fence = self._armed.get(container, (frozenset(), None))
        if fence is None or fence.has_ended or ids != dataset_ids:
            await self.disarm(container)
            fence = self._start(container, dataset_ids)
            self._armed[container] = (dataset_ids, fence)
        # Send the moment of the end, not the time until then: the machine may be suspended before
        # the fence reads the line.
        await self._tell(container, fence, f"until {until:.3f}")

    async def add_instance(self, container: str, instance: str) -> None:
        _, fence = self._armed.get(container, (None, None))
        if fence is None:
            raise FlockerError(f"container {container} has no fence")
        await self._tell(container, fence, f"guard {instance}")

    async def disarm(self, container: str) -> None:
        _, fence = self._armed.pop(container, (None, None))
        if fence is not None:
            fence.stop()

    async def _tell(self, container: str, fence: _Fence, line: str) -> None:
        answered = fence.tell(line)
        answered.addTimeout(ANSWER_TIMEOUT_SECONDS, self._reactor)
        try:
            await answered
        except Exception as error:
            await self.disarm(container)
            raise FlockerError(
                f"the fence of container {container} does not start: {fence.why(error)}"
            ) from None

    def _start(self, container: str, dataset_ids: frozenset[DatasetId]) -> _Fence:
        fence = _Fence(lambda: self.lost(container))
        filesystems = [names.filesystem(self._pool, dataset_id) for dataset_id in dataset_ids]
        config = {
            "filesystems": sorted(filesystems),
            "cgroups": str(self._cgroups),
            "zfs": self._zfs,
        }
        spawn(self._reactor, fence, PROGRAM, config, self._notes)
        return fence


class _Fence(FenceProtocol):
    """The first of the two processes; both go on when the agent's process ends.

    It calls `lost` once: when the fence ends the trial, or when it exits though nobody stopped it.
    """

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__()
        self.has_ended = False
        self._lost = lost
        self._is_told_to_stop = False
        self._answers: list[Deferred[None]] = []
        self._rest = b""

    def tell(self, line: str) -> Deferred[None]:
        """Send a line; the Deferred fires when both processes have obeyed it."""
        transport: Any = self.transport
        answered: Deferred[None] = Deferred()
        if self.has_ended:
            answered.errback(FlockerError("its process has ended"))
            return answered
        self._answers.append(answered)
        transport.write(f"{line}\n".encode())
        return answered

    def stop(self) -> None:
        """Tell the fence that it has nothing to end any more."""
        transport: Any = self.transport
        self._is_told_to_stop = True
        with suppress(ProcessExitedAlready):
            transport.write(b"stop\n")
            transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line == b"ending":
                self._end()
            elif self._answers:
                answered = self._answers.pop(0)
                if not answered.called:
                    answered.callback(None)

    def processExited(self, reason: Failure) -> None:
        """Act now: the second process may keep the pipes open, so `processEnded` is too late."""
        if self._is_told_to_stop:
            self.has_ended = True
        else:
            self._end()
        waiting, self._answers = self._answers, []
        for answered in waiting:
            if not answered.called:
                answered.errback(reason)

    def processEnded(self, reason: Failure) -> None:
        self.log_stderr()

    def _end(self) -> None:
        if not self.has_ended:
            self.has_ended = True
            self._lost()

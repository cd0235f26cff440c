"""IFence with a process for each container on trial, which outlives the agent."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

import flocker_lite
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IFence
from flocker_lite.model.records import DatasetId
from flocker_lite.processes import ENVIRONMENT, STDERR_TAIL_BYTES_MAX
from flocker_lite.zfs import names

ARM_TIMEOUT_SECONDS = 10.0
PROGRAM = "flocker_lite.zfs.fence_process"


@implementer(IFence)
class ZfsFence:
    """Fences for datasets in this pool; `reactor` provides IReactorProcess and IReactorTime."""

    def __init__(self, reactor: Any, pool: str) -> None:
        self._reactor = reactor
        self._pool = pool
        self._armed: dict[str, tuple[frozenset[DatasetId], _Fence]] = {}

    async def arm(self, container: str, dataset_ids: frozenset[DatasetId], seconds: float) -> None:
        ids, fence = self._armed.get(container, (frozenset(), None))
        if fence is None or fence.has_ended or ids != dataset_ids:
            await self.disarm(container)
            fence = self._start(dataset_ids)
            self._armed[container] = (dataset_ids, fence)
        counting = fence.count(seconds)
        counting.addTimeout(ARM_TIMEOUT_SECONDS, self._reactor)
        try:
            await counting
        except Exception as error:
            await self.disarm(container)
            reason = fence.stderr_tail.decode("utf-8", "replace").strip() or str(error)
            raise FlockerError(
                f"the fence of container {container} does not start: {reason}"
            ) from None

    async def disarm(self, container: str) -> None:
        _, fence = self._armed.pop(container, (None, None))
        if fence is not None:
            fence.end()

    def _start(self, dataset_ids: frozenset[DatasetId]) -> _Fence:
        fence = _Fence()
        filesystems = [names.filesystem(self._pool, dataset_id) for dataset_id in dataset_ids]
        argv = [sys.executable, "-m", PROGRAM, *sorted(filesystems)]
        # It has to find this very package, wherever that is.
        package = str(Path(flocker_lite.__file__).parent.parent)
        environment = {**ENVIRONMENT, "PYTHONPATH": package}
        try:
            self._reactor.spawnProcess(fence, sys.executable, argv, environment)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise FlockerError(f"a fence cannot be started: {reason}") from None
        return fence


class _Fence(ProcessProtocol):
    """One process; it is left alone when this one ends."""

    _log = Logger()

    def __init__(self) -> None:
        self.has_ended = False
        self.stderr_tail = b""
        self._counting: list[Deferred[None]] = []

    def count(self, seconds: float) -> Deferred[None]:
        """Fires when it has begun to count, anew."""
        transport: Any = self.transport
        counting: Deferred[None] = Deferred()
        self._counting.append(counting)
        transport.write(f"count {seconds:.3f}\n".encode())
        return counting

    def end(self) -> None:
        """There is nothing to end any more."""
        transport: Any = self.transport
        if not self.has_ended:
            with suppress(ProcessExitedAlready):
                transport.write(b"stop\n")
                transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        for _ in range(data.count(b"counting\n")):
            counting = self._counting.pop(0)
            if not counting.called:
                counting.callback(None)

    def errReceived(self, data: bytes) -> None:
        self.stderr_tail = (self.stderr_tail + data)[-STDERR_TAIL_BYTES_MAX:]

    def processEnded(self, reason: Failure) -> None:
        self.has_ended = True
        waiting, self._counting = self._counting, []
        for counting in waiting:
            if not counting.called:
                counting.errback(reason)
        if self.stderr_tail:
            self._log.warn("a fence said: {said}", said=self.stderr_tail.decode("utf-8", "replace"))

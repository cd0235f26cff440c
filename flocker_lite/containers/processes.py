"""Asks the kernel, not Docker, when the processes of a container have ended."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """The first process of a running container; `pidfd` is None if we cannot watch it.

    `started` is the start of this run, in Docker's words. A `prestarted` process has nothing to
    shut down, and ignores SIGTERM. Any other one may take `stop_timeout_seconds` to end.
    """

    container_id: str
    pidfd: int | None
    prestarted: bool = False
    stop_timeout_seconds: float = 0.0
    started: str = ""


def open_process(pid: int, container_id: str) -> int | None:
    """A pidfd of the container's first process; the caller closes it.

    None if we see no such process: it has ended, or the engine is in another PID namespace, or the
    kernel is older than 5.3.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    # We read the control group only after the pidfd has pinned the process: otherwise the kernel
    # might have given the number to another program.
    if _in_container(pid, container_id):
        return pidfd
    os.close(pidfd)
    return None


def wait_until_gone(pidfd: int, timeout_seconds: float) -> bool:
    """Block until the process has ended, at most this long; closes the pidfd.

    The kernel ends the first process of a PID namespace only after it has killed and reaped all
    others in it. So once the first one has ended, so has the whole container.
    """
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(timeout_seconds * 1000))
    finally:
        os.close(pidfd)


def kill(container_id: str, timeout_seconds: float) -> bool:
    """Kill every process of the container that we see, whether Docker knows it or not.

    False if one of them has not ended in time.
    """
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    pidfds = [pidfd for pid in pids if (pidfd := open_process(pid, container_id)) is not None]
    for pidfd in pidfds:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    gone = [wait_until_gone(pidfd, timeout_seconds) for pidfd in pidfds]
    return all(gone)


def _in_container(pid: int, container_id: str) -> bool:
    try:
        return container_id in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False

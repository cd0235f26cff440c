"""When the processes of a container are gone, told by the kernel and not by Docker."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """The first process of a running container; `pidfd` is None when it cannot be watched.

    One that is `poised` has nothing to end in order, and does not heed a signal that asks it to.
    """

    container_id: str
    pidfd: int | None
    poised: bool = False


def open_process(pid: int, container_id: str) -> int | None:
    """A pidfd of the container's first process, to be closed by the caller.

    None when there is no such process to be seen from here: it is gone, or the engine counts its
    processes in another namespace, or the kernel is older than 5.3.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    # The control group is read after the pidfd has pinned the process: a number that was used
    # again would belong to some other program.
    if _in_container(pid, container_id):
        return pidfd
    os.close(pidfd)
    return None


def wait_until_gone(pidfd: int, timeout_seconds: float) -> bool:
    """Block until the process has ended, at most this long; closes the pidfd.

    The kernel ends the first process of a PID namespace only after it has killed and reaped every
    other one in there, so when it is gone the whole container is.
    """
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(timeout_seconds * 1000))
    finally:
        os.close(pidfd)


def kill(container_id: str, timeout_seconds: float) -> bool:
    """Kill every process of the container that is to be seen from here, known to Docker or not.

    False when one of them has not ended in time.
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

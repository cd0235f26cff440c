"""The fence: a process of its own that ends a loan on this node when nobody else has.

It outlives the agent, and imports little, since a move waits for its start. On stdin it takes

    count SECONDS   in so many seconds from now on, end it; it answers "counting"
    stop            there is nothing to end; it exits

and goes on counting when stdin ends: the agent has died.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flocker_lite.zfs.mounts import mounts_source

LEASE_PROPERTY = "flocker:lease"
PROBATION = "probation:"
COMMAND_TIMEOUT_SECONDS = 5.0
RETRY_SECONDS = 0.1
IDLE_SECONDS_MAX = 3600.0
"""One that is never told to count ends by itself."""

_CONTAINER = re.compile(r"[0-9a-f]{64}")


def main(filesystems: list[str]) -> None:
    """Entry point: count, and end the loan of these ZFS filesystems."""
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    if count_down():
        # The end of an agent's unit must not be waited for by what would never come.
        for filesystem in filesystems:
            end_loan(filesystem)


def now() -> float:
    """Seconds that never jump and go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def count_down() -> bool:
    """Heed stdin until the time is over (True) or there is nothing to end (False)."""
    ends, counting, listens, pending = now() + IDLE_SECONDS_MAX, False, True, b""
    while True:
        left = ends - now()
        if left <= 0:
            return counting
        if not listens:
            time.sleep(min(left, 1.0))
            continue
        readable, _, _ = select.select([0], [], [], min(left, 1.0))
        if not readable:
            continue
        data = os.read(0, 4096)
        listens = bool(data)
        if not listens and not counting:
            return False
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            if line == b"stop":
                return False
            ends, counting = now() + float(line.removeprefix(b"count ")), True
            os.write(1, b"counting\n")


def end_loan(filesystem: str) -> None:
    """Kill the containers that have it mounted, and unmount it, until that is done."""
    while is_on_probation(filesystem):
        for pid in users(filesystem):
            kill(pid)
        unmounted = run("zfs", "unmount", filesystem).returncode == 0
        if not any(users(filesystem)) and (unmounted or not is_mounted_here(filesystem)):
            return
        time.sleep(RETRY_SECONDS)


def is_on_probation(filesystem: str) -> bool:
    """Whether its lease says so; also when it cannot be read, for that is the safe answer."""
    answer = run("zfs", "get", "-Hp", "-o", "value", LEASE_PROPERTY, filesystem)
    if answer.returncode != 0:
        return "does not exist" not in answer.stderr
    return answer.stdout.startswith(PROBATION)


def users(filesystem: str, proc: Path = Path("/proc")) -> Iterator[int]:
    """The processes of containers that have the filesystem mounted.

    Other processes may have it in a mount namespace of their own: they are none of ours.
    """
    for entry in os.scandir(proc):
        if not entry.name.isdigit():
            continue
        try:
            if _CONTAINER.search((proc / entry.name / "cgroup").read_text()) is None:
                continue
            mountinfo = (proc / entry.name / "mountinfo").read_text()
        except OSError:
            continue
        if mounts_source(mountinfo, filesystem):
            yield int(entry.name)


def is_mounted_here(filesystem: str) -> bool:
    """Whether the namespace of this process has it mounted."""
    return mounts_source(Path("/proc/self/mountinfo").read_text(), filesystem)


def kill(pid: int) -> None:
    """SIGKILL, unless it is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    """A command's outcome; one that hangs is killed, and has failed."""
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return subprocess.CompletedProcess(argv, 1, "", str(error))


if __name__ == "__main__":
    main(sys.argv[1:])

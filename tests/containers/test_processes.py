"""When processes are gone, told by the kernel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from flocker_lite.containers.processes import kill, open_process, wait_until_gone


def test_a_process_that_is_not_the_containers() -> None:
    """A number that belongs to another program, or to none, is not watched."""
    assert open_process(os.getpid(), "no-such-container") is None
    assert open_process(2**22 + 1, "any") is None


def test_kill() -> None:
    """Every process of a control group is killed; of one without processes, none."""
    assert kill("no-such-container", 0.0)


def test_told_when_it_ends() -> None:
    """While the process lives the wait runs out, and it ends with the process."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        group = Path(f"/proc/{process.pid}/cgroup").read_text().strip()
        pidfd = open_process(process.pid, group)
        assert pidfd is not None
        assert not wait_until_gone(os.dup(pidfd), 0.0)
        assert process.stdin is not None
        process.stdin.close()
        assert wait_until_gone(pidfd, 10.0)

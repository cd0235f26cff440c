"""On the host: a machine whose fence stands still is reset by its watchdog.

It is a machine of its own, because it does not survive: `admin/test openzfs` runs this after its
tests, and `python -m tests.openzfs.reset` does so alone.
"""

from __future__ import annotations

import os
import sys
import time
from io import BytesIO
from pathlib import Path

from admin.vm.acceleration import best_accelerator
from admin.vm.errors import ResetByWatchdog
from admin.vm.machine import VirtualMachine
from admin.vm.qemu import Hardware
from tests.openzfs import hung_fence

RUN_SECONDS_MAX = 180.0


class Heard(BytesIO):
    """What the guest said, and when it said something last."""

    last_at = 0.0

    def write(self, data: object) -> int:
        self.last_at = time.monotonic()
        return super().write(data)  # type: ignore[arg-type]


def main(checkout: Path) -> str | None:
    """What went wrong; None when the machine was fed, let go, and reset."""
    hardware = Hardware(scratch_disks=0, watchdog=True)
    machine = best_accelerator(VirtualMachine(checkout, hardware, progress=print), "auto")
    heard = Heard()
    argv = ["python3", "-m", hung_fence.__name__]
    try:
        finished = machine.run(
            argv, timeout_seconds=RUN_SECONDS_MAX, stdout=heard, stderr=sys.stderr.buffer
        )
    except ResetByWatchdog:
        seconds = time.monotonic() - heard.last_at
    else:
        return f"the machine was not reset, exit code {finished.exit_code}: {heard.getvalue()!r}"
    said = heard.getvalue().decode().splitlines()
    if said != [hung_fence.FED, hung_fence.LET_GO, hung_fence.STANDS_STILL]:
        return f"the machine was reset too early, or too late; it had said {said}"
    print(*said, f"the watchdog reset the machine {seconds:.1f} s later", sep="\n")
    return None


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(Path.cwd()))

"""In the virtual machine: the fence of deadlines keeps a real watchdog, and then stands still.

`reset.py` runs this on the host, and expects that the machine is reset after the last line but one.
"""

from __future__ import annotations

import os
import signal
import site
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from flocker_lite.zfs.fence_deadlines import ZfsDeadlineFence
from flocker_lite.zfs.fence_process import now
from flocker_lite.zfs.fence_watchdog import TIME_SECONDS

DRIVER, DEVICE = "i6300esb", "/dev/watchdog"
SHOP, DATASETS = "shop", frozenset({"dddddddd-0000-4000-8000-000000000001"})
AFTER_SECONDS = 6 * TIME_SECONDS
RENEW_SECONDS = 2.0

FED = "fed: the machine goes on"
LET_GO = "let go: the machine goes on without food"
STANDS_STILL = "the fence stands still"
STILL_HERE = "nothing has reset the machine"


def state() -> tuple[str, str]:
    """What the kernel says of the watchdog: whether it counts, and its time in seconds."""
    folder = Path("/sys/class/watchdog/watchdog0")
    found = [(folder / name).read_text().strip() for name in ("identity", "state", "timeout")]
    assert DRIVER in found[0].replace("6300ESB", DRIVER), found
    return found[1], found[2]


async def keep_and_stand_still(reactor: Any) -> None:
    """Go through what a node may do with its watchdog."""
    _have_fences_find_libraries()
    subprocess.run(["modprobe", DRIVER], check=True)
    fence = ZfsDeadlineFence(reactor, "pool", Path("/run/fences"), watchdog=DEVICE)
    assert state()[0] == "inactive"
    ends = now() + 2.5 * TIME_SECONDS
    while now() < ends:
        await fence.arm_deadline(SHOP, DATASETS, now() + AFTER_SECONDS)
        await deferLater(reactor, RENEW_SECONDS)
        assert state() == ("active", str(TIME_SECONDS))
    print(FED, flush=True)
    await fence.disarm(SHOP)
    await deferLater(reactor, 1.5 * TIME_SECONDS)
    assert state()[0] == "inactive"
    print(LET_GO, flush=True)
    await fence.arm_deadline(SHOP, DATASETS, now() + AFTER_SECONDS)
    assert state() == ("active", str(TIME_SECONDS))
    # The older one of the two has the watchdog.
    found = subprocess.run(
        ["pgrep", "--oldest", "--full", "flocker_lite.zfs.fence_keeper"],
        check=True,
        capture_output=True,
    )
    print(STANDS_STILL, flush=True)
    os.kill(int(found.stdout), signal.SIGSTOP)
    # Before the deadline: afterwards, the other one would end that one, and let go of the watchdog.
    await deferLater(reactor, 3.0 * TIME_SECONDS)
    print(STILL_HERE, flush=True)


def _have_fences_find_libraries() -> None:
    """A fence has an environment of its own, without the guest's PYTHONPATH."""
    libraries = Path(site.getsitepackages()[0])
    libraries.mkdir(parents=True, exist_ok=True)
    (libraries / "guest.pth").write_text(f"{os.environ['PYTHONPATH']}\n".replace(":", "\n"))


def main(reactor: Any) -> Deferred[None]:
    """What `react` runs."""
    return Deferred.fromCoroutine(keep_and_stand_still(reactor))


if __name__ == "__main__":
    react(main)

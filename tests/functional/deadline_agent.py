"""An agent for one call: it finds or starts the deadline fence of its node, and leaves it alone.

    python -m tests.functional.deadline_agent arm NAME SECONDS DATASET INSTANCE...
    python -m tests.functional.deadline_agent disarm NAME

It prints what the fence guards afterwards: lines of name, deadline by CLOCK_BOOTTIME,
and whether it has passed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from flocker_lite.taps.startup import monotonic_seconds
from flocker_lite.zfs.fence_deadlines import ZfsDeadlineFence

RUN = Path("/run/flocker-lite")


async def _call(reactor: Any, words: list[str]) -> None:
    fence = ZfsDeadlineFence(reactor, "flocker", RUN / "fences", RUN / "fenced")
    if words[0] == "arm":
        name, seconds, dataset_id, *instances = words[1:]
        until = monotonic_seconds() + float(seconds)
        await fence.arm_deadline(name, frozenset({dataset_id}), until)
        for instance in instances:
            await fence.add_instance(name, instance)
    elif words[0] == "disarm":
        await fence.disarm(words[1])
    for name, each in (await fence.deadlines()).items():
        print(name, f"{each.until:.3f}", each.has_passed)
    fence.close()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(_call(reactor, sys.argv[1:])))

"""`python3 -m admin.packaging.trial`: plays one part on a machine, in namespaces of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from admin.packaging import lifecycle, smoke
from admin.packaging.errors import PackagingError
from admin.packaging.machine import Machine
from admin.vm.commands import isolated, run
from admin.vm.errors import VirtualMachineError

TRIAL_SECONDS_MAX = 1200


def start(part: str, folder: Path, *paths: Path) -> None:
    """
    Play a part, "lifecycle" or "smoke", with what it needs; `folder` is an empty one.

    :raises CommandFailed: when a check does not hold; its text says which.
    """
    words = (sys.executable, "-m", "admin.packaging.trial", part, folder, *paths)
    alone = isolated(("unshare", "--net", "--", *map(str, words)))
    run(alone, timeout_seconds=TRIAL_SECONDS_MAX)


def main(words: Sequence[str]) -> int:
    """The exit code."""
    part, folder, *paths = words
    machine = Machine(Path(folder))
    try:
        machine.set_up()
        if part == "lifecycle":
            lifecycle.play(machine, *map(Path, paths))
        else:
            smoke.play(machine, *map(Path, paths))
    except (PackagingError, VirtualMachineError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

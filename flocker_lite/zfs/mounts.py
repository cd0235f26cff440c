"""Who still has a filesystem mounted: the mount namespaces of this machine's processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def mounts_source(mountinfo: str, source: str) -> bool:
    """Whether the text of a /proc/PID/mountinfo has a mount of this source (a ZFS name)."""
    for line in mountinfo.splitlines():
        _, separator, rest = line.partition(" - ")
        words = rest.split(" ")
        # Fields after the separator: type, source, options. Blanks in names are octal there.
        if separator and len(words) >= 2 and words[1].replace("\\040", " ") == source:
            return True
    return False


def holders(source: str, proc: Path = Path("/proc")) -> list[int]:
    """One process id of each mount namespace that has it mounted; reads all of /proc.

    An unmount in the host's namespace says nothing about the others: a container that holds the
    mount goes on writing.
    """
    seen: set[str] = set()
    found: list[int] = []
    for entry in os.scandir(proc):
        if not entry.name.isdigit():
            continue
        for folder in _looked_at_through(proc / entry.name):
            try:
                namespace = os.readlink(folder / "ns" / "mnt")
                if namespace in seen:
                    break
                mountinfo = (folder / "mountinfo").read_text()
            except OSError:
                continue  # it ended; another one may be in the same namespace
            seen.add(namespace)
            if mounts_source(mountinfo, source):
                found.append(int(entry.name))
            break
    return found


def _looked_at_through(process: Path) -> Iterator[Path]:
    """The process, and then its threads: those may go on when the first of them has ended."""
    yield process
    with suppress(OSError):
        for thread in os.listdir(process / "task"):
            yield process / "task" / thread

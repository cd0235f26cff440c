"""Reads the kernel's mount tables, of this process and of all others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_OCTAL = re.compile(r"\\([0-7]{3})")
_WORDS_MIN = 6


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of a /proc/PID/mountinfo.

    `device` is "major:minor". `shared` names its peer group, `master` the group that it follows.
    """

    mount_id: str
    parent_id: str
    device: str
    point: str
    readonly: bool
    shared: str | None
    master: str | None
    kind: str
    source: str


def table(mountinfo: str) -> list[Mount]:
    """The mounts of a namespace, from the text of a /proc/PID/mountinfo."""
    return [mount for line in mountinfo.splitlines() if (mount := _mount(line)) is not None]


def top(mounts: Sequence[Mount], path: str) -> Mount | None:
    """The mount that is visible at a path; None when the path is not a mount point."""
    here = [mount for mount in mounts if mount.point == path]
    covered = {mount.parent_id for mount in here}
    # Of several mounts at one point, the last is on top.
    uncovered = [mount for mount in here if mount.mount_id not in covered]
    return (uncovered or here)[-1] if here else None


def mounts_source(mountinfo: str, source: str) -> bool:
    """Whether the text of a /proc/PID/mountinfo has a mount of this source."""
    return any(mount.source == source for mount in table(mountinfo))


def holders(source: str, proc: Path = Path("/proc")) -> list[int]:
    """One process id of each mount namespace that has `source` mounted; reads all of /proc.

    An unmount in the host's namespace does not affect the others: a container that still has the
    mount goes on writing.
    """
    return [
        pid
        for pid, _, mounts in namespaces(proc)
        if any(mount.source == source for mount in mounts)
    ]


def namespaces(proc: Path = Path("/proc")) -> Iterator[tuple[int, str, list[Mount]]]:
    """One process id of each mount namespace, the namespace's name, and its mounts."""
    seen: set[str] = set()
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        for folder in _looked_at_through(proc / str(pid)):
            try:
                namespace = os.readlink(folder / "ns" / "mnt")
                if namespace in seen:
                    break
                mountinfo = (folder / "mountinfo").read_text("utf-8", "replace")
            except OSError:
                continue  # it ended; another process may be in the same namespace
            seen.add(namespace)
            yield pid, namespace, table(mountinfo)
            break


def _mount(line: str) -> Mount | None:
    before, separator, after = line.partition(" - ")
    # The kernel writes blanks in names as octal escapes.
    words, rest = before.split(" "), after.split(" ")
    if not separator or len(words) < _WORDS_MIN or len(rest) < 2:
        return None
    tags = dict(word.partition(":")[::2] for word in words[_WORDS_MIN:])
    options = {*words[5].split(","), *(rest[2].split(",") if len(rest) > 2 else ())}
    return Mount(
        mount_id=words[0],
        parent_id=words[1],
        device=words[2],
        point=_plain(words[4]),
        readonly="ro" in options,
        shared=tags.get("shared"),
        master=tags.get("master"),
        kind=rest[0],
        source=_plain(rest[1]),
    )


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def _looked_at_through(process: Path) -> Iterator[Path]:
    """The process, then its threads, which may go on after the first of them has ended."""
    yield process
    with suppress(OSError):
        for thread in os.listdir(process / "task"):
            yield process / "task" / thread

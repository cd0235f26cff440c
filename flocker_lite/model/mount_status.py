"""What is at the mountpoint of a dataset, and which processes use it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MountStatus:
    """What the kernel has at the path where a dataset is, or would be, mounted.

    `is_mounted` says that the dataset is mounted there and answers; `is_dead` that it is mounted
    there but will never answer again. `obstacle` says in words what is there instead of the
    dataset, and what to do about it. `warning` tells a user something that prevents nothing.
    """

    is_mounted: bool = False
    is_dead: bool = False
    obstacle: str | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, or something else, that uses a mounted dataset; `how` says in words what it uses.

    `pid` is 0 when it is not a process. `writes` says that it may write to the dataset, `holds`
    that the dataset cannot be unmounted because of it. `container` is Docker's id of the container
    in which the process runs, and `run` is another one each time that it is started.
    """

    pid: int
    process: str
    how: str
    writes: bool = False
    holds: bool = True
    container: str | None = None
    run: str = ""

    def __str__(self) -> str:
        who = f"{self.process} (pid {self.pid})" if self.pid else self.process
        return f"{who} {self.how}"

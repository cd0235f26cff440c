"""What there is where datasets are mounted, and who has something of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """What there is where a dataset is, or would be, mounted, as the kernel has it.

    `is_mounted` says that it is the dataset, and answers; `is_dead` that it is a mount of it that
    does not answer any more, for good. `obstacle` is what is there in its place, and what to do,
    in words. `warning` is what a user should know and what keeps nothing from working.
    """

    is_mounted: bool = False
    is_dead: bool = False
    obstacle: str | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has something of a dataset that is mounted, and what, in words: `how`.

    `pid` is 0 where it is no process. `writes` says that it may write to it, `holds` that it keeps
    it from being unmounted. `container` is Docker's id of the container that the process is in.
    """

    pid: int
    process: str
    how: str
    writes: bool = False
    holds: bool = True
    container: str | None = None

    def __str__(self) -> str:
        who = f"{self.process} (pid {self.pid})" if self.pid else self.process
        return f"{who} {self.how}"

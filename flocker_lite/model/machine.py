"""What an agent says of its machine; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

MACHINE = "machine"
"""The one id under which an agent reports it."""

SHARE_MIN = 0.01
LOAD_MIN = 0.5
"""Smaller changes of what is free, and of the load, are no news."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much a storage can have in all, and how much more it can take now, in bytes."""

    size_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and its storage as they are now; None stands for what nobody could find out.

    `storage` is the name of the storage backend. `load` is the number of processes that ran or
    waited in the last minute. Times are in seconds since 1970, by the machine's own clock;
    `told_at` is when it was measured, which is no news by itself.
    """

    release: str = ""
    system: str = ""
    kernel: str = ""
    storage: str = ""
    capacity: Capacity | None = None
    memory: Capacity | None = None
    load: float | None = None
    booted_at: float | None = None
    told_at: float = field(default=0.0, compare=False)


def worth_telling(told: Machine | None, now: Machine) -> bool:
    """Whether the machine differs from what was told of it by more than a little."""
    if told is None:
        return True
    if _without_figures(told) != _without_figures(now):
        return True
    if (told.load is None) != (now.load is None):
        return True
    loads = abs((now.load or 0.0) - (told.load or 0.0))
    return (
        loads >= LOAD_MIN
        or _differs(told.capacity, now.capacity)
        or _differs(told.memory, now.memory)
    )


def _without_figures(machine: Machine) -> Machine:
    return replace(machine, capacity=None, memory=None, load=None)


def _differs(told: Capacity | None, now: Capacity | None) -> bool:
    if told is None or now is None:
        return told is not now
    if told.size_bytes == now.size_bytes:
        return abs(told.free_bytes - now.free_bytes) >= SHARE_MIN * now.size_bytes > 0
    return abs(told.size_bytes - now.size_bytes) >= SHARE_MIN * now.size_bytes

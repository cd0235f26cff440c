"""What to send so that a copy at another node catches up, and which snapshots are needed no more.

Snapshots are matched by guid, never by name. "Cannot" is a value that holds the evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from flocker_lite.model.state import Snapshot

EPOCHS_KEPT_MAX = 3
"""A copy that was left behind this many handoffs ago can still be caught up by an increment."""

_OURS = re.compile(r"flocker-lite-([1-9][0-9]{0,15})-([1-9][0-9]{0,15})")
"""What a push gives, to the letter: what only looks like it is a user's."""


@dataclass(frozen=True, slots=True)
class Full:
    """There is no copy: send all."""


@dataclass(frozen=True, slots=True)
class Increment:
    """The target's newest snapshot is `base` here as well: send what came since."""

    base: Snapshot


@dataclass(frozen=True, slots=True)
class Diverged:
    """The target's newest snapshot is not known here: no stream can continue that copy."""

    source: tuple[Snapshot, ...]
    newest: Snapshot | None

    def __str__(self) -> str:
        return f"the copy there ends with {self.newest}, none of the {len(self.source)} here"


NextSend: TypeAlias = Full | Increment | Diverged


def next_send(source: tuple[Snapshot, ...], exists: bool, newest: Snapshot | None) -> NextSend:
    """What a send can start from, to a copy that may exist and whose newest snapshot is this."""
    if not exists:
        return Full()
    here = {snapshot.guid: snapshot for snapshot in source}
    if newest is not None and newest.guid in here:
        return Increment(here[newest.guid])
    return Diverged(source, newest)


def last_pushed(snapshots: tuple[Snapshot, ...]) -> Snapshot | None:
    """The last snapshot that a push made; users may have taken others since.

    By its place, not by its numbers: a user may have given a name like ours to an earlier one.
    """
    return next((snapshot for _, _, snapshot in reversed(_ours(snapshots))), None)


def next_name(epoch: int, snapshots: tuple[Snapshot, ...]) -> str:
    """A name for the next snapshot of a push in this epoch."""
    numbers = [number for made_in, number, _ in _ours(snapshots) if made_in == epoch]
    return f"flocker-lite-{epoch}-{max(numbers, default=0) + 1}"


def stash_name(epoch: int, snapshots: tuple[Snapshot, ...]) -> str:
    """A name for what was written on trial in this epoch; none that is a push's, so it stays."""
    taken = {snapshot.name for snapshot in snapshots}
    names = (f"stash-{epoch}" + (f"-{number}" if number > 1 else "") for number in count(1))
    return next(name for name in names if name not in taken)


def prunable(snapshots: tuple[Snapshot, ...], keep_guids: frozenset[str]) -> tuple[Snapshot, ...]:
    """The snapshots that pushes made and that none needs any more; never one that a user made.

    The last one of each recent epoch stays, as the base for copies that were left behind.
    """
    last = {epoch: snapshot for epoch, _, snapshot in sorted(_ours(snapshots), key=_by_number)}
    kept = {last[epoch].guid for epoch in sorted(last)[-EPOCHS_KEPT_MAX:]} | keep_guids
    return tuple(snapshot for _, _, snapshot in _ours(snapshots) if snapshot.guid not in kept)


def _ours(snapshots: tuple[Snapshot, ...]) -> list[tuple[int, int, Snapshot]]:
    matches = [(_OURS.fullmatch(snapshot.name), snapshot) for snapshot in snapshots]
    return [(int(match[1]), int(match[2]), snapshot) for match, snapshot in matches if match]


def _by_number(item: tuple[int, int, object]) -> tuple[int, int]:
    return item[:2]

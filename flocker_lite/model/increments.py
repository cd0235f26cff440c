"""What to send so that a copy at another node catches up, and which snapshots are needed no more.

Snapshots are matched by guid, never by name. "Cannot" is a value that holds the evidence.

Which snapshots of ours are kept, at both ends of every push (`prunable`):

* the newest, and at the primary whatever the newest is of each other node's copy, as far as that
  is known (`Wishes.bases`): at most one for each node, from which an increment to there starts;
* the last of each of the latest EPOCHS_KEPT_MAX epochs, for the copies of nodes that are not heard
  of: what was handed over in an epoch is what both of its ends have.

All others go. What is kept travels: a push sends what the other side lacks of it one after the
other, and the receiver keeps what the sender keeps. So in a ring of nodes each still has a base
with every other. Users' snapshots are never destroyed, and travel as well (`Full`, `Increment`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from flocker_lite.model.state import Snapshot

EPOCHS_KEPT_MAX = 3
"""A copy that was left behind this many handoffs ago can still be caught up by an increment."""

TOLD_MAX = 200
"""How many of its snapshots a node tells another one, the newest and all of ours first.

With the longest names that ZFS has they fit into one answer.
"""

USERS_SENT_MAX = 30
"""How many of a user's snapshots one push takes along, the newest first."""

_OURS = re.compile(r"flocker-lite-([1-9][0-9]{0,15})-([1-9][0-9]{0,15})")
"""What a push gives, to the letter: what only looks like it is a user's."""

_STASH = re.compile(r"stash-[0-9]+(-[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Full:
    """There is no copy: send all, up to the first of `steps`, then the others one by one."""

    steps: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class Increment:
    """The target's newest snapshot is `base` here as well: send what came since.

    `steps` come before whatever is newer than all of them.
    """

    base: Snapshot
    steps: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class Parted:
    """Both have `base`, and the target something after it that is not known here.

    Once that is kept aside, what came after `base` here continues it.
    """

    base: Snapshot
    after: tuple[Snapshot, ...]

    def __str__(self) -> str:
        names = ", ".join(snapshot.name for snapshot in self.after)
        return f"the copy there has {names} after {self.base.name}, which are not here"


@dataclass(frozen=True, slots=True)
class Diverged:
    """Nothing that the target told of is known here: no stream can continue that copy."""

    source: tuple[Snapshot, ...]
    newest: Snapshot | None

    def __str__(self) -> str:
        return f"the copy there ends with {self.newest}, none of the {len(self.source)} here"


NextSend: TypeAlias = Full | Increment | Parted | Diverged


def next_send(
    source: tuple[Snapshot, ...],
    exists: bool,
    newest: Snapshot | None,
    target: tuple[Snapshot, ...] | None = None,
    bases: frozenset[str] = frozenset(),
) -> NextSend:
    """What a send starts from, to a copy that may exist and whose newest snapshot is this.

    `target` is what it told of all of its snapshots, oldest first; None when it is of a release
    that tells of the newest alone. `bases` are the guids of what other nodes' copies end with.
    """
    if not exists:
        return Full(_steps(source, (), bases))
    there = target or ((newest,) if newest is not None else ())
    here = {snapshot.guid: place for place, snapshot in enumerate(source)}
    common = max((place for place, item in enumerate(there) if item.guid in here), default=None)
    if common is None:
        return Diverged(source, newest)
    found = here[there[common].guid]
    if common < len(there) - 1:
        return Parted(source[found], there[common + 1 :])
    return Increment(source[found], _steps(source[found + 1 :], target, bases))


def told(snapshots: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    """What of its snapshots a node tells another one: the newest, and of ours what there is."""
    if len(snapshots) <= TOLD_MAX:
        return snapshots
    ours = [snapshot for _, _, snapshot in _ours(snapshots)][-TOLD_MAX // 2 :]
    wanted = {snapshot.guid for snapshot in ours}
    for snapshot in reversed(snapshots):
        if len(wanted) == TOLD_MAX:
            break
        wanted.add(snapshot.guid)
    return tuple(snapshot for snapshot in snapshots if snapshot.guid in wanted)


def _steps(
    later: tuple[Snapshot, ...], target: tuple[Snapshot, ...] | None, bases: frozenset[str]
) -> tuple[Snapshot, ...]:
    """What goes to the target one by one: of ours what is kept, of the users' the newest.

    A name that the target has for another snapshot cannot be had there twice.
    """
    needless = {snapshot.guid for snapshot in prunable(later, bases)}
    ours = {snapshot.guid for _, _, snapshot in _ours(later)}
    users = [snapshot.guid for snapshot in later if snapshot.guid not in ours]
    # Of one that did not tell of all of its snapshots it is not known which names it has.
    has_told_all = target is not None and len(target) < TOLD_MAX
    wanted = (ours - needless) | set(users[-USERS_SENT_MAX:] if has_told_all else [])
    taken = {snapshot.name for snapshot in target or ()}
    return tuple(item for item in later if item.guid in wanted and item.name not in taken)


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


def why_aside(after: tuple[Snapshot, ...]) -> str:
    """In a word, why snapshots that only one copy has are set aside."""
    on_trial = all(_STASH.fullmatch(snapshot.name) for snapshot in after)
    return "trial" if after and on_trial else "diverged"


def prunable(snapshots: tuple[Snapshot, ...], keep_guids: frozenset[str]) -> tuple[Snapshot, ...]:
    """The snapshots that pushes made and that none needs any more; never one that a user made.

    Which stay is said at the top of this module.
    """
    last = {epoch: snapshot for epoch, _, snapshot in sorted(_ours(snapshots), key=_by_number)}
    kept = {last[epoch].guid for epoch in sorted(last)[-EPOCHS_KEPT_MAX:]} | keep_guids
    return tuple(snapshot for _, _, snapshot in _ours(snapshots) if snapshot.guid not in kept)


def kept(snapshots: tuple[Snapshot, ...], keep_guids: frozenset[str]) -> frozenset[str]:
    """The guids of ours that `prunable` leaves, which is what the other end is to keep as well."""
    needless = {snapshot.guid for snapshot in prunable(snapshots, keep_guids)}
    return frozenset(item.guid for _, _, item in _ours(snapshots)) - needless


def _ours(snapshots: tuple[Snapshot, ...]) -> list[tuple[int, int, Snapshot]]:
    matches = [(_OURS.fullmatch(snapshot.name), snapshot) for snapshot in snapshots]
    return [(int(match[1]), int(match[2]), snapshot) for match, snapshot in matches if match]


def _by_number(item: tuple[int, int, object]) -> tuple[int, int]:
    return item[:2]

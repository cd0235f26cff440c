"""What to send so that another node's copy catches up, and which snapshots nobody needs any more.

We match snapshots by guid, never by name. When nothing can be sent, the answer is a value that
holds the evidence.

Both ends of a push keep these snapshots of ours (`prunable`):

* The newest one. The primary also keeps the snapshot with which each other node's copy ends, if it
  has heard of it (`DesiredDataset.bases`): an increment to that node starts there.
* The last snapshot of each of the latest EPOCHS_KEPT_MAX epochs, for the copies of nodes that we
  have not heard of: both ends of a handoff have the snapshot that was handed over.

They destroy all others of ours. The kept snapshots travel: a push sends the ones that the other
side lacks one by one, and the receiver keeps what the sender keeps. So in a ring of nodes, each
pair of nodes still has a common base. Users' snapshots are never destroyed, and travel as well
(`Full`, `Increment`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from flocker_lite.model.state import Snapshot

EPOCHS_KEPT_MAX = 3
"""An increment can still update a copy that was left behind this many handoffs ago."""

TOLD_MAX = 200
"""How many of its snapshots a node names to another node, the newest and all of ours first.

So many fit into one answer, even with the longest names that ZFS allows.
"""

USERS_SENT_MAX = 30
"""How many of users' snapshots one push takes along, the newest first."""

NUMBER_MAX = 10**16 - 1
_OURS = re.compile(r"flocker-lite-([1-9][0-9]{0,15})-([1-9][0-9]{0,15})")
"""Exactly the names that pushes give; a snapshot whose name only looks similar is a user's."""

_STASH = re.compile(r"stash-[0-9]+(-[0-9]+)?")
_DEMOTED = re.compile(r"deposed-([0-9]+)(-[0-9]+)?")

FAILOVER = "failover"
"""Why an aside of what a failover left behind was made."""


@dataclass(frozen=True, slots=True)
class Full:
    """The target has no copy: send all up to the first of `steps`, then the others one by one."""

    steps: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class Increment:
    """This node has the target's newest snapshot, `base`: send what came since.

    Send the `steps` first, one by one, and then what is newer than all of them.
    """

    base: Snapshot
    steps: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class Parted:
    """Both sides have `base`, and the target has later snapshots that this node does not have.

    Once the target has set those aside, an increment from `base` can continue its copy.
    """

    base: Snapshot
    after: tuple[Snapshot, ...]

    def __str__(self) -> str:
        names = ", ".join(snapshot.name for snapshot in self.after)
        return f"the copy there has {names} after {self.base.name}, which this node does not have"


@dataclass(frozen=True, slots=True)
class Diverged:
    """This node has none of the target's snapshots, so no stream can continue that copy."""

    source: tuple[Snapshot, ...]
    newest: Snapshot | None

    def __str__(self) -> str:
        here = f"none of the {len(self.source)} snapshots here"
        return f"the copy there ends with {self.newest}, which is {here}"


NextSend: TypeAlias = Full | Increment | Parted | Diverged


def next_send(
    source: tuple[Snapshot, ...],
    exists: bool,
    newest: Snapshot | None,
    target: tuple[Snapshot, ...] | None = None,
    bases: frozenset[str] = frozenset(),
) -> NextSend:
    """What to send to a target whose copy, if it `exists`, ends with the snapshot `newest`.

    `target` are the snapshots that it named, oldest first; None when its release names the newest
    alone. `bases` are the guids of the snapshots with which other nodes' copies end.
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
    """The snapshots that a node names to another node: all of ours that fit, and the newest."""
    if len(snapshots) <= TOLD_MAX:
        return snapshots
    ours = [snapshot for _, _, snapshot in _ours(snapshots)][-TOLD_MAX // 2 :]
    desired = {snapshot.guid for snapshot in ours}
    for snapshot in reversed(snapshots):
        if len(desired) == TOLD_MAX:
            break
        desired.add(snapshot.guid)
    return tuple(snapshot for snapshot in snapshots if snapshot.guid in desired)


def _steps(
    later: tuple[Snapshot, ...], target: tuple[Snapshot, ...] | None, bases: frozenset[str]
) -> tuple[Snapshot, ...]:
    """The snapshots to send one by one: those of ours that are kept, and the newest of users'.

    We skip a snapshot if the target has another one of the same name.
    """
    needless = {snapshot.guid for snapshot in prunable(later, bases)}
    ours = {snapshot.guid for _, _, snapshot in _ours(later)}
    users = [snapshot.guid for snapshot in later if snapshot.guid not in ours]
    # If the target did not name all of its snapshots, we do not know which names it has taken.
    has_told_all = target is not None and len(target) < TOLD_MAX
    desired = (ours - needless) | set(users[-USERS_SENT_MAX:] if has_told_all else [])
    taken = {snapshot.name for snapshot in target or ()}
    return tuple(item for item in later if item.guid in desired and item.name not in taken)


def last_pushed(snapshots: tuple[Snapshot, ...]) -> Snapshot | None:
    """The last snapshot that a push made; users may have taken others since.

    Its place in the list decides, not the numbers in its name: a user may have named an earlier
    snapshot like ours.
    """
    return next((snapshot for _, _, snapshot in reversed(_ours(snapshots))), None)


def next_name(epoch: int, snapshots: tuple[Snapshot, ...]) -> str:
    """A free name for the next snapshot of a push in this epoch."""
    numbers = {number for made_in, number, _ in _ours(snapshots) if made_in == epoch}
    number = max(numbers, default=0) + 1
    if number > NUMBER_MAX:
        number = next(free for free in count(1) if free not in numbers)
    return f"flocker-lite-{epoch}-{number}"


def stash_name(epoch: int, snapshots: tuple[Snapshot, ...]) -> str:
    """A name for a snapshot of what a trial in this epoch wrote; no push's name, so it is kept."""
    return _free_name(f"stash-{epoch}", snapshots)


def demoted_name(epoch: int, snapshots: tuple[Snapshot, ...]) -> str:
    """A name for a snapshot of what a primary wrote before another one took over as of `epoch`."""
    return _free_name(f"deposed-{epoch}", snapshots)


def is_demoted_name(name: str, epoch: int) -> bool:
    """Whether `demoted_name` gave this name for the same epoch."""
    match = _DEMOTED.fullmatch(name)
    return match is not None and int(match[1]) == epoch


def _free_name(name: str, snapshots: tuple[Snapshot, ...]) -> str:
    taken = {snapshot.name for snapshot in snapshots}
    names = (name + (f"-{number}" if number > 1 else "") for number in count(1))
    return next(each for each in names if each not in taken)


def why_aside(after: tuple[Snapshot, ...]) -> str:
    """One word that says why snapshots that only one copy has are set aside."""
    if any(_DEMOTED.fullmatch(snapshot.name) for snapshot in after):
        return FAILOVER
    on_trial = all(_STASH.fullmatch(snapshot.name) for snapshot in after)
    return "trial" if after and on_trial else "diverged"


def prunable(snapshots: tuple[Snapshot, ...], keep_guids: frozenset[str]) -> tuple[Snapshot, ...]:
    """The snapshots that pushes made and nobody needs any more; never one that a user made.

    The top of this module says which are kept.
    """
    last: dict[int, str] = {}
    # The place decides, not the number in the name: anybody can give a snapshot a higher number.
    for epoch, _, snapshot in reversed(_ours(snapshots)):
        last.setdefault(epoch, snapshot.guid)
    kept = {*list(last.values())[:EPOCHS_KEPT_MAX], *keep_guids}
    return tuple(snapshot for _, _, snapshot in _ours(snapshots) if snapshot.guid not in kept)


def kept(snapshots: tuple[Snapshot, ...], keep_guids: frozenset[str]) -> frozenset[str]:
    """The guids of the snapshots of ours that `prunable` leaves; the other end keeps them too."""
    needless = {snapshot.guid for snapshot in prunable(snapshots, keep_guids)}
    return frozenset(item.guid for _, _, item in _ours(snapshots)) - needless


def _ours(snapshots: tuple[Snapshot, ...]) -> list[tuple[int, int, Snapshot]]:
    matches = [(_OURS.fullmatch(snapshot.name), snapshot) for snapshot in snapshots]
    return [(int(match[1]), int(match[2]), snapshot) for match, snapshot in matches if match]

"""The fencing protocol at the primary: what it asks for, and until when its container may run.

Times are in seconds of this node's CLOCK_BOOTTIME.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.model.fencing.claims import Epochs, Generation, Renewal
from flocker_lite.model.identities import NodeId

CONTROL = "control"
"""Stands for the control service among those who grant renewals; no node has this id."""

NEVER = float("-inf")
"""The deadline of what may not run."""


@dataclass(frozen=True, slots=True)
class Counting:
    """Which witnesses a primary counts, and how long a renewal is good for.

    The agent writes it down before a renewal says so, and goes on with it when it starts again.
    """

    generation: Generation
    witnesses: tuple[NodeId, ...]
    after_seconds: float


@dataclass(frozen=True, slots=True)
class Primary:
    """What a node knows of a container that it runs, or is about to run.

    `until` leads from each one that granted renewals to when the last of them is over.
    """

    container: str
    node: NodeId
    epochs: Epochs
    counting: Counting
    until: PMap[str, float] = field(default_factory=pmap)
    deadline: float = NEVER


def begun(
    container: str, node: NodeId, epochs: Epochs, counting: Counting, armed: float | None
) -> Primary:
    """A container of an agent that just started; `armed` is the deadline that its fence has."""
    return Primary(container, node, epochs, counting, deadline=NEVER if armed is None else armed)


def armed_first(primary: Primary, now: float) -> Primary:
    """The container runs under no deadline, since it had no automatic failover; now it gets one.

    The fence has to be armed with it before the first renewal is asked for.
    """
    return replace(primary, deadline=max(primary.deadline, now + primary.counting.after_seconds))


def told(primary: Primary, counting: Counting, is_owner: bool, now: float) -> Primary:
    """The control service told what to count; `is_owner`, that this node has these very epochs.

    Before that a node counts no witness: a destination that takes over goes by the promise of the
    control service alone. A shorter time counts once no longer deadline is left of before.
    """
    if not is_owner:
        counting = replace(counting, witnesses=())
    before = primary.counting.after_seconds
    if counting.after_seconds < before and primary.deadline > now + counting.after_seconds:
        counting = replace(counting, after_seconds=before)
    return replace(primary, counting=counting)


def renewal(primary: Primary) -> Renewal:
    """What to ask the control service and each witness for."""
    counting = primary.counting
    return Renewal(
        primary.container,
        primary.node,
        primary.epochs,
        counting.generation,
        counting.witnesses,
        counting.after_seconds,
    )


def granted(primary: Primary, by: str, asked: Renewal, asked_at: float) -> Primary:
    """`by` granted what was asked for at `asked_at`: the deadline is put off, or stays."""
    if asked.epochs != primary.epochs:
        return primary
    over = max(primary.until.get(by, NEVER), asked_at + asked.after_seconds)
    until = primary.until.set(by, over)
    return replace(primary, until=until, deadline=max(primary.deadline, _limit(primary, until)))


def may_run(primary: Primary, now: float) -> bool:
    """Whether the container may start, or go on."""
    return now < primary.deadline


def _limit(primary: Primary, until: PMap[str, float]) -> float:
    witnesses = [until.get(witness, NEVER) for witness in primary.counting.witnesses]
    return max(until.get(CONTROL, NEVER), min(witnesses, default=NEVER))

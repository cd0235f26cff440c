"""What the control service has stored of a container's fencing: whom its primary counts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from flocker_lite.model.fencing.claims import Generation, Renewal
from flocker_lite.model.identities import NodeId


@dataclass(frozen=True, slots=True)
class Fencing:
    """The fencing of one container with data and automatic failover.

    Each edit that concerns it makes a new `generation`. `witnesses` are the standbys that the
    present owner certainly counts, so that one of them may be promoted. `longest_seconds` is the
    longest that a renewal may be good for, by all that was configured and asked for.
    """

    generation: Generation
    witnesses: tuple[NodeId, ...] = ()
    longest_seconds: float = 0.0


def acknowledged(
    fencing: Fencing,
    asked: Renewal,
    standbys: Collection[NodeId],
    after_seconds: float,
) -> Fencing:
    """With what the owner says that it counts; it has to be durable before this is granted.

    Of another generation than the current one we believe nothing: a standby that was removed and
    added again, say, would count without the primary knowing.
    """
    if asked.generation != fencing.generation:
        longest = max(fencing.longest_seconds, asked.after_seconds)
        return replace(fencing, longest_seconds=longest)
    witnesses = tuple(sorted(set(asked.witnesses) & set(standbys)))
    longest = max(after_seconds, asked.after_seconds)
    return replace(fencing, witnesses=witnesses, longest_seconds=longest)


def reconfigured(
    fencing: Fencing | None,
    generation: Generation,
    standbys: Collection[NodeId],
    after_seconds: float,
) -> Fencing:
    """After an edit of the standbys, or of `after_seconds`; a standby that left is forgotten."""
    if fencing is None:
        return Fencing(generation, longest_seconds=after_seconds)
    witnesses = tuple(witness for witness in fencing.witnesses if witness in standbys)
    longest = max(fencing.longest_seconds, after_seconds)
    return Fencing(generation, witnesses, longest)


def with_another_owner(fencing: Fencing, generation: Generation) -> Fencing:
    """After a handoff, a promotion, or an edit of the container's datasets: nobody is counted."""
    return replace(fencing, generation=generation, witnesses=())

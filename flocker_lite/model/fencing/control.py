"""The fencing protocol at the control service: what it has promised, and its attempts.

Times are in seconds of the control service's monotonic clock. Who owns the container and what its
primary counts (`Fencing`) is durable; what is here lives as long as the control service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.model.fencing.acknowledged import Fencing
from flocker_lite.model.fencing.claims import (
    Agreement,
    Attempt,
    Epochs,
    Proposal,
    Renewal,
    is_older,
    promise_seconds,
)
from flocker_lite.model.identities import DatasetId, NodeId


@dataclass(frozen=True, slots=True)
class Ownership:
    """By its grants: who owns the datasets of a container, and since which epochs.

    `destination` is where an open move of the container goes, and has been granted those of its
    datasets that `arrived`.
    """

    owner: NodeId
    epochs: Epochs
    destination: NodeId | None = None
    arrived: frozenset[DatasetId] = frozenset()


@dataclass(frozen=True, slots=True)
class Watch:
    """What the control service promised of a container, and its attempt to promote a standby.

    `until` is when its promise is over. While `is_promoting`, the standby has agreed, and the edit
    that makes it the owner is on its way.
    """

    until: float = float("-inf")
    standby: NodeId | None = None
    proposal: Proposal | None = None
    is_promoting: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """All watches, by container; `term` names this run of the control service."""

    term: str
    started_at: float
    attempts: int = 0
    watches: PMap[str, Watch] = field(default_factory=pmap)


def watch_of(control: Control, container: str) -> Watch:
    """An empty one for a container that nobody asked of yet."""
    return control.watches.get(container, Watch())


def rejection(control: Control, asked: Renewal, owned: Ownership) -> str | None:
    """Why a renewal is not granted; None if it is.

    The destination of a move asks before it acquires, for the epochs that it will have.
    """
    if watch_of(control, asked.container).is_promoting:
        return "a standby is being promoted"
    if asked.primary not in (owned.owner, owned.destination):
        return "another node owns it"
    expected: dict[DatasetId, int] = {
        dataset_id: epoch + (asked.primary != owned.owner and dataset_id not in owned.arrived)
        for dataset_id, epoch in owned.epochs.items()
    }
    if not asked.epochs or any(expected.get(key) != epoch for key, epoch in asked.epochs.items()):
        return "the grants have other epochs"
    return None


def granted(control: Control, asked: Renewal, now: float) -> Control:
    """A renewal is granted at this moment, which calls off an attempt.

    What `acknowledged` makes of it is durable, and `rejection` has been asked once more since.
    """
    watch = watch_of(control, asked.container)
    until = max(watch.until, now + promise_seconds(asked.after_seconds))
    return _with(control, asked.container, Watch(until))


def promised_until(control: Control, container: str, fencing: Fencing) -> float:
    """When the control service may take part in a promotion: after all that it ever promised."""
    since_start = control.started_at + promise_seconds(fencing.longest_seconds)
    return max(since_start, watch_of(control, container).until)


def proposed(
    control: Control, container: str, fencing: Fencing, owned: Ownership, standby: NodeId
) -> Control:
    """A new attempt to promote this standby; an earlier one is called off."""
    attempt = Attempt(control.term, control.attempts + 1)
    longest = fencing.longest_seconds
    proposal = Proposal(attempt, container, owned.epochs, longest)
    watch = replace(watch_of(control, container), standby=standby, proposal=proposal)
    return _with(replace(control, attempts=attempt.number), container, watch)


def hindrance(
    control: Control,
    container: str,
    standby: NodeId,
    fencing: Fencing,
    owned: Ownership,
    now: float,
) -> str | None:
    """Why this standby must not be promoted now; None if the protocol allows it.

    For a promotion by an attempt, `refusal` has to be asked as well.
    """
    if standby == owned.owner or standby not in fencing.witnesses:
        return "the primary has not said that it counts this standby"
    if now <= promised_until(control, container, fencing):
        return "the primary was heard too recently"
    return None


def refusal(
    control: Control,
    attempt: Attempt,
    standby: NodeId,
    container: str,
    fencing: Fencing,
    owned: Ownership,
    now: float,
) -> str | None:
    """Why nothing comes of a standby's agreement; None if it is to be promoted."""
    watch = watch_of(control, container)
    if watch.proposal is None or (attempt, standby) != (watch.proposal.attempt, watch.standby):
        return "the attempt was called off"
    if watch.proposal.epochs != owned.epochs:
        return "the grants have other epochs"
    if watch.proposal.after_seconds < fencing.longest_seconds:
        return "the primary may count with a longer time than the standby was told of"
    return hindrance(control, container, standby, fencing, owned, now)


def promoting(control: Control, container: str) -> Control:
    """The edit that makes the standby the owner is on its way: nothing is renewed meanwhile."""
    return _with(control, container, replace(watch_of(control, container), is_promoting=True))


def ended(control: Control, container: str, promoted_at: float | None, seconds: float) -> Control:
    """The attempt is over; if the standby was promoted, it counts as having been heard then."""
    until = watch_of(control, container).until
    if promoted_at is not None:
        until = max(until, promoted_at + promise_seconds(seconds))
    return _with(control, container, Watch(until))


def is_called_off(
    control: Control, agreement: Agreement, granted_epochs: Mapping[DatasetId, int]
) -> bool:
    """Whether nothing came of an attempt and nothing will, so that its standby may renew again."""
    proposal = watch_of(control, agreement.container).proposal
    if proposal is not None and proposal.attempt == agreement.attempt:
        return False
    return not is_older(agreement.epochs, granted_epochs)


def _with(control: Control, container: str, watch: Watch) -> Control:
    return replace(control, watches=control.watches.set(container, watch))

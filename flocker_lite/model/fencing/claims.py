"""The words of the fencing protocol: epochs, generations, attempts, renewals, and the margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pyrsistent import PMap

from flocker_lite.model.identities import DatasetId, NodeId

DRIFT_MAX = 0.01
"""No clock gains or loses more than this share of the time that passes."""

KILL_SECONDS_MAX = 1.0
"""From a fencing deadline until the last write of what ran under it, at most."""

RENEWALS_PER_DEADLINE = 6
"""So often a primary asks for renewals in the time that one of them is good for."""

Epochs: TypeAlias = PMap[DatasetId, int]
"""All datasets of a container, each with the epoch of its writer."""

Generation: TypeAlias = str
"""Names one configuration of a container's standbys; made anew at random by each edit of them."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to promote a standby; no other has the same name.

    `term` is made anew at random whenever the control service starts; `number` counts within it.
    """

    term: str
    number: int


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a primary asks: do not take part in a promotion of this container for a while.

    The primary counts `after_seconds` from when it asked. It sends no renewal while the container
    runs under no deadline.
    """

    container: str
    primary: NodeId
    epochs: Epochs
    generation: Generation
    witnesses: tuple[NodeId, ...]
    after_seconds: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the control service asks a standby: to agree to its own promotion.

    `epochs` are those of the old primary, `after_seconds` is the longest that it may count with.
    """

    attempt: Attempt
    container: str
    epochs: Epochs
    after_seconds: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """A standby agreed to this attempt; it writes that down before it answers."""

    attempt: Attempt
    container: str
    epochs: Epochs


def margin_seconds(after_seconds: float) -> float:
    """By how much a promise outlasts the deadline that rests on it.

    The primary's clock may be the slowest, the promise's the fastest, and then the kill takes time.
    """
    slowest, fastest = 1 - DRIFT_MAX, 1 + DRIFT_MAX
    return after_seconds * (fastest / slowest - 1) + KILL_SECONDS_MAX * fastest


def promise_seconds(after_seconds: float) -> float:
    """How long someone who grants a renewal takes no part in a promotion."""
    return after_seconds + margin_seconds(after_seconds)


def renew_every_seconds(after_seconds: float) -> float:
    """How often a primary asks for renewals."""
    return after_seconds / RENEWALS_PER_DEADLINE


def is_older(epochs: Mapping[DatasetId, int], known: Mapping[DatasetId, int]) -> bool:
    """Whether any of these datasets is known to have a later writer."""
    return any(known.get(dataset_id, 0) > epoch for dataset_id, epoch in epochs.items())


def is_past(epochs: Mapping[DatasetId, int], known: Mapping[DatasetId, int]) -> bool:
    """Whether each of these datasets is known to have a later writer."""
    return all(known.get(dataset_id, 0) > epoch for dataset_id, epoch in epochs.items())

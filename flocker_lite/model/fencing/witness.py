"""The fencing protocol at a standby's agent: what it promises, and when it may agree.

Times are in seconds of this node's CLOCK_BOOTTIME. `known` are the newest epochs that this node
knows of, by what the control service told it and by the leases of its own copies.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.model.fencing.claims import (
    Agreement,
    Attempt,
    Proposal,
    Renewal,
    is_older,
    is_past,
    promise_seconds,
)
from flocker_lite.model.identities import DatasetId

AGREEMENTS_MAX = 8
"""So many attempts of one container a standby agrees to before it hears that one was called off."""


@dataclass(frozen=True, slots=True)
class Witness:
    """What a standby's agent has promised and agreed to, by container.

    `promised` is until when it takes no part in a promotion; a restart forgets it, so the agent
    counts as having promised everything at `started_at`. `agreements` are durable.
    """

    started_at: float
    promised: PMap[str, float] = field(default_factory=pmap)
    agreements: PMap[str, tuple[Agreement, ...]] = field(default_factory=pmap)


def renewed(
    witness: Witness, asked: Renewal, known: Mapping[DatasetId, int], now: float
) -> Witness | str:
    """The witness after it granted the renewal, or why it does not."""
    if is_older(asked.epochs, known):
        return "there is a later primary"
    for agreement in witness.agreements.get(asked.container, ()):
        if not is_past(agreement.epochs, asked.epochs):
            return "this node agreed to take over"
    until = now + promise_seconds(asked.after_seconds)
    until = max(until, witness.promised.get(asked.container, until))
    return replace(witness, promised=witness.promised.set(asked.container, until))


def agreed(
    witness: Witness, proposal: Proposal, known: Mapping[DatasetId, int], now: float
) -> Witness | str:
    """The witness after it agreed, to be written down before it answers; or why it does not."""
    if is_older(proposal.epochs, known):
        return "there is a later primary"
    if now <= free_at(witness, proposal):
        return "the primary was heard too recently"
    agreement = Agreement(proposal.attempt, proposal.container, proposal.epochs)
    others = witness.agreements.get(proposal.container, ())
    if agreement in others:
        return witness
    if len(others) >= AGREEMENTS_MAX:
        return "this node agreed to too many attempts that were not called off"
    agreements = witness.agreements.set(proposal.container, (*others, agreement))
    return replace(witness, agreements=agreements)


def free_at(witness: Witness, proposal: Proposal) -> float:
    """Until when this node takes no part in the promotion."""
    since_start = witness.started_at + promise_seconds(proposal.after_seconds)
    return max(since_start, witness.promised.get(proposal.container, since_start))


def called_off(witness: Witness, attempts: Collection[Attempt]) -> Witness:
    """The control service said that nothing came of these attempts, and nothing will."""
    return _without(witness, lambda agreement: agreement.attempt in attempts)


def taken_over(witness: Witness, leases: Mapping[DatasetId, int]) -> Witness:
    """What the leases on this node's disk say to be past needs no agreement any more.

    A later epoch that the node only heard of is not enough, because a restart forgets it.
    """
    return _without(witness, lambda agreement: is_past(agreement.epochs, leases))


def agreements_of(witness: Witness) -> list[Agreement]:
    """All of them; the agent names them to the control service, which says what was called off."""
    return [each for agreements in witness.agreements.values() for each in agreements]


def _without(witness: Witness, is_over: Callable[[Agreement], bool]) -> Witness:
    agreements = witness.agreements
    for container, several in agreements.items():
        left = tuple(agreement for agreement in several if not is_over(agreement))
        if not left:
            agreements = agreements.remove(container)
        elif left != several:
            agreements = agreements.set(container, left)
    return replace(witness, agreements=agreements)

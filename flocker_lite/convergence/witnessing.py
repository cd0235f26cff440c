"""Promises of this node to primaries that count it, and its agreements to be promoted.

This is the witness's side of `model.fencing`. An agreement is written down before it is told, and
before that nothing is renewed any more that it rules out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces.fencing import IFencingRecord
from flocker_lite.interfaces.peer_requests import Renew
from flocker_lite.model.fencing import witness
from flocker_lite.model.fencing.claims import Agreement, Attempt, Proposal, Renewal
from flocker_lite.model.fencing.witness import Witness
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset, NodeView


class Witnessing:
    """Answers primaries and the control service; `now` is CLOCK_BOOTTIME."""

    def __init__(
        self,
        record: IFencingRecord,
        now: Callable[[], float],
    ) -> None:
        self._record = record
        self._now = now
        self._known: Mapping[DatasetId, int] = {}
        self._witness = Witness(now(), agreements=record.record.agreements)

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """What this node agreed to, until it hears that nothing came of it, or takes over."""
        return tuple(witness.agreements_of(self._witness))

    def renew(self, request: Renew) -> None:
        """Promise what a peer asks; PeerRefused with the reason if that cannot be."""
        epochs = pmap({each.dataset_id: each.epoch for each in request.datasets})
        # Who asks, and whom else it counts, does not matter to a witness.
        asked = Renewal(request.container, "", epochs, "", (), request.after_seconds)
        after = witness.renewed(self._witness, asked, self._known, self._now())
        if isinstance(after, str):
            raise PeerRefused(f"container {request.container}: {after}")
        self._witness = after

    def free_in_seconds(self, proposal: Proposal) -> float:
        """How long this node has promised still to take no part in such a promotion."""
        return witness.free_at(self._witness, proposal) - self._now()

    async def agree(self, proposal: Proposal) -> Agreement:
        """Agree to be promoted, durably; PeerRefused with the reason when that cannot be."""
        after = witness.agreed(self._witness, proposal, self._known, self._now())
        if isinstance(after, str):
            raise PeerRefused(f"container {proposal.container}: {after}")
        # From now on nothing of it is renewed, although it may never get written down.
        self._witness = after
        await self._write()
        return Agreement(proposal.attempt, proposal.container, proposal.epochs)

    async def called_off(self, attempts: Collection[Attempt]) -> None:
        """The control service said that nothing came of these, and nothing will."""
        after = witness.called_off(self._witness, attempts)
        if after != self._witness:
            self._witness = after
            await self._write()

    def see(self, view: NodeView, datasets: Mapping[DatasetId, LocalDataset]) -> None:
        """What this node was told, and has; called with each plan.

        What its own leases leave behind needs no agreement any more. That is written down along
        with something else: after a restart the leases say so again.
        """
        leases = {
            dataset_id: local.lease.epoch
            for dataset_id, local in datasets.items()
            if local.lease is not None
        }
        known = {key: desired.grant.epoch for key, desired in view.datasets.items()}
        self._known = {key: max(known.get(key, 0), leases.get(key, 0)) for key in known | leases}
        self._witness = witness.taken_over(self._witness, leases)

    async def _write(self) -> None:
        await self._record.update(
            lambda record: replace(record, agreements=self._witness.agreements)
        )

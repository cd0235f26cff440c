"""Sessions with the agents of the standbys that count as witnesses: one is kept open for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import starmap

from twisted.internet.defer import Deferred, FirstError, gatherResults

from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.errors import PeerRefused, PeerUnreachable
from flocker_lite.interfaces import IPeer, IPeers
from flocker_lite.interfaces.fencing import IFencingRecord
from flocker_lite.interfaces.peer_requests import ContainerEpoch, Renew
from flocker_lite.model.fencing.claims import Renewal
from flocker_lite.model.records import NodeId


class WitnessSessions:
    """Asks witnesses at the addresses that the control service told, or told last.

    Those are written down, for an agent that starts while the control service is away.
    """

    def __init__(self, peers: IPeers, desired: DesiredState, record: IFencingRecord) -> None:
        self._peers = peers
        self._desired = desired
        self._record = record
        self._sessions: dict[NodeId, IPeer] = {}

    async def ask(self, node_id: NodeId, renewals: tuple[Renewal, ...]) -> Mapping[str, str]:
        """See `renewals.Witnesses`. A session that fails, or is given up, is opened anew."""
        try:
            if node_id not in self._sessions:
                address = await self._address(node_id)
                self._sessions[node_id] = await self._peers.connect(node_id, address)
            return await self._refused(self._sessions[node_id], renewals)
        except BaseException:
            session = self._sessions.pop(node_id, None)
            if session is not None:
                session.close()
            raise

    async def _refused(self, session: IPeer, renewals: tuple[Renewal, ...]) -> Mapping[str, str]:
        """Ask for all of them at once, in one session."""
        refused: dict[str, str] = {}

        async def ask(renewal: Renewal) -> None:
            datasets = tuple(starmap(ContainerEpoch, sorted(renewal.epochs.items())))
            seconds = math.ceil(renewal.after_seconds)
            try:
                await session.ask(Renew(renewal.container, datasets, seconds))
            except PeerRefused as error:
                refused[renewal.container] = str(error)

        asking = [Deferred.fromCoroutine(ask(renewal)) for renewal in renewals]
        try:
            await gatherResults(asking, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
        return refused

    def keep(self, witnesses: frozenset[NodeId]) -> None:
        """Close the sessions with all others."""
        for node_id in tuple(self._sessions):
            if node_id not in witnesses:
                self._sessions.pop(node_id).close()

    async def _address(self, node_id: NodeId) -> str:
        view, address = self._desired.view, self._record.record.addresses.get(node_id)
        for fencing in view.fencings.values() if view is not None else ():
            address = fencing.addresses.get(node_id, address)
        if address is None:
            raise PeerUnreachable("this node was not told its address")
        if address != self._record.record.addresses.get(node_id):
            await self._record.update(
                lambda record: replace(record, addresses=record.addresses.set(node_id, address))
            )
        return address

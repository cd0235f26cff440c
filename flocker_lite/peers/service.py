"""Answers the requests of other nodes: the receiving side of a move.

It checks once more who may write, whatever the sender believes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from zope.interface import implementer

from flocker_lite.convergence.incoming_streams import IncomingStreams
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.release_proofs import NoProofs
from flocker_lite.convergence.renewals import Renewals
from flocker_lite.convergence.trials import Trials
from flocker_lite.convergence.witnessing import Witnessing
from flocker_lite.errors import Busy, Conflict, LeaseError, NotFound, PeerRefused
from flocker_lite.interfaces import (
    ICopyNotes,
    IPeerService,
    IProofs,
    IStorage,
    PeerCopy,
    Released,
    TrialDataset,
)
from flocker_lite.interfaces import peer_requests as requests
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.model import increments, lease
from flocker_lite.model.grants import Signed
from flocker_lite.model.membership import Membership
from flocker_lite.model.properties import Properties, staying, travelling
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import LocalDataset
from flocker_lite.peers.arrived_sets import ArrivedSets
from flocker_lite.peers.copy_checks import require_replica
from flocker_lite.peers.host import Host as Host


@implementer(IPeerService)
class PeerService:
    """Serves requests of peers on this node's storage."""

    def __init__(
        self,
        node_id: NodeId,
        storage: IStorage,
        moves: MoveLog,
        trials: Trials,
        host: Host,
        proofs: IProofs | None = None,
        incoming: IncomingStreams | None = None,
        copy_notes: ICopyNotes | None = None,
        witnessing: Witnessing | None = None,
        renewals: Renewals | None = None,
    ) -> None:
        self._node_id = node_id
        self._storage = storage
        self._moves = moves
        self._trials = trials
        self._host = host
        self._proofs = proofs if proofs is not None else NoProofs()
        self._witnessing = witnessing
        self._renewals = renewals
        self._incoming = incoming if incoming is not None else IncomingStreams()
        self._sets = ArrivedSets(storage, copy_notes)

    async def answer(self, request: PeerRequest[Any]) -> Any:
        """See `IPeerService`; one case for each request."""
        match request:
            case requests.Copy(dataset_id):
                return await self.copy(dataset_id)
            case requests.Receive(dataset_id, epoch, base_guid, resumes):
                return await self.may_receive(dataset_id, epoch, base_guid, resumes)
            case requests.Prepared(name, image, has_ended):
                return await self._host.prepared(name, image, has_ended)
            case requests.SetAside(dataset_id, base_guid):
                return await self.set_aside(dataset_id, base_guid)
            case requests.Prune(dataset_id, keep_guids):
                return await self.prune(dataset_id, keep_guids)
            case requests.SetProperties(dataset_id, properties):
                return await self.set_properties(dataset_id, properties)
            case requests.Acquire(dataset_id, epoch, guid, proof):
                return await self.acquire(dataset_id, epoch, guid, proof)
            case requests.AcquireGroup(coordinator, items):
                return await self.acquire_group(coordinator, items)
            case requests.OfferLoan(container, dataset_ids, seconds):
                return await self.offer_trial(container, dataset_ids, seconds)
            case requests.Lend(container, lent):
                return await self.start_trial(container, lent)
            case requests.Recall(dataset_ids):
                return await self.recall(dataset_ids)
            case requests.Serving(name):
                return await self._host.serving(name)
            case requests.SnapshotSetComplete():
                return await self.complete_set(request)
            case requests.Renew() if self._witnessing is not None:
                return self._witnessing.renew(request)
            case requests.GetRenewed(name, _) if self._renewals is not None:
                return await self._renewals.expect(name)
        raise PeerRefused(f"{type(request).__name__}: this node does not answer that")

    async def copy(self, dataset_id: DatasetId) -> PeerCopy:
        """What this node has of the dataset."""
        local = await self._storage.look(dataset_id)
        if local is None:
            return PeerCopy(exists=False)
        token = await self._storage.resume_token(dataset_id)
        if token is not None and not local.snapshots:
            # A part of the first stream is not a copy yet.
            return PeerCopy(exists=False, resume_token=token)
        newest = local.snapshots[-1] if local.snapshots else None
        return PeerCopy(True, local.lease, newest, token, increments.told(local.snapshots))

    async def may_receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> None:
        """Raises PeerRefused unless a stream from `base_guid` would continue a replica here.

        A stream that is still being received ends. The part of an interrupted stream is discarded,
        unless the new one `resumes` it.
        """
        await self._incoming.end(dataset_id, epoch)
        local = await self._storage.look(dataset_id)
        if local is not None and not resumes:
            require_replica(local, epoch)
            await self._storage.discard_partial(dataset_id)
            if not local.snapshots:
                local = await self._storage.look(dataset_id)
        if local is None:
            if base_guid is not None:
                raise PeerRefused(f"{dataset_id}: there is no copy here to continue")
            return
        require_replica(local, epoch)
        newest = local.snapshots[-1].guid if local.snapshots else None
        if newest != base_guid:
            raise PeerRefused(f"{dataset_id}: the copy here ends with {newest}, not {base_guid}")

    async def receive(self, dataset_id: DatasetId, epoch: int, fd: int) -> None:
        """Receive a stream from `fd`, and note the sender's epoch on the replica."""

        async def receive() -> None:
            local = await self._storage.look(dataset_id)
            if local is not None:
                require_replica(local, epoch)
            await self._storage.receive(dataset_id, fd)
            # Nobody changes the lease meanwhile (see `_turn`), so we need not look again.
            before = local.lease if local is not None else None
            after = lease.replicate(before, epoch)
            if after != before:
                try:
                    await self._storage.set_lease(dataset_id, after)
                finally:
                    # Even when another stream replaces this one meanwhile.
                    self._host.dataset_changed(dataset_id)

        await self._incoming.run(dataset_id, epoch, receive)

    async def set_aside(self, dataset_id: DatasetId, base_guid: str | None = None) -> None:
        """Set aside a replica that diverged, or what it has after the snapshot `base_guid`."""
        async with self._turn(dataset_id):
            local = await self._storage.look(dataset_id)
            if local is None:
                return
            require_replica(local, None)
            await self._storage.discard_partial(dataset_id)
            try:
                await self._set_aside(local, base_guid)
            finally:
                # Even after an error, the agent must see how far it came.
                self._host.copy_set_aside(dataset_id)

    async def _set_aside(self, local: LocalDataset, base_guid: str | None) -> None:
        dataset_id, snapshots = local.dataset_id, local.snapshots
        if base_guid is None:
            await self._storage.set_aside(dataset_id, increments.why_aside(snapshots))
            return
        place = next((n for n, each in enumerate(snapshots) if each.guid == base_guid), None)
        if place is None:
            raise PeerRefused(f"{dataset_id}: the copy here has no snapshot {base_guid}")
        after = snapshots[place + 1 :]
        # If nothing comes after it, an earlier request did this and its answer was lost.
        if after:
            why = increments.why_aside(after)
            await self._storage.continue_from(dataset_id, snapshots[place].name, why)

    async def prune(self, dataset_id: DatasetId, keep_guids: frozenset[str]) -> None:
        """Destroy the snapshots that pushes made and nobody needs any more.

        After a handoff this node may be about to push the dataset on, and then needs its own.
        """
        local = await self._storage.look(dataset_id)
        if local is None:
            return
        last = increments.last_pushed(local.snapshots)
        is_replica = local.lease is None or local.lease.role is lease.Role.REPLICA
        if not is_replica and (last is None or last.guid not in keep_guids):
            raise PeerRefused(
                f"{dataset_id}: this node owns it, and needs the snapshot that would be destroyed"
            )
        keep_guids |= self._sets.guids(dataset_id)
        for snapshot in increments.prunable(local.snapshots, keep_guids):
            # An aside may need the snapshot, or a user may hold it.
            with suppress(NotFound, Conflict, Busy):
                await self._storage.destroy_snapshot(dataset_id, snapshot.name)
        if is_replica:
            # The agent tells the other nodes with which snapshot its copy ends.
            self._host.dataset_changed(dataset_id)

    async def complete_set(self, request: requests.SnapshotSetComplete) -> None:
        """Write down that a set is complete here: from now on it is what can be promoted."""
        await self._sets.complete(request)
        for each in request.snapshots:
            self._host.dataset_changed(each.dataset_id)

    async def set_properties(
        self, dataset_id: DatasetId, properties: Properties
    ) -> tuple[str, ...]:
        """Set these properties on the replica here, but only those that may travel."""
        async with self._turn(dataset_id):
            local = await self._storage.look(dataset_id)
            if local is None:
                raise PeerRefused(f"{dataset_id}: there is no copy of it here")
            require_replica(local, None)
            told = travelling(properties)
            undone = await self._storage.set_properties(dataset_id, told)
        return (*staying(properties), *undone)

    async def offer_trial(
        self, container: str, dataset_ids: tuple[DatasetId, ...], seconds: float
    ) -> None:
        """Ask for the trial of these datasets; its time counts from now on."""
        await self._trials.ask(container, dataset_ids, seconds)

    async def start_trial(self, container: str, lent: tuple[TrialDataset, ...]) -> None:
        """Run the container on trial until it is healthy, else give everything back."""
        try:
            for item in lent:
                await self._start_trial(container, item)
        except Exception as error:
            self._trials.end(container, f"not tried: {error}")
            raise
        try:
            await self._host.tried(container)
        except PeerRefused:
            await self._given_back(tuple(item.dataset_id for item in lent))
            raise

    async def recall(self, dataset_ids: tuple[DatasetId, ...]) -> None:
        """Give back these datasets if they are on trial here."""
        self._trials.end_trials_of(dataset_ids, "its source takes it back")
        await self._given_back(dataset_ids)

    async def _given_back(self, dataset_ids: tuple[DatasetId, ...]) -> None:
        """Wait until the storage confirms it: a command that failed may still have worked."""
        for dataset_id in dataset_ids:
            # After this turn a concurrent start of the trial has happened, or is refused.
            async with self._trials.lock(dataset_id):
                local = await self._storage.look(dataset_id)
            while local is not None and lease.is_on_trial(local.lease):
                await self._host.next_step()
                local = await self._storage.look(dataset_id)
        await self._trials.settle(dataset_ids)

    async def acquire(
        self, dataset_id: DatasetId, epoch: int, guid: str, proof: tuple[Signed, ...] = ()
    ) -> None:
        """Become primary of `epoch`; the sender has released the dataset, and sent all of it."""
        async with self._turn(dataset_id):
            local = await self._look(dataset_id, guid)
            is_repeated = _is_acquired(local, epoch)
            was_on_trial = lease.is_on_trial(local.lease)
            after = local.lease if is_repeated else self._acquired(local, epoch)
            await self._proofs.take({dataset_id: proof})
            if after is not None and after != local.lease:
                await self._storage.set_lease(dataset_id, after)
        if not (is_repeated or was_on_trial):
            self._begin(dataset_id, epoch, guid)
        # Before the trial is removed: without it, the agent gives back a copy on probation.
        self._host.dataset_changed(dataset_id)
        await self._trials.acquired(dataset_id)

    async def acquire_group(self, coordinator: DatasetId, items: tuple[Released, ...]) -> None:
        """Become primary of all of these, once all may be acquired; of the coordinator first.

        From then on the others follow, even if the sender never asks again, by their memberships.
        """
        by_id = {item.dataset_id: item for item in items}
        if coordinator not in by_id or len(by_id) != len(items):
            raise PeerRefused(
                f"{coordinator} is not the coordinator of a group with these datasets"
            )
        async with AsyncExitStack() as turns:
            for dataset_id in sorted(by_id):
                await turns.enter_async_context(self._turn(dataset_id))
            before = {each: await self._look(each, item.guid) for each, item in by_id.items()}
            missing = {
                each: self._acquired(local, by_id[each].epoch)
                for each, local in before.items()
                if not _is_acquired(local, by_id[each].epoch)
            }
            await self._proofs.take({each: item.proof for each, item in by_id.items()})
            try:
                await self._acquire_all(coordinator, by_id, before, missing)
            finally:
                # See `acquire`; after an error in between, the next plan goes on from there.
                for dataset_id in by_id:
                    self._host.dataset_changed(dataset_id)
        for dataset_id in by_id:
            await self._trials.acquired(dataset_id)

    async def _acquire_all(
        self,
        coordinator: DatasetId,
        items: Mapping[DatasetId, Released],
        before: Mapping[DatasetId, LocalDataset],
        missing: Mapping[DatasetId, lease.Lease],
    ) -> None:
        epoch = items[coordinator].epoch
        for dataset_id in missing:
            note = Membership(items[dataset_id].epoch, self._node_id, coordinator, epoch)
            if before[dataset_id].membership != note:
                await self._storage.set_membership(dataset_id, note)
        for dataset_id in sorted(missing, key=lambda each: (each != coordinator, each)):
            await self._storage.set_lease(dataset_id, missing[dataset_id])
            held = before[dataset_id].lease
            if not lease.is_on_trial(held):
                self._begin(dataset_id, items[dataset_id].epoch, items[dataset_id].guid)

    def _acquired(self, local: LocalDataset, epoch: int) -> lease.Lease:
        """The lease after the acquisition; PeerRefused when this copy may not be acquired."""
        dataset_id, held = local.dataset_id, local.lease
        if lease.is_on_trial(held) and dataset_id not in self._trials.on_trial:
            # Its container has ended or is ending. Afterwards the group is given back; or kept, if
            # its coordinator is primary already (see `AcquireDatasets`).
            raise PeerRefused(f"{dataset_id}: its trial here is over; ask again in a moment")
        try:
            return lease.acquire(held, epoch)
        except LeaseError as error:
            raise PeerRefused(f"{dataset_id}: {error}") from None

    async def _start_trial(self, container: str, item: TrialDataset) -> None:
        dataset_id = item.dataset_id
        async with self._turn(dataset_id):
            if not self._trials.is_offered(container, dataset_id):
                raise PeerRefused(f"{dataset_id}: this node did not ask for a trial of it")
            local = await self._look(dataset_id, item.guid)
            try:
                after = lease.start_trial(local.lease, item.epoch)
            except LeaseError as error:
                raise PeerRefused(f"{dataset_id}: {error}") from None
            self._trials.started(container, dataset_id, item.epoch)
            await self._storage.set_lease(dataset_id, after)
        self._begin(dataset_id, item.epoch, item.guid)
        self._host.dataset_changed(dataset_id)

    async def _look(self, dataset_id: DatasetId, guid: str) -> LocalDataset:
        """The copy here; PeerRefused unless the last pushed snapshot has this guid."""
        local = await self._storage.look(dataset_id)
        if local is None:
            raise PeerRefused(f"{dataset_id}: there is no copy of it here")
        last = increments.last_pushed(local.snapshots)
        if last is None or last.guid != guid:
            raise PeerRefused(f"{dataset_id}: the copy here ends with {last}, not with {guid}")
        return local

    def _begin(self, dataset_id: DatasetId, epoch: int, guid: str) -> None:
        """Begin to count the pause: the sender counts it only up to our answer."""
        self._moves.begin(dataset_id, epoch, None, self._node_id)
        self._moves.last_snapshot(dataset_id, guid)
        self._moves.start_pause(dataset_id)

    @asynccontextmanager
    async def _turn(self, dataset_id: DatasetId) -> AsyncIterator[None]:
        """Hold off other requests for a copy from our look at it until we have changed it.

        A peer that was killed leaves its requests running here, and its successor repeats them.
        """
        async with self._trials.lock(dataset_id):
            if dataset_id in self._incoming:
                raise PeerRefused(f"{dataset_id}: a stream is being received")
            yield


def _is_acquired(local: LocalDataset, epoch: int) -> bool:
    """Whether the copy is acquired already: an answer was lost, or a command failed late."""
    return local.lease == lease.Lease(lease.Role.PRIMARY, epoch)

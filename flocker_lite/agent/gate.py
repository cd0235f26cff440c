"""What another node may ask of this one: the receiving side of a move.

The rules of who may write stand here once more, whatever the sender believes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol

from zope.interface import implementer

from flocker_lite.agent.incoming import Incoming
from flocker_lite.convergence.loans import Loans
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.proving import Unproven
from flocker_lite.errors import Conflict, LeaseError, NotFound, PeerRefused
from flocker_lite.interfaces import IGate, IProofs, IStorage, Lent, PeerCopy, Released
from flocker_lite.model import increments, lease
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.grants import Signed
from flocker_lite.model.membership import Membership
from flocker_lite.model.properties import Properties, staying, travelling
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import LocalDataset


class Host(Protocol):
    """What the gate needs of the agent that it belongs to."""

    def dataset_changed(self, dataset_id: DatasetId) -> None:
        """The lease of a copy was changed."""

    def copy_set_aside(self, dataset_id: DatasetId) -> None:
        """A copy, or a part of it, was set aside."""

    async def prepared(self, name: str, image: ExactImage | None, has_ended: bool) -> None:
        """Wait until the container is created here."""

    async def serving(self, name: str) -> None:
        """Wait until the container serves."""

    async def tried(self, name: str) -> None:
        """Wait until the container is healthy on trial; PeerRefused once its trial is over."""

    def next_step(self) -> Awaitable[None]:
        """Wait until something about this node may have changed."""


@implementer(IGate)
class Gate:
    """Serves requests of peers on this node's storage."""

    def __init__(
        self,
        node_id: NodeId,
        storage: IStorage,
        moves: MoveLog,
        loans: Loans,
        host: Host,
        proofs: IProofs | None = None,
    ) -> None:
        self._node_id = node_id
        self._storage = storage
        self._moves = moves
        self._loans = loans
        self._host = host
        self._proofs = proofs if proofs is not None else Unproven()
        self._incoming = Incoming()

    async def copy(self, dataset_id: DatasetId) -> PeerCopy:
        """What this node has of the dataset."""
        local = await self._storage.look(dataset_id)
        if local is None:
            return PeerCopy(exists=False)
        token = await self._storage.resume_token(dataset_id)
        if token is not None and not local.snapshots:
            # A part of the first stream is no copy.
            return PeerCopy(exists=False, resume_token=token)
        newest = local.snapshots[-1] if local.snapshots else None
        return PeerCopy(True, local.lease, newest, token, increments.told(local.snapshots))

    async def may_receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> None:
        """Raises PeerRefused unless a stream from `base_guid` would continue a replica here.

        One that is being received ends. A part of one that was cut is thrown away, unless the
        new one `resumes` it.
        """
        await self._incoming.end(dataset_id, epoch)
        local = await self._storage.look(dataset_id)
        if local is not None and not resumes:
            self._require_replica(local, epoch)
            await self._storage.discard_partial(dataset_id)
            if not local.snapshots:
                local = await self._storage.look(dataset_id)
        if local is None:
            if base_guid is not None:
                raise PeerRefused(f"{dataset_id}: there is no copy here to continue")
            return
        self._require_replica(local, epoch)
        newest = local.snapshots[-1].guid if local.snapshots else None
        if newest != base_guid:
            raise PeerRefused(f"{dataset_id}: the copy here ends with {newest}, not {base_guid}")

    async def receive(self, dataset_id: DatasetId, epoch: int, fd: int) -> None:
        """Receive a stream from `fd`, and note the sender's epoch on the replica."""

        async def receive() -> None:
            local = await self._storage.look(dataset_id)
            if local is not None:
                self._require_replica(local, epoch)
            await self._storage.receive(dataset_id, fd)
            # Nobody changes the lease meanwhile (see `_turn`), so nobody waits for another look.
            before = local.lease if local is not None else None
            after = lease.replicate(before, epoch)
            if after != before:
                try:
                    await self._storage.set_lease(dataset_id, after)
                finally:
                    # Also when another stream takes the place of this one meanwhile.
                    self._host.dataset_changed(dataset_id)

        await self._incoming.run(dataset_id, epoch, receive)

    async def prepared(
        self, name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> None:
        """Wait until the container is created here, ready to be started."""
        await self._host.prepared(name, image, has_ended)

    async def serving(self, name: str) -> None:
        """Wait until the container serves connections to this node."""
        await self._host.serving(name)

    async def set_aside(self, dataset_id: DatasetId, base_guid: str | None = None) -> None:
        """Keep a replica that diverged, or what it has after a snapshot, under another name."""
        async with self._turn(dataset_id):
            local = await self._storage.look(dataset_id)
            if local is None:
                return
            self._require_replica(local, None)
            await self._storage.discard_partial(dataset_id)
            try:
                await self._set_aside(local, base_guid)
            finally:
                # Also of what was cut off it is to be seen how far it came.
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
        # With nothing after it, it was done before: the answer to that may have been lost.
        if after:
            why = increments.why_aside(after)
            await self._storage.continue_from(dataset_id, snapshots[place].name, why)

    async def prune(self, dataset_id: DatasetId, keep_guids: frozenset[str]) -> None:
        """Destroy the snapshots that pushes made and that are needed no more.

        After a handover this node may be about to push the dataset on: then they are its own.
        """
        local = await self._storage.look(dataset_id)
        if local is None:
            return
        last = increments.last_pushed(local.snapshots)
        is_replica = local.lease is None or local.lease.role is lease.Role.REPLICA
        if not is_replica and (last is None or last.guid not in keep_guids):
            raise PeerRefused(
                f"{dataset_id}: what it is pushed on from here is not to be destroyed"
            )
        for snapshot in increments.prunable(local.snapshots, keep_guids):
            # What was set aside may need one of them.
            with suppress(NotFound, Conflict):
                await self._storage.destroy_snapshot(dataset_id, snapshot.name)
        if is_replica:
            # What it ends with is told to the others.
            self._host.dataset_changed(dataset_id)

    async def set_properties(
        self, dataset_id: DatasetId, properties: Properties
    ) -> tuple[str, ...]:
        """Have the replica here have those of these that travel, whatever a peer says."""
        async with self._turn(dataset_id):
            local = await self._storage.look(dataset_id)
            if local is None:
                raise PeerRefused(f"{dataset_id}: there is no copy of it here")
            self._require_replica(local, None)
            told = travelling(properties)
            undone = await self._storage.set_properties(dataset_id, told)
        return (*staying(properties), *undone)

    async def offer_loan(
        self, container: str, dataset_ids: tuple[DatasetId, ...], seconds: float
    ) -> None:
        """Ask for the loan of these: it is counted from now on."""
        await self._loans.ask(container, dataset_ids, seconds)

    async def lend(self, container: str, lent: tuple[Lent, ...]) -> None:
        """Run the container on trial until it is healthy, else give everything back."""
        try:
            for item in lent:
                await self._borrow(container, item)
        except Exception as error:
            self._loans.end(container, f"not tried: {error}")
            raise
        try:
            await self._host.tried(container)
        except PeerRefused:
            await self._given_back(tuple(item.dataset_id for item in lent))
            raise

    async def recall(self, dataset_ids: tuple[DatasetId, ...]) -> None:
        """Give back what is on trial here."""
        self._loans.end_those_of(dataset_ids, "its source takes it back")
        await self._given_back(dataset_ids)

    async def _given_back(self, dataset_ids: tuple[DatasetId, ...]) -> None:
        """Wait until storage says so: of a command that failed it is not known what it did."""
        for dataset_id in dataset_ids:
            # Who was about to borrow it has done so by then, or is refused.
            async with self._loans.turn(dataset_id):
                local = await self._storage.look(dataset_id)
            while local is not None and local.lease is not None and _is_on_trial(local.lease):
                await self._host.next_step()
                local = await self._storage.look(dataset_id)
        await self._loans.settle(dataset_ids)

    async def acquire(
        self, dataset_id: DatasetId, epoch: int, guid: str, proof: tuple[Signed, ...] = ()
    ) -> None:
        """Become primary of `epoch`; the sender has released it for ever, and sent all of it."""
        async with self._turn(dataset_id):
            local = await self._look(dataset_id, guid)
            is_repeated = _is_acquired(local, epoch)
            was_on_trial = local.lease is not None and _is_on_trial(local.lease)
            after = local.lease if is_repeated else self._acquired(local, epoch)
            await self._proofs.take({dataset_id: proof})
            if after is not None and after != local.lease:
                await self._storage.set_lease(dataset_id, after)
        if not (is_repeated or was_on_trial):
            self._begin(dataset_id, epoch, guid)
        # Before the loan goes, without which what is seen as on trial is given back.
        self._host.dataset_changed(dataset_id)
        await self._loans.acquired(dataset_id)

    async def acquire_group(self, coordinator: DatasetId, items: tuple[Released, ...]) -> None:
        """Become primary of all of these: of none before all may be, and of the coordinator first.

        From then on the others follow, whether the sender asks again or not: it is written on them.
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
                # Also when it was cut off in between: what is left is planned from there. Before
                # the loan goes: without it what is seen as on trial is given back.
                for dataset_id in by_id:
                    self._host.dataset_changed(dataset_id)
        for dataset_id in by_id:
            await self._loans.acquired(dataset_id)

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
            if held is None or not _is_on_trial(held):
                self._begin(dataset_id, items[dataset_id].epoch, items[dataset_id].guid)

    def _acquired(self, local: LocalDataset, epoch: int) -> lease.Lease:
        """The lease once it is acquired, if it may be."""
        dataset_id, held = local.dataset_id, local.lease
        if held is not None and _is_on_trial(held) and dataset_id not in self._loans.on_trial:
            # Its container was ended, or is being ended. First all of it is given back; or kept,
            # when its coordinator is primary already (see `AcquireDatasets`).
            raise PeerRefused(f"{dataset_id}: its trial here is over; ask again in a moment")
        try:
            return lease.acquire(held, epoch)
        except LeaseError as error:
            raise PeerRefused(f"{dataset_id}: {error}") from None

    async def _borrow(self, container: str, item: Lent) -> None:
        dataset_id = item.dataset_id
        async with self._turn(dataset_id):
            if not self._loans.is_offered(container, dataset_id):
                raise PeerRefused(f"{dataset_id}: this node did not ask for a loan of it")
            local = await self._look(dataset_id, item.guid)
            try:
                borrowed = lease.borrow(local.lease, item.epoch)
            except LeaseError as error:
                raise PeerRefused(f"{dataset_id}: {error}") from None
            await self._storage.set_lease(dataset_id, borrowed)
        self._begin(dataset_id, item.epoch, item.guid)
        self._host.dataset_changed(dataset_id)

    async def _look(self, dataset_id: DatasetId, guid: str) -> LocalDataset:
        """The copy here; PeerRefused unless the last that was pushed to it is this snapshot."""
        local = await self._storage.look(dataset_id)
        if local is None:
            raise PeerRefused(f"{dataset_id}: there is no copy of it here")
        last = increments.last_pushed(local.snapshots)
        if last is None or last.guid != guid:
            raise PeerRefused(f"{dataset_id}: the copy here ends with {last}, not with {guid}")
        return local

    def _begin(self, dataset_id: DatasetId, epoch: int, guid: str) -> None:
        """The sender counts the pause up to our answer, this node from here on."""
        self._moves.begin(dataset_id, epoch, None, self._node_id)
        self._moves.last_snapshot(dataset_id, guid)
        self._moves.start_pause(dataset_id)

    @asynccontextmanager
    async def _turn(self, dataset_id: DatasetId) -> AsyncIterator[None]:
        """Between the look at a copy and its change, no other request may change it.

        A peer that was killed leaves its requests at work here, and its successor repeats them.
        """
        async with self._loans.turn(dataset_id):
            if dataset_id in self._incoming:
                raise PeerRefused(f"{dataset_id}: a stream is being received")
            yield

    def _require_replica(self, local: LocalDataset, epoch: int | None) -> None:
        held = local.lease
        if held is not None and held.role is not lease.Role.REPLICA:
            raise PeerRefused(f"{local.dataset_id}: this node holds it as {held}")
        if held is not None and epoch is not None and held.epoch > epoch:
            raise PeerRefused(f"{local.dataset_id}: epoch {epoch} is older than {held}")
        if local.mounted:
            raise PeerRefused(f"{local.dataset_id}: it is mounted here")


def _is_acquired(local: LocalDataset, epoch: int) -> bool:
    """Whether an answer was lost, or a command had failed late."""
    return local.lease == lease.Lease(lease.Role.PRIMARY, epoch)


def _is_on_trial(held: lease.Lease) -> bool:
    return held.role is lease.Role.PROBATION

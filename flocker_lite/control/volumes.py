"""Answers what agents ask for the volumes of their own Docker, as it would answer a user's edits.

A node is answered for itself alone: it can have a volume, and never send one elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import uuid4

from pyrsistent import pmap

from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import ErrorWithFacts, NotYet, StoreError
from flocker_lite.model import dataset_names, volume_edits
from flocker_lite.model.edits import EDIT_ERRORS
from flocker_lite.model.fenced_units import fenced_unit
from flocker_lite.model.fencing.names import volume_unit
from flocker_lite.model.move_progress import source_first
from flocker_lite.model.open_moves import move_of_dataset
from flocker_lite.model.records import Configuration, Dataset, DatasetId, Edit, NodeId
from flocker_lite.model.replication import replication_key
from flocker_lite.model.uses import uses_of
from flocker_lite.model.volume_failover import VolumeFailover
from flocker_lite.model.volumes import (
    CREATE,
    DESCRIBE,
    DESTROY,
    FORGET,
    HAVE,
    VolumeRequest,
    VolumeStatus,
    VolumeStatuses,
    is_swarms,
    why_not_free,
)
from flocker_lite.protocol.renewals import NoRenewal
from flocker_lite.protocol.volumes import ControlAway, VolumeRefused


class VolumeRequests:
    """Answers the requests; VolumeRefused, or ControlAway or NotYet where trying again may help."""

    def __init__(self, control: IControl) -> None:
        self._control = control

    async def answer(self, node_id: NodeId, request: VolumeRequest) -> VolumeStatuses:
        """Do what the agent of this node asks, and say what is known of the datasets then."""
        try:
            if request.act == CREATE:
                return self._statuses(node_id, (await self._create(node_id, request),))
            if request.act == DESCRIBE:
                return self._statuses(node_id, request.dataset_ids)
            if len(request.dataset_ids) != 1:
                raise VolumeRefused("a request is about one dataset")
            if request.act == HAVE:
                await self._have(node_id, request)
            elif request.act == DESTROY:
                await self._destroy(node_id, request)
            elif request.act == FORGET:
                await self._control.edit(
                    lambda now: volume_edits.forget_volume(now, node_id, request.dataset_ids[0])
                )
            else:
                raise VolumeRefused(f"this control service does not know the act {request.act!r}")
        except EDIT_ERRORS as error:
            raise VolumeRefused(_words(error)) from None
        except StoreError as error:
            raise ControlAway(str(error)) from None
        return self._statuses(node_id, request.dataset_ids)

    async def _create(self, node_id: NodeId, request: VolumeRequest) -> DatasetId:
        new_id = str(uuid4())
        await self._control.edit(
            lambda before: volume_edits.create_volume(
                before, node_id, request, new_id, self._control.reports
            )
        )
        made = volume_edits.called(self._control.configuration, request.name)
        if made is None:
            raise VolumeRefused(f"volume {request.name} has just been deleted")
        return made.dataset_id

    async def _have(self, node_id: NodeId, request: VolumeRequest) -> None:
        before = self._control.configuration
        dataset = volume_edits.volume(before, request.dataset_ids[0])
        asked = volume_edits.nodes_to_ask(before, node_id, dataset)
        if await self._is_silent(before, dataset, asked):
            where = before.nodes[before.grants[dataset.dataset_id].owner].address
            why = f"volume {_name(dataset)} is at {where}, whose agent does not answer"
            if await self._took_over(node_id, dataset, why):
                return
        awaits = await self._require_free(before, request, asked)
        await self._control.edit(
            lambda now: volume_edits.have_volume(now, node_id, request, asked),
            then=partial(_begun_with_options, before, request=request, awaits=awaits),
        )

    async def _is_silent(self, before: Configuration, dataset: Dataset, asked: set[NodeId]) -> bool:
        """Whether the owner of a volume with a failover, one of those to ask, does not answer.

        A node that has just died may look well for a while, and a question to it takes long.
        """
        owner = before.grants[dataset.dataset_id].owner
        if owner not in asked or _failover(before, dataset) is None:
            return False
        return not await self._control.promotions.answers_ping(owner)

    async def _took_over(self, node_id: NodeId, dataset: Dataset, away: str) -> bool:
        """Whether the node takes over a volume with a failover, as its owner does not answer.

        What uses it there has ended at its deadline then: NotYet until that has passed. `away` says
        who does not answer.
        """
        before, name = self._control.configuration, volume_unit(dataset.dataset_id)
        fencing, unit = before.fencings.get(name), fenced_unit(before, name)
        if unit is None or fencing is None or before.grants[dataset.dataset_id].owner == node_id:
            return False
        if node_id not in fencing.witnesses:
            known = (before.nodes[each].address for each in fencing.witnesses)
            there = " and ".join(known) or "none"
            raise VolumeRefused(f"{away}; only standbys that it counts can take over: {there}")
        try:
            await self._control.promotions.take_over(name, node_id)
        except (NoRenewal, *EDIT_ERRORS) as error:
            raise NotYet(f"{away}: {_words(error)}") from None
        return True

    async def _destroy(self, node_id: NodeId, request: VolumeRequest) -> None:
        before = self._control.configuration
        known = before.datasets.get(request.dataset_ids[0])
        if known is not None and not known.deleted:
            others = volume_edits.nodes_to_ask(before, node_id, known)
            if await self._require_free(before, request, others):
                raise VolumeRefused(f"a service of Swarm uses volume {_name(known)}: end it first")
        await self._control.edit(
            lambda now: volume_edits.destroy_volume(now, request.dataset_ids[0])
        )

    async def _require_free(
        self, before: Configuration, request: VolumeRequest, nodes: set[NodeId]
    ) -> bool:
        """Ask the nodes that may use the dataset; VolumeRefused when one does.

        It is true if only tasks of Swarm do. A node that it was on its way to does not have it yet:
        if that is away, it uses nothing.
        """
        dataset_id = request.dataset_ids[0]
        dataset = before.datasets[dataset_id]
        name, awaits = _name(dataset), False
        owner = before.grants[dataset_id].owner
        for node_id in sorted(nodes):
            address = before.nodes[node_id].address
            if self._control.is_away(node_id):
                if node_id != owner:
                    continue
                raise ControlAway(
                    f"volume {name} is at {address}, whose agent is away: it comes from there once "
                    "that is back"
                )
            use = await self._control.volume_use(node_id, dataset_id)
            why = why_not_free(name, address, use, request.conflict)
            if why is not None:
                raise VolumeRefused(why)
            awaits = awaits or is_swarms(use)
        return awaits

    def _statuses(self, asks: NodeId, dataset_ids: tuple[DatasetId, ...]) -> VolumeStatuses:
        found = (self._status(asks, dataset_id) for dataset_id in dataset_ids)
        return VolumeStatuses(tuple(each for each in found if each is not None))

    def _status(self, asks: NodeId, dataset_id: DatasetId) -> VolumeStatus | None:
        configuration = self._control.configuration
        dataset = configuration.datasets.get(dataset_id)
        grant = configuration.grants.get(dataset_id)
        if dataset is None or dataset.deleted or grant is None:
            return None
        node = configuration.nodes.get(grant.owner)
        status = VolumeStatus(
            dataset_id,
            _name(dataset),
            dataset.primary,
            grant.owner,
            grant.epoch,
            node.address if node is not None else grant.owner,
            dataset.maximum_size,
            uses_of(configuration).datasets.get(dataset_id),
            error=self._error(dataset_id, grant.owner),
            standbys=_standbys(configuration, dataset),
            failover=_failover(configuration, dataset),
            taken_at=self._taken_at(dataset_id, grant.owner, asks),
        )
        return self._with_move(configuration, status)

    def _error(self, dataset_id: DatasetId, owner: NodeId) -> str | None:
        reported = self._control.cluster.datasets.get(dataset_id, pmap()).get(owner)
        return reported.error if reported is not None else None

    def _taken_at(self, dataset_id: DatasetId, owner: NodeId, standby: NodeId) -> float | None:
        state = self._control.cluster.nodes.get(owner)
        key = replication_key(dataset_id, standby)
        replication = state.replications.get(key) if state is not None else None
        return replication.taken_at if replication is not None else None

    def _with_move(self, configuration: Configuration, status: VolumeStatus) -> VolumeStatus:
        move = move_of_dataset(configuration, status.dataset_id)
        if move is None or move.stays:
            return status
        sides = source_first(self._control.progress_of(move.move_id))
        destination = configuration.nodes.get(move.destination)
        told = next(iter(sides), None)
        errors = [each.error for each in sides if each.error is not None]
        return replace(
            status,
            moves_to=destination.address if destination is not None else move.destination,
            sent_bytes=told.sent_bytes if told is not None else None,
            expected_bytes=told.expected_bytes if told is not None else None,
            error=errors[0] if errors else status.error,
        )


def _begun_with_options(
    before: Configuration, after: Configuration, request: VolumeRequest, awaits: bool
) -> Edit:
    """Give its options to the move that an edit has begun, not to one that a user began."""
    known = move_of_dataset(before, request.dataset_ids[0])
    move = move_of_dataset(after, request.dataset_ids[0])
    if move is None or (known is not None and known.move_id == move.move_id):
        return Edit(after)
    return volume_edits.with_on_use(after, request, awaits)


def _standbys(configuration: Configuration, dataset: Dataset) -> tuple[str, ...]:
    """The addresses of the nodes that stand by."""
    nodes = dataset.replicas.standbys(dataset.primary) if dataset.replicas is not None else ()
    return tuple(configuration.nodes[each].address for each in nodes if each in configuration.nodes)


def _failover(configuration: Configuration, dataset: Dataset) -> VolumeFailover | None:
    """That of the volume, unless a container of flocker_lite's uses it."""
    unit = fenced_unit(configuration, volume_unit(dataset.dataset_id))
    return dataset.failover if unit is not None else None


def _name(dataset: Dataset) -> str:
    return dataset.metadata.get(dataset_names.NAME, dataset.dataset_id)


def _words(error: BaseException) -> str:
    facts = error.facts if isinstance(error, ErrorWithFacts) else ()
    text = str(error).rstrip(".")
    return "; ".join([text, *(fact.text for fact in facts)])

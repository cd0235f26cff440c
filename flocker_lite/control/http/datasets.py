"""Handlers that change /configuration/datasets."""

from __future__ import annotations

from uuid import uuid4

from pyrsistent import pmap

from flocker_lite.control.http import asides, bodies, moves
from flocker_lite.control.http.exchange import Answer, Call, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import edits
from flocker_lite.model.lease import held_epoch
from flocker_lite.model.records import Configuration, DatasetId, Edit
from flocker_lite.model.settling import settle_dataset


async def create(control: IControl, call: Call) -> Answer:
    """Configure a dataset; its id is made here unless the request has one."""
    dataset = bodies.dataset_from_body(call.body, new_id=str(uuid4()))
    edit = await control.edit(
        call.placing(dataset.primary, lambda before: edits.create_dataset(before, dataset)),
        call.tags,
    )
    return _stored(201, edit, dataset.dataset_id)


async def update(control: IControl, call: Call) -> Answer:
    """Want the primary on another node, another limit or other metadata."""
    dataset_id = call.parameters["dataset_id"].lower()

    def update(before: Configuration) -> Edit:
        return edits.update_dataset(
            before, dataset_id, lambda dataset: bodies.revised_dataset(dataset, call.body)
        )

    function = call.placing(call.body.get("primary"), update)
    then = moves.options(call.body, dataset_id=dataset_id)
    if call.query.get("dry_run"):
        return await moves.dry_run(control, function, then, dataset_id=dataset_id)
    edit = await control.edit(function, call.tags, then)
    return _stored(200, edit, dataset_id)


async def delete(control: IControl, call: Call) -> Answer:
    """Have it destroyed; or, when it is and nobody holds it any more, its record forgotten."""
    dataset_id = call.parameters["dataset_id"].lower()
    if call.query.get("purge"):
        return await _purge(control, call, dataset_id)
    edit = await control.edit(
        lambda before: edits.delete_dataset(before, dataset_id),
        call.tags,
        asides.of_dataset(control, call, dataset_id),
    )
    return _stored(200, edit, dataset_id)


async def settle(control: IControl, call: Call) -> Answer:
    """Grant it to the node that claims it, which nobody could verify."""
    dataset_id = call.parameters["dataset_id"].lower()
    owner, epoch = call.body["owner"], call.body["epoch"]

    def settle(before: Configuration) -> Edit:
        leases = {
            node_id: copy.lease
            for node_id, copy in control.cluster.datasets.get(dataset_id, pmap()).items()
        }
        epochs = {node_id: held_epoch(lease) for node_id, lease in leases.items() if lease}
        held = {node_id: each for node_id, each in epochs.items() if each is not None}
        return settle_dataset(before, dataset_id, owner, epoch, held, control.cluster.nodes)

    edit = await control.edit(settle, call.tags)
    return _stored(200, edit, dataset_id)


async def _purge(control: IControl, call: Call, dataset_id: DatasetId) -> Answer:
    purged: list[bodies.Body] = []

    def purge(before: Configuration) -> Edit:
        cluster = control.cluster
        holders = cluster.datasets.get(dataset_id, pmap())
        edit = edits.purge_dataset(before, dataset_id, holders, cluster.nodes)
        purged.append(bodies.dataset_body(before, before.datasets[dataset_id]))
        return edit

    then = asides.of_dataset(control, call, dataset_id)
    edit = await control.edit(purge, call.tags, then)
    return written(200, purged[0], edit)


def _stored(status: int, edit: Edit, dataset_id: DatasetId) -> Answer:
    configuration = edit.configuration
    body = bodies.dataset_body(configuration, configuration.datasets[dataset_id])
    return written(status, body, edit)

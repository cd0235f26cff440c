"""Handlers that change /configuration/datasets."""

from __future__ import annotations

from uuid import uuid4

from pyrsistent import pmap

from flocker_lite.control.http import asides, bodies, moves
from flocker_lite.control.http.named_nodes import with_addresses
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import copy_drops, edits
from flocker_lite.model.fields import revised
from flocker_lite.model.lease import held_epoch
from flocker_lite.model.records import Configuration, DatasetId, Edit
from flocker_lite.model.replica_edits import with_standbys
from flocker_lite.model.settling import settle_dataset


async def create(control: IControl, request: Request) -> Response:
    """Configure a dataset, with a new id unless the request has one."""
    body = await with_addresses(request, "replicas")
    dataset = bodies.dataset_from_body(body, new_id=str(uuid4()))

    def create(before: Configuration) -> Edit:
        return edits.create_dataset(before, with_standbys(before, dataset, None, control.reports))

    edit = await control.edit(request.placing(dataset.primary, create), request.tags)
    return _stored(201, edit, dataset.dataset_id)


async def update(control: IControl, request: Request) -> Response:
    """Move the primary to another node, or change the limit or the metadata."""
    dataset_id = request.parameters["dataset_id"].lower()

    body = await with_addresses(request, "replicas")

    def update(before: Configuration) -> Edit:
        edit = edits.update_dataset(
            before,
            dataset_id,
            lambda dataset: with_standbys(before, revised(dataset, body), dataset, control.reports),
        )
        kept = copy_drops.without_drops(edit.configuration, dataset_id)
        return Edit(kept.configuration, edit.changes + kept.changes)

    function = request.placing(request.body.get("primary"), update)
    then = moves.options(request.body, dataset_id=dataset_id)
    if request.query.get("dry_run"):
        return await moves.dry_run(control, function, then, dataset_id=dataset_id)
    edit = await control.edit(function, request.tags, then)
    return _stored(200, edit, dataset_id)


async def delete(control: IControl, request: Request) -> Response:
    """Destroy a dataset; or, to purge it, forget the record of one that nobody holds any more."""
    dataset_id = request.parameters["dataset_id"].lower()
    if request.query.get("purge"):
        return await _purge(control, request, dataset_id)
    edit = await control.edit(
        lambda before: edits.delete_dataset(before, dataset_id),
        request.tags,
        asides.of_dataset(control, request, dataset_id),
    )
    return _stored(200, edit, dataset_id)


async def drop_copy(control: IControl, request: Request) -> Response:
    """Destroy a replica; it is shown until it is gone."""
    dataset_id, where = request.parameters["dataset_id"].lower(), request.parameters["host"]

    def drop(before: Configuration) -> Edit:
        reports = control.cluster.datasets.get(dataset_id, pmap())
        held = {node_id: copy.lease for node_id, copy in reports.items()}
        return copy_drops.drop_copy(before, dataset_id, where, held, control.is_away)

    edit = await control.edit(drop, request.tags)
    return _stored(200, edit, dataset_id)


async def settle(control: IControl, request: Request) -> Response:
    """Grant the dataset to a node whose claim could not be verified."""
    dataset_id = request.parameters["dataset_id"].lower()
    owner, epoch = request.body["owner"], request.body["epoch"]

    def settle(before: Configuration) -> Edit:
        leases = {
            node_id: copy.lease
            for node_id, copy in control.cluster.datasets.get(dataset_id, pmap()).items()
        }
        epochs = {node_id: held_epoch(lease) for node_id, lease in leases.items() if lease}
        held = {node_id: each for node_id, each in epochs.items() if each is not None}
        return settle_dataset(before, dataset_id, owner, epoch, held, control.cluster.nodes)

    edit = await control.edit(settle, request.tags)
    return _stored(200, edit, dataset_id)


async def _purge(control: IControl, request: Request, dataset_id: DatasetId) -> Response:
    purged: list[bodies.Body] = []

    def purge(before: Configuration) -> Edit:
        cluster = control.cluster
        holders = cluster.datasets.get(dataset_id, pmap())
        edit = edits.purge_dataset(before, dataset_id, holders, cluster.nodes)
        purged.append(bodies.dataset_body(before, before.datasets[dataset_id]))
        return edit

    then = asides.of_dataset(control, request, dataset_id)
    edit = await control.edit(purge, request.tags, then)
    return written(200, purged[0], edit)


def _stored(status: int, edit: Edit, dataset_id: DatasetId) -> Response:
    configuration = edit.configuration
    body = bodies.dataset_body(configuration, configuration.datasets[dataset_id])
    return written(status, body, edit)

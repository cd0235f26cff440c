"""What a user may do to an application: each is one edit of the configuration; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pyrsistent import pmap

from flocker_lite.applications import membership
from flocker_lite.applications.document import Application, NamedVolume
from flocker_lite.applications.services import Service
from flocker_lite.errors import Conflict, Fact
from flocker_lite.model import edits, replicas
from flocker_lite.model.dataset_names import NAME, dataset_called
from flocker_lite.model.draining import Reports
from flocker_lite.model.editing import edited, in_turn
from flocker_lite.model.fields import revised, rows
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    DatasetId,
    Edit,
    NodeId,
)
from flocker_lite.model.replica_edits import with_standbys
from flocker_lite.model.replicas import Replicas

Function = Callable[[Configuration], Edit]

_NO_HOST = (
    "service {service} has no host: name one for the application, or in x-flocker of the service"
)


def bring_up(
    configuration: Configuration,
    application: Application,
    host: str | None,
    new_id: Callable[[], DatasetId],
    reports: Reports,
) -> Edit:
    """Make the application what the document says: create, change, move and remove containers.

    A service goes to its own host, or else to `host`; without either it stays where it is, and a
    new one joins the others if they are all on one node. Datasets are created, and never deleted.
    Standbys that the document counts are chosen by what the nodes report.
    """
    before = membership.members(configuration, application.name)
    wanted = {service.name: service for service in application.services}
    kept = {
        name: container
        for name, container in before.items()
        if name in wanted and wanted[name].container == container.name
    }
    gone = [
        each
        for each in membership.everyone(configuration, application.name)
        if each.name not in {container.name for container in kept.values()}
    ]
    places = dict(_places(configuration, application, host, before))
    # A new dataset is made where the container is, and moves with it.
    at = {**places, **{name: container.node for name, container in kept.items()}}
    volumes = _Volumes(configuration, application, at, new_id)
    desired = {
        name: _record(configuration, service, places[name], volumes.ids, kept.get(name))
        for name, service in wanted.items()
    }
    return _whole(
        configuration,
        *(partial(edits.delete_container, name=container.name) for container in gone),
        # First everybody lets go of what he is to have no more, so that others can have it.
        *(_release(container, desired[name]) for name, container in kept.items()),
        *(partial(edits.create_dataset, dataset=dataset) for dataset in volumes.new),
        # Before the containers: one that is to fail over by itself needs the standbys.
        *_replications(application, volumes.ids, reports),
        *(_setting(container, name in kept) for name, container in desired.items()),
    )


def move(configuration: Configuration, name: str, where: str) -> Edit:
    """Move all containers of an application to a node, each with its datasets."""
    found = membership.existing(configuration, name)
    return _whole(
        configuration,
        *(partial(edits.move_container, name=container.name, where=where) for container in found),
    )


def take_down(configuration: Configuration, name: str) -> Edit:
    """Delete all containers of an application; its datasets stay."""
    found = membership.existing(configuration, name)
    return _whole(
        configuration,
        *(partial(edits.delete_container, name=container.name) for container in found),
    )


@dataclass(slots=True)
class _Volumes:
    """The ids of the datasets of an application's volumes, and those that have to be created."""

    ids: dict[str, DatasetId]
    new: list[Dataset]

    def __init__(
        self,
        configuration: Configuration,
        application: Application,
        at: Mapping[str, str],
        new_id: Callable[[], DatasetId],
    ) -> None:
        self.ids, self.new = {}, []
        known = membership.datasets(configuration, application.name)
        where = {
            mount.volume: at[service.name]
            for service in application.services
            for mount in service.mounts
        }
        for key, volume in application.volumes.items():
            if volume.external:
                self.ids[key] = dataset_called(configuration, volume.dataset_name)
            elif key in known:
                self.ids[key] = known[key].dataset_id
            else:
                dataset = _new(volume, application.name, where[key], new_id())
                self.ids[key] = dataset.dataset_id
                self.new.append(dataset)


def _new(volume: NamedVolume, application: str, where: str, dataset_id: DatasetId) -> Dataset:
    metadata = {
        NAME: volume.dataset_name,
        membership.APPLICATION: application,
        membership.VOLUME: volume.key,
    }
    return Dataset(dataset_id, where, pmap(metadata))


def _places(
    configuration: Configuration,
    application: Application,
    host: str | None,
    before: Mapping[str, Container],
) -> Iterator[tuple[str, NodeId]]:
    """On which node each service is to be."""
    common = {container.node for container in before.values()}
    for service in application.services:
        where = service.host or host
        if where is not None:
            yield service.name, edits.find_node(configuration, where)
        elif service.name in before:
            yield service.name, before[service.name].node
        elif len(common) == 1:
            yield service.name, next(iter(common))
        else:
            text = _NO_HOST.format(service=service.name)
            raise Conflict("The application needs a host.", Fact(text, ("host",)))


def _record(
    configuration: Configuration,
    service: Service,
    node: NodeId,
    ids: Mapping[str, DatasetId],
    before: Container | None,
) -> Container:
    """The container of a service; what users do not set is as it was before."""
    body: dict[str, Any] = {
        **{row.name: None for row in rows(Container) if row.about.request is not None},
        **service.fields,
        "host": node,
        "volumes": [{"dataset_id": ids[mount.volume], **mount.fields} for mount in service.mounts],
    }
    # A container may be stopped by its user; to bring its application up is to run it.
    body["running"] = True
    return revised(before or Container(service.container, "", ""), body)


def _whole(configuration: Configuration, *functions: Function) -> Edit:
    """The edits in turn as one, in which each record changes once at most."""
    after = in_turn(configuration, *functions)
    latest = {(change.kind, change.identity): change for change in after.changes}
    return edited(configuration, latest.values())


def _replications(
    application: Application, ids: Mapping[str, DatasetId], reports: Reports
) -> Iterator[Function]:
    """The datasets of the services that name replicas, each with its standbys."""
    for service in application.services:
        if service.replicas is not None:
            wanted = replicas.parse(service.replicas)
            for mount in service.mounts:
                yield partial(
                    _replicated, dataset_id=ids[mount.volume], wanted=wanted, reports=reports
                )


def _replicated(
    before: Configuration, dataset_id: DatasetId, wanted: Replicas, reports: Reports
) -> Edit:
    def revise(dataset: Dataset) -> Dataset:
        return with_standbys(before, replace(dataset, replicas=wanted), dataset, reports)

    return edits.update_dataset(before, dataset_id, revise)


def _release(container: Container, desired: Container) -> Function:
    """The container without the ports, datasets and failover that it is to have no more."""
    ids = {volume.dataset_id for volume in desired.volumes}
    keys = {port.key for port in desired.ports}
    volumes = tuple(each for each in container.volumes if each.dataset_id in ids)
    ports = tuple(each for each in container.ports if each.key in keys)
    failover = container.failover if desired.failover is not None and volumes else None

    def revise(known: Container) -> Container:
        return replace(known, volumes=volumes, ports=ports, failover=failover)

    return lambda before: edits.update_container(before, container.name, revise)


def _setting(desired: Container, exists: bool) -> Function:
    if not exists:
        return lambda before: edits.create_container(before, desired)
    return lambda before: edits.update_container(before, desired.name, lambda _: desired)

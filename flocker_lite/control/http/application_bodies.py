"""Applications as JSON: what belongs to one, and what becomes of it; pure."""

from __future__ import annotations

from collections.abc import Iterable

from flocker_lite.applications import differences, membership
from flocker_lite.applications.differences import ContainerChange, DatasetChange
from flocker_lite.control.http.bodies import Body, address
from flocker_lite.model.dataset_names import NAME
from flocker_lite.model.records import Configuration, Dataset


def application_body(configuration: Configuration, name: str) -> Body | None:
    """What belongs to an application; None when it has no container."""
    found = membership.everyone(configuration, name)
    if not found:
        return None
    return {
        "name": name,
        "services": [
            {
                "service": container.application.service,
                "container": container.name,
                "host": address(configuration, container.node),
            }
            for container in found
            if container.application is not None
        ],
        "datasets": [
            _dataset(configuration, each.dataset) | {"used": each.action == differences.USED}
            for each in differences.datasets(configuration, configuration, name)
        ],
    }


def plan_body(
    configuration: Configuration,
    name: str,
    containers: Iterable[ContainerChange],
    datasets: Iterable[DatasetChange],
    notes: Iterable[str],
) -> Body:
    """What becomes, or became, of an application; `configuration` is that afterwards."""
    return {
        "name": name,
        "containers": [_container(configuration, each) for each in containers],
        "datasets": [
            _dataset(configuration, each.dataset) | {"action": each.action} for each in datasets
        ],
        "notes": list(notes),
    }


def _container(configuration: Configuration, change: ContainerChange) -> Body:
    container = change.container
    assert container.application is not None
    body: Body = {
        "name": container.name,
        "service": container.application.service,
        "host": address(configuration, container.node),
        "action": change.action,
    }
    if change.source is not None:
        body["from"] = address(configuration, change.source)
    if change.fields:
        body["fields"] = list(change.fields)
    return body


def _dataset(configuration: Configuration, dataset: Dataset) -> Body:
    metadata = dataset.metadata
    about = {"volume": metadata.get(membership.VOLUME), "name": metadata.get(NAME)}
    return {
        "dataset_id": dataset.dataset_id,
        "host": address(configuration, dataset.primary),
        **{key: each for key, each in about.items() if each is not None},
    }

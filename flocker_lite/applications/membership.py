"""Which containers and datasets belong to an application; pure.

A container says it in a field of its own, a dataset in its metadata. Nothing else is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from flocker_lite.errors import Conflict, Fact, NotFound
from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.model.records import Configuration, Container, Dataset

Record = TypeVar("Record", Container, Dataset)

APPLICATION, VOLUME = "application", "volume"
"""The keys of a dataset's metadata that say whose it is."""


def application_of(record: object) -> str | None:
    """The name of the application that a container or a dataset belongs to; None for none."""
    match record:
        case Container(application=Membership(name=name)):
            return name
        case Dataset(metadata=metadata):
            return metadata.get(APPLICATION)
    return None


def names(configuration: Configuration) -> list[str]:
    """The applications that have containers, in order."""
    return sorted(configuration.derived(_containers))


def members(configuration: Configuration, name: str) -> dict[str, Container]:
    """The containers of an application, by their services.

    A user may have given a second container the same service; then the first by name counts.
    """
    found: dict[str, Container] = {}
    for container in everyone(configuration, name):
        assert container.application is not None
        found.setdefault(container.application.service, container)
    return found


def everyone(configuration: Configuration, name: str) -> list[Container]:
    """All containers of an application, in order of their names."""
    return configuration.derived(_containers).get(name, [])


def existing(configuration: Configuration, name: str) -> list[Container]:
    """The same; NotFound when the application has none."""
    found = everyone(configuration, name)
    if not found:
        known = tuple(names(configuration))
        fact = Fact(f"there is no application {name}", ("name",), name, known=known)
        raise NotFound("Application not found.", fact)
    return found


def datasets(configuration: Configuration, name: str) -> dict[str, Dataset]:
    """The datasets of an application that are not deleted, by their volumes; Conflict for two."""
    found: dict[str, Dataset] = {}
    for dataset in owned(configuration, name):
        volume = dataset.metadata.get(VOLUME, "")
        other = found.setdefault(volume, dataset)
        if other is not dataset:
            text = (
                f"datasets {other.dataset_id} and {dataset.dataset_id} both say in their metadata "
                f"that they are the volume {volume} of {name}: change one"
            )
            raise Conflict("Several datasets are the same volume.", Fact(text))
    return found


def owned(configuration: Configuration, name: str) -> list[Dataset]:
    """The datasets that say in their metadata that they are of this application, by their ids."""
    return configuration.derived(_datasets).get(name, [])


def _containers(configuration: Configuration) -> dict[str, list[Container]]:
    """The containers of each application, in order of their names."""
    found = sorted(configuration.containers.values(), key=lambda each: each.name)
    return _by_application(found)


def _datasets(configuration: Configuration) -> dict[str, list[Dataset]]:
    """The datasets of each application that are not deleted, by their ids."""
    live = (each for each in configuration.datasets.values() if not each.deleted)
    return _by_application(sorted(live, key=lambda each: each.dataset_id))


def _by_application(records: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        name = application_of(record)
        if name is not None:
            found.setdefault(name, []).append(record)
    return found

"""Which container uses a dataset or an external port, without searching all containers.

A configuration keeps an index, and an edit updates it for the next configuration. So the cost is
the same in a small cluster and in a large one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.records import Change, Configuration, Container, DatasetId


@dataclass(frozen=True, slots=True)
class Uses:
    """The name of the container that uses each dataset, and each external port by its key."""

    datasets: PMap[DatasetId, str] = field(default_factory=pmap)
    ports: PMap[str, str] = field(default_factory=pmap)


def uses_of(configuration: Configuration) -> Uses:
    """The index of what this configuration's containers use."""
    return configuration.derived(_uses)


def carry_over(before: Configuration, changes: Iterable[Change], after: Configuration) -> None:
    """Update the index of `before` for `after`, which is `before` with these changes applied."""
    names = {change.identity for change in changes if change.kind == "containers"}
    uses = _evolved(
        uses_of(before),
        [before.containers[name] for name in names if name in before.containers],
        [after.containers[name] for name in names if name in after.containers],
    )
    after.derives(_uses, uses)


def _uses(configuration: Configuration) -> Uses:
    return _evolved(Uses(), (), configuration.containers.values())


def _evolved(uses: Uses, gone: Iterable[Container], come: Iterable[Container]) -> Uses:
    datasets, ports = uses.datasets.evolver(), uses.ports.evolver()
    for container in gone:
        for volume in container.volumes:
            del datasets[volume.dataset_id]
        for port in container.ports:
            del ports[port.key]
    for container in come:
        for volume in container.volumes:
            datasets[volume.dataset_id] = container.name
        for port in container.ports:
            ports[port.key] = container.name
    return Uses(datasets.persistent(), ports.persistent())

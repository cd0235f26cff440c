"""Which container uses a dataset or an external port, without looking at all of them each time.

The answer for one map of containers is remembered, and carried over to the next by what changed,
so that an edit costs the same in a small cluster and in a large one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.records import Change, Container, DatasetId


@dataclass(frozen=True, slots=True)
class Uses:
    """The name of the container that uses each dataset, and each external port."""

    datasets: PMap[DatasetId, str] = field(default_factory=pmap)
    ports: PMap[int, str] = field(default_factory=pmap)


class _Memory:
    """The map that was asked for last, and the answer."""

    containers: PMap[str, Container] = pmap()
    uses = Uses()


_memory = _Memory()


def uses_of(containers: PMap[str, Container]) -> Uses:
    """What these containers use."""
    if _memory.containers is not containers:
        _memory.uses = _evolved(Uses(), (), containers.values())
        _memory.containers = containers
    return _memory.uses


def carry_over(
    before: PMap[str, Container], changes: Iterable[Change], after: PMap[str, Container]
) -> None:
    """Make `uses_of(after)` cheap, where `after` is `before` with these changes carried out."""
    names = {change.identity for change in changes if change.kind == "containers"}
    uses = _evolved(
        uses_of(before),
        [before[name] for name in names if name in before],
        [after[name] for name in names if name in after],
    )
    _memory.uses, _memory.containers = uses, after


def _evolved(uses: Uses, gone: Iterable[Container], come: Iterable[Container]) -> Uses:
    datasets, ports = uses.datasets.evolver(), uses.ports.evolver()
    for container in gone:
        for volume in container.volumes:
            del datasets[volume.dataset_id]
        for port in container.ports:
            del ports[port.external]
    for container in come:
        for volume in container.volumes:
            datasets[volume.dataset_id] = container.name
        for port in container.ports:
            ports[port.external] = container.name
    return Uses(datasets.persistent(), ports.persistent())

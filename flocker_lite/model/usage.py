"""What a node and its containers use at the moment; pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.machine import Machine


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """What a running container uses; None stands for what nobody could find out.

    `cpu_share` is in CPUs: 1.5 is one and a half of them. The memory is without what the kernel
    only caches for it; `memory_limit_bytes` is None where it has no limit. The other numbers are
    bytes since its start, by the network and by disks.
    """

    cpu_share: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """What a node has and uses; `containers` are those of ours that run there, by name."""

    machine: Machine = field(default_factory=Machine)
    cpus: int | None = None
    containers: PMap[str, ContainerUsage] = field(default_factory=pmap)

"""What a container may use of its node, and what keeps it in its box, out of Docker's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.containers.adoption.draft import Draft, Inspected
from flocker_lite.containers.arguments.resources import NANO
from flocker_lite.model.capabilities import canonical
from flocker_lite.model.container_fields.resources import UNLIMITED

SHM_BYTES = 64 * 2**20
"""What Docker gives to each container that says nothing else."""

_CPU_PERIOD_MICROSECONDS = 100_000
_ALL_PERMISSIONS = "rwm"
_OF_PRIVILEGED = "label=disable"
_NUMBERS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "CpuShares": ("cpu_shares", (0,)),
    "Memory": ("memory_limit", (0,)),
    "MemoryReservation": ("memory_reservation", (0,)),
    "PidsLimit": ("pids_limit", (0, UNLIMITED)),
    "ShmSize": ("shm_size", (0, SHM_BYTES)),
    "OomScoreAdj": ("oom_score_adj", (0,)),
    "BlkioWeight": ("blkio_weight", (0,)),
}
"""The field of each, and the numbers with which Docker says that there is none."""


def add_resources(found: Inspected, draft: Draft) -> None:
    """The limits; those that are Docker's own are left out."""
    host = found.host
    for key, (field, usual) in _NUMBERS.items():
        if host.get(key) not in (None, *usual):
            draft.keep(**{field: host[key]})
    memory, swap = host.get("Memory") or 0, host.get("MemorySwap") or 0
    if memory and swap not in (0, 2 * memory):
        draft.keep(memory_swap=swap)
    draft.keep(
        cpus=_cpus(host),
        cpuset=host.get("CpusetCpus"),
        sysctls=dict(host.get("Sysctls") or {}),
        ulimits={
            each["Name"]: {"soft": each["Soft"], "hard": each["Hard"]}
            for each in host.get("Ulimits") or ()
        },
    )


def _cpus(host: Mapping[str, Any]) -> float | None:
    if host.get("NanoCpus"):
        return float(host["NanoCpus"]) / NANO
    quota = host.get("CpuQuota") or 0
    period = host.get("CpuPeriod") or _CPU_PERIOD_MICROSECONDS
    return float(quota) / period if quota > 0 else None


def add_security(found: Inspected, draft: Draft) -> None:
    """Capabilities, options, groups and devices; the node may have to allow some of it."""
    host = found.host
    privileged = bool(host.get("Privileged"))
    options = list(dict.fromkeys(host.get("SecurityOpt") or ()))
    if privileged:
        # Docker adds it by itself.
        options = [each for each in options if each != _OF_PRIVILEGED]
    draft.keep(
        cap_add=_capabilities(host.get("CapAdd")),
        cap_drop=_capabilities(host.get("CapDrop")),
        security_opt=options,
        read_only=host.get("ReadonlyRootfs") or None,
        group_add=list(dict.fromkeys(host.get("GroupAdd") or ())),
        privileged=privileged or None,
        devices=[_device(each) for each in host.get("Devices") or ()],
    )
    mode = host.get("UsernsMode") or ""
    if mode == "host":
        draft.keep(userns_mode=mode)
    elif mode:
        draft.lose("userns_mode", f"{mode} is no mode that a container can have here")
    if host.get("MaskedPaths") == [] and not privileged:
        draft.lose(
            "security_opt",
            "systempaths=unconfined: here the kernel's files that Docker hides stay hidden",
        )


def _capabilities(names: list[str] | None) -> list[str]:
    return list(dict.fromkeys(map(canonical, names or ())))


def _device(device: Mapping[str, str]) -> str:
    outside, inside = device["PathOnHost"], device["PathInContainer"]
    permissions = device["CgroupPermissions"]
    words = [outside]
    if inside != outside:
        words.append(inside)
    if permissions != _ALL_PERMISSIONS:
        words.append(permissions)
    return ":".join(words)

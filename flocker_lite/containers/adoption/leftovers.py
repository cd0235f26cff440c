"""What Docker can say of a container and we cannot: nothing of it is left out in silence.

Each setting of Docker's is either translated by an area, or here. A setting that neither knows
comes of a later Docker, and is named as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.containers.adoption.draft import Draft, Inspected

_OF_AREAS_CONFIG = frozenset(
    {
        *("Cmd", "Domainname", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Hostname"),
        *("Image", "Labels", "NetworkDisabled", "OpenStdin", "Shell", "StopSignal", "StopTimeout"),
        *("Tty", "User", "WorkingDir"),
        # What is mounted says more than what was declared; the others are about who looks on.
        *("Volumes", "AttachStderr", "AttachStdin", "AttachStdout", "StdinOnce"),
        *("ArgsEscaped", "OnBuild"),
    }
)
_OF_AREAS_HOST = frozenset(
    {
        *("AutoRemove", "Binds", "BlkioWeight", "CapAdd", "CapDrop", "CpuPeriod", "CpuQuota"),
        *("CpuShares", "CpusetCpus", "Devices", "Dns", "DnsSearch", "ExtraHosts", "GroupAdd"),
        *("Init", "Links", "LogConfig", "MaskedPaths", "Memory", "MemoryReservation", "MemorySwap"),
        *("Mounts", "NanoCpus", "NetworkMode", "OomScoreAdj", "PidsLimit", "PortBindings"),
        *("Privileged", "PublishAllPorts", "ReadonlyPaths", "ReadonlyRootfs", "RestartPolicy"),
        *("SecurityOpt", "ShmSize", "Sysctls", "Tmpfs", "Ulimits", "UsernsMode", "VolumesFrom"),
        # Of the command `docker` alone; and what depends on the node's kernel, not on the user.
        *("CgroupnsMode", "ConsoleSize", "ContainerIDFile"),
    }
)
_USUAL: Mapping[str, tuple[Any, ...]] = {
    "IpcMode": ("private", "shareable"),
    "Isolation": ("default",),
    "MemorySwappiness": (-1,),
    "Runtime": ("runc", "io.containerd.runc.v2"),
    "VolumeDriver": ("local",),
}
"""What Docker fills in by itself, or what changes nothing."""

_HINDERING: Mapping[str, tuple[str, str]] = {
    "DeviceRequests": ("--gpus", "devices that a driver gives out, such as GPUs"),
    "IpcMode": ("--ipc", "memory that is shared with the node or with another container"),
    "PidMode": ("--pid", "the processes of the node or of another container"),
    "UTSMode": ("--uts", "the host name of the node"),
}
_OPTIONS: Mapping[str, str] = {
    "BlkioDeviceReadBps": "--device-read-bps",
    "BlkioDeviceReadIOps": "--device-read-iops",
    "BlkioDeviceWriteBps": "--device-write-bps",
    "BlkioDeviceWriteIOps": "--device-write-iops",
    "BlkioWeightDevice": "--blkio-weight-device",
    "CgroupParent": "--cgroup-parent",
    "CpuRealtimePeriod": "--cpu-rt-period",
    "CpuRealtimeRuntime": "--cpu-rt-runtime",
    "CpusetMems": "--cpuset-mems",
    "DeviceCgroupRules": "--device-cgroup-rule",
    "DnsOptions": "--dns-option",
    "KernelMemory": "--kernel-memory",
    "MacAddress": "--mac-address",
    "MemorySwappiness": "--memory-swappiness",
    "OomKillDisable": "--oom-kill-disable",
    "Runtime": "--runtime",
    "StorageOpt": "--storage-opt",
}


def add_leftovers(found: Inspected, draft: Draft) -> None:
    """Name each setting that no area has translated and that is not as usual."""
    settings: tuple[tuple[Mapping[str, Any], frozenset[str], Mapping[str, Any]], ...] = (
        (found.config, _OF_AREAS_CONFIG, found.image_config),
        (found.host, _OF_AREAS_HOST, {}),
    )
    for part, translated, of_image in settings:
        for key in sorted(part.keys() - translated):
            value = part[key]
            if not value or value in _USUAL.get(key, ()) or value == of_image.get(key):
                continue
            if key in _HINDERING:
                option, what = _HINDERING[key]
                draft.hinder(
                    option,
                    f"{_shown(value)}: a container here cannot have {what}: do without",
                )
            else:
                draft.lose(
                    _OPTIONS.get(key, key),
                    f"{_shown(value)}: no field says this, so the container would go without it",
                )


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 100 else f"{text[:100]} ..."

"""The resources that a container may use, in Docker's terms."""

from __future__ import annotations

from typing import Any

from flocker_lite.containers.arguments.merging import HOST, without_none
from flocker_lite.model.records import Container

NANO = 10**9


def resource_arguments(container: Container) -> dict[str, Any]:
    """All of them are in the body's HOST."""
    ulimits = [
        {"Name": name, "Soft": ulimit.soft, "Hard": ulimit.hard}
        for name, ulimit in sorted(container.ulimits.items())
    ]
    return {
        HOST: without_none(
            CpuShares=container.cpu_shares,
            NanoCpus=None if container.cpus is None else round(container.cpus * NANO),
            CpusetCpus=container.cpuset,
            Memory=container.memory_limit,
            MemorySwap=container.memory_swap,
            MemoryReservation=container.memory_reservation,
            PidsLimit=container.pids_limit,
            ShmSize=container.shm_size,
            Ulimits=ulimits or None,
            Sysctls=dict(container.sysctls) or None,
            OomScoreAdj=container.oom_score_adj,
            BlkioWeight=container.blkio_weight,
        )
    }

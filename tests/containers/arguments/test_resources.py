"""What a container may use of its node, in Docker's words."""

from __future__ import annotations

from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.containers.arguments.resources import resource_arguments
from flocker_lite.model.container_fields.resources import Ulimit
from flocker_lite.model.records import Container


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"cpus": 1.5}, {"NanoCpus": 1_500_000_000}),
        ({"cpuset": "0-2,4"}, {"CpusetCpus": "0-2,4"}),
        (
            {"memory_limit": 2**28, "memory_swap": -1, "memory_reservation": 2**27},
            {"Memory": 2**28, "MemorySwap": -1, "MemoryReservation": 2**27},
        ),
        ({"pids_limit": 100}, {"PidsLimit": 100}),
        ({"shm_size": 2**28}, {"ShmSize": 2**28}),
        ({"oom_score_adj": 0}, {"OomScoreAdj": 0}),
        ({"blkio_weight": 300}, {"BlkioWeight": 300}),
        ({"sysctls": pmap({"net.core.somaxconn": "1"})}, {"Sysctls": {"net.core.somaxconn": "1"}}),
        (
            {"ulimits": pmap({"nproc": Ulimit(1, 2), "nofile": Ulimit(-1, -1)})},
            {
                "Ulimits": [
                    {"Name": "nofile", "Soft": -1, "Hard": -1},
                    {"Name": "nproc", "Soft": 1, "Hard": 2},
                ]
            },
        ),
    ],
)
def test_resources(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each field is told, and none that is not set."""
    container = Container("db", "aaaaaaaa-0000-4000-8000-000000000001", "redis:latest", **fields)
    assert resource_arguments(container) == {"HostConfig": expected}

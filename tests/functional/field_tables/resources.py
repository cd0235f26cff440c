"""Fields of what a container may use of its node."""

from __future__ import annotations

from tests.functional.field_tables.field import Field

SHARE = {
    "NanoCpus": 500_000_000,
    "CpusetCpus": "0",
    "Memory": 256 * 2**20,
    "MemorySwap": 512 * 2**20,
    "MemoryReservation": 128 * 2**20,
    "PidsLimit": 123,
}
FIELDS = {
    "cpu_shares": Field(
        {"cpu_shares": 512}, lambda details: details["HostConfig"]["CpuShares"], 512
    ),
    "memory_limit": Field(
        {"memory_limit": 64 * 2**20}, lambda details: details["HostConfig"]["Memory"], 64 * 2**20
    ),
    "limits": Field(
        {
            "ulimits": {"nofile": {"soft": 1024, "hard": 2048}, "core": 0},
            "sysctls": {"net.core.somaxconn": "321"},
            "shm_size": "80m",
            "oom_score_adj": 77,
        },
        "echo $(ulimit -Sn) $(ulimit -Hn) $(cat /proc/sys/net/core/somaxconn) "
        "$(df -k /dev/shm | awk 'END {print $2}') $(cat /proc/1/oom_score_adj)",
        "1024 2048 321 81920 77",
        {
            "ulimits": {
                "nofile": {"soft": 1024, "hard": 2048},
                "core": {"soft": 0, "hard": 0},
            },
            "shm_size": 80 * 2**20,
        },
    ),
    "share": Field(
        {
            "cpus": 0.5,
            "cpuset": "0",
            "memory_limit": "256m",
            "memory_swap": "512m",
            "memory_reservation": "128m",
            "pids_limit": 123,
            "blkio_weight": 300,
        },
        lambda details: {key: details["HostConfig"][key] for key in SHARE},
        SHARE,
        {
            "memory_limit": 256 * 2**20,
            "memory_swap": 512 * 2**20,
            "memory_reservation": 128 * 2**20,
        },
    ),
}

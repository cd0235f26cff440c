"""Fields of what a container may use of its node, in requests and answers."""

from __future__ import annotations

from typing import Any

from tests.control.http.container_bodies import WEB, ContainersTestCase


class ResourcesTests(ContainersTestCase):
    """POST /v1/configuration/containers"""

    def test_accepted(self) -> None:
        """Each is answered as it was asked for, sizes in bytes."""
        fields: dict[str, Any] = {
            "memory_limit": 2**28,
            "memory_swap": 2**29,
            "memory_reservation": 2**27,
            "cpus": 0.5,
            "cpuset": "0-2,4",
            "pids_limit": 100,
            "shm_size": 2**28,
            "ulimits": {
                "nofile": {"soft": 1024, "hard": 65536},
                "memlock": {"soft": -1, "hard": -1},
            },
            "sysctls": {"net.core.somaxconn": "1024", "kernel.shmmax": "1"},
            "oom_score_adj": 0,
            "blkio_weight": 300,
        }
        assert fields.items() <= self.container(**fields).items()

    def test_short(self) -> None:
        """Sizes have units, one number is both limits, and swap may have none."""
        asked: dict[str, Any] = {"memory_limit": "1g", "memory_swap": -1, "shm_size": "256m"}
        body = self.container(**asked, ulimits={"nofile": 65536})
        assert (body["memory_limit"], body["memory_swap"]) == (2**30, -1)
        assert body["shm_size"] == 2**28
        assert body["ulimits"] == {"nofile": {"soft": 65536, "hard": 65536}}

    def test_refused(self) -> None:
        """What Docker would not take is refused."""
        bad: tuple[tuple[str, Any], ...] = (
            ("cpus", 0),
            ("cpus", "1"),
            ("cpuset", "0-"),
            ("cpuset", "0\n"),
            ("memory_swap", -2),
            ("memory_swap", "1k"),
            ("memory_reservation", 0),
            ("pids_limit", 0),
            ("shm_size", "-1m"),
            ("ulimits", {"files": 1}),
            ("ulimits", {"nofile": "many"}),
            ("ulimits", {"nofile": {"soft": 1}}),
            ("ulimits", {"nofile": -2}),
            ("sysctls", {"kernel.hostname": "x"}),
            ("sysctls", {"net.core.somaxconn": 1024}),
            ("oom_score_adj", 1001),
            ("blkio_weight", 9),
        )
        for name, value in bad:
            self.assert_invalid(self.create(**{name: value}))
        self.assert_nothing()

    def test_contradictions(self) -> None:
        """What does not go together is refused, and so is a change to it."""
        description = "Fields of the container do not go together."
        bad: tuple[dict[str, Any], ...] = (
            {"memory_swap": "1g"},
            {"memory_limit": "1g", "memory_swap": "512m"},
            {"memory_limit": "1g", "memory_reservation": "2g"},
            {"ulimits": {"nofile": {"soft": 2, "hard": 1}}},
            {"ulimits": {"nofile": {"soft": -1, "hard": 1}}},
        )
        for fields in bad:
            self.assert_refused(self.create(**fields), 409, description)
        self.container(memory_limit="1g", memory_swap="2g")
        self.assert_refused(self.post(WEB, {"memory_limit": None}), 409, description)

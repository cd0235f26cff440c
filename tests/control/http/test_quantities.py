"""Sizes and times of requests, written as people write them; answers have numbers."""

from __future__ import annotations

from tests.control.http.cluster import ADDRESS_1, ADDRESS_2
from tests.control.http.container_bodies import CONTAINERS, DATASETS, WEB, ContainersTestCase


class QuantityTests(ContainersTestCase):
    """ "512m", "1m30s"."""

    def test_sizes(self) -> None:
        """They have Docker's units; an answer has bytes."""
        assert self.container(memory_limit="512m")["memory_limit"] == 512 * 2**20
        body = {"primary": ADDRESS_1, "maximum_size": "1.5GiB"}
        assert self.created(DATASETS, body)["maximum_size"] == 3 * 2**29

    def test_times(self) -> None:
        """They have units; an answer has seconds."""
        check = {"port": 80, "timeout_seconds": "500ms", "start_period_seconds": "1m30s"}
        found = self.container(health_check=check)["health_check"]
        assert (found["timeout_seconds"], found["start_period_seconds"]) == (0.5, 90.0)
        move = {"deadline_seconds": "1h", "max_pause_seconds": "250ms", "bandwidth_limit": "10m"}
        reply = self.post(f"{WEB}?dry_run=true", {"host": ADDRESS_2, "move": move})
        assert reply.status == 200, reply.content
        assert self.get(f"{CONTAINERS}?wait_for=0&timeout_seconds=1ms")

    def test_limits(self) -> None:
        """They hold however a quantity is written, and the problem says what is allowed."""
        for more, message in (
            (
                {"memory_limit": "5m"},
                '$.memory_limit: "5m" is not a whole number of bytes, 6291456 (6 MiB) or more, or '
                'a text such as "512m"',
            ),
            ({"memory_limit": "lots"}, ""),
            ({"memory_limit": "9000p"}, ""),
            ({"memory_limit": True}, ""),
            (
                {"health_check": {"port": 80, "timeout_seconds": "2h"}},
                '$.health_check.timeout_seconds: "2h" is not a number of seconds over 0, at most '
                '3600, or a text such as "1m30s"',
            ),
        ):
            reply = self.create(**more)
            assert reply.status == 400, more
            assert message in reply.body["problems"][0]["message"]

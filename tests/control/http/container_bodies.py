"""What the tests of containers by the REST API share."""

from __future__ import annotations

from typing import Any

from tests.control.http.cluster import ADDRESS_1, Reply, RESTTestCase

CONTAINERS = "/configuration/containers"
DATASETS = "/configuration/datasets"
WEB = f"{CONTAINERS}/web"
DATASET_1 = "dddddddd-0000-4000-8000-00000000000a"
DATASET_2 = "dddddddd-0000-4000-8000-00000000000b"


EVERYTHING: dict[str, Any] = {
    "host": ADDRESS_1,
    "name": "web",
    "image": "nginx:1.7",
    "ports": [{"internal": 443, "external": 8443}, {"internal": 80, "external": 8080}],
    "environment": {"A": "b", "EMPTY": ""},
    "restart_policy": {"name": "on-failure", "maximum_retry_count": 5},
    "volumes": [
        {"dataset_id": DATASET_2, "mountpoint": "/b"},
        {"dataset_id": DATASET_1, "mountpoint": "/a"},
    ],
    "cpu_shares": 512,
    "memory_limit": 262144000,
    "links": [
        {"alias": "postgres", "local_port": 5432, "remote_port": 54320},
        {"alias": "cache", "local_port": 6379, "remote_port": 63790},
    ],
    "command_line": ["sh", "-c", "true"],
    "health_check": {
        "port": 80,
        "path": "/health?deep=1",
        "timeout_seconds": 2.5,
        "start_period_seconds": 60,
    },
}


class ContainersTestCase(RESTTestCase):
    """Tests of containers; there are two datasets on node 1."""

    def setUp(self) -> None:
        super().setUp()
        for dataset_id in (DATASET_1, DATASET_2):
            body = {"primary": ADDRESS_1, "dataset_id": dataset_id, "maximum_size": 2**30}
            self.created(DATASETS, body)

    def create(self, **more: Any) -> Reply:
        """POST a container with the least that it needs, and more."""
        return self.post(
            CONTAINERS, {"host": ADDRESS_1, "name": "web", "image": "nginx:latest", **more}
        )

    def container(self, **more: Any) -> Any:
        """The same, which must succeed; the answer."""
        reply = self.create(**more)
        assert reply.status == 201, reply.content
        return reply.body

    def assert_nothing(self) -> None:
        """There is no container."""
        assert self.get(CONTAINERS) == []


def volume(dataset_id: str = DATASET_1, mountpoint: str = "/data") -> dict[str, str]:
    """A volume as JSON."""
    return {"dataset_id": dataset_id, "mountpoint": mountpoint}


def link(alias: str = "db", local_port: int = 5432) -> dict[str, Any]:
    """A link as JSON."""
    return {"alias": alias, "local_port": local_port, "remote_port": 54320}

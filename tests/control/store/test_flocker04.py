"""A new store takes over what Flocker 0.4 had configured."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.control.store import flocker04
from flocker_lite.control.store.database import FILE_NAME, Database
from flocker_lite.errors import StoreError
from flocker_lite.model.nodes import placeholder
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Grant,
    Link,
    Port,
    RestartPolicy,
    Volume,
)

ID = "dddddddd-0000-4000-8000-00000000000a"
NODE = placeholder("10.0.0.1")


def dataset(**more: Any) -> dict[str, Any]:
    """A dataset as Flocker 0.4 writes it."""
    return {
        "$__class__$": "Dataset",
        "dataset_id": ID,
        "deleted": False,
        "maximum_size": 67108864,
        "metadata": {"name": "demo"},
        **more,
    }


def application(**more: Any) -> dict[str, Any]:
    """A container with all that one can have."""
    return {
        "$__class__$": "Application",
        "name": "web",
        "image": {"$__class__$": "DockerImage", "repository": "nginx", "tag": "1.7"},
        "ports": [{"$__class__$": "Port", "internal_port": 80, "external_port": 8080}],
        "links": [{"$__class__$": "Link", "local_port": 5432, "remote_port": 54320, "alias": "db"}],
        "volume": {
            "$__class__$": "AttachedVolume",
            "manifestation": manifestation(),
            "mountpoint": {"$__class__$": "FilePath", "path": "/srv"},
        },
        "environment": {"A": "b"},
        "memory_limit": 2**28,
        "cpu_shares": 512,
        "restart_policy": {"$__class__$": "RestartOnFailure", "maximum_retry_count": 5},
        "running": True,
        **more,
    }


def manifestation(**more: Any) -> dict[str, Any]:
    """A dataset on its node."""
    return {"$__class__$": "Manifestation", "primary": True, "dataset": dataset(**more)}


def deployment(
    hostname: str = "10.0.0.1", applications: list[Any] | None = None, **more: Any
) -> str:
    """The file, with one node."""
    node = {
        "$__class__$": "Node",
        "hostname": hostname,
        "applications": [application()] if applications is None else applications,
        "manifestations": {ID: manifestation(**more)},
    }
    return json.dumps({"$__class__$": "Deployment", "nodes": [node]})


EVERYTHING = Configuration(
    nodes=pmap({NODE.node_id: NODE}),
    datasets=pmap({ID: Dataset(ID, NODE.node_id, pmap({"name": "demo"}), 67108864)}),
    containers=pmap(
        {
            "web": Container(
                name="web",
                node=NODE.node_id,
                image="nginx:1.7",
                ports=(Port(80, 8080),),
                volumes=(Volume(ID, "/srv"),),
                environment=pmap({"A": "b"}),
                links=(Link("db", 5432, 54320),),
                restart_policy=RestartPolicy("on-failure", 5),
                cpu_shares=512,
                memory_limit=2**28,
            )
        }
    ),
    grants=pmap({ID: Grant(NODE.node_id, 1, materialised=True)}),
)


def test_everything() -> None:
    """All of it is taken over; no node may make an empty dataset in the place of an old one."""
    assert flocker04.parse(deployment()) == EVERYTHING


def test_least() -> None:
    """What Flocker leaves empty is empty."""
    bare = application(
        ports=[],
        links=[],
        volume=None,
        environment={},
        memory_limit=None,
        cpu_shares=None,
        restart_policy={"$__class__$": "RestartNever"},
    )
    taken_over = flocker04.parse(deployment(applications=[bare], maximum_size=None, deleted=True))
    assert taken_over.containers["web"] == Container("web", NODE.node_id, "nginx:1.7")
    assert taken_over.datasets[ID].deleted
    assert flocker04.parse('{"$__class__$": "Deployment", "nodes": []}') == Configuration()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not a configuration of Flocker 0.4"),
        ("[]", "not a configuration of Flocker 0.4"),
        (deployment("node1"), "the name of the node 'node1' is not an IP address"),
        (deployment(dataset_id="X" * 36), "is not a UUID"),
        (deployment(deleted=True), f"uses dataset {ID}, which does not exist"),
        (deployment(applications=[application(name=5)]), "not a change"),
        (deployment(applications=[application(cpu_shares="5")]), "'5' is not of type int"),
    ],
)
def test_refused(text: str, complaint: str) -> None:
    """What cannot be taken over whole is not taken over at all, and what is wrong is said."""
    with pytest.raises(StoreError) as caught:
        flocker04.parse(text)
    assert complaint in str(caught.value)


def test_new_store(tmp_path: Path) -> None:
    """A new store begins with it; the file stays, and is not looked at again."""
    (tmp_path / flocker04.FILE_NAME).write_text(deployment())
    with closing(Database(tmp_path)) as opened:
        assert opened.taken_over == tmp_path / flocker04.FILE_NAME
        assert opened.load() == EVERYTHING
    (tmp_path / flocker04.FILE_NAME).write_text("{")
    with closing(Database(tmp_path)) as opened:
        assert opened.taken_over is None
        assert opened.load() == EVERYTHING


def test_no_half_state(tmp_path: Path) -> None:
    """A file that cannot be taken over stops the service; once it is mended, all is taken over."""
    (tmp_path / flocker04.FILE_NAME).write_text("{")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"cannot be taken over: .* move it away to start"):
            Database(tmp_path)
    (tmp_path / flocker04.FILE_NAME).write_text(deployment())
    with closing(Database(tmp_path)) as opened:
        assert opened.load() == EVERYTHING
    assert (tmp_path / FILE_NAME).exists()

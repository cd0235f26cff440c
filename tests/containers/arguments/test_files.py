"""What a container finds at which of its paths, in Docker's words."""

from __future__ import annotations

from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.containers.arguments.files import file_arguments
from flocker_lite.model.container_fields.files import BindMount, Tmpfs
from flocker_lite.model.records import Container, Volume

DATASET = "dddddddd-0000-4000-8000-00000000000a"
BINDS = {DATASET: f"/flocker/{DATASET}"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"Mounts": []}),
        (
            {"volumes": (Volume(DATASET, "/data"),)},
            {"Mounts": [{"Type": "bind", "Source": BINDS[DATASET], "Target": "/data"}]},
        ),
        (
            {"volumes": (Volume(DATASET, "/data", read_only=True),)},
            {
                "Mounts": [
                    {
                        "Type": "bind",
                        "Source": BINDS[DATASET],
                        "Target": "/data",
                        "ReadOnly": True,
                    }
                ]
            },
        ),
        (
            {"volumes": (Volume(DATASET, "/data", subpath="pg/16"),)},
            {"Mounts": [], "Binds": [f"{BINDS[DATASET]}/pg/16:/data"]},
        ),
        (
            {"volumes": (Volume(DATASET, "/data", read_only=True, subpath="pg"),)},
            {"Mounts": [], "Binds": [f"{BINDS[DATASET]}/pg:/data:ro"]},
        ),
        (
            {
                "bind_mounts": (
                    BindMount("/srv/web", "/www", read_only=True),
                    BindMount("/run/x.sock", "/x"),
                )
            },
            {
                "Mounts": [
                    {
                        "Type": "bind",
                        "Source": "/srv/web",
                        "Target": "/www",
                        "BindOptions": {"Propagation": "rprivate"},
                        "ReadOnly": True,
                    },
                    {
                        "Type": "bind",
                        "Source": "/run/x.sock",
                        "Target": "/x",
                        "BindOptions": {"Propagation": "rprivate"},
                    },
                ]
            },
        ),
        (
            {"tmpfs": pmap({"/run": Tmpfs(), "/tmp": Tmpfs(2**26, ("mode=1777", "exec"))})},
            {"Mounts": [], "Tmpfs": {"/run": "", "/tmp": "size=67108864,mode=1777,exec"}},
        ),
    ],
)
def test_files(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each field is told, and none that is not set."""
    container = Container("db", "aaaaaaaa-0000-4000-8000-000000000001", "redis:latest", **fields)
    assert file_arguments(container, BINDS) == {"HostConfig": expected}

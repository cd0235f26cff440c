"""Where a container has datasets, of what Docker says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flocker_lite.containers.container_paths import why_no_directory
from flocker_lite.containers.data_binds import DataBind, data_binds
from flocker_lite.containers.translate import create_arguments, prestarted
from flocker_lite.model.container_fields.files import BindMount
from flocker_lite.model.records import Container, Volume

FIRST = "dddddddd-0000-4000-8000-00000000000a"
SECOND = "dddddddd-0000-4000-8000-00000000000b"
BINDS = {FIRST: f"/flocker/{FIRST}", SECOND: f"/flocker/{SECOND}"}
CONTAINER = Container(
    "db",
    "aaaaaaaa-0000-4000-8000-000000000001",
    "redis:latest",
    volumes=(
        Volume(FIRST, "/a:b", read_only=True),
        Volume(SECOND, "/data", subpath="pg/16"),
    ),
    bind_mounts=(BindMount("/srv/web", "/www"),),
)
EXPECTED = (
    DataBind(BINDS[FIRST], BINDS[FIRST], "/a:b"),
    DataBind(BINDS[SECOND], f"{BINDS[SECOND]}/pg/16", "/data", "pg/16"),
)


def test_found() -> None:
    """All datasets are found, and nothing else that is mounted; before and after it is made."""
    arguments = create_arguments(CONTAINER, BINDS, "10.79.1.11")
    assert data_binds(arguments) == EXPECTED
    made = prestarted(arguments, "/gates/db", "/.gate", None)
    assert made is not None
    assert len(made["HostConfig"]["Mounts"]) == 4
    assert made["HostConfig"]["Mounts"][1]["BindOptions"] == {"Propagation": "rprivate"}
    assert data_binds(made) == EXPECTED
    details = {"Config": {"Labels": made["Labels"]}, "HostConfig": made["HostConfig"]}
    assert data_binds(details) == EXPECTED


@pytest.mark.parametrize("host", [{}, {"Mounts": None, "Binds": None}])
def test_not_there(host: dict[str, Any]) -> None:
    """One that has other mounts than it was made with has no datasets."""
    labels = create_arguments(CONTAINER, BINDS, "10.79.1.11")["Labels"]
    assert data_binds({"Config": {"Labels": labels}, "HostConfig": host}) == ()


def test_a_directory_in_a_dataset(tmp_path: Path) -> None:
    """It is there when no part of its path is a link, wherever that leads."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "out").symlink_to("/")
    (tmp_path / "a" / "in").symlink_to("b")
    assert why_no_directory(tmp_path, "a") is None
    assert why_no_directory(tmp_path, "a/b") is None
    link = "leads through a symbolic link, {}: name the directory itself"
    assert why_no_directory(tmp_path, "out") == link.format("out")
    assert why_no_directory(tmp_path, "out/etc") == link.format("out")
    assert why_no_directory(tmp_path, "a/in") == link.format("in")
    assert why_no_directory(tmp_path, "file/x") == "leads through file, which is no directory"
    assert why_no_directory(tmp_path, "a/c") == "is not there: make this directory"

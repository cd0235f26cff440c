"""Paths inside a container: no link of its image leads out of it."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from flocker_lite.containers.container_paths import device_inside

NODE_DEVICE = os.stat("/proc").st_dev
"""Of a file system that the node has, and the image has not."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of an image."""
    (tmp_path / "opt/app-1.2/data").mkdir(parents=True)
    (tmp_path / "file").touch()
    links = {
        "opt/app": "/opt/app-1.2",
        "opt/relative": "app-1.2",
        "opt/above": "../../../../opt/app",
        "out": "/proc",
        "loop": "/loop",
        "opt/app-1.2/back": "..",
    }
    for link, target in links.items():
        (tmp_path / link).symlink_to(target)
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/opt/app-1.2/data",
        "/opt/app/data",
        "/opt/./relative//data/",
        "/opt/above/data",
        "/opt/app/back/app",
        "/../../opt",
        "/file",
    ],
)
def test_found(root: Path, path: str) -> None:
    """What is in the image is found, whatever links lead there."""
    assert device_inside(root, path) == root.stat().st_dev


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/out", errno.ENOENT),
        ("/opt/none", errno.ENOENT),
        ("/file/below", errno.ENOTDIR),
        ("/loop", errno.ELOOP),
    ],
)
def test_not_found(root: Path, path: str, reason: int) -> None:
    """What only the node has is not in the image."""
    with pytest.raises(OSError, match=re.escape(os.strerror(reason))):
        device_inside(root, path)


def test_the_device_of_a_mount() -> None:
    """It is that of what is mounted there."""
    assert device_inside(Path("/"), "/proc/self/..") == NODE_DEVICE

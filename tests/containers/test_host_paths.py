"""Which paths of the node no container gets."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from docker import APIClient

from flocker_lite.containers.host_paths import require_apart
from flocker_lite.errors import ContainerError


class FakeClient:
    """Docker, as far as it says where it has its own files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def info(self) -> dict[str, str]:
        """The part of the answer that is needed here."""
        return {"DockerRootDir": str(self.root)}


def test_own_files_of_docker(tmp_path: Path) -> None:
    """No path with them or among them, wherever links lead; a common prefix of names is none."""
    (tmp_path / "docker" / "volumes").mkdir(parents=True)
    (tmp_path / "docker-2").mkdir()
    (tmp_path / "link").symlink_to("docker/volumes")
    root = tmp_path / "docker"
    client = cast(APIClient, FakeClient(root))
    require_apart([str(tmp_path / "docker-2")], client, Path)
    for path in (root, root / "volumes", root / "missing", tmp_path, tmp_path / "link"):
        with pytest.raises(ContainerError, match=f"^{path} has Docker's own files, of {root}:"):
            require_apart([str(tmp_path / "docker-2"), str(path)], client, Path)

"""The folder of shared connections."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from flocker_lite.peers.sockets import FOLDER_CHARACTERS_MAX, sockets_folder


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path is not as long as pytest's."""
    path = Path(mkdtemp(dir="/tmp"))
    yield path
    shutil.rmtree(path)


def test_empty_and_private(short_path: Path) -> None:
    """It is the agent's alone, and what an agent that was killed left in it is gone."""
    folder = sockets_folder(short_path)
    assert folder is not None
    Path(folder, "left").touch()
    assert sockets_folder(short_path) == folder
    assert list(Path(folder).iterdir()) == []
    assert Path(folder).stat().st_mode & 0o777 == 0o700


def test_too_long(tmp_path: Path) -> None:
    """Where a socket's path would not fit, connections are not shared."""
    assert sockets_folder(tmp_path / ("a" * FOLDER_CHARACTERS_MAX)) is None


def test_not_possible(tmp_path: Path) -> None:
    """Nor where there can be no folder."""
    file = tmp_path / "f"
    file.touch()
    assert sockets_folder(file) is None

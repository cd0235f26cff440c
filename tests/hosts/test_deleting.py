"""How the files of a lab go."""

from __future__ import annotations

from pathlib import Path

from admin.hosts.lab import DELETED_SUFFIX, delete_beside
from admin.hosts.processes import wait_until

SECONDS_MAX = 30.0


def test_a_folder_is_gone_at_once_and_its_files_soon(tmp_path: Path) -> None:
    """So are those that a deletion left that was killed; not those of a lab of another name."""
    folder = tmp_path / "lab"
    left, others = (tmp_path / f"{name}{DELETED_SUFFIX}1" for name in ("lab", "lab-2"))
    for path in (folder, left, others):
        (path / "nodes" / "n1").mkdir(parents=True)
        (path / "nodes" / "n1" / "disk").touch()
    delete_beside(folder)
    assert not folder.exists()
    assert wait_until(lambda: list(tmp_path.iterdir()) == [others], SECONDS_MAX)
    assert (others / "nodes" / "n1" / "disk").exists()


def test_nothing_to_delete(tmp_path: Path) -> None:
    """A lab that was never made can be removed."""
    delete_beside(tmp_path / "lab")
    assert list(tmp_path.iterdir()) == []

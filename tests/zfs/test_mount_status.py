"""What there is where datasets are mounted is told from the mount table."""

from __future__ import annotations

import os
from pathlib import Path

from flocker_lite.model.state import MountStatus
from flocker_lite.zfs import mount_status

NAME, OTHER = "d", "tank/flocker-lite/d"


def status_at(root: Path, *lines: str) -> MountStatus:
    """What is at the mountpoint of a dataset, with these lines in the mount table."""
    (root / NAME).mkdir(exist_ok=True)
    table = root / "mountinfo"
    table.write_text("".join(f"{line}\n" for line in lines))
    return mount_status.look(str(root), {NAME: OTHER}, table)[NAME]


def line(number: int, path: Path | str, source: str, parent: int = 1, **words: str) -> str:
    """A mount on the device that the root of the test is on, unless told otherwise."""
    options, kind = words.get("options", "rw"), words.get("kind", "zfs")
    device = words.get("device", "0:999")
    return f"{number} {parent} {device} / {path} {options} - {kind} {source} {options}"


def device_of(root: Path) -> str:
    """What the directory is on."""
    device = os.stat(root).st_dev
    return f"{os.major(device)}:{os.minor(device)}"


def test_nothing(tmp_path: Path) -> None:
    """No mount is no mount, whatever else there is."""
    assert status_at(tmp_path, line(2, tmp_path / "e", "tank/flocker-lite/e")) == MountStatus()


def test_the_dataset(tmp_path: Path) -> None:
    """It is mounted when it is on top, and what its path leads to."""
    here = line(2, tmp_path / NAME, OTHER, device=device_of(tmp_path))
    assert status_at(tmp_path, here) == MountStatus(is_mounted=True)
    read_only = line(2, tmp_path / NAME, OTHER, device=device_of(tmp_path), options="ro")
    found = status_at(tmp_path, read_only)
    assert found.is_mounted
    assert "remount,rw" in str(found.warning)


def test_something_else(tmp_path: Path) -> None:
    """What is on top counts, in whatever order the table has them; it is named."""
    here = line(2, tmp_path / NAME, OTHER, device=device_of(tmp_path))
    over = line(3, tmp_path / NAME, "none", parent=2, kind="tmpfs")
    for lines in ((here, over), (over, here)):
        found = status_at(tmp_path, *lines)
        assert not found.is_mounted
        assert f"somebody else mounted tmpfs over it at {tmp_path}/{NAME}" in str(found.obstacle)


def test_hidden(tmp_path: Path) -> None:
    """What was mounted over the directory of all datasets hides each."""
    found = status_at(tmp_path, line(2, tmp_path / NAME, OTHER, device="0:7"))
    assert f"umount {tmp_path}" in str(found.obstacle)


def test_elsewhere(tmp_path: Path) -> None:
    """A dataset that is mounted where it does not belong is not where it belongs."""
    found = status_at(tmp_path, line(2, "/mnt", OTHER))
    assert not found.is_mounted
    assert "umount /mnt" in str(found.obstacle)


def test_a_root_that_is_a_link(tmp_path: Path) -> None:
    """The kernel names mount points without symbolic links."""
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    here = line(2, real / NAME, OTHER, device=device_of(real))
    assert status_at(tmp_path / "link", here) == MountStatus(is_mounted=True)


def test_strays(tmp_path: Path) -> None:
    """What was set aside is said for as long as it is there."""
    aside = tmp_path / ".stray-d-1"
    aside.mkdir()
    assert str(aside) in str(status_at(tmp_path).warning)
    aside.rmdir()
    assert status_at(tmp_path).warning is None

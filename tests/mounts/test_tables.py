"""Who has a filesystem mounted is read from the mount tables of all processes."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.mounts.tables import holders, mounts_source
from tests.zfs.recorded import MOUNTINFO_OPENZFS, MOUNTINFO_ZFS_FUSE, NAME


def test_recorded() -> None:
    """In the tables of both kinds; the beginning of a name is not the name."""
    for text in (MOUNTINFO_ZFS_FUSE, MOUNTINFO_OPENZFS):
        assert mounts_source(text, NAME)
        assert not mounts_source(text, NAME[:-1])
        assert not mounts_source(text, f"{NAME}@a")


def test_blanks_in_names() -> None:
    """A pool's name may have blanks, which are octal in the table."""
    assert mounts_source("1 2 0:1 / /x rw - zfs my\\040pool/x rw\n", "my pool/x")


@given(st.text())
def test_any_text(text: str) -> None:
    """There is an answer to everything."""
    assert not mounts_source(text, NAME)


def process(proc: Path, pid: str, namespace: str, mountinfo: str | None) -> None:
    """Make a folder of /proc."""
    (proc / pid / "ns").mkdir(parents=True)
    (proc / pid / "ns" / "mnt").symlink_to(f"mnt:[{namespace}]")
    if mountinfo is not None:
        (proc / pid / "mountinfo").write_text(mountinfo)


def test_holders(tmp_path: Path) -> None:
    """One process for each namespace that has it; those that end meanwhile do not matter."""
    process(tmp_path, "1", "100", MOUNTINFO_OPENZFS.replace(NAME, "tank/other"))
    process(tmp_path, "20", "200", MOUNTINFO_OPENZFS)
    process(tmp_path, "21", "200", MOUNTINFO_OPENZFS)
    process(tmp_path, "30", "300", MOUNTINFO_ZFS_FUSE)
    process(tmp_path, "40", "400", None)
    (tmp_path / "50").mkdir()
    (tmp_path / "self").symlink_to("1")
    found = holders(NAME, tmp_path)
    assert 30 in found
    assert len(found) == 2
    assert set(found) <= {20, 21, 30}


def test_a_process_that_ends_hides_no_other(tmp_path: Path) -> None:
    """Its namespace is looked at through the next process that is in it."""
    for pid in range(10, 50):
        process(tmp_path, str(pid), "100", MOUNTINFO_OPENZFS if pid == 30 else None)
    assert holders(NAME, tmp_path) == [30]


def test_threads_outlive_the_first(tmp_path: Path) -> None:
    """A process whose first thread ended is looked at through the others."""
    process(tmp_path, "10", "100", None)
    process(tmp_path / "10" / "task", "10", "100", None)
    process(tmp_path / "10" / "task", "11", "100", MOUNTINFO_OPENZFS)
    assert holders(NAME, tmp_path) == [10]

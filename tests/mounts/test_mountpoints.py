"""The directories at which datasets are mounted: empty, protected, and nothing in them is lost."""

from __future__ import annotations

from pathlib import Path

from flocker_lite.mounts import mountpoints

MOMENT = 1700000000


def test_made(tmp_path: Path) -> None:
    """It is there afterwards, as often as one likes, and can be removed again."""
    root = tmp_path / "below" / "flocker"
    for _ in range(2):
        mountpoints.make(str(root), "d", MOMENT)
        assert list((root / "d").iterdir()) == []
    assert mountpoints.strays(str(root), "d") == []
    mountpoints.remove(str(root / "d"))
    assert list(root.iterdir()) == []


def test_what_is_in_it_is_kept(tmp_path: Path) -> None:
    """Each time in a directory of its own, whatever it is and whatever it is called."""
    for number in (1, 2):
        path = tmp_path / "d"
        path.mkdir(exist_ok=True)
        mountpoints.unprotect(str(path))
        (path / "directory").mkdir()
        (path / "directory" / "file").write_text(str(number))
        (path / ".hidden").symlink_to("/nowhere")
        mountpoints.make(str(tmp_path), "d", MOMENT)
        assert list(path.iterdir()) == []
    first, second = map(Path, mountpoints.strays(str(tmp_path), "d"))
    assert first.name == f".stray-d-{MOMENT}"
    for number, aside in enumerate((first, second), 1):
        assert (aside / "directory" / "file").read_text() == str(number)
        assert (aside / ".hidden").is_symlink()
    mountpoints.remove(str(tmp_path / "d"))


def test_what_is_in_its_place(tmp_path: Path) -> None:
    """A file, or a link that leads elsewhere, is set aside itself; nothing behind it is touched."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "theirs").write_text("kept")
    (tmp_path / "d").symlink_to(other)
    mountpoints.make(str(tmp_path), "d", MOMENT)
    assert not (tmp_path / "d").is_symlink()
    (aside,) = mountpoints.strays(str(tmp_path), "d")
    assert (Path(aside) / "d").is_symlink()
    assert (other / "theirs").read_text() == "kept"
    mountpoints.remove(str(tmp_path / "d"))


def test_strays_of_others(tmp_path: Path) -> None:
    """Those of a dataset are told from those of others; without the root there are none."""
    (tmp_path / ".stray-dd-1").mkdir()
    assert mountpoints.strays(str(tmp_path), "d") == []
    assert mountpoints.strays(str(tmp_path / "gone"), "d") == []


def test_what_answers_is_no_dead_mount(tmp_path: Path) -> None:
    """Nor is what is not there; so neither is ever taken away."""
    for path in (tmp_path, tmp_path / "gone"):
        assert not mountpoints.is_dead_mount(str(path))
        mountpoints.clear(str(path))
    assert tmp_path.is_dir()
    assert mountpoints.answers(str(tmp_path))
    assert not mountpoints.answers(str(tmp_path / "gone"))

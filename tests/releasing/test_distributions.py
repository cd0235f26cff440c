"""Source packages have the same bytes, whoever makes them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from admin.releasing.distributions import differing
from admin.releasing.making import settle

EPOCH_SECONDS = 1_800_000_000


def package(path: Path, names: list[str], owner: int, mode: int, seconds: int) -> bytes:
    """A source package as somebody would make it, once it is settled."""
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            item = tarfile.TarInfo(name)
            item.size, item.uid, item.uname, item.mode = 3, owner, f"u{owner}", mode
            item.mtime = seconds
            tar.addfile(item, io.BytesIO(b"abc"))
    settle(path, EPOCH_SECONDS)
    return path.read_bytes()


def test_the_same_bytes(tmp_path: Path) -> None:
    """Whatever the order of a folder, the owner, the umask and the time."""
    first = package(tmp_path / "one", ["x/a", "x/b"], 0, 0o644, 1)
    assert first == package(tmp_path / "two", ["x/b", "x/a"], 1000, 0o600, 2)
    assert first != package(tmp_path / "three", ["x/a", "x/b"], 0, 0o755, 1)


def test_the_content_stays(tmp_path: Path) -> None:
    """Names and bytes, with the time of the commit."""
    package(tmp_path / "one", ["x/a"], 0, 0o700, 1)
    with tarfile.open(tmp_path / "one") as tar:
        (item,) = tar
        assert (item.name, item.mode, item.mtime) == ("x/a", 0o755, EPOCH_SECONDS)
        content = tar.extractfile(item)
        assert content is not None
        assert content.read() == b"abc"


def test_what_differs_is_named() -> None:
    """By other bytes, or because one of the two is missing."""
    first = {"a": b"1", "b": b"2", "d": b"4"}
    assert differing(first, first) == []
    assert differing(first, {"a": b"1", "b": b"x", "c": b"3"}) == ["b", "c", "d"]

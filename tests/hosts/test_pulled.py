"""Images that nodes have from the start: copied from what one engine pulled, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from admin.hosts.pulled import copy_images, give_images


def make_images(folder: Path) -> None:
    """A layer and what describes it, as small as can be."""
    (folder / "overlay2" / "l1" / "diff").mkdir(parents=True)
    (folder / "overlay2" / "l1" / "diff" / "file").write_text("content")
    (folder / "image").mkdir()
    (folder / "image" / "repositories.json").write_text("{}")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """With a registry that was built."""
    (tmp_path / "cache" / "registry").mkdir(parents=True)
    (tmp_path / "cache" / "registry" / "stamp").write_text("one")
    return tmp_path / "cache"


class Pulls:
    """Pulls, and counts how often."""

    def __init__(self) -> None:
        self.count = 0
        self.fails = False

    def __call__(self, target: Path) -> None:
        self.count += 1
        (target / "left").touch()
        if self.fails:
            raise OSError("the registry is away")
        make_images(target)


def given(cache: Path, name: str, pulls: Pulls) -> Path:
    """A new node's Docker folder, with images."""
    docker = cache.parent / name
    docker.mkdir()
    give_images(cache, docker, pulls)
    return docker


def test_layers_are_linked_and_descriptions_are_not(tmp_path: Path) -> None:
    """An engine writes its descriptions anew, and leaves the files of a layer as they are."""
    source, target = tmp_path / "source", tmp_path / "target"
    make_images(source)
    target.mkdir()
    copy_images(source, target)
    layer, description = "overlay2/l1/diff/file", "image/repositories.json"
    assert (target / layer).samefile(source / layer)
    assert not (target / description).samefile(source / description)
    assert (target / description).read_text() == "{}"


def test_they_are_pulled_once(cache: Path) -> None:
    """A node that removes its images takes nothing from the next one."""
    pulls = Pulls()
    first = given(cache, "n1", pulls)
    (first / "overlay2/l1/diff/file").unlink()
    second = given(cache, "n2", pulls)
    assert (second / "overlay2/l1/diff/file").read_text() == "content"
    assert pulls.count == 1


def test_other_images_are_pulled_anew(cache: Path) -> None:
    """The old ones are removed."""
    pulls = Pulls()
    given(cache, "n1", pulls)
    (cache / "registry" / "stamp").write_text("two")
    given(cache, "n2", pulls)
    assert pulls.count == 2
    assert [path.name for path in cache.glob("pulled-*")] == ["pulled-two"]


def test_a_pull_that_failed_leaves_nothing_to_copy(cache: Path) -> None:
    """The next lab pulls from the beginning."""
    pulls = Pulls()
    pulls.fails = True
    with pytest.raises(OSError, match="away"):
        given(cache, "n1", pulls)
    pulls.fails = False
    given(cache, "n2", pulls)
    assert pulls.count == 2

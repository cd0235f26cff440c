"""Images are built once per recipe, appear whole, and do not pile up."""

import os
from pathlib import Path

import pytest

from admin.vm.cache import KEPT_PER_KIND_MAX, Cache, cache_directory, key


def test_equal_recipes_have_equal_keys() -> None:
    """The order of a recipe's keys says nothing; its content says all."""
    assert key({"a": 1, "b": (2, 3)}) == key({"b": [2, 3], "a": 1})
    assert key({"a": 1}) != key({"a": 2})


def test_directory_is_in_the_checkout_unless_overridden(tmp_path: Path) -> None:
    """FLOCKER_LITE_CACHE moves the images elsewhere."""
    assert cache_directory(tmp_path, {}) == tmp_path / ".cache" / "openzfs"
    elsewhere = cache_directory(tmp_path, {"FLOCKER_LITE_CACHE": "/elsewhere"})
    assert elsewhere == Path("/elsewhere/openzfs")


def test_built_once(tmp_path: Path) -> None:
    """The second call for the same recipe builds nothing."""
    cache, built = Cache(tmp_path / "cache"), []

    def build(directory: Path) -> None:
        built.append(directory)
        (directory / "disk").write_text("image")

    first = cache.obtain("system", 1, build)
    assert (first / "disk").read_text() == "image"
    assert cache.obtain("system", 1, build) == first
    assert len(built) == 1


def test_failed_build_leaves_nothing(tmp_path: Path) -> None:
    """A build that fails is not taken for an image, and the next one starts afresh."""
    cache = Cache(tmp_path)

    def fail(directory: Path) -> None:
        (directory / "disk").write_text("half an image")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.obtain("system", 1, fail)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_left_over_of_a_killed_build_is_removed(tmp_path: Path) -> None:
    """What a killed build left is removed by the next."""
    left_over = tmp_path / "building-killed"
    (left_over / "root").mkdir(parents=True)
    Cache(tmp_path).obtain("system", 1, lambda directory: None)
    assert not left_over.exists()


def test_old_images_are_forgotten(tmp_path: Path) -> None:
    """Only the images used last are kept, per kind."""
    cache = Cache(tmp_path)
    other = cache.obtain("dependencies", 0, lambda directory: None)
    for recipe in range(KEPT_PER_KIND_MAX + 2):
        path = cache.obtain("system", recipe, lambda directory: None)
        os.utime(path, (recipe, recipe))
    kept = {path.name for path in tmp_path.glob("system-*")}
    newest = range(2, KEPT_PER_KIND_MAX + 2)
    assert kept == {f"system-{key(recipe)}" for recipe in newest}
    assert other.exists()


def test_run_directory_is_removed_at_the_end(tmp_path: Path) -> None:
    """A run leaves no file, whether it succeeds or not."""

    def fail() -> None:
        with Cache(tmp_path).run_directory() as path:
            (path / "scratch").write_text("much")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list((tmp_path / "runs").iterdir()) == []


def test_only_abandoned_run_directories_are_removed(tmp_path: Path) -> None:
    """A run removes what a crashed one left, and nothing of one that is alive."""
    cache = Cache(tmp_path)
    abandoned = tmp_path / "runs" / "abandoned"
    abandoned.mkdir(parents=True)
    with cache.run_directory() as alive, cache.run_directory():
        assert alive.exists()
        assert not abandoned.exists()

"""Keeps what a Docker engine has once it pulled all images, and gives that to new nodes.

So a node saves the seconds of processor time that it takes to pull and unpack them.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from admin.hosts.images.cache import locked
from admin.hosts.processes import run

PREFIX = "pulled-"
IMAGES = "image"
LAYERS = "overlay2"
COPY_TIMEOUT_SECONDS = 120.0


def give_images(cache: Path, docker: Path, pull: Callable[[Path], None]) -> None:
    """Fill Docker's folder, which is empty; its engine must not run yet.

    `pull` has an engine pull the images, and calls `copy_images`. We call it once for the images
    in the cache.
    """
    with locked(cache / "pulled.lock"):
        copy_images(_ensure(cache, pull), docker)


def copy_images(source: Path, target: Path) -> None:
    """Copy the images of one Docker folder, whose engine does not run, into another.

    The files of the layers become hard links: an engine removes them, but never writes to them.
    """
    one_filesystem = source.stat().st_dev == target.stat().st_dev
    link = ("--link",) if one_filesystem else ()
    for options, name in ((link, LAYERS), ((), IMAGES)):
        copy = ["cp", "--archive", *options, str(source / name), str(target)]
        run(copy, timeout_seconds=COPY_TIMEOUT_SECONDS)


def _ensure(cache: Path, pull: Callable[[Path], None]) -> Path:
    kept = cache / (PREFIX + (cache / "registry" / "stamp").read_text())
    if kept.exists():
        return kept
    making = cache / "pulling"
    for old in (making, *cache.glob(f"{PREFIX}*")):
        shutil.rmtree(old, ignore_errors=True)
    making.mkdir()
    pull(making)
    making.rename(kept)
    return kept

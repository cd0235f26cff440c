"""Builds the lab's images in .cache/images, unless they are there."""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from admin.hosts.images.debian import codename, make_base, make_upper, refresh
from admin.hosts.images.layers import write_layer
from admin.hosts.images.recipes import RECIPES, Recipe, image_configuration
from admin.hosts.images.storage import Blob, blob_path, image_files
from admin.hosts.processes import run, side_by_side

SOURCES = Path(__file__).parent
KEY_CHARACTERS = 12


def ensure_images(checkout: Path) -> None:
    """Make sure that the registry's storage holds the images that these sources describe."""
    cache = checkout / ".cache" / "images"
    key = key_of(SOURCES.rglob("*"), codename())
    if is_built(cache, key):
        return
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        if not is_built(cache, key):
            build(cache, key)


def is_built(cache: Path, key: str) -> bool:
    """Whether somebody built the storage, to its end, from the sources with this key."""
    stamp = cache / "registry" / "stamp"
    return stamp.exists() and stamp.read_text() == key


def key_of(sources: Iterator[Path], release: str) -> str:
    """A short name of what the images are made from: each source file, and the release."""
    summary = hashlib.sha256(release.encode())
    for path in sorted(sources):
        if path.suffix in (".py", ".sh"):
            summary.update(path.name.encode() + b"\0" + path.read_bytes())
    return summary.hexdigest()[:KEY_CHARACTERS]


def build(cache: Path, key: str) -> None:
    """Build all images and put the new storage in the place of the old one."""
    work = cache / "partial"
    if work.exists():
        shutil.rmtree(work)
    base = ensure_base(cache)
    storage = work / "registry"
    base_layer = store_layer(base, storage)
    side_by_side([partial(build_image, base, base_layer, recipe, work) for recipe in RECIPES])
    (storage / "stamp").write_text(key)
    # The registry of a running lab looks the folder up by name each time.
    old = cache / "old"
    for folder, name in ((cache / "registry", old), (storage, cache / "registry")):
        if folder.exists():
            folder.rename(name)
    for folder in (old, work):
        if folder.exists():
            shutil.rmtree(folder)


def ensure_base(cache: Path) -> Path:
    """The root that all images share; it depends on the Debian release and on debian.py."""
    source = (SOURCES / "debian.py").read_bytes()
    key = hashlib.sha256(codename().encode() + source).hexdigest()[:KEY_CHARACTERS]
    base = cache / f"base-{key}"
    if base.exists():
        # The archive may have replaced packages that its old lists name.
        refresh(base)
        return base
    for other in cache.glob("base-*"):
        shutil.rmtree(other)
    making = cache / "partial" / "base"
    make_base(making)
    making.rename(base)
    return base


def build_image(base: Path, base_layer: Blob, recipe: Recipe, work: Path) -> None:
    """Build one image into the storage below `work`."""
    own_work = work / recipe.name
    layer = store_layer(make_upper(base, recipe, own_work), work / "registry")
    layers = (base_layer, layer)
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    configuration = image_configuration(recipe, architecture, [blob.digest for blob in layers])
    for path, content in image_files(f"library/{recipe.name}", "latest", configuration, layers):
        target = work / "registry" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    shutil.rmtree(own_work)


def store_layer(root: Path, storage: Path) -> Blob:
    """Write a folder as a layer into the registry's storage."""
    storage.mkdir(parents=True, exist_ok=True)
    unnamed = storage / f"{root.parent.name}-{root.name}.tar"
    blob = write_layer(root, unnamed)
    target = storage / blob_path(blob.digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    unnamed.rename(target)
    return blob


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process builds; a killed process holds no lock."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

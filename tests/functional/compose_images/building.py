"""Builds the images, has an engine load them once, and gives that to the nodes of a lab.

They are in nobody's way: only a test that asks for them has them built, and only once for these
sources. What is kept is the folder of an engine that has them, as for the images of each lab.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path

from admin.hosts import Lab, Node, pulled
from admin.hosts.images import cache
from admin.hosts.images.debian import CONTAINED, INSTALL, build_environment
from admin.hosts.images.layers import write_layer
from admin.hosts.images.recipes import image_configuration
from admin.hosts.lab import CHECKOUT, IMAGE_CACHE
from admin.hosts.processes import run, side_by_side
from tests.functional.compose_images.catalogue import IMAGES, OF_THE_LAB

SOURCES = Path(__file__).parent
PREFIX = "compose-"
BUILD_SECONDS_MAX = 600.0
LOAD_SECONDS_MAX = 300.0


def ensure_images(subnet: str) -> Path:
    """The folder of an engine that has all images; they are built if they are not there yet.

    The engine runs in a lab of its own in the `subnet`, which must be free.
    """
    cache.ensure_images(CHECKOUT)
    kept = IMAGE_CACHE / f"{PREFIX}{_key()}"
    with cache.locked(IMAGE_CACHE / "applications.lock"):
        if not kept.exists():
            archive = _built(kept.with_suffix(".tar"))
            loading = kept.with_suffix(".loading")
            _load(archive, subnet, loading)
            _remove_others(loading)
            loading.rename(kept)
    return kept


def build() -> Path:
    """All images in a file as `docker save` writes it; this is what needs Debian's archives."""
    with cache.locked(IMAGE_CACHE / "applications.lock"):
        return _built(IMAGE_CACHE / f"{PREFIX}{_key()}.tar")


def _built(archive: Path) -> Path:
    if not archive.exists():
        _remove_others(archive)
        work, unfinished = archive.with_suffix(".building"), archive.with_suffix(".partial")
        work.mkdir()
        _write_archive(work, unfinished)
        shutil.rmtree(work)
        unfinished.rename(archive)
    return archive


def _remove_others(kept: Path) -> None:
    """Remove what other sources made, and what a killed process left."""
    for old in IMAGE_CACHE.glob(f"{PREFIX}*"):
        if old != kept:
            shutil.rmtree(old) if old.is_dir() else old.unlink()


def give_images(kept: Path, node: Node) -> None:
    """Have the node's engine, which has no images, have all of these."""
    node.stop_service("dockerd")
    folder = node.folder / "docker"
    for name in (pulled.IMAGES, pulled.LAYERS):
        shutil.rmtree(folder / name)
    pulled.copy_images(kept, folder)
    node.start_service("dockerd")


def _key() -> str:
    """What the images are made of, in short."""
    summary = hashlib.sha256((IMAGE_CACHE / "registry" / "stamp").read_bytes())
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            summary.update(str(path.relative_to(SOURCES)).encode() + path.read_bytes())
    return summary.hexdigest()[: cache.KEY_CHARACTERS]


def _write_archive(work: Path, archive: Path) -> None:
    with cache.locked(IMAGE_CACHE / "lock"):
        shutil.rmtree(IMAGE_CACHE / "partial", ignore_errors=True)  # of a killed build
        base = cache.ensure_base(IMAGE_CACHE)
        digests = {"base": write_layer(base, work / "base.tar").digest}
        installed = sorted({image.packages for image in IMAGES})
        side_by_side([partial(_install, base, work, name, digests) for name in installed])
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    manifest = []
    for image in IMAGES:
        own = f"files-{image.recipe.name}"
        digests[own] = write_layer(
            SOURCES / image.recipe.name / "files", work / f"{own}.tar"
        ).digest
        layers = ("base", image.packages, own)
        configuration = image_configuration(
            image.recipe, architecture, [digests[each] for each in layers]
        )
        (work / f"{own}.json").write_bytes(configuration)
        manifest.append(
            {
                "Config": f"{own}.json",
                "RepoTags": [image.tag],
                "Layers": [f"{each}.tar" for each in layers],
            }
        )
    (work / "manifest.json").write_text(json.dumps(manifest))
    names = sorted(path.name for path in work.iterdir() if path.is_file())
    run(["tar", "-C", str(work), "-cf", str(archive), *names], timeout_seconds=LOAD_SECONDS_MAX)


def _install(base: Path, folder: Path, name: str, digests: dict[str, str]) -> None:
    """Install packages on top of the base, and write the difference as a layer."""
    work = folder / name
    parts = [work / each for each in ("upper", "overlay-work", "merged")]
    for part in parts:
        part.mkdir(parents=True, mode=0o755)
    script = (SOURCES / name / "build.sh").read_text()
    run(
        [*CONTAINED, "sh", "-euc", INSTALL, "install", str(base), *map(str, parts), script],
        timeout_seconds=BUILD_SECONDS_MAX,
        env=build_environment(),
    )
    digests[name] = write_layer(parts[0], folder / f"{name}.tar").digest
    shutil.rmtree(work)


def _load(archive: Path, subnet: str, target: Path) -> None:
    """Have an engine load the images, and copy what it has then."""
    target.mkdir(exist_ok=True)
    with Lab("composing", subnet, nodes=1, services=False, pulled=True) as lab:
        node = lab.node("n1")
        node.run(["docker", "load", "--input", str(archive)], timeout_seconds=LOAD_SECONDS_MAX)
        for tag, name in OF_THE_LAB.items():
            node.run(["docker", "tag", name, tag])
        node.stop_service("dockerd")
        pulled.copy_images(node.folder / "docker", target)

"""Writes a folder, or the upper folder of an overlay mount, as the tar file of an image layer."""

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from admin.hosts.images.storage import Blob

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
OVERLAY_OPAQUE_ATTRIBUTE = "trusted.overlay.opaque"
# An image has these folders, but not what is in them.
EMPTIED_FOLDERS = (
    "dev",
    "proc",
    "sys",
    "tmp",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/cache/debconf",
    "var/lib/apt/lists",
)
# These belong to the machine that builds the image.
LEFT_OUT = frozenset(
    {"etc/hostname", "etc/hosts", "etc/resolv.conf", "var/log/dpkg.log", "var/log/bootstrap.log"}
)


def is_kept(path: str) -> bool:
    """Whether a path, relative to the root of the image, goes into the layer."""
    in_emptied = any(path.startswith(f"{folder}/") for folder in EMPTIED_FOLDERS)
    return not in_emptied and path not in LEFT_OUT


def whiteout_of(path: str) -> str:
    """The name of a file in a layer that hides this path of the layers below."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{WHITEOUT}{name}" if folder else f"{WHITEOUT}{name}"


def is_removed(mode: int, device: int) -> bool:
    """Whether this entry is overlayfs' mark of a removed file: a character device 0/0."""
    return stat.S_ISCHR(mode) and device == 0


def is_opaque(path: Path) -> bool:
    """Whether overlayfs hides this folder of the layers below."""
    try:
        return os.getxattr(path, OVERLAY_OPAQUE_ATTRIBUTE) == b"y"
    except OSError:
        return False


def write_layer(root: Path, target: Path) -> Blob:
    """Write all that is kept below `root` as an uncompressed tar; returns its digest and size."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in walk(root, ""):
            add(tar, root / path, path)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Blob(f"sha256:{digest.hexdigest()}", target.stat().st_size)


def walk(root: Path, folder: str) -> Iterator[str]:
    """Paths relative to `root`, in a fixed order; a folder comes before what is in it."""
    for entry in sorted(os.scandir(root / folder), key=lambda entry: entry.name):
        path = f"{folder}/{entry.name}" if folder else entry.name
        if is_kept(path):
            yield path
            if entry.is_dir(follow_symlinks=False):
                yield from walk(root, path)


def add(tar: tarfile.TarFile, source: Path, path: str) -> None:
    """Add a file, a link, a folder or a mark of removal to a layer."""
    status = source.lstat()
    if is_removed(status.st_mode, status.st_rdev):
        tar.addfile(tarfile.TarInfo(whiteout_of(path)))
        return
    info = tar.gettarinfo(str(source), path)
    if info is None:  # a socket
        return
    info.uname = info.gname = ""
    info.mtime = int(info.mtime)
    if info.isreg():
        with source.open("rb") as content:
            tar.addfile(info, content)
        return
    tar.addfile(info)
    if info.isdir() and is_opaque(source):
        tar.addfile(tarfile.TarInfo(f"{path}/{OPAQUE}"))

"""Turn a directory into a disk image, without mounting anything."""

import os
from pathlib import Path

from admin.vm.commands import run

MAKE_SECONDS_MAX = 600
METADATA_FACTOR = 1.2
"""A file system needs room for inodes and bitmaps beside the files."""

MEBIBYTE = 1 << 20


def allocated_bytes(directory: Path) -> int:
    """The space that a tree takes on disk."""
    total = 0
    for parent, directories, files in os.walk(directory):
        for name in (*directories, *files):
            total += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return total


def make_disk(directory: Path, image: Path, *, free_mebibytes: int) -> None:
    """
    Make an ext4 file system of a tree in a sparse file.

    It needs no journal: a guest writes to a snapshot of the image, never to the image.

    :raises CommandFailed: when the host's disk is full, for example.
    """
    mebibytes = int(allocated_bytes(directory) * METADATA_FACTOR / MEBIBYTE) + free_mebibytes
    options = ("-q", "-m", "0", "-O", "^has_journal", "-E", "root_owner=0:0")
    argv = ("mkfs.ext4", *options, "-d", os.fspath(directory), os.fspath(image), f"{mebibytes}M")
    run(argv, timeout_seconds=MAKE_SECONDS_MAX)

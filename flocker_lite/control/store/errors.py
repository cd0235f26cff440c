"""What can be wrong with a store on disk, as errors that say what to do about it."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from flocker_lite.errors import StoreError


class DiskFull(StoreError):
    """There is no room left where the store is."""


_UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


def explain(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """The StoreError that this error means for the file at `path`."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _disk_full(path)
        if error.errno in _UNWRITABLE:
            return _unwritable(path, error)
        return StoreError(f"{path}: {error.strerror}")
    # The low byte is the kind of error, the rest its details.
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return _disk_full(path)
        # So it says when there is no room for the files that it needs beside the store.
        case sqlite3.SQLITE_IOERR if _has_no_room(path.parent):
            return _disk_full(path)
        # Among others, of a disk that Linux has made read-only after an error.
        case sqlite3.SQLITE_IOERR:
            return StoreError(
                f"{path} cannot be read or written ({error}): check its disk and its mount, and "
                "what the kernel says of them (`dmesg`)."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return _unwritable(path, error)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(f"{path} is locked by another program: end that one first.")
    return StoreError(f"{path} cannot be read or written: {error}")


def damaged(path: Path, evidence: str) -> StoreError:
    """The file is not what was written."""
    return StoreError(
        f"{path} is damaged or no store of ours ({evidence}): "
        "put a copy of it back, or move it away to start with an empty configuration."
    )


def _has_no_room(directory: Path) -> bool:
    try:
        return os.statvfs(directory).f_bavail == 0
    except OSError:
        return False


def _disk_full(path: Path) -> DiskFull:
    return DiskFull(f"No room is left for {path}: free some. Nothing was changed.")


def _unwritable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path} cannot be written ({error}): check its owner, mode and mount.")

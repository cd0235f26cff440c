"""The errors of a store on disk; their texts say what to do."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from flocker_lite.errors import StoreError


class DiskFull(StoreError):
    """The disk of the store is full."""


_UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


def explain(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """Turn an error of SQLite or the system into a StoreError about the file at `path`."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _disk_full(path)
        if error.errno in _UNWRITABLE:
            return _unwritable(path, error)
        return StoreError(f"{path}: {error.strerror}")
    # The low byte is the kind of error; the other bytes are details.
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return _disk_full(path)
        # SQLite reports this if the disk has no room for its files beside the store.
        case sqlite3.SQLITE_IOERR if _has_no_room(path.parent):
            return _disk_full(path)
        # For example, a disk that Linux has made read-only after an error.
        case sqlite3.SQLITE_IOERR:
            return StoreError(
                f"{path} cannot be read or written ({error}): check its disk and its mount, and "
                "the kernel's messages (`dmesg`)."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return _unwritable(path, error)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(f"{path} is locked by another program: end that program first.")
    return StoreError(f"{path} cannot be read or written: {error}")


def damaged(path: Path, evidence: str) -> StoreError:
    """The file is not what flocker-control wrote."""
    return StoreError(
        f"{path} is damaged, or not a store of flocker-control ({evidence}): "
        "restore a copy of it, or move it away to start with an empty configuration."
    )


def _has_no_room(directory: Path) -> bool:
    try:
        return os.statvfs(directory).f_bavail == 0
    except OSError:
        return False


def _disk_full(path: Path) -> DiskFull:
    return DiskFull(f"The disk of {path} is full: free some space. Nothing was changed.")


def _unwritable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path} cannot be written ({error}): check its owner, mode and mount.")

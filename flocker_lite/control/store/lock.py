"""A lock on a directory; it ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from flocker_lite.errors import StoreError

_NAME = "lock"


class DirectoryLock:
    """Held from its creation until `release`; StoreError, with the holder's pid, if it is taken."""

    def __init__(self, directory: Path) -> None:
        path = directory / _NAME
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreError(
                f"{directory} is in use by another control service (pid {holder}): stop it first."
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode("ascii"))

    def release(self) -> None:
        """Release the lock. The file stays, because unlinking it could break another's lock."""
        os.close(self._fd)

"""Small files that are whole on disk, in their old or in their new form, whatever happens."""

from __future__ import annotations

import os
from pathlib import Path

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


def write(path: Path, text: str) -> None:
    """Replace the file, and its directory when there is none; OSError when that is not possible.

    What is made can be read by its owner alone.
    """
    temporary = path.with_name(f"{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    temporary.unlink(missing_ok=True)
    with open(temporary, "w", encoding="utf-8", opener=_make_private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _make_private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)

"""Small files that are whole on disk, in their old or in their new form, whatever happens."""

from __future__ import annotations

import os
from pathlib import Path

DIRECTORY_MODE = 0o700


def write(path: Path, text: str) -> None:
    """Replace the file, and its directory when there is none; OSError when that is not possible."""
    temporary = path.with_suffix(".new")
    path.parent.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

"""What the packages are made by, and the stamp that says which of it was built and passed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

FOLDERS = ("packaging", "admin/packaging")
FILES = ("admin/rpm", "requirements/rpm.lock")
STAMP = Path("packaging/verified.json")

INTERPRETER = tuple(
    f"packaging/rpm/{name}"
    for name in ("build-interpreter.sh", "recipes.sh", "sources.lock", "tools.lock", "zig-cc")
)
"""What the interpreter alone is made by."""


def is_input(name: str) -> bool:
    """Whether a file of the checkout, by its path in it, decides how the packages are made.

    Not so the project's code: each day's checks run that without packages.
    """
    if Path(name) == STAMP:
        return False
    return name in FILES or any(Path(name).is_relative_to(folder) for folder in FOLDERS)


def digest(contents: Mapping[str, bytes]) -> str:
    """A short name for files by name and content: equal ones, equal names."""
    lines = [f"{hashlib.sha256(contents[name]).hexdigest()} {name}\n" for name in sorted(contents)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:32]


def read(checkout: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The contents of files of the checkout."""
    return {name: (checkout / name).read_bytes() for name in names}


def stamp(inputs: str, facts: Mapping[str, object]) -> str:
    """The text of a stamp: what was built, and what was found out about it."""
    return json.dumps({"inputs": inputs, **facts}, indent=2, sort_keys=True) + "\n"


def is_verified(inputs: str, stamped: str | None) -> bool:
    """Whether the text of a stamp is about these inputs; None is no stamp at all."""
    return stamped is not None and json.loads(stamped)["inputs"] == inputs

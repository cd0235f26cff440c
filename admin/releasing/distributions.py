"""The wheel and the source package: the same bytes for the same commit, wherever they are made."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from admin.releasing.errors import ReleaseError
from admin.releasing.varied import ELSEWHERE, VARIATIONS, Able, able
from admin.vm.commands import run

MAKE_SECONDS_MAX = 900


def build_twice(
    checkout: Path, folder: Path, epoch_seconds: int, say: Callable[[str], None] = lambda text: None
) -> list[Path]:
    """
    Both, in a new folder below this one; the second time they are made as on another machine.

    :raises ReleaseError: when a second build differs from the first one.
    """
    here = Able((), {})
    first = _made(checkout, folder / "first", epoch_seconds, here, "first")
    there = able(VARIATIONS)
    for name, why in there.left_out.items():
        say(f"this machine cannot vary the {name}: {why}")
    elsewhere = ELSEWHERE if os.access(ELSEWHERE, os.W_OK) else folder
    with tempfile.TemporaryDirectory(prefix="another machine ", dir=elsewhere) as other:
        second = _made(checkout, Path(other), epoch_seconds, there, "again")
        differ = differing(*(_contents(each) for each in (first, second)))
    if differ:
        raise ReleaseError(
            f"made as on another machine, these differ: {', '.join(differ)}; if docs or web have "
            "changed since, run admin/setup"
        )
    names = ", ".join(each.name for each in there.variations)
    say(f"made twice, the same: in another folder, and with another {names}")
    return sorted(first.iterdir())


def differing(first: Mapping[str, bytes], second: Mapping[str, bytes]) -> list[str]:
    """The names of what is not the same in both."""
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))


def _made(checkout: Path, folder: Path, epoch_seconds: int, machine: Able, order: str) -> Path:
    """The folder that has both, made by a process of its own."""
    program = (sys.executable, "-m", "admin.releasing.making")
    run(
        machine.command((*program, str(checkout), str(folder), str(epoch_seconds), order)),
        timeout_seconds=MAKE_SECONDS_MAX,
        environment=machine.environment(os.environ),
        working_directory=checkout,
    )
    return folder / "made"


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}

"""Makes the wheel and the source package once; a program, so that it can run as on another machine.

`python -m admin.releasing.making CHECKOUT FOLDER SECONDS first|again`
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from admin.made import MAKERS
from admin.packaging.staging import MADE
from admin.releasing import materials
from admin.releasing.errors import ReleaseError
from admin.vm.commands import run
from admin.vm.job import checkout_files
from flocker_lite import __version__

BUILD_SECONDS_MAX = 300
KINDS = ("wheel", "sdist")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"
BILL = Path("sboms/flocker-lite.cdx.json")
"""Where setup.py finds what the wheel is to carry as its bill of materials."""
LIBRARIES = Path("web/node_modules")
RUNS = 0o100


def make(checkout: Path, folder: Path, epoch_seconds: int, *, again: bool = False) -> None:
    """
    Both, in a folder, made in a copy of the checkout's files and of what admin/setup made.

    :param again: makes anew what admin/setup made, and copies the last file first: where folders
        list files by age, others come first.
    :raises ReleaseError: when admin/setup has not made it.
    """
    copy, made = folder / "copy", folder / "made"
    made.mkdir(parents=True)
    _copy(checkout, sorted(checkout_files(checkout), reverse=again), copy)
    _have_made(checkout, copy, again)
    (copy / BILL).parent.mkdir()
    (copy / BILL).write_text(materials.bill_of_wheel(checkout, __version__), "utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "SOURCE_DATE_EPOCH": str(epoch_seconds),
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
    }
    for kind in KINDS:
        argv = (sys.executable, "-c", BUILD.format(kind), str(made))
        run(
            argv,
            timeout_seconds=BUILD_SECONDS_MAX,
            environment=environment,
            working_directory=copy,
        )
    for path in made.glob("*.tar.gz"):
        settle(path, epoch_seconds)


def _have_made(checkout: Path, copy: Path, again: bool) -> None:
    if again:
        (copy / LIBRARIES).symlink_to(checkout / LIBRARIES)
    for part, file in MADE.items():
        if not (checkout / part / file).exists():
            raise ReleaseError(f"there is no {part}: run admin/setup")
        if again:
            MAKERS[part.name](copy, copy / part)
        else:
            paths = (checkout / part).rglob("*")
            _copy(checkout, [path.relative_to(checkout).as_posix() for path in paths], copy)


def settle(path: Path, epoch_seconds: int) -> None:
    """Make a source package anew, without what depends on who made it, where and when.

    setuptools heeds SOURCE_DATE_EPOCH in wheels alone.
    """
    with tarfile.open(path) as given:
        items = [
            (item, given.extractfile(item)) for item in sorted(given, key=lambda each: each.name)
        ]
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for item, file in items:
                new = tarfile.TarInfo(item.name)
                new.type, new.size, new.mtime = item.type, item.size, epoch_seconds
                new.mode = 0o755 if item.isdir() or item.mode & RUNS else 0o644
                tar.addfile(new, file)
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=epoch_seconds) as packed,
    ):
        packed.write(content.getvalue())


def _copy(checkout: Path, names: Sequence[str], copy: Path) -> None:
    """With the same modes whatever the umask was."""
    for name in names:
        source, target = checkout / name, copy / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & RUNS else 0o644)


if __name__ == "__main__":
    # What is made along the way, as the metadata of the wheel, gets its modes from this.
    os.umask(0o022)
    where, into, seconds, order = sys.argv[1:]
    try:
        make(Path(where), Path(into), int(seconds), again=order == "again")
    except ReleaseError as error:
        sys.exit(str(error))

"""Compiles the interpreter for the glibc of CentOS 7, once for each recipe; see packaging/rpm."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from admin.packaging import elf, inputs, layout, sources
from admin.vm.cache import Cache
from admin.vm.commands import isolated, run

RECIPE = Path("packaging/rpm")
COMPILE_SECONDS_MAX = 7200
INSTALL_SECONDS_MAX = 600
CHECK_SECONDS_MAX = 60

WORK = "/mnt"
"""Where the build sees its folder, wherever that is: paths get into what is compiled."""

EPOCH_SECONDS = 1_700_000_000
"""The time that is compiled in; any would do."""

MODULES = (
    *("ssl", "ctypes", "zlib", "bz2", "lzma", "hashlib", "pyexpat", "sqlite3", "select", "fcntl"),
    *("resource", "termios", "unicodedata", "multiprocessing", "decimal", "asyncio", "mmap"),
)
"""`make` is content when an extension could not be built; these are imported to see."""


def obtain(checkout: Path, cache: Cache, progress: Callable[[str], None]) -> Path:
    """The folder that has the interpreter's tree as it lies below `layout.PYTHON_HOME`."""
    recipe = inputs.digest(inputs.read(checkout, inputs.INTERPRETER))

    def build(folder: Path) -> None:
        _build(checkout, folder, progress)

    return cache.obtain("interpreter", recipe, build) / "python"


def _build(checkout: Path, folder: Path, progress: Callable[[str], None]) -> None:
    work = folder / "work"
    progress("fetching the interpreter's sources and its compiler")
    lock = (checkout / RECIPE / "sources.lock").read_text()
    (work / "sources").mkdir(parents=True)
    sources.fetch(sources.sources(lock), work / "sources")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    hashed = (
        "--no-deps",
        "--require-hashes",
        "--requirement",
        str(checkout / RECIPE / "tools.lock"),
    )
    run((*pip, *hashed, "--target", str(work / "zig")), timeout_seconds=INSTALL_SECONDS_MAX)
    progress("compiling the interpreter, which takes some ten minutes")
    # Nobody else sees the mount, and it is gone when the build ends, however that is.
    script = 'mount --bind "$1" "$2" && exec "$3" "$2"'
    words = (str(work), WORK, str(checkout / RECIPE / "build-interpreter.sh"))
    run(
        isolated(("sh", "-ec", script, "build", *words)),
        timeout_seconds=COMPILE_SECONDS_MAX,
        environment={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "SOURCE_DATE_EPOCH": str(EPOCH_SECONDS),
            # Else it would be found out by how nice whoever builds is.
            "ac_cv_broken_nice": "no",
        },
    )
    tree = work / "out" / layout.PYTHON_HOME.lstrip("/")
    elf.check(tree)
    python = tree / Path(layout.PYTHON).relative_to(layout.PYTHON_HOME)
    statement = f"import {', '.join(MODULES)}"
    run((str(python), "-sEBc", statement), timeout_seconds=CHECK_SECONDS_MAX)
    tree.rename(folder / "python")
    shutil.rmtree(work)

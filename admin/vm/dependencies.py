"""Build a disk with the Python packages that the tests import; the guest's system is another."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from admin.vm.commands import run
from admin.vm.disk import make_disk

LOCK = Path("requirements/dev.lock")
PYTHON_VERSION = "3.11"
"""The guest runs Debian 12, which has this one; the host's may be another."""

FREE_MEBIBYTES = 16
INSTALL_SECONDS_MAX = 900


def recipe(lock: str) -> object:
    """All that the disk depends on."""
    return {"format": 1, "python": PYTHON_VERSION, "lock": lock}


def build(lock: str, directory: Path, progress: Callable[[str], None]) -> None:
    """
    Fill a directory with `disk`, from the text of a requirements file.

    :raises CommandFailed: when a package has no wheel, for example: the guest has no compiler.
    """
    progress("installing the Python packages of the tests")
    site, requirements = directory / "site", directory / "requirements.txt"
    requirements.write_text(lock)
    where = ("--target", os.fspath(site), "--only-binary", ":all:", "--no-deps")
    what = ("--python-version", PYTHON_VERSION, "--requirement", os.fspath(requirements))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run((*pip, *where, *what), timeout_seconds=INSTALL_SECONDS_MAX)
    make_disk(site, directory / "disk", free_mebibytes=FREE_MEBIBYTES)
    shutil.rmtree(site)

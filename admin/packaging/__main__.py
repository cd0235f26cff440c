"""`admin/rpm`: builds the RPM for CentOS 7, checks it, and notes that it passed."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from admin.packaging import inputs, interpreter
from admin.packaging.checks import Checks
from admin.packaging.errors import PackagingError
from admin.vm import host
from admin.vm.cache import Cache, cache_directory
from admin.vm.commands import run
from admin.vm.errors import VirtualMachineError
from admin.vm.job import checkout_files
from flocker_lite import __version__

PACKAGES = (
    *("binutils", "debian-archive-keyring", "dpkg-dev", "gcc", "git", "iproute2", "iptables"),
    *("libc6-dev", "make", "patch", "perl", "rpm", "rpmlint", "tcl", "util-linux", "xz-utils"),
)
TARGET = Path("dist")
GIT_SECONDS_MAX = 60
EXIT_NOT_VERIFIED = 3


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="admin/rpm",
        description="Build the packages for CentOS 7 into dist/, check them in every way there is, "
        f"and note in {inputs.STAMP} what they were made by. The first build takes a quarter of an "
        "hour: it compiles the interpreter, which is kept under .cache/rpm.",
    )
    parser.add_argument(
        "--if-changed",
        action="store_true",
        help=f"do nothing when {inputs.STAMP} is about what there is",
    )
    parser.add_argument("--output", type=Path, default=TARGET, help="folder of the packages")
    return parser


def main(words: list[str]) -> int:
    """The exit code."""
    options = arguments().parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    checkout, progress = Path.cwd(), _Progress()
    try:
        wanted = inputs_of(checkout)
        stamp = checkout / inputs.STAMP
        stamped = stamp.read_text() if stamp.exists() else None
        if options.if_changed and inputs.is_verified(wanted, stamped):
            print("The packages are made by what was built and checked before.")
            return 0
        passed = build(checkout, options.output, progress)
        stamp.write_text(inputs.stamp(wanted, passed))
        print(stamp.read_text(), end="")
    except (PackagingError, VirtualMachineError) as error:
        print(f"admin/rpm: {error}", file=sys.stderr)
        return 1
    return 0


def inputs_of(checkout: Path) -> str:
    """The name of what the packages of a checkout are made by, as it is now."""
    names = [name for name in checkout_files(checkout) if inputs.is_input(name)]
    return inputs.digest(inputs.read(checkout, names))


def build(checkout: Path, output: Path, progress: _Progress) -> dict[str, object]:
    """Build and check; the packages are put into a folder. Returns what the stamp says of them."""
    host.prepare(PACKAGES)
    cache = Cache(cache_directory(checkout, os.environ, "rpm"))
    python = interpreter.obtain(checkout, cache, progress)
    epoch = run(("git", "log", "-1", "--format=%ct"), timeout_seconds=GIT_SECONDS_MAX)
    with cache.run_directory() as folder:
        passed = Checks(checkout, python, folder, progress).all(__version__, int(epoch))
        output.mkdir(parents=True, exist_ok=True)
        for path in passed.folder.iterdir():
            shutil.copyfile(path, output / path.name)
        return passed.facts()


class _Progress:
    """Say on standard error what takes time, and when."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, message: str) -> None:
        seconds = time.monotonic() - self._began
        print(f"admin/rpm: {seconds:4.0f} s: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))

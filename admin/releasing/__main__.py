"""`admin/release`: makes wheel, source package, bill of materials and checksums."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from admin.releasing import distributions, materials
from admin.releasing.errors import ReleaseError
from admin.vm.commands import run
from admin.vm.errors import CommandFailed
from flocker_lite import __version__

TARGET = Path("dist")
GIT_SECONDS_MAX = 60
SUMS = "SHA256SUMS"


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="admin/release",
        description="Make the wheel and the source package twice, the second time as on another "
        "machine (docs/making-a-release.rst), compare them, and put them into a folder, with a "
        "bill of materials (CycloneDX) of what the release needs and with the checksums of all "
        f"({SUMS}), also of packages of admin/rpm that are there already.",
    )
    parser.add_argument("--output", type=Path, default=TARGET, help="the folder; dist by default")
    return parser


def main(words: list[str]) -> int:
    """The exit code."""
    output, checkout = arguments().parse_args(words).output, Path.cwd()
    try:
        epoch = run(("git", "log", "-1", "--format=%ct"), timeout_seconds=GIT_SECONDS_MAX)
        with tempfile.TemporaryDirectory() as folder:
            made = distributions.build_twice(checkout, Path(folder), int(epoch), _say)
            output.mkdir(parents=True, exist_ok=True)
            for path in made:
                shutil.copyfile(path, output / path.name)
    except (ReleaseError, CommandFailed) as error:
        _say(str(error))
        return 1
    bill = output / f"flocker_lite-{__version__}.cdx.json"
    bill.write_text(materials.bill(checkout, __version__))
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(output.iterdir())
        if path.name != SUMS
    ]
    (output / SUMS).write_text("".join(lines))
    print("".join(lines), end="")
    return 0


def _say(text: str) -> None:
    print(f"admin/release: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))

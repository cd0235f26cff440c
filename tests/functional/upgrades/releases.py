"""Older releases of this project, each in a checkout of its own."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from tests.functional.agents_lab import CHECKOUT

FOLDER = CHECKOUT / ".cache" / "releases"
SETUP_SECONDS_MAX = 1800


def obtain(name: str) -> Path:
    """The checkout `name`; if there is no such folder, one of that commit or tag, made ready."""
    if Path(name).is_dir():
        return Path(name).resolve()
    found = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if not found:
        raise SystemExit(
            f"{name} is neither a folder nor a commit that this repository has; a shallow clone "
            "has the others after `git fetch --unshallow`"
        )
    checkout = FOLDER / found
    if not (checkout / ".venv/bin/twistd").exists():
        checkout.mkdir(parents=True, exist_ok=True)
        there = shlex.quote(str(checkout))
        _sh(f"git archive {found} | tar -x -C {there} && cd {there} && exec admin/setup --unit")
    return checkout


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip()


def _sh(script: str) -> None:
    # Its set-up makes an environment of its own, whatever is on PYTHONPATH here.
    command = ["env", "-u", "PYTHONPATH", "-u", "VIRTUAL_ENV", "sh", "-euc", script]
    subprocess.run(command, cwd=CHECKOUT, timeout=SETUP_SECONDS_MAX, check=True)

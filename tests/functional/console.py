"""Plays the commands of a document that are for the lab of `admin/lab up`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from admin.hosts import Lab

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE_SECONDS_MAX = 400


def console_commands(text: str) -> list[str]:
    """The lines of all `code-block:: console` blocks."""
    commands: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith(".. code-block:: console"):
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
        elif inside and line.strip():
            commands.append(line.strip())
    return commands


def play(page: Path) -> str:
    """What the commands of a page print, in one shell; the first to fail ends it.

    Whatever they leave of the lab that they bring up is taken down.
    """
    commands = console_commands(page.read_text("utf-8"))
    assert len(commands) >= 5
    try:
        done = subprocess.run(
            ["bash", "-e", "-x", "-c", "\n".join(commands)],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=PAGE_SECONDS_MAX,
            stdin=subprocess.DEVNULL,
        )
    finally:
        Lab().down()
    assert done.returncode == 0, f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout

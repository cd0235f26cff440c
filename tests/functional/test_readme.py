"""Every command of the README that is for the lab is run as it stands there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.hosts import Lab

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND_TIMEOUT_SECONDS = 180


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


@pytest.fixture
def default_lab() -> Iterator[None]:
    """Whatever the commands leave of the lab that they bring up is taken down."""
    yield
    Lab().down()


@pytest.mark.usefixtures("default_lab")
def test_commands() -> None:
    """They succeed one after the other, and what they show is what the text says."""
    printed = {}
    commands = console_commands((CHECKOUT / "README.rst").read_text("utf-8"))
    assert len(commands) >= 10
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        assert '"description"' not in done.stdout, f"{command}: {done.stdout}"
        printed[command] = done.stdout
    assert "flocker--redis" in printed["admin/lab exec n2 -- docker ps"]

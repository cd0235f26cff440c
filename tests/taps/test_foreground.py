"""The commands that units and users start: real processes, told what to do and told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flocker_lite import __version__

TIMEOUT_SECONDS = 60
ANY_PORT = "tcp:0:interface=127.0.0.1"


def command(name: str, *arguments: str) -> list[str]:
    """The command of the environment that runs the tests."""
    return [str(Path(sys.executable).with_name(name)), *arguments]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with nothing in its environment that says who it is."""
    return subprocess.run(
        command(*words), env={}, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )


def test_the_control_service_in_the_foreground(tmp_path: Path) -> None:
    """It serves, logs to stdout, leaves no file where it was started, and ends on SIGTERM."""
    started_in = tmp_path / "here"
    started_in.mkdir()
    with subprocess.Popen(
        command("flocker-control", f"-d{tmp_path}/data", f"-p{ANY_PORT}", f"-a{ANY_PORT}"),
        cwd=started_in,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("flocker-control serves cluster" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert "Server Shut Down" in process.stdout.read()
        # As a supervisor expects of it: SIGTERM is what it ended by.
        assert process.wait(TIMEOUT_SECONDS) == -signal.SIGTERM
    assert list(started_in.iterdir()) == []
    assert (tmp_path / "data").is_dir()


def test_an_agent_that_does_not_know_its_node() -> None:
    """It says what to do, and ends with a code that a supervisor sees."""
    ended = run("flocker-agent")
    assert ended.returncode == 1
    assert "say which address this node has" in ended.stdout


@pytest.mark.parametrize("name", ["flocker-control", "flocker-agent"])
def test_help(name: str) -> None:
    """Help and mistakes are about the command's own options, not about twistd's."""
    assert run(name, "--help").stdout.startswith(f"Usage: {name} [options]\n")
    assert run(name, "--version").stdout == f"flocker_lite {__version__}\n"
    mistaken = run(name, "--nonsense")
    assert mistaken.returncode == 1
    assert mistaken.stderr == (
        f"{name}: option --nonsense not recognized; `{name} --help` lists the options\n"
    )

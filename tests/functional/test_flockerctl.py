"""The whole story by `flockerctl` alone, on a cluster with certificates."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.hosts import Lab
from admin.hosts.certificates import FOLDER
from tests.functional.agents_lab import wait_for

SUBNET = "10.88.4.0/24"
CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = str(CHECKOUT / ".venv/bin/flockerctl")
TIMEOUT_SECONDS = 120.0


class Hand:
    """A person at a shell, whose configuration directory is the test's."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab = lab
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "XDG_CONFIG_HOME": str(home),
            "TERM": "xterm",
        }

    def run(
        self, *words: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The command with these words, without a terminal."""
        return subprocess.run(
            [COMMAND, *words],
            env=self.environment | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )

    def done(self, *words: str) -> str:
        """What it says when it succeeds."""
        found = self.run(*words)
        assert found.returncode == 0, (words, found.stdout, found.stderr)
        return found.stdout

    def on_terminal(self, width: int, *words: str, env: dict[str, str] | None = None) -> str:
        """All that a terminal of this width is sent."""
        pid, master = pty.fork()
        if pid == 0:  # pragma: no cover
            os.environ.clear()
            os.environ.update(self.environment | {"COLUMNS": str(width)} | (env or {}))
            os.execv(COMMAND, [COMMAND, *words])
        seen = b""
        ends = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < ends:
            if not select.select([master], [], [], 1.0)[0]:
                continue
            try:
                data = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            seen += data
        os.close(master)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, seen
        return seen.decode()

    def address(self, node: str) -> str:
        return self.lab.node(node).address

    def redis(self, *words: str) -> str:
        """What redis answers at the first node, wherever it runs."""
        command = ["redis-cli", "-h", self.address("n1"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """A lab with certificates, which is the context of a user who may write."""
    with Lab("flockerctl", SUBNET, certificates=True, pulled=True) as lab:
        found = Hand(lab, tmp_path_factory.mktemp("home"))
        certificates = str(lab.plan.folder / FOLDER)
        for name, user in (("lab", "user"), ("looking", "read-only-user")):
            found.done(
                *("context", "add", name, lab.node("control").address),
                *("--certificates", certificates, "--user", user),
            )
        wait_for(lambda: len(found.done("nodes", "-q").split()) == 2, "both nodes are there")
        yield found


def test_a_database_runs_and_moves(hand: Hand) -> None:
    """Run, status, a dry run, a move with a line a change, its receipt: and its data is there."""
    n1, n2 = hand.address("n1"), hand.address("n2")
    said = hand.done(
        *("run", "--on", n1, "-v", "redis_data:/data", "-p", "6379:6379", "--restart", "always"),
        *("redis:latest", "redis-server", "--appendonly", "yes", "--appendfsync", "always"),
    )
    assert said.splitlines()[-1] == "redis"
    wait_for(lambda: hand.redis("set", "hello", "world") == "OK", "redis answers")
    wait_for(lambda: hand.run("status").returncode == 0, "the cluster is healthy")
    assert n2 in hand.done("move", "redis", "--to", n2, "--dry-run")
    lines = hand.done("move", "redis", "--to", n2).splitlines()
    assert lines[-1].endswith(": done")
    assert any(line.strip().startswith("total pause") for line in lines)
    assert not any("\x1b" in line or "\r" in line for line in lines)
    wait_for(lambda: hand.redis("get", "hello") == "world", "the data came along")
    (move,) = json.loads(hand.done("moves", "redis", "-o", "json"))
    assert (move["from"], move["to"], move["phase"]) == (n1, n2, "done")
    assert re.search(rf"redis +{re.escape(n2)} +running", hand.done("containers"))


@pytest.mark.parametrize("width", [80, 200])
def test_on_a_terminal(hand: Hand, width: int) -> None:
    """One line moves at the bottom, is no wider than the terminal, and is gone at the end."""
    to = hand.address("n1" if width == 80 else "n2")
    seen = hand.on_terminal(width, "move", "redis", "--to", to)
    assert "\x1b[" in seen
    without = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)
    assert max(len(line) for line in re.split(r"[\r\n]+", without)) <= width
    assert re.split(r"[\r\n]+", without.strip())[-1].endswith(": done")


def test_no_color(hand: Hand) -> None:
    """NO_COLOR is heeded: no colour is ever sent."""
    seen = hand.on_terminal(100, "move", "redis", "--to", hand.address("n1"), env={"NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", seen)


def test_who_may_only_look(hand: Hand) -> None:
    """Looks, and is refused the rest with an exit code of its own."""
    assert "redis" in hand.done("containers", "--context", "looking")
    refused = hand.run("delete", "redis", "--context", "looking")
    assert refused.returncode == 4, refused.stderr
    assert refused.stderr.startswith("flockerctl: ")
    assert len(refused.stderr.splitlines()) == 1


def test_who_gets_nowhere(hand: Hand) -> None:
    """Without TLS, and where nobody listens: one line that says what to look at."""
    control = hand.address("control")
    for host, words in ((control, "This port speaks TLS"), (f"{control}:1", control)):
        environment = {"XDG_CONFIG_HOME": "/nowhere", "FLOCKER_CONTROL_SERVICE": host}
        found = hand.run("nodes", env=environment)
        assert found.returncode != 0
        assert len(found.stderr.splitlines()) == 1, found.stderr
        assert words in found.stderr


def test_a_shell_completes_names(hand: Hand) -> None:
    """In a real bash, by what is in the cluster now."""
    script = (
        f'eval "$({COMMAND} completion bash)"; '
        "COMP_WORDS=(flockerctl move red); COMP_CWORD=2; "
        "_flockerctl_completion flockerctl red move; echo ${COMPREPLY[*]}"
    )
    path = f"{CHECKOUT / '.venv/bin'}:{hand.environment['PATH']}"
    found = subprocess.run(
        ["bash", "-c", script],
        env=hand.environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert found.stdout.split() == ["redis"], (found.stdout, found.stderr)


def test_the_end(hand: Hand) -> None:
    """The container and its data go, and nothing is wrong then."""
    assert "destroyed" in hand.done("delete", "redis", "--datasets", "-y")
    wait_for(lambda: hand.done("containers", "-q") == "", "the container is gone")
    wait_for(lambda: hand.run("status").returncode == 0, "the cluster is healthy")

"""The demo as a user runs it: it ends well, and leaves nothing, also when it is interrupted."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from admin.hosts.network import namespaces_of
from admin.hosts.plan import make_plan
from admin.hosts.processes import wait_until
from admin.story.recorder import Recording

CHECKOUT = Path(__file__).resolve().parents[2]
NAME = "test-demo"
SUBNET = "10.83.0.0/24"
DEMO = ["admin/demo", "--name", NAME, "--subnet", SUBNET, "--postgres-mib", "32"]
TIMEOUT_SECONDS = 300


def left() -> list[str]:
    """The network namespaces that the demo's lab has now."""
    return namespaces_of(make_plan(CHECKOUT, NAME, SUBNET, 2, 8, False).tag)


def test_demo() -> None:
    """It plays the story, and ends with a table that says that the data is intact."""
    done = subprocess.run(
        DEMO, cwd=CHECKOUT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "$ curl -sS -X POST" in done.stdout
    last = [line for line in done.stdout.splitlines() if line.startswith("data intact")]
    assert last[0].split() == ["data", "intact", "yes", "yes", "yes"]
    assert left() == []


def test_with_flockerctl(tmp_path: Path) -> None:
    """The same story, and the last move is recorded at a terminal."""
    file = tmp_path / "move.cast"
    done = subprocess.run(
        [*DEMO, "--cli", "--record", str(file)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "$ flockerctl run --on" in done.stdout
    assert "$ curl" not in done.stdout
    last = [line for line in done.stdout.splitlines() if line.startswith("data intact")]
    assert last[0].split() == ["data", "intact", "yes", "yes", "yes"]
    recording = Recording.load(file)
    shown = "".join(text for _, text in recording.events)
    assert recording.command.startswith("flockerctl move postgres --to ")
    assert "pushing, round 1" in shown
    assert "total pause" in shown
    assert left() == []


def test_interrupted() -> None:
    """Ctrl-C in the middle cleans up all of it."""
    demo = subprocess.Popen(
        DEMO, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "configuration/datasets" in line:
                break
        assert left() != []
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
        assert demo.wait(TIMEOUT_SECONDS) == 130
    finally:
        demo.kill()
        demo.wait()
        assert demo.stdout is not None
        demo.stdout.close()
    assert wait_until(lambda: left() == [], 30.0)

"""Where poised containers wait: what the machine must be able to do, and who is let go."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from flocker_lite.containers import poising
from flocker_lite.containers.poising import Poising, in_shared_mount
from flocker_lite.errors import ContainerError

MOUNTINFO = """\
20 1 254:0 / / rw,relatime - ext4 /dev/vda rw
21 20 0:30 / /flocker rw shared:7 - zfs flocker rw
22 21 0:31 / /flocker/closed rw - zfs flocker/closed rw
23 20 0:32 / /with\\040blank rw master:3 shared:9 - tmpfs tmpfs rw
"""
NOBODY = 2**22 - 1


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("/flocker/a", True),
        ("/flocker", True),
        ("/flocker/closed/a", False),
        ("/flockers/a", False),
        ("/with blank/a", True),
        ("/", False),
    ],
)
def test_in_shared_mount(path: str, shared: bool) -> None:
    """What counts is the innermost mount that has the path."""
    assert in_shared_mount(MOUNTINFO, path) is shared


def test_last_of_several() -> None:
    """Of two mounts at one point the later one is on top."""
    above = "30 21 0:40 / /flocker rw - tmpfs tmpfs rw\n"
    assert not in_shared_mount(MOUNTINFO + above, "/flocker/a")


def make(root: Path) -> Poising:
    """Gates below a directory that stands for a machine whose /flocker is shared."""
    (root / "proc/1").mkdir(parents=True)
    (root / "proc/1/mountinfo").write_text(MOUNTINFO)
    return Poising("/programs", "/released", root)


def test_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes datasets in shared mounts, and the program that waits."""
    gates = make(tmp_path)
    monkeypatch.setattr(poising, "PROGRAM", tmp_path / "proc/1/mountinfo")
    assert gates.is_possible(["/flocker/a"])
    assert not gates.is_possible(["/flocker/a", "/elsewhere"])
    assert not gates.is_possible([])
    monkeypatch.setattr(poising, "PROGRAM", tmp_path / "missing")
    assert not gates.is_possible(["/flocker/a"])


def process(root: Path, command: str) -> int:
    """A process of the machine, as far as its /proc tells."""
    (root / "proc/77").mkdir()
    (root / "proc/77/comm").write_text(command + "\n")
    return 77


def test_release(tmp_path: Path) -> None:
    """Whoever waits at the gate goes on, and that is remembered until the next start."""
    gates = make(tmp_path)
    gates.make("db")
    pid = process(tmp_path, "hold")
    gate = tmp_path / "programs/db/gate"
    waiting = threading.Thread(target=lambda: os.close(os.open(gate, os.O_RDONLY)), daemon=True)
    waiting.start()
    assert not gates.is_released("db")
    gates.release("db", pid)
    waiting.join(10)
    assert not waiting.is_alive()
    assert gates.is_released("db")
    gates.begin("db")
    assert not gates.is_released("db")


def test_release_of_what_has_passed(tmp_path: Path) -> None:
    """An agent that was killed right after it let one go notes that now."""
    gates = make(tmp_path)
    gates.make("db")
    gates.release("db", process(tmp_path, "redis-server"))
    assert gates.is_released("db")


def test_nobody_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not come to its gate is an error, after a while."""
    gates = make(tmp_path)
    gates.make("db")
    monkeypatch.setattr(poising, "ARRIVAL_SECONDS_MAX", 0.0)
    with pytest.raises(ContainerError, match="does not come to its gate"):
        gates.release("db", process(tmp_path, "runc:[2:INIT]"))
    assert not gates.is_released("db")


def test_forget(tmp_path: Path) -> None:
    """Nothing is left of a container that was removed."""
    gates = make(tmp_path)
    gates.make("db")
    gates.release("db", NOBODY)
    gates.forget("db")
    assert not (tmp_path / "programs/db").exists()
    assert not gates.is_released("db")

"""Where prestarted containers wait: what the machine must be able to do, and who is let go."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from flocker_lite.containers import start_gate
from flocker_lite.containers.start_gate import StartGates, in_shared_mount
from flocker_lite.errors import ContainerError

MOUNTINFO = """\
20 1 254:0 / / rw,relatime - ext4 /dev/vda rw
21 20 0:30 / /flocker rw shared:7 - zfs flocker rw
22 21 0:31 / /flocker/closed rw - zfs flocker/closed rw
23 20 0:32 / /with\\040blank rw master:3 shared:9 - tmpfs tmpfs rw
"""
NOBODY = 2**22 - 1
RUN = "c0ffee 2026-01-01T12:00:00Z"


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


def make(root: Path) -> StartGates:
    """Gates below a directory that stands for a machine whose /flocker is shared."""
    (root / "proc/1").mkdir(parents=True)
    (root / "proc/1/mountinfo").write_text(MOUNTINFO)
    return StartGates("/programs", "/released", root)


def test_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes datasets in shared mounts, and the program that waits."""
    gates = make(tmp_path)
    monkeypatch.setattr(start_gate, "PROGRAM", tmp_path / "proc/1/mountinfo")
    assert gates.is_possible(["/flocker/a"])
    assert not gates.is_possible(["/flocker/a", "/elsewhere"])
    assert not gates.is_possible([])
    monkeypatch.setattr(start_gate, "PROGRAM", tmp_path / "missing")
    assert not gates.is_possible(["/flocker/a"])


def process(root: Path, command: str) -> int:
    """A process of the machine, as far as its /proc tells."""
    (root / "proc/77").mkdir(exist_ok=True)
    (root / "proc/77/comm").write_text(command + "\n")
    return 77


def test_release(tmp_path: Path) -> None:
    """Whoever waits at the gate goes on, and that is remembered of this run and of no other."""
    gates = make(tmp_path)
    gates.make("db")
    pid = process(tmp_path, "hold")
    gate = tmp_path / "programs/db/gate"

    def wait() -> None:
        os.close(os.open(gate, os.O_RDONLY))
        time.sleep(0.05)
        process(tmp_path, "redis-server")

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    assert not gates.was_let_go("db", RUN)
    gates.release("db", RUN, pid)
    # As soon as this returns it is seen to be let go, though it took its time to become its own.
    assert gates.was_let_go("db", RUN, pid)
    waiting.join(10)
    assert not waiting.is_alive()
    assert gates.was_let_go("db", RUN)
    assert not gates.was_let_go("db", "c0ffee later")
    gates.begin("db")
    assert not gates.was_let_go("db", RUN)


def test_the_process_tells(tmp_path: Path) -> None:
    """What is to be seen of a run goes before what was written: an agent may be killed between."""
    gates = make(tmp_path)
    gates.make("db")
    gates.release("db", RUN, NOBODY)
    for command, has_begun in {
        "hold": False,
        "docker-init": False,
        "runc:[2:INIT]": False,
        "redis-server": True,
    }.items():
        pid = process(tmp_path, command)
        assert gates.was_let_go("db", RUN, pid) is has_begun
        assert gates.was_let_go("db", "c0ffee later", pid) is has_begun
    assert gates.was_let_go("db", RUN, NOBODY)


def test_what_an_earlier_release_wrote(tmp_path: Path) -> None:
    """It said of no run which one it was."""
    gates = make(tmp_path)
    (tmp_path / "released").mkdir()
    (tmp_path / "released/db").touch()
    assert gates.was_let_go("db", RUN)


def test_release_of_what_has_passed(tmp_path: Path) -> None:
    """An agent that was killed right after it let one go notes that now."""
    gates = make(tmp_path)
    gates.make("db")
    gates.release("db", RUN, process(tmp_path, "redis-server"))
    assert gates.was_let_go("db", RUN)


def test_nobody_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not come to its gate is an error, after a while."""
    gates = make(tmp_path)
    gates.make("db")
    monkeypatch.setattr(start_gate, "ARRIVAL_SECONDS_MAX", 0.0)
    with pytest.raises(ContainerError, match="does not reach its start gate"):
        gates.release("db", RUN, process(tmp_path, "runc:[2:INIT]"))
    assert not gates.was_let_go("db", RUN)


def test_another_program(tmp_path: Path) -> None:
    """A gate that an earlier release made has this one's program from now on."""
    gates = make(tmp_path)
    gates.make("db")
    program = tmp_path / "programs/db/hold"
    program.write_text("old")
    gates.make("db")
    assert program.read_bytes() == start_gate.PROGRAM.read_bytes()


def test_forget(tmp_path: Path) -> None:
    """Nothing is left of a container that was removed."""
    gates = make(tmp_path)
    gates.make("db")
    gates.release("db", RUN, NOBODY)
    gates.forget("db")
    assert not (tmp_path / "programs/db").exists()
    assert not gates.was_let_go("db", RUN)


@pytest.mark.parametrize(
    ("link", "target"), [("opt/app", "/opt/app-1.2"), ("opt/app", "../../../opt/app-1.2")]
)
def test_sees_through_links(tmp_path: Path, link: str, target: str) -> None:
    """A link of the image leads to what is in the image, and not to what the node has there."""
    gates = make(tmp_path)
    inside = tmp_path / "proc/77/root"
    (inside / "opt/app-1.2/data").mkdir(parents=True)
    (inside / link).symlink_to(target)
    (tmp_path / "flocker/d").mkdir(parents=True)
    assert gates.sees(77, "/flocker/d", "/opt/app/data")
    assert not gates.sees(77, "/flocker/d", "/opt/app/none")
    assert not gates.sees(NOBODY, "/flocker/d", "/opt/app/data")

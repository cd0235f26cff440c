"""The program that waits at a start gate, as a process of its own; see also test_start_gate.py."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flocker_lite.containers.start_gate import PROGRAM

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not PROGRAM.exists(), reason="needs root, and a C compiler before"
)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A root directory with a shell, whose gate is a file: it is open."""
    (tmp_path / ".flocker-lite").mkdir()
    (tmp_path / ".flocker-lite/gate").touch()
    shutil.copy(PROGRAM, tmp_path / "hold")
    for directory in ("bin", "lib", "lib64", "usr", "proc"):
        (tmp_path / directory).mkdir()
    return tmp_path


@contextmanager
def run(image: Path, *program: str) -> Iterator[subprocess.Popen[str]]:
    """The program behind the gate, as the first process of its own process namespace."""
    mounts = " && ".join(
        f"mount --rbind /{each} {image}/{each}" for each in ("usr", "lib", "lib64")
    )
    inside = f"{mounts} && mount --rbind /bin {image}/bin && mount -t proc proc {image}/proc"
    script = f'{inside} && exec chroot {image} /hold -- "$@"'
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "x"]
    with subprocess.Popen([*command, *program], stdout=subprocess.PIPE, text=True) as process:
        yield process


def said(process: subprocess.Popen[str]) -> str:
    """Its next line."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def first_process(process: subprocess.Popen[str]) -> int:
    """The first process of its namespace, by its number here."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0])


def test_becomes_the_program(image: Path) -> None:
    """What waited is the container's program itself, unless an init is asked for."""
    with run(image, "sh", "-c", "echo $$; exit 3") as process:
        assert said(process) == "1"
    assert process.returncode == 3


def test_init(image: Path) -> None:
    """As an init it has the program below it, and ends as that ended."""
    (image / ".flocker-lite/init").touch()
    with run(image, "sh", "-c", "cat /proc/1/comm; cat /proc/$$/stat; exit 3") as process:
        assert said(process) == "init"
        number, _, _, parent, *_ = said(process).split()
        assert (number != "1", parent) == (True, "1")
    assert process.returncode == 3


def test_init_passes_signals_on(image: Path) -> None:
    """The program hears what the first process is sent."""
    (image / ".flocker-lite/init").touch()
    script = "trap 'echo heard; exit 7' TERM; echo ready; while :; do read x </proc/1/comm; done"
    with run(image, "sh", "-c", script) as process:
        assert said(process) == "ready"
        os.kill(first_process(process), signal.SIGTERM)
        assert said(process) == "heard"
    assert process.returncode == 7


def test_init_reaps(image: Path) -> None:
    """What others leave behind does not stay as a zombie."""
    (image / ".flocker-lite/init").touch()
    script = """
    orphan=$(sh -c 'true & echo $!')
    while test -d /proc/$orphan; do :; done
    echo gone
    """
    with run(image, "sh", "-c", script) as process:
        assert said(process) == "gone"


def test_init_without_program(image: Path) -> None:
    """A program that is not there ends it as it ends one without an init."""
    (image / ".flocker-lite/init").touch()
    with run(image, "no-such-program") as process:
        pass
    assert process.returncode == 127

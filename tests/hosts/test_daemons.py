"""Tests for the services of a node: what counts as started and as dead."""

import os
import subprocess
from pathlib import Path

from admin.hosts.daemons import has_died
from admin.hosts.services import Service

SERVICE = Service("some", ("some",), "/run/some.pid")


def dead_pid() -> int:
    """The pid of a process that has been and gone."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def node(tmp_path: Path, written: str | None) -> Path:
    """A node's file system, which shares our /proc, with this in the pid file."""
    (tmp_path / "run").mkdir()
    (tmp_path / "proc").symlink_to("/proc")
    if written is not None:
        (tmp_path / "run/some.pid").write_text(written)
    return tmp_path


def test_a_service_whose_pid_is_yet_to_be_written_has_not_died(tmp_path: Path) -> None:
    """The shell creates the pid file empty and writes the number a moment later."""
    assert not has_died(SERVICE, node(tmp_path, ""))


def test_a_service_without_a_pid_file_has_not_died(tmp_path: Path) -> None:
    assert not has_died(SERVICE, node(tmp_path, None))


def test_a_service_whose_process_is_gone_has_died(tmp_path: Path) -> None:
    assert has_died(SERVICE, node(tmp_path, f"{dead_pid()}\n"))


def test_a_service_whose_process_lives_has_not_died(tmp_path: Path) -> None:
    assert not has_died(SERVICE, node(tmp_path, f"{os.getpid()}\n"))

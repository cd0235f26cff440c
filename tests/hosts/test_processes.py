"""Commands with a time-out, and processes that are known beyond doubt."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from admin.hosts.errors import LabError
from admin.hosts.processes import (
    parse_stat,
    read_record,
    record_of,
    run,
    side_by_side,
    wait_until,
)

GONE_SECONDS_MAX = 10.0
LONG = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_failing_command_is_quoted() -> None:
    """The error holds the command, the exit code and what it said."""
    with pytest.raises(LabError, match=r"exit code 3: no such thing"):
        run(["sh", "-c", "echo no such thing >&2; exit 3"])


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """After the time-out neither the command nor what it started is there."""
    pid_file = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        run(["sh", "-c", f"sleep 600 & echo $! >{pid_file}; wait"], timeout_seconds=0.5)
    stat = Path(f"/proc/{int(pid_file.read_text())}/stat")

    def is_dead() -> bool:
        try:
            return stat.read_text().rpartition(") ")[2][0] == "Z"
        except FileNotFoundError:
            return True

    # A busy machine takes a moment to carry the kill out.
    assert wait_until(is_dead, GONE_SECONDS_MAX)


def test_a_recorded_process_is_killed_and_gone() -> None:
    """When kill returns, the process has ended."""
    with subprocess.Popen(LONG) as process:
        record = record_of(process.pid)
        assert record.is_alive()
        record.kill()
        assert not record.is_alive()


def test_a_process_that_took_over_the_pid_is_left_alone() -> None:
    """Start time and boot must agree, not only the pid."""
    with subprocess.Popen(LONG) as process:
        record = record_of(process.pid)
        for other in (replace(record, start_ticks=1), replace(record, boot_id="other")):
            assert not other.is_alive()
            other.kill()
        assert record.is_alive()
        process.kill()


def test_a_record_that_was_cut_short_is_no_record(tmp_path: Path) -> None:
    """A crash while writing leaves nothing that could name a wrong process."""
    path = tmp_path / "init.json"
    record = record_of(os.getpid())
    path.write_text(record.to_json())
    assert read_record(path) == record
    path.write_text(record.to_json()[:-5])
    assert read_record(path) is None
    path.write_text(json.dumps({"pid": 1}))
    assert read_record(path) is None
    assert read_record(tmp_path / "missing") is None


def test_a_command_name_with_parentheses_does_not_shift_the_fields() -> None:
    """The name in /proc/PID/stat is chosen by the process."""
    fields_4_to_21 = " ".join(["0"] * 18)
    assert parse_stat(f"7 (a) S (b) Z {fields_4_to_21} 99 0") == ("Z", 99)


def test_all_tasks_have_ended_when_one_has_failed() -> None:
    """The failure is raised only when no task is at work any more."""
    done: list[str] = []

    def fail() -> None:
        raise LabError("first")

    with pytest.raises(LabError, match="first"):
        side_by_side([fail, lambda: done.append("second")])
    assert done == ["second"]

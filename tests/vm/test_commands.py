"""Programs of the host end in time, fail with evidence, and leave nothing behind."""

from pathlib import Path

import pytest

from admin.vm.commands import isolated, run
from admin.vm.errors import CommandFailed


def test_output_is_returned() -> None:
    """Standard output is the result."""
    assert run(["echo", "text"], timeout_seconds=60) == b"text\n"


def test_failure_has_code_and_evidence() -> None:
    """An error shows the command, its exit code and what it said."""
    with pytest.raises(CommandFailed, match="exit code 3") as caught:
        run(["sh", "-c", "echo reason >&2; exit 3"], timeout_seconds=60)
    assert caught.value.output_tail == "reason"


def test_missing_program_is_a_failure_too(tmp_path: Path) -> None:
    """A program that is not there is an error of the same type."""
    with pytest.raises(CommandFailed, match="can not start"):
        run([f"{tmp_path}/missing"], timeout_seconds=60)


def test_time_is_limited() -> None:
    """A program that does not end is killed."""
    with pytest.raises(CommandFailed, match="still running"):
        run(["sleep", "60"], timeout_seconds=0.01)


def test_isolation_is_by_namespaces() -> None:
    """A chroot's mounts and processes are private to the command, and die with this process."""
    assert isolated(("true",), Path("/root")) == (
        *("setpriv", "--pdeathsig", "SIGKILL", "--"),
        *("unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"),
        *("--root=/root", "--", "sh", "-c", '"$@"; exit $?', "init", "true"),
    )

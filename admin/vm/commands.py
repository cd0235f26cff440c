"""Run programs on the host: always with a time-out, and never outliving this process."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from admin.vm.errors import CommandFailed

OUTPUT_TAIL_BYTES = 4000
"""How much of a failed program's output goes into the error."""

DYING_WITH_PARENT = ("setpriv", "--pdeathsig", "SIGKILL", "--")
"""Prefix: the kernel kills the program when this process dies, even by SIGKILL."""


INIT = ("sh", "-c", '"$@"; exit $?', "init")
"""
Prefix: run a program as a child of the shell, the first process of its namespace, whose end ends
all others. It must not be the program itself: the kernel forgets about dying with the parent when
a program changes its user, as apt-get does.
"""


def isolated(argv: Sequence[str], root: Path | None = None) -> tuple[str, ...]:
    """
    Wrap a command in mount and process namespaces of its own, changing its root if asked to.

    Whatever it mounts or starts is gone when it ends, however it ends, so a build that was killed
    leaves no mount behind that a later one would have to find.
    """
    change_root = () if root is None else (f"--root={root}",)
    namespaces = ("--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")
    return (*DYING_WITH_PARENT, "unshare", *namespaces, *change_root, "--", *INIT, *argv)


def run(
    argv: Sequence[str],
    *,
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
    working_directory: Path | None = None,
) -> bytes:
    """
    Run a program to its end and return its standard output.

    :param environment: replaces the inherited environment when given.
    :raises CommandFailed: when it can not start, fails, or runs longer than its time.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as diagnostics:
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=diagnostics,
                env=environment,
                cwd=working_directory,
                start_new_session=True,
            )
        except OSError as error:
            raise CommandFailed(argv, f"can not start: {error.strerror}", "") from error
        with killed_at_the_end(process):
            try:
                code = process.wait(timeout_seconds)
            except subprocess.TimeoutExpired as error:
                reason = f"still running after {timeout_seconds:.0f} seconds"
                raise CommandFailed(argv, reason, _tails(output, diagnostics)) from error
        if code != 0:
            raise CommandFailed(argv, f"exit code {code}", _tails(output, diagnostics))
        output.seek(0)
        return output.read()


@contextlib.contextmanager
def killed_at_the_end(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Kill a process, which leads a session of its own, with its group, when the block ends."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tails(*files: IO[bytes]) -> str:
    return "\n".join(filter(None, (tail(file) for file in files)))


def tail(file: IO[bytes]) -> str:
    """The last part of a file that is open for reading, as text."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - OUTPUT_TAIL_BYTES))
    return file.read().decode(errors="replace").strip()

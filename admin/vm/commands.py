"""Run programs on the host. Each has a time-out, and none outlives this process."""

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
"""An error shows so much of the failed program's output."""

DYING_WITH_PARENT = ("setpriv", "--pdeathsig", "SIGKILL", "--")
"""With this prefix the kernel kills the program when this process dies, even by SIGKILL."""


INIT = ("sh", "-c", '"$@"; exit $?', "init")
"""
With this prefix a shell is the first process of the namespace, and the program is its child. When
the shell ends, the kernel ends all others. The program itself must not be the first process: once
it changes its user, as apt-get does, the kernel no longer kills it together with its parent.
"""


def isolated(argv: Sequence[str], root: Path | None = None) -> tuple[str, ...]:
    """
    Wrap a command in mount and process namespaces of its own, and change its root to `root`.

    When the command ends, even by a signal, the kernel removes its mounts and its processes. So a
    killed build leaves no mount for a later one to find.
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

    :param environment: replaces the inherited environment; None inherits it.
    :raises CommandFailed: when it cannot start, when it fails, and when its time is over.
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
    """Kill the process and its group when the block ends; it must lead a session of its own."""
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

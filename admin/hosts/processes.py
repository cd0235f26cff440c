"""Runs commands with a time-out; kills processes that a record identifies for certain."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

from admin.hosts.errors import LabError

COMMAND_TIMEOUT_SECONDS = 30.0
KILL_TIMEOUT_SECONDS = 10.0
POLL_INTERVAL_SECONDS = 0.02
STDERR_TAIL_CHARACTERS = 2000


def run(
    argv: Sequence[str],
    *,
    timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
    input_text: str | None = None,
    check: bool = True,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return its output.

    When the time is over, kill the command with its whole process group, and raise
    subprocess.TimeoutExpired. With `check` a non-zero exit is a LabError with its stderr.
    """
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL if input_text is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=env,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(input_text, timeout=timeout_seconds)
    except BaseException:
        # A Ctrl-C must not leave the command behind either.
        kill_group(process)
        raise
    if check and process.returncode:
        tail = (stderr or stdout)[-STDERR_TAIL_CHARACTERS:].strip()
        raise LabError(f"{' '.join(argv)} ended with exit code {process.returncode}: {tail}")
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a command that leads a session, and its children in any pid namespace.

    We give up after KILL_TIMEOUT_SECONDS on a command that hangs in the kernel.
    """
    try:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(KILL_TIMEOUT_SECONDS)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def side_by_side(tasks: Sequence[Callable[[], object]]) -> None:
    """Run tasks in threads and wait for all; raises the error of the first task that failed.

    All tasks have ended when this returns, even after a Ctrl-C, so clean-up may follow.
    """
    threads = ThreadPoolExecutor(len(tasks))
    futures = [threads.submit(task) for task in tasks]
    try:
        wait(futures)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
    for future in futures:
        future.result()


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """Identifies a process for certain, even when another process has its pid by now."""

    pid: int
    start_ticks: int
    boot_id: str

    def is_alive(self) -> bool:
        """Whether exactly this process still runs (a zombie does not)."""
        try:
            state, start_ticks = parse_stat(Path(f"/proc/{self.pid}/stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state not in "ZX" and start_ticks == self.start_ticks and self.boot_id == boot_id()

    def kill(self) -> None:
        """Kill the process, if it is still this one, and wait until it is gone.

        If it is the first process of a pid namespace, everything in that is gone then.
        """
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.is_alive():
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                if not select.select([descriptor], [], [], KILL_TIMEOUT_SECONDS)[0]:
                    raise LabError(f"process {self.pid} does not end; see /proc/{self.pid}/stack")
        except ProcessLookupError:
            return
        finally:
            os.close(descriptor)

    def to_json(self) -> str:
        """The record as JSON, for a file."""
        return json.dumps(asdict(self))


def record_of(pid: int) -> ProcessRecord:
    """The record of a running process; raises LabError when no process has this pid."""
    try:
        start_ticks = parse_stat(Path(f"/proc/{pid}/stat").read_text())[1]
    except (FileNotFoundError, ProcessLookupError) as error:
        raise LabError(f"process {pid} has ended already") from error
    return ProcessRecord(pid, start_ticks, boot_id())


def read_record(path: Path) -> ProcessRecord | None:
    """The record in a file; None when there is none, or when a crash cut it short."""
    try:
        return ProcessRecord(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def parse_stat(text: str) -> tuple[str, int]:
    """State letter and start time (in clock ticks since boot) from a /proc/PID/stat line.

    The command's name, in parentheses, may itself hold spaces and parentheses.
    """
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])


def boot_id() -> str:
    """Identifies this boot of the machine: pids and start times repeat after a reboot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def wait_until(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Poll until the condition holds; False when it did not within the time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL_SECONDS)
    return True

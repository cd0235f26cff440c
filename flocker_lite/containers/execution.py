"""Runs a command in a container, with a time-out; blocks, so use it in threads."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Sequence
from typing import Any

import requests
import urllib3
from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers import processes
from flocker_lite.containers.stream_demultiplexer import StreamDemultiplexer
from flocker_lite.interfaces import Executed

CHUNK_BYTES = 65536
TAIL_BYTES = 4096
TAIL_CHARACTERS = 200
COMMAND_CHARACTERS = 100
END_POLL_SECONDS = 0.01


def run(
    client: APIClient, container_id: str, command: Sequence[str], timeout_seconds: float
) -> Executed:
    """What became of the command.

    A command that takes too long is killed, if we can see its process. If the command cannot be
    started, the exception of Docker's client passes through.
    """
    ends = time.monotonic() + timeout_seconds
    execution = client.exec_create(container_id, list(command))["Id"]
    output = _output(client, execution, ends)
    state = client.exec_inspect(execution)
    # The output ends a little before Docker knows that the command has.
    while state["Running"] and time.monotonic() < ends:
        time.sleep(END_POLL_SECONDS)
        state = client.exec_inspect(execution)
    if state["Running"]:
        _kill(state["Pid"], container_id)
        return Executed(None, output)
    return Executed(state["ExitCode"], output)


def trouble(command: Sequence[str], executed: Executed) -> str | None:
    """None if the command exited with 0; else what happened, in words."""
    if executed.exit_code is None:
        return describe(command, "did not end in time", executed.output)
    if executed.exit_code != 0:
        return describe(command, f"exited with {executed.exit_code}", executed.output)
    return None


def describe(command: Sequence[str], outcome: str, output: str) -> str:
    """What happened to a command, with the end of its output."""
    shown = shlex.join(command)
    if len(shown) > COMMAND_CHARACTERS:
        shown = f"{shown[:COMMAND_CHARACTERS]}..."
    said = " ".join(output.split())[-TAIL_CHARACTERS:]
    return f"`{shown}` {outcome}" + (f": {said}" if said else "")


class Output:
    """The end of what a command writes to both streams, without Docker's frames."""

    def __init__(self) -> None:
        self.tail = b""
        self._demultiplexer = StreamDemultiplexer()

    def take(self, chunk: bytes) -> None:
        """Take in more of the frames, which may be cut anywhere."""
        self.tail = (self.tail + self._demultiplexer.take(chunk))[-TAIL_BYTES:]


def _output(client: APIClient, execution: str, ends: float) -> str:
    """Start it, and read its output until it ends or the time is over.

    The client's own `exec_start` has no time-out, and may lose output that arrives together with
    the headers of the response.
    """
    output = Output()
    # The time-out is for each read: a command that writes and then hangs has at most twice as long.
    response: Any = client.post(
        f"{client.base_url}/v{client.api_version}/exec/{execution}/start",
        json={"Detach": False, "Tty": False},
        stream=True,
        timeout=max(ends - time.monotonic(), END_POLL_SECONDS),
    )
    try:
        response.raise_for_status()
        while time.monotonic() < ends and (chunk := response.raw.read1(CHUNK_BYTES)):
            output.take(chunk)
    except requests.HTTPError as error:
        docker_errors.create_api_error_from_http_exception(error)
    except urllib3.exceptions.ReadTimeoutError:
        pass
    finally:
        response.close()
    return output.tail.decode(errors="replace")


def _kill(pid: int, container_id: str) -> None:
    """Kill a command that nobody waits for any more; otherwise they would pile up."""
    pidfd = processes.open_process(pid, container_id) if pid else None
    if pidfd is None:
        return
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)

"""Runs a command in a container, with a limit to its time; its functions block, for threads."""

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

CHUNK_BYTES = 65536
TAIL_BYTES = 4096
TAIL_CHARACTERS = 200
COMMAND_CHARACTERS = 100
END_POLL_SECONDS = 0.01
_HEADER_BYTES = 8


def run(
    client: APIClient, container_id: str, command: Sequence[str], timeout_seconds: float
) -> str | None:
    """None when the command exited with 0; else what became of it, in words.

    One that takes too long is killed, if its process is to be seen from here. What Docker's client
    raises when the command cannot be begun is passed on.
    """
    ends = time.monotonic() + timeout_seconds
    execution = client.exec_create(container_id, list(command))["Id"]
    output = _output(client, execution, ends)
    state = client.exec_inspect(execution)
    # The end of the output comes a little before Docker knows of that of the command.
    while state["Running"] and time.monotonic() < ends:
        time.sleep(END_POLL_SECONDS)
        state = client.exec_inspect(execution)
    if state["Running"]:
        _kill(state["Pid"], container_id)
        return describe(command, "did not end in time", output)
    if state["ExitCode"] != 0:
        return describe(command, f"exited with {state['ExitCode']}", output)
    return None


def describe(command: Sequence[str], outcome: str, output: str) -> str:
    """What became of a command, with the end of what it said."""
    shown = shlex.join(command)
    if len(shown) > COMMAND_CHARACTERS:
        shown = f"{shown[:COMMAND_CHARACTERS]}..."
    said = " ".join(output.split())[-TAIL_CHARACTERS:]
    return f"`{shown}` {outcome}" + (f": {said}" if said else "")


class Output:
    """The end of what a command says on both streams, out of Docker's frames.

    Each frame is a header, whose last four bytes are a size, and so many bytes of text.
    """

    def __init__(self) -> None:
        self.tail = b""
        self._rest = b""
        self._missing_bytes = 0

    def take(self, chunk: bytes) -> None:
        """More of the frames, cut anywhere."""
        self._rest += chunk
        while self._rest:
            if self._missing_bytes == 0:
                if len(self._rest) < _HEADER_BYTES:
                    return
                self._missing_bytes = int.from_bytes(self._rest[4:_HEADER_BYTES], "big")
                self._rest = self._rest[_HEADER_BYTES:]
            text = self._rest[: self._missing_bytes]
            self._rest = self._rest[self._missing_bytes :]
            self._missing_bytes -= len(text)
            self.tail = (self.tail + text)[-TAIL_BYTES:]


def _output(client: APIClient, execution: str, ends: float) -> str:
    """Start it, and read what it says up to its end, or that of the time.

    Not with the client's `exec_start`, which has no limit to its time, and may lose what comes
    together with the head of the answer.
    """
    output = Output()
    # The limit is for each read: a command that speaks and falls silent has twice the time at most.
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
    """End a command that nobody waits for any more: they would become many."""
    pidfd = processes.open_process(pid, container_id) if pid else None
    if pidfd is None:
        return
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)

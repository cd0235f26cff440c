"""How both fences are started: a program of this package, which outlives the agent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger

import flocker_lite
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces.reactor import IReactor
from flocker_lite.processes import ENVIRONMENT, STDERR_TAIL_BYTES_MAX


class FenceProtocol(ProcessProtocol):
    """The agent's end of a fence's first process; keeps the end of what it writes to stderr."""

    _log = Logger()

    def __init__(self) -> None:
        self.stderr_tail = b""

    def errReceived(self, data: bytes) -> None:
        self.stderr_tail = (self.stderr_tail + data)[-STDERR_TAIL_BYTES_MAX:]

    def why(self, error: Exception) -> str:
        """Why it does not start, in its own words if it said any."""
        return self.stderr_tail.decode("utf-8", "replace").strip() or str(error)

    def log_stderr(self) -> None:
        """Log what it wrote to stderr, if anything."""
        if self.stderr_tail:
            self._log.warn(
                "a fence wrote to stderr: {said}", said=self.stderr_tail.decode("utf-8", "replace")
            )


def spawn(
    reactor: IReactor,
    protocol: FenceProtocol,
    program: str,
    config: Mapping[str, Any],
    notes: Path | None,
    path: str | None = None,
) -> None:
    """Start the module `program` with its `config`, in the directory `path`; make that of `notes`.

    Raises FlockerError when that cannot be.
    """
    argv = [sys.executable, "-m", program, json.dumps({**config, "notes": str(notes or "")})]
    # The fence must import this very package, wherever that is.
    package = str(Path(flocker_lite.__file__).parent.parent)
    try:
        if notes is not None:
            notes.mkdir(parents=True, exist_ok=True)
        reactor.spawnProcess(
            protocol, sys.executable, argv, {**ENVIRONMENT, "PYTHONPATH": package}, path=path
        )
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise FlockerError(f"the agent cannot start a fence: {reason}") from None

"""The fence: two processes that end a trial on this node if the agent does not.

They outlive the agent. They import little, because a move waits for their start. Both count the
time, and each notices the other's death; the survivor ends the trial at once. So a copy on trial is
unfenced only if somebody kills both at the same instant, which takes root. The survivor does not
start a new partner: whatever killed one may kill another, and ending a trial early does no harm.

The first process reads lines from stdin. It answers a line with "done" once both have obeyed it:

    guard ID        this container is on trial; kill it at the end
    until SECONDS   end the trial at this time, of the clock that goes on while the machine sleeps
    stop            there is nothing to end; both exit without an answer

When stdin ends, the agent has died, and the fence goes on counting. When it ends the trial, it says
"ending".
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from flocker_lite.zfs.fence_expiry import Expiry, ProbationCheck

RETRY_SECONDS = 0.05
LOOK_SECONDS_MAX = 1.0
PROBATION_CHECK_SECONDS = 5.0
"""How long before the end we begin to ask ZFS whether anything is on probation: see `decide`."""

PROBATION_LOOK_SECONDS = 0.25
IDLE_SECONDS_MAX = 3600.0
"""A fence exits after this time if the agent never says when to end the trial."""

ENDED = 3
"""The exit code of a process that ended a trial."""

LINE_BYTES_MAX = 4096
_MLOCK_CURRENT, _MLOCK_FUTURE, _MLOCK_ONFAULT = 1, 2, 4


class Verdict(Enum):
    """What the process does now: wait, exit, or end the trial."""

    WAIT = "wait"
    LEAVE = "leave"
    END = "end"


def decide(
    until: float | None,
    stopped: bool,
    agent_lives: bool,
    partner_lives: bool,
    now: float,
    started_at: float,
    is_settled: bool = False,
) -> Verdict:
    """Decide what to do; all times are in seconds of one clock.

    `agent_lives`: the agent lives, or may live. `partner_lives`: the other process lives.
    `is_settled`: ZFS said in time that nothing is on probation. That spares a container if the
    agent kept it and died before it told us; if ZFS does not answer by the end, we kill.

    A fence obeys "stop" however late it reads it: the agent says so only when the trial has ended
    or its copy is kept. A fence without a time has nothing to end.
    """
    if stopped:
        return Verdict.LEAVE
    if until is None:
        is_idle = now >= started_at + IDLE_SECONDS_MAX
        return Verdict.WAIT if agent_lives and partner_lives and not is_idle else Verdict.LEAVE
    if partner_lives and now < until:
        return Verdict.WAIT
    return Verdict.LEAVE if is_settled else Verdict.END


class FenceProcess:
    """One of the two processes; the first one reads from the agent on the descriptor `agent`."""

    def __init__(self, partner: socket.socket, agent: int | None, config: dict[str, Any]) -> None:
        self._partner: socket.socket | None = partner
        self._agent = agent
        self._is_first = agent is not None
        self._config = config
        self._until: float | None = None
        self._stopped = False
        self._ids: list[str] = []
        self._started_at = now()
        self._probation_check: ProbationCheck | None = None
        self._unfinished_lines = {"agent": b"", "partner": b""}

    def run(self) -> int:
        """Wait until it is time, and end the trial; returns the exit code."""
        while True:
            verdict = self._decide()
            if verdict is Verdict.LEAVE:
                return 0
            if verdict is Verdict.END:
                return self._end()
            left = LOOK_SECONDS_MAX if self._until is None else self._until - now()
            look = LOOK_SECONDS_MAX if self._probation_check is None else PROBATION_LOOK_SECONDS
            self._read(min(max(left, 0.0), look))

    def _decide(self) -> Verdict:
        # Read the clock before the lines: a line that came in time counts, even if the machine
        # pauses at any instruction here.
        at = now()
        self._read(0.0)
        agent_lives = not self._is_first or self._agent is not None
        partner_lives = self._partner is not None
        is_settled = self._is_settled()
        return decide(
            self._until, self._stopped, agent_lives, partner_lives, at, self._started_at, is_settled
        )

    def _is_settled(self) -> bool:
        """Whether nothing is on probation; we ask ZFS shortly before the end, anew for each end."""
        if self._until is None or now() < self._until - PROBATION_CHECK_SECONDS:
            self._probation_check = None
            return False
        if self._probation_check is None:
            self._probation_check = ProbationCheck(
                self._config["filesystems"], self._config["zfs"], now
            )
        return self._probation_check.step()

    def _end(self) -> int:
        ending = Expiry(
            self._ids,
            self._config["filesystems"],
            self._config["zfs"],
            Path(self._config["cgroups"]),
            Path(self._config["notes"]) if self._config["notes"] else None,
        )
        # Kill before telling anybody.
        is_done = ending.step()
        self._answer(b"ending\n")
        while not is_done and not self._stopped:
            self._read(RETRY_SECONDS)
            is_done = ending.step()
        return ENDED

    def _read(self, seconds: float) -> None:
        """Wait up to this long for the agent and the partner, and obey what they say."""
        listening: list[Any] = [end for end in (self._agent, self._partner) if end is not None]
        if not listening:
            time.sleep(seconds)
            return
        readable, _, _ = select.select(listening, [], [], seconds)
        if self._agent in readable:
            self._read_agent()
        if self._partner is not None and self._partner in readable:
            self._read_partner(self._partner)

    def _read_agent(self) -> None:
        assert self._agent is not None
        data = os.read(self._agent, LINE_BYTES_MAX)
        if not data:
            self._agent = None
        for line in self._lines("agent", data):
            self._obey(line)
            self._tell_partner(line)

    def _read_partner(self, partner: socket.socket) -> None:
        try:
            data = partner.recv(LINE_BYTES_MAX)
        except OSError:
            data = b""
        if not data:
            self._partner = None
        for line in self._lines("partner", data):
            if self._is_first:
                self._answer(b"done\n")
            else:
                self._obey(line)
                self._tell_partner("done")

    def _obey(self, line: str) -> None:
        word, _, value = line.partition(" ")
        if word == "stop":
            self._stopped = True
        elif word == "guard" and value:
            self._ids.append(value)
        elif word == "until":
            self._until = float(value)

    def _lines(self, source: str, data: bytes) -> list[str]:
        *lines, rest = (self._unfinished_lines[source] + data).split(b"\n")
        self._unfinished_lines[source] = rest
        return [line.decode() for line in lines]

    def _tell_partner(self, line: str) -> None:
        if self._partner is not None:
            with suppress(OSError):
                self._partner.sendall(f"{line}\n".encode())

    def _answer(self, said: bytes) -> None:
        """Answer the agent, if it still listens."""
        if self._is_first:
            with suppress(OSError):
                os.write(1, said)


def main(config: dict[str, Any]) -> int:
    """Entry point: `config` names the filesystems, the `zfs` command and the paths."""
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1):
            os.dup2(nothing, fd)
        half = FenceProcess(theirs, None, config)
    else:
        theirs.close()
        half = FenceProcess(ours, 0, config)
    harden()
    return half.run()


def now() -> float:
    """Seconds that never jump and go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def harden() -> None:
    """Be the last process that the kernel kills for memory and the first that it runs, if we may.

    A fence matters most on a machine that is short of memory or CPU, or that was suspended. We
    raise the limits first: then CAP_SYS_RESOURCE is enough, which the systemd unit has.
    """
    for limit, wanted in (
        (resource.RLIMIT_MEMLOCK, resource.RLIM_INFINITY),
        (resource.RLIMIT_RTPRIO, 1),
    ):
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (wanted, wanted))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("-1000")
    with suppress(OSError):
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(1))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mlockall(_MLOCK_CURRENT | _MLOCK_FUTURE | _MLOCK_ONFAULT)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))

"""The fence: two processes that end a loan on this node when nobody else has.

They outlive the agent, and import little, since a move waits for their start. Both count, and each
sees the other's death: who is left ends the loan at once. So a copy on trial runs unguarded only
where both are killed at one instant, which takes root. Who is left starts no other one: what kills
a fence once may do so again, and a trial that ends early harms nobody.

The first one takes lines on stdin, of which it answers those that both have heeded with "done":

    guard ID        this container is on trial, and killed at the end
    until SECONDS   of the clock that goes on while the machine sleeps: then end it
    stop            there is nothing to end; both exit, and nothing is answered

It goes on counting when stdin ends: the agent has died. When it ends the loan it says "ending".
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from flocker_lite.zfs.fence_end import Ending, Foresight

RETRY_SECONDS = 0.05
LOOK_SECONDS_MAX = 1.0
FORESIGHT_SECONDS = 5.0
"""So long before the end ZFS is asked whether there is anything to end: see `decide`."""

FORESIGHT_LOOK_SECONDS = 0.25
IDLE_SECONDS_MAX = 3600.0
"""One that is never told to count ends by itself."""

ENDED = 3
"""The exit code of one that ended what it guarded."""

LINE_BYTES_MAX = 4096
_MLOCK_CURRENT, _MLOCK_FUTURE, _MLOCK_ONFAULT = 1, 2, 4


class Verdict(Enum):
    """What is to be done now."""

    WAIT = "wait"
    LEAVE = "leave"
    END = "end"


def decide(
    until: float | None,
    stopped: bool,
    heard: bool,
    paired: bool,
    now: float,
    began: float,
    is_settled: bool = False,
) -> Verdict:
    """`heard`: the agent lives, or may; `paired`: so does the other process. Seconds of one clock.

    `is_settled`: ZFS said in time that nothing is on probation. That spares what an agent kept that
    died before it could say so; without an answer by the end there is a kill.

    Whoever was told to stop is told the truth, however late it reads that: the agent says so only
    of what is ended or kept. Who was not told to count has nothing to end.
    """
    if stopped:
        return Verdict.LEAVE
    if until is None:
        is_idle = now >= began + IDLE_SECONDS_MAX
        return Verdict.WAIT if heard and paired and not is_idle else Verdict.LEAVE
    if paired and now < until:
        return Verdict.WAIT
    return Verdict.LEAVE if is_settled else Verdict.END


class Half:
    """One of the two; `agent` is the descriptor on which the first one hears the agent."""

    def __init__(self, partner: socket.socket, agent: int | None, config: dict[str, Any]) -> None:
        self._partner: socket.socket | None = partner
        self._agent = agent
        self._is_first = agent is not None
        self._config = config
        self._until: float | None = None
        self._stopped = False
        self._ids: list[str] = []
        self._began = now()
        self._foresight: Foresight | None = None
        self._rests = {"agent": b"", "partner": b""}

    def run(self) -> int:
        """Count, and end the loan; returns the exit code."""
        while True:
            verdict = self._decide()
            if verdict is Verdict.LEAVE:
                return 0
            if verdict is Verdict.END:
                return self._end()
            left = LOOK_SECONDS_MAX if self._until is None else self._until - now()
            look = LOOK_SECONDS_MAX if self._foresight is None else FORESIGHT_LOOK_SECONDS
            self._hear(min(max(left, 0.0), look))

    def _decide(self) -> Verdict:
        # What was said by a time counts before that time does: the machine may have stood still,
        # at any instruction here too.
        at = now()
        self._hear(0.0)
        heard = not self._is_first or self._agent is not None
        paired = self._partner is not None
        is_settled = self._is_settled()
        return decide(self._until, self._stopped, heard, paired, at, self._began, is_settled)

    def _is_settled(self) -> bool:
        """Asked anew for each time that is told, and long enough before that is over."""
        if self._until is None or now() < self._until - FORESIGHT_SECONDS:
            self._foresight = None
            return False
        if self._foresight is None:
            self._foresight = Foresight(self._config["filesystems"], self._config["zfs"], now)
        return self._foresight.step()

    def _end(self) -> int:
        ending = Ending(
            self._ids,
            self._config["filesystems"],
            self._config["zfs"],
            Path(self._config["cgroups"]),
            Path(self._config["notes"]) if self._config["notes"] else None,
        )
        # Before anything is said of it.
        is_done = ending.step()
        self._say(b"ending\n")
        while not is_done and not self._stopped:
            self._hear(RETRY_SECONDS)
            is_done = ending.step()
        return ENDED

    def _hear(self, seconds: float) -> None:
        """Heed what the agent and the partner say, and wait for it no longer than that."""
        listening: list[Any] = [end for end in (self._agent, self._partner) if end is not None]
        if not listening:
            time.sleep(seconds)
            return
        readable, _, _ = select.select(listening, [], [], seconds)
        if self._agent in readable:
            self._hear_agent()
        if self._partner is not None and self._partner in readable:
            self._hear_partner(self._partner)

    def _hear_agent(self) -> None:
        assert self._agent is not None
        data = os.read(self._agent, LINE_BYTES_MAX)
        if not data:
            self._agent = None
        for line in self._lines("agent", data):
            self._heed(line)
            self._tell_partner(line)

    def _hear_partner(self, partner: socket.socket) -> None:
        try:
            data = partner.recv(LINE_BYTES_MAX)
        except OSError:
            data = b""
        if not data:
            self._partner = None
        for line in self._lines("partner", data):
            if self._is_first:
                self._say(b"done\n")
            else:
                self._heed(line)
                self._tell_partner("done")

    def _heed(self, line: str) -> None:
        word, _, value = line.partition(" ")
        if word == "stop":
            self._stopped = True
        elif word == "guard" and value:
            self._ids.append(value)
        elif word == "until":
            self._until = float(value)

    def _lines(self, source: str, data: bytes) -> list[str]:
        *lines, self._rests[source] = (self._rests[source] + data).split(b"\n")
        return [line.decode() for line in lines]

    def _tell_partner(self, line: str) -> None:
        if self._partner is not None:
            with suppress(OSError):
                self._partner.sendall(f"{line}\n".encode())

    def _say(self, said: bytes) -> None:
        """To the agent, if it still listens."""
        if self._is_first:
            with suppress(OSError):
                os.write(1, said)


def main(config: dict[str, Any]) -> int:
    """Entry point: `config` names the filesystems, and where the rest is."""
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1):
            os.dup2(nothing, fd)
        half = Half(theirs, None, config)
    else:
        theirs.close()
        half = Half(ours, 0, config)
    harden()
    return half.run()


def now() -> float:
    """Seconds that never jump and go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def harden() -> None:
    """Be the last to be killed for want of memory, and the first to run, as far as one may.

    A machine that is short of either, or that stood still, is where a fence is needed.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("-1000")
    with suppress(OSError):
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(1))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mlockall(_MLOCK_CURRENT | _MLOCK_FUTURE | _MLOCK_ONFAULT)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))

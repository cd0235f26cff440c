"""The deadline fence: two processes that end containers at their fencing deadlines, agent or not.

One pair guards all containers of a node that run under a deadline. It outlives the agent: it goes
on counting, and a new agent, also of another release, finds it by its socket (`fence_table` has the
protocol). Both count, and each notices the other's death; the survivor ends all containers at once
and exits. So containers run unfenced only if somebody kills both at the same instant, which takes
root. While one of them stands still, no deadline is renewed, and the other one ends them in time.

The first process listens at the socket and tells the second each order; an order is answered once
both have obeyed it. A pair exits when it has nothing to guard and no agent. Both hold a lock, so
that no second pair starts before the first one has done all it will ever do.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flocker_lite import __version__
from flocker_lite.model.fencing.claims import KILL_SECONDS_MAX
from flocker_lite.zfs.fence_agents import AgentLinks
from flocker_lite.zfs.fence_ending import Ending
from flocker_lite.zfs.fence_lead import LEAD_SECONDS_MAX
from flocker_lite.zfs.fence_process import ENDED, harden, now
from flocker_lite.zfs.fence_table import (
    DONE,
    LINE_BYTES_MAX,
    PROTOCOL_VERSION,
    DeadlineTable,
    Phase,
    line,
    no,
    read,
)
from flocker_lite.zfs.fence_watchdog import Watchdog

LOOK_SECONDS_MAX = 1.0
COUNT_SECONDS = 0.5
COUNTED_BEFORE_SECONDS = LEAD_SECONDS_MAX + LOOK_SECONDS_MAX
"""How often, and from how long before a deadline on, we look how many processes it would end."""

RETRY_SECONDS = 0.05
IDLE_SECONDS_MAX = 60.0
"""A pair that guards nothing exits this long after its last agent has gone."""

KILLED_AGAIN_SECONDS_MAX = 3600.0
"""How long a pair without an agent kills what is started in spite of a passed deadline."""

PARTNER_SECONDS_MAX = 3.0
"""Who ends a container and does not hear that the other does so too takes that one for hung."""

WATCHDOG_SECONDS_MAX = 5.0
"""How long the half that is left tries to take the watchdog over, to let go of it."""

ORDERS_MAX = 1000
"""How many messages are read at once, before the deadlines are looked at again."""

ANSWERS_MAX = 64
"""How many orders the partner is told before it answers; its queue is no longer than some more."""

ALONE = "half of the fence is dead"
ANOTHER = 4
"""The exit code when another pair is still there."""


@dataclass
class _Answer:
    """The answer to an agent's order, which is sent once the partner has answered, too."""

    agent: socket.socket
    message: dict[str, Any]
    waits_for_partner: bool
    armed: str | None = None


class Keeper:
    """One of the two processes; the first one has the `agents`."""

    def __init__(
        self,
        partner: socket.socket,
        partner_pid: int,
        agents: AgentLinks | None,
        config: dict[str, Any],
    ) -> None:
        notes = Path(config["notes"]) if config["notes"] else None
        self._table = DeadlineTable()
        self._partner: socket.socket | None = partner
        self._partner_pid = partner_pid
        self._agents = agents
        self._ending = Ending(config["zfs"], Path(config["cgroups"]), notes, now)
        self._answers: deque[_Answer] = deque()
        # Who of us two has begun to end a container, and when.
        self._begun_here: dict[str, float] = {}
        self._begun_there: set[str] = set()
        self._watchdog = Watchdog()
        self._without_agent_since = now()
        self._looked_again_at = 0.0
        self._counted_at = 0.0
        self._left_alone_at: float | None = None

    def run(self) -> int:
        """Guard until there is nothing to guard; returns the exit code."""
        while True:
            # Read the clock before the orders: one that came in time counts, even if the machine
            # pauses at any instruction here.
            at = now()
            for _ in range(ORDERS_MAX):
                if not self._listen(0.0):
                    break
            self._end_what_is_due(at)
            self._keep_watchdog(at)
            if self._is_over(at):
                self._watchdog.close()
                return ENDED if self._table.deadlines else 0
            self._listen(self._seconds_to_wait())

    # What is due

    def _end_what_is_due(self, at: float) -> None:
        self._count_processes(at)
        due = self._table.due(at)
        if self._partner is None:
            due = self._table.names(Phase.COUNTING)
        for name in due:
            deadline = self._table.deadlines[name]
            deadline.phase = Phase.ENDING
            self._ending.begin(name, deadline.instances, deadline.filesystems)
        self._table.ended(self._ending.step())
        # Kill before telling anybody.
        for name in due:
            self._tell_end(name, at)
        if at >= self._looked_again_at + LOOK_SECONDS_MAX:
            self._looked_again_at = at
            self._ending.kill_again(self._table.passed_instances())
        if any(at >= since + PARTNER_SECONDS_MAX for since in self._begun_here.values()):
            self._kill_partner()

    def _count_processes(self, at: float) -> None:
        near = self._table.near(at, COUNTED_BEFORE_SECONDS)
        if not near or at < self._counted_at + COUNT_SECONDS:
            return
        self._counted_at = at
        for deadline in near:
            deadline.processes = self._ending.processes(deadline.instances)

    def _tell_end(self, name: str, at: float) -> None:
        if self._agents is not None:
            self._agents.tell_all({"ending": name})
        if self._partner is not None:
            self._tell_partner({"ending": name})
            if name not in self._begun_there:
                self._begun_here[name] = at
        self._begun_there.discard(name)

    def _keep_watchdog(self, at: float) -> None:
        """Keep it while something may run that a hung kernel would leave running."""
        if self._agents is None and self._partner is not None:
            return
        if self._left_alone_at is not None and self._watchdog.open() is None:
            # The first process had it. Now it is ours, to be let go of when all is ended.
            self._left_alone_at = None
        left = self._table.seconds_left(at)
        if not self._ending.are_all_killed:
            # A kill that takes longer than it may is what the watchdog is for.
            left = self._table.seconds_left(at, Phase.COUNTING, Phase.ENDING)
        if left is None:
            self._watchdog.close()
        elif self._watchdog.open() is None:
            self._watchdog.feed(max(left, 0.0) + KILL_SECONDS_MAX)

    def _is_over(self, at: float) -> bool:
        if self._table.names(Phase.COUNTING, Phase.ENDING):
            self._without_agent_since = at
            return False
        if self._partner is None:
            # The kernel may not have closed the watchdog yet that the other one had open.
            since = self._left_alone_at
            return since is None or at >= since + WATCHDOG_SECONDS_MAX
        if self._agents is None or self._agents.are_there:
            self._without_agent_since = at
            return False
        longest = KILLED_AGAIN_SECONDS_MAX if self._table.deadlines else IDLE_SECONDS_MAX
        return at >= self._without_agent_since + longest

    def _seconds_to_wait(self) -> float:
        if self._table.names(Phase.ENDING) or self._partner is None:
            return RETRY_SECONDS
        at = now()
        longest = (
            COUNT_SECONDS if self._table.near(at, COUNTED_BEFORE_SECONDS) else LOOK_SECONDS_MAX
        )
        return min(self._table.seconds_to_wait(at), longest)

    def _listen(self, seconds: float) -> bool:
        """Wait up to this long for agents and the partner, and obey; returns whether any spoke."""
        readers: list[Any] = [] if self._agents is None else [*self._agents.readers()]
        writers: list[Any] = [] if self._agents is None else [*self._agents.writers()]
        partner = self._partner
        if partner is not None:
            readers.append(partner)
        readable, writable, _ = select.select(readers, writers, [], seconds)
        for end in readable:
            if partner is not None and end is partner:
                self._read_partner(partner)
            elif self._agents is not None:
                self._agents.read(end)
        if self._agents is not None:
            for end in writable:
                self._agents.flush(end)
            while self._agents.orders and len(self._answers) < ANSWERS_MAX:
                self._obey_agent(*self._agents.orders.popleft())
        return bool(readable)

    # The partner

    def _kill_partner(self) -> None:
        """It hangs: nothing could be armed until it is gone, and late it would do harm."""
        self._begun_here.clear()
        # Our child that nobody has waited for, or our parent: so this is no other process.
        if self._agents is not None or os.getppid() == self._partner_pid:
            with suppress(ProcessLookupError):
                os.kill(self._partner_pid, signal.SIGKILL)

    def _tell_partner(self, message: dict[str, Any]) -> bool:
        """Never waits; returns whether the message was sent."""
        if self._partner is None:
            return False
        try:
            self._partner.send(line(message))
        except OSError:
            return False
        return True

    def _read_partner(self, partner: socket.socket) -> None:
        try:
            data = partner.recv(2 * LINE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose_partner()
            return
        message = read(data)
        if "ending" in message:
            self._hear_ending(str(message["ending"]))
        elif self._agents is not None:
            self._hear_answer(message)
        else:
            self._obey_first(message)

    def _lose_partner(self) -> None:
        self._partner = None
        self._begun_here.clear()
        self._left_alone_at = now()
        for answer in self._answers:
            answer.waits_for_partner, answer.message = False, no(ALONE)
        if self._agents is not None:
            # This pair is at its end.
            self._agents.close_listener()
            self._send_answers(self._agents)

    def _hear_ending(self, name: str) -> None:
        """The partner ends this container, so this process does so too."""
        if self._begun_here.pop(name, None) is None and self._table.end_now(name):
            self._begun_there.add(name)

    def _hear_answer(self, message: dict[str, Any]) -> None:
        waiting = next((each for each in self._answers if each.waits_for_partner), None)
        if waiting is None or self._agents is None:
            return
        waiting.waits_for_partner = False
        if "no" in message:
            waiting.message = message
            if waiting.armed is not None:
                # It was too late for the partner, who ends the container.
                self._table.end_now(waiting.armed)
        self._send_answers(self._agents)

    def _obey_first(self, order: dict[str, Any]) -> None:
        if "hello" in order:
            self._watchdog.path = order["watchdog"]
        answer = DONE if "hello" in order else self._table.obey(order, now())
        self._tell_partner(answer if "no" in answer else DONE)

    # The agents

    def _obey_agent(self, agent: socket.socket, order: dict[str, Any]) -> None:
        assert self._agents is not None
        if self._partner is None:
            message = no(ALONE)
        elif "hello" in order:
            message = self._hello(order)
        elif "arm" in order and (reason := self._watchdog.open()) is not None:
            message = no(reason)
        else:
            message = self._table.obey(order, now())
        is_told = "no" not in message and self._tell_partner(order)
        if "no" not in message and not is_told:
            message = no("half of the fence does not listen")
        armed = str(order["arm"]) if is_told and "arm" in order else None
        self._answers.append(_Answer(agent, message, is_told, armed))
        self._send_answers(self._agents)

    def _hello(self, order: dict[str, Any]) -> dict[str, Any]:
        path = order.get("watchdog")
        order["watchdog"] = path = path if isinstance(path, str) else None
        if path != self._watchdog.path:
            self._watchdog.close()
            self._watchdog = Watchdog(path)
        return {"hello": PROTOCOL_VERSION, "release": __version__}

    def _send_answers(self, agents: AgentLinks) -> None:
        """Send the answers that are ready, in the order of the questions."""
        while self._answers and not self._answers[0].waits_for_partner:
            answer = self._answers.popleft()
            agents.send(answer.agent, answer.message)


def main(config: dict[str, Any]) -> int:
    """Entry point: `config` has the paths of the socket and the lock, and what `Ending` needs."""
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    # Both halves have this very lock, and commands that they start do not.
    lock = os.open(config["lock"], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("an earlier fence still ends containers", file=sys.stderr)
        return ANOTHER
    path = Path(config["socket"])
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.setblocking(False)
    listener.listen(16)
    first_pid = os.getpid()
    # A message of a SOCK_SEQPACKET is sent whole or not at all, so no one ever waits.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setblocking(False)
    second_pid = os.fork()
    if second_pid == 0:
        ours.close()
        listener.close()
        half = Keeper(theirs, first_pid, None, config)
    else:
        theirs.close()
        half = Keeper(ours, second_pid, AgentLinks(listener), config)
    harden()
    if second_pid != 0:
        os.write(1, b"ready\n")
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    return half.run()


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))

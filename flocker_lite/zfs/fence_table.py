"""What a deadline fence knows and is told, purely: deadlines by container, and orders as JSON.

The protocol between agent and fence is version 1: lines of JSON over a UNIX socket, in both
directions. The fence answers each line, in their order. The orders:

    {"hello": 1, "watchdog": PATH or null}    {"hello": 1, "release": "1.2"}
    {"arm": NAME, "filesystems": [...], "until": SECONDS}
    {"guard": NAME, "instance": ID}
    {"disarm": NAME}
    {"deadlines": true}     {"deadlines": {NAME: {"filesystems": [...], "until": SECONDS,
                                                  "has_passed": false}}}

Where no other answer is given it is {"done": true}; any order may be answered {"no": REASON}.
SECONDS are those of CLOCK_BOOTTIME. Between answers the fence says {"ending": NAME} when it ends a
container. An agent of one release meets a fence of another, because fences go on while agents are
upgraded. So these orders keep their meaning in all later versions, who does not know an order
answers "no", and all ignore keys that they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from flocker_lite.zfs.fence_lead import to_begin

PROTOCOL_VERSION = 1
LINE_BYTES_MAX = 65_536
INSTANCES_MAX = 16
"""How many instances of a container are guarded; the oldest ones have been removed by then."""

DONE: dict[str, Any] = {"done": True}


class Phase(Enum):
    """What becomes of a container: it may run, it is being ended, or it must not run."""

    COUNTING = "counting"
    ENDING = "ending"
    ENDED = "ended"


@dataclass
class Deadline:
    """The deadline of one container, in seconds of CLOCK_BOOTTIME.

    `processes` is how many were in its instances when we last looked. `is_ended_early`: the other
    process of the fence has begun with it.
    """

    filesystems: frozenset[str]
    until: float
    instances: list[str] = field(default_factory=list)
    phase: Phase = Phase.COUNTING
    is_disarmed: bool = False
    processes: int = 0
    is_ended_early: bool = False


class DeadlineTable:
    """The deadlines of all containers of a node, by name."""

    def __init__(self) -> None:
        self.deadlines: dict[str, Deadline] = {}

    def obey(self, order: Mapping[str, Any], now: float) -> dict[str, Any]:
        """Do as an order says; returns the answer. An order that makes no sense is answered no."""
        try:
            if "arm" in order:
                return self._arm(
                    str(order["arm"]),
                    frozenset(str(name) for name in order["filesystems"]),
                    float(order["until"]),
                    now,
                )
            if "guard" in order:
                return self._add_instance(str(order["guard"]), str(order["instance"]))
            if "disarm" in order:
                return self._disarm(str(order["disarm"]))
        except (KeyError, TypeError, ValueError) as error:
            return no(f"this order cannot be read: {error!r}")
        if "deadlines" in order:
            return {"deadlines": {name: _shown(each) for name, each in self.deadlines.items()}}
        return no("the fence does not know this order")

    def due(self, now: float) -> list[str]:
        """The containers with which to begin now, so that they are dead in time."""
        told = [name for name, each in self._in(Phase.COUNTING) if each.is_ended_early]
        return told + [name for name in self._to_begin(now)[0] if name not in told]

    def seconds_left(self, now: float, *phases: Phase) -> float | None:
        """How long until the next deadline of a container in these phases; None without one."""
        found = (each for phase in phases or (Phase.COUNTING,) for _, each in self._in(phase))
        return min((each.until - now for each in found), default=None)

    def seconds_to_wait(self, now: float) -> float:
        """How long until a container may be due."""
        return max(self._to_begin(now)[1] - now, 0.0)

    def near(self, now: float, seconds: float) -> list[Deadline]:
        """The deadlines that are no further away than this."""
        return [each for _, each in self._in(Phase.COUNTING) if each.until <= now + seconds]

    def names(self, *phases: Phase) -> list[str]:
        """The containers in these phases."""
        return [name for phase in phases for name, _ in self._in(phase)]

    def end_now(self, name: str) -> bool:
        """Have this container be due; returns whether it was not ended yet."""
        known = self.deadlines.get(name)
        if known is None or known.phase is not Phase.COUNTING:
            return False
        known.is_ended_early = True
        return True

    def ended(self, names: list[str]) -> None:
        """Nothing of these runs, or is mounted, any more."""
        for name in names:
            self.deadlines[name].phase = Phase.ENDED
            if self.deadlines[name].is_disarmed:
                del self.deadlines[name]

    def passed_instances(self) -> list[str]:
        """The instances that must not run, because they were ended."""
        names = self.names(Phase.ENDING, Phase.ENDED)
        return [instance for name in names for instance in self.deadlines[name].instances]

    def _to_begin(self, now: float) -> tuple[list[str], float]:
        counting = self._in(Phase.COUNTING)
        return to_begin(((name, each.until, each.processes) for name, each in counting), now)

    def _in(self, phase: Phase) -> list[tuple[str, Deadline]]:
        return [item for item in self.deadlines.items() if item[1].phase is phase]

    def _arm(
        self, name: str, filesystems: frozenset[str], until: float, now: float
    ) -> dict[str, Any]:
        # A "not a number" is no time either.
        if not now < until < float("inf"):
            return no("the deadline is over already")
        known = self.deadlines.get(name)
        if known is None:
            self.deadlines[name] = Deadline(filesystems, until)
            return DONE
        is_due = now >= known.until or known.is_ended_early
        if known.phase is Phase.ENDING or (known.phase is Phase.COUNTING and is_due):
            return no("the deadline has passed, and the container is being ended")
        known.filesystems = filesystems
        known.until = max(until, known.until)
        known.phase, known.is_ended_early = Phase.COUNTING, False
        return DONE

    def _disarm(self, name: str) -> dict[str, Any]:
        known = self.deadlines.get(name)
        if known is not None and known.phase is Phase.ENDING:
            # It stays known until all is done, so that it is not armed anew before.
            known.is_disarmed = True
        else:
            self.deadlines.pop(name, None)
        return DONE

    def _add_instance(self, name: str, instance: str) -> dict[str, Any]:
        known = self.deadlines.get(name)
        if known is None:
            return no("no deadline of it is armed")
        if not instance:
            return no("an instance needs a name")
        if known.phase is not Phase.COUNTING:
            return no("the deadline has passed")
        others = [each for each in known.instances if each != instance]
        known.instances = [*others, instance][-INSTANCES_MAX:]
        return DONE


def no(reason: str) -> dict[str, Any]:
    """The answer that an order was not obeyed."""
    return {"no": reason}


def line(message: Mapping[str, Any]) -> bytes:
    """A message as it is sent."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def read(text: bytes) -> dict[str, Any]:
    """A message as it came; {}, which no one obeys, when it is not one."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _shown(deadline: Deadline) -> dict[str, Any]:
    return {
        "filesystems": sorted(deadline.filesystems),
        "until": deadline.until,
        "has_passed": deadline.phase is not Phase.COUNTING,
    }

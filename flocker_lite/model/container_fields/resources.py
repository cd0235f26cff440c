"""What a container may use of its node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pyrsistent import PMap, pmap

from flocker_lite.model.fields import Schema, described, exactly, whole
from flocker_lite.model.quantities import as_number, size, size_bytes

UNLIMITED = -1

CPU_SHARES = described(
    "Docker's relative weight; 1024 is the usual share.",
    whole(2, 1024, doc="Docker takes none under 2."),
    whole(1, 1024),
    parse=int,
)
MEMORY_LIMIT = described(
    "The most memory that it gets, in bytes.",
    size(
        6 * 2**20,
        doc="Bytes; at least 6 MiB, as Docker wants it.",
        words='a whole number of bytes, 6291456 (6 MiB) or more, or a text such as "512m"',
    ),
    whole(2**20, doc="Bytes; at least 1 MiB."),
    parse=size_bytes,
)
_AT_LEAST = size(
    6 * 2**20, words='a whole number of bytes, 6291456 or more, or a text such as "1g"'
)
MEMORY_RESERVATION = described(
    "The memory that it is brought down to when its node runs short of it.",
    _AT_LEAST,
    as_number(_AT_LEAST),
    parse=size_bytes,
    protocol=2,
)
MEMORY_SWAP = described(
    "The most memory and swap that it gets together, with memory_limit; -1 for no limit of swap.",
    {"anyOf": [{"const": UNLIMITED}, _AT_LEAST], "x-words": f"{_AT_LEAST['x-words']}, or -1"},
    {"anyOf": [{"const": UNLIMITED}, as_number(_AT_LEAST)]},
    parse=size_bytes,
    protocol=2,
)
_CPUS: Schema = {"type": "number", "minimum": 0.01, "maximum": 1024}
CPUS = described(
    "How many processors it may use; 0.5 is half of one.", _CPUS, parse=float, protocol=2
)
_LIST_OF_NUMBERS = "[0-9]{1,4}(-[0-9]{1,4})?"
CPUSET = described(
    "On which processors it may run.",
    {
        "type": "string",
        "x-words": 'a list of numbers such as "0-2,4"',
        "maxLength": 256,
        "pattern": rf"^{_LIST_OF_NUMBERS}(,{_LIST_OF_NUMBERS})*$(?!\n)",
    },
    protocol=2,
)
PIDS_LIMIT = described(
    "The most processes and threads that it may have.", whole(1, 2**22), parse=int, protocol=2
)
_SHARED = size(4096)
SHM_SIZE = described(
    "The size of its /dev/shm, 64 MiB unless given.",
    _SHARED,
    as_number(_SHARED),
    parse=size_bytes,
    protocol=2,
)
OOM_SCORE_ADJ = described(
    "How readily the kernel kills its programs for want of memory.",
    {"type": "integer", "minimum": -1000, "maximum": 1000},
    parse=int,
    protocol=2,
)
BLKIO_WEIGHT = described(
    "The relative weight of its input and output; 500 is the usual one.",
    whole(10, 1000),
    parse=int,
    protocol=2,
)
_OWN_SETTING = (
    r"^(net\.[a-zA-Z0-9_./-]+|fs\.mqueue\.[a-z_]+|kernel\.(msgm(ax|nb|ni)|sem|shm[a-z_]+))$(?!\n)"
)
SYSCTLS = described(
    "Settings of the kernel for it alone.",
    {
        "type": "object",
        "maxProperties": 256,
        "x-words": 'an object such as {"net.core.somaxconn": "1024"}',
        "x-key-words": "a setting that each container has of its own: net.*, fs.mqueue.*, "
        "kernel.msgmax, kernel.msgmnb, kernel.msgmni, kernel.sem or kernel.shm*",
        "patternProperties": {
            _OWN_SETTING: {
                "type": "string",
                "x-words": "a text of at most 256 characters in one line",
                "maxLength": 256,
                "pattern": r"^[^\u0000\n]*$(?!\n)",
            }
        },
        "additionalProperties": False,
    },
    parse=pmap,
    render=dict,
    protocol=2,
)


@dataclass(frozen=True, slots=True)
class Ulimit:
    """How much of something each of its programs may have; -1 for no limit."""

    soft: int
    hard: int


_ULIMIT_NAMES = (
    *("as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile"),
    *("nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
)
_NUMBER = {"type": "integer", "minimum": UNLIMITED, "maximum": 2**63 - 1}
_BOTH = exactly(soft=_NUMBER, hard=_NUMBER)


def _each_ulimit(of: Schema) -> Schema:
    return {
        "type": "object",
        "x-words": 'an object such as {"nofile": 65536}',
        "properties": dict.fromkeys(_ULIMIT_NAMES, of),
        "additionalProperties": False,
    }


def _ulimits(body: Mapping[str, Any]) -> PMap[str, Ulimit]:
    return pmap({name: _ulimit(value) for name, value in body.items()})


def _ulimit(value: Any) -> Ulimit:
    if isinstance(value, Mapping):
        return Ulimit(int(value["soft"]), int(value["hard"]))
    return Ulimit(int(value), int(value))


def _ulimits_body(ulimits: PMap[str, Ulimit]) -> dict[str, Any]:
    return {
        name: {"soft": ulimit.soft, "hard": ulimit.hard} for name, ulimit in sorted(ulimits.items())
    }


ULIMITS = described(
    "How much of something each of its programs may have.",
    _each_ulimit(
        {
            "description": "One number for both limits, or each; -1 for no limit.",
            "x-words": 'a number from -1 on, or an object such as {"soft": 1024, "hard": 65536}',
            "anyOf": [_NUMBER, _BOTH],
        }
    ),
    _each_ulimit(_BOTH),
    parse=_ulimits,
    render=_ulimits_body,
    protocol=2,
)


class Limited(Protocol):
    """What has these fields: a container."""

    @property
    def memory_limit(self) -> int | None: ...
    @property
    def memory_swap(self) -> int | None: ...
    @property
    def memory_reservation(self) -> int | None: ...
    @property
    def ulimits(self) -> PMap[str, Ulimit]: ...


def contradictions(container: Limited) -> Iterator[tuple[str, str]]:
    """Fields that Docker would refuse together: which, and why."""
    limit, swap = container.memory_limit, container.memory_swap
    if swap is not None and limit is None:
        yield "memory_swap", "it goes with memory_limit alone: say that too"
    elif swap is not None and limit is not None and UNLIMITED != swap < limit:
        yield "memory_swap", f"it is memory and swap together: not less than memory_limit, {limit}"
    reserved = container.memory_reservation
    if reserved is not None and limit is not None and reserved > limit:
        yield "memory_reservation", f"it is more than memory_limit, {limit}"
    for name, ulimit in container.ulimits.items():
        if ulimit.hard != UNLIMITED and (ulimit.soft == UNLIMITED or ulimit.soft > ulimit.hard):
            yield "ulimits", f"the soft limit of {name} is over the hard one, {ulimit.hard}"

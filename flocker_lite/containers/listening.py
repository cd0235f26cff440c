"""Whether a container's processes accept connections, told by the kernel and without making one.

A connection to the published port would be accepted by Docker's proxy at any time, and one to the
container itself would puzzle the server that sees it come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

_LISTEN = "0A"
_LOOPBACK6 = "00000000000000000000000001000000"
_MAPPED = "0000000000000000FFFF0000"


def missing(process: Path, ports: Iterable[int]) -> frozenset[int] | None:
    """Those of these TCP ports at which nothing listens, or for loopback alone.

    `process` is the directory in /proc of a process of the container. None when it is gone.
    """
    found: set[int] = set()
    for name in ("tcp", "tcp6"):
        try:
            found.update(listening_ports((process / "net" / name).read_text("ascii")))
        except FileNotFoundError:
            if name == "tcp":
                return None
        except OSError:
            return None
    return frozenset(ports) - found


def listening_ports(table: str) -> Iterator[int]:
    """The ports in the text of /proc/PID/net/tcp or tcp6 that are open to other machines."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, _, port = fields[1].partition(":")
        if fields[3] == _LISTEN and not _is_loopback(address):
            yield int(port, 16)


def _is_loopback(address: str) -> bool:
    """The kernel prints each 32 bits of it as a number of this machine, which is little-endian."""
    address4 = address.removeprefix(_MAPPED)
    return address == _LOOPBACK6 or (len(address4) == 8 and address4.endswith("7F"))

"""Asks the kernel at which ports a container listens, and who is connected there.

Nothing connects to it for that.

Docker's proxy accepts connections to the published port at any time. And a connection to the
container itself would puzzle its server, which sees it come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from flocker_lite.model.container_fields.ports import TCP, UDP, port_key, port_of

_LISTENING = {TCP: "0A", UDP: "07"}
"""The kernel's number of the state of a socket that takes what comes from anybody."""
_ESTABLISHED = "01"
_LOOPBACK6 = "00000000000000000000000001000000"
_MAPPED = "0000000000000000FFFF0000"


def missing(process: Path, ports: Iterable[str]) -> frozenset[str] | None:
    """Those of these ports, by their keys, at which nothing listens, or for loopback alone.

    `process` is the directory in /proc of one of the container's processes. None if it has ended.
    """
    if not (process / "net" / TCP).exists():
        return None
    left = set(ports)
    # Reading a table costs milliseconds, so none is read that cannot say anything new.
    for protocol in (TCP, UDP):
        for name in (protocol, f"{protocol}6"):
            if not any(port_of(port)[1] == protocol for port in left):
                break
            try:
                table = (process / "net" / name).read_text("ascii")
            except FileNotFoundError:
                if name == TCP:
                    return None
                continue
            except OSError:
                return None
            left -= {port_key(port, protocol) for port in listening_ports(table, protocol)}
    return frozenset(left)


def connections(process: Path, ports: Iterable[str]) -> int:
    """How many TCP connections are open at these ports, by their keys; see `missing`.

    Those of the container's loopback are its own. 0 if the process has ended.
    """
    numbers = {number for number, protocol in map(port_of, ports) if protocol == TCP}
    found = 0
    for name in (TCP, f"{TCP}6"):
        with suppress(OSError):
            table = (process / "net" / name).read_text("ascii")
            found += sum(port in numbers for port in _ports(table, _ESTABLISHED))
    return found


def listening_ports(table: str, protocol: str = TCP) -> Iterator[int]:
    """The ports in the text of /proc/PID/net/tcp, say, that are open to other machines."""
    return _ports(table, _LISTENING[protocol])


def _ports(table: str, state: str) -> Iterator[int]:
    """The local port of each socket in that state, but for those of loopback."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, _, port = fields[1].partition(":")
        if fields[3] == state and not _is_loopback(address):
            yield int(port, 16)


def _is_loopback(address: str) -> bool:
    """The kernel prints each 32 bits as a number in the machine's byte order: little-endian."""
    address4 = address.removeprefix(_MAPPED)
    return address == _LOOPBACK6 or (len(address4) == 8 and address4.endswith("7F"))

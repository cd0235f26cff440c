"""The external ports of a container, and the texts that Docker and Compose write for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from flocker_lite.model.container_fields.text_schemas import IP_ADDRESS
from flocker_lite.model.fields import Schema, exactly, reference

TCP, UDP = "tcp", "udp"
PORT_MAX = 65535
UDP_PROTOCOL = 2
"""The version of the protocol since which agents know UDP, and ports at a single address."""

PORTS_MAX = 256
"""How many ports a container may have, with those of ranges."""

TEXT_FORMAT = "port"
"""The format of the schema of one text, as `expanded` reads it."""

EXPOSED_FORMAT = "exposed-port"
"""The format of the schema of one text, as `exposed` reads it."""

LIST_FORMAT = "ports"
"""The format of the schema of a list; only ports are counted, not texts, by `are_too_many`."""

_EVERYWHERE = ("0.0.0.0", "::")
"""What Docker takes for "at every address", which is the default here."""

_RANGE = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})?")
_TEXT = re.compile(
    r"(?:(?P<host_ip>[0-9.]{7,15}|\[[0-9A-Fa-f:.]{2,45}\]):)?"
    r"(?P<external>[0-9]{1,5}(?:-[0-9]{1,5})?):(?P<internal>[0-9]{1,5}(?:-[0-9]{1,5})?)"
    r"(?:/(?P<protocol>tcp|udp))?"
)


@dataclass(frozen=True, slots=True)
class Port:
    """A port inside the container and its number outside, the latter unique in the cluster.

    TCP and UDP have numbers of their own. With a `host_ip` the port is open at that address of the
    container's node alone, and other nodes do not lead to it.
    """

    internal: int
    external: int
    protocol: str = TCP
    host_ip: str | None = None

    @property
    def key(self) -> str:
        """What the external port is called: "8080", or "53/udp"."""
        return port_key(self.external, self.protocol)


def port_key(number: int, protocol: str = TCP) -> str:
    """What a port is called, in texts and as a key: "8080", or "53/udp"."""
    return str(number) if protocol == TCP else f"{number}/{protocol}"


def port_of(key: str) -> tuple[int, str]:
    """The number and the protocol of what `port_key` made; ValueError for anything else."""
    number, _, protocol = key.partition("/")
    return int(number), protocol or TCP


def led(ports: Iterable[Port]) -> tuple[Port, ...]:
    """Those to which every node leads."""
    return tuple(port for port in ports if port.host_ip is None)


def held(ports: Iterable[Port]) -> tuple[int, ...]:
    """The external numbers of those whose connections wait while the container moves."""
    return tuple(port.external for port in led(ports) if port.protocol == TCP)


def expanded(text: str) -> tuple[Port, ...]:
    """The ports of "8080:80", "127.0.0.1:53:53/udp" or "8000-8005:8000-8005"; ValueError else."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no port")
    outside, inside = _numbers(found["external"]), _numbers(found["internal"])
    if len(outside) != len(inside):
        raise ValueError(f"{text!r} has {len(outside)} ports outside and {len(inside)} inside")
    host_ip = found["host_ip"]
    where = None if host_ip is None else _host_ip(host_ip.strip("[]"))
    protocol = found["protocol"] or TCP
    return tuple(
        Port(internal, external, protocol, where)
        for internal, external in zip(inside, outside, strict=True)
    )


def exposed(items: Iterable[str | float]) -> tuple[str, ...]:
    """The keys of "80", 80, "53/udp" or "3000-3010", each once; ValueError for anything else."""
    keys: list[str] = []
    for item in items:
        numbers, slash, protocol = (item if isinstance(item, str) else str(int(item))).partition(
            "/"
        )
        if not _RANGE.fullmatch(numbers) or (slash and protocol not in (TCP, UDP)):
            raise ValueError(f"{item!r} is no port")
        keys += [port_key(number, protocol or TCP) for number in _numbers(numbers)]
    if len(keys) > PORTS_MAX:
        raise ValueError(f"{len(keys)} ports; {PORTS_MAX} are possible")
    return tuple(dict.fromkeys(keys))


def are_too_many(items: Sequence[Any]) -> bool:
    """Whether the ranges of a request have too many ports; texts that are none do not count."""
    count = 0
    for item in items:
        try:
            count += len(expanded(item)) if isinstance(item, str) else 1
        except ValueError:
            continue
    return count > PORTS_MAX


def _numbers(text: str) -> range:
    first, _, last = text.partition("-")
    low, high = int(first), int(last or first)
    if not 0 < low <= high <= PORT_MAX:
        raise ValueError(f"{text} is no range of ports from 1 to {PORT_MAX}")
    return range(low, high + 1)


def _host_ip(text: str) -> str | None:
    """None for what stands for every address."""
    address = str(ip_address(text))
    return None if address in _EVERYWHERE else address


_PORT_NUMBER = reference("PortNumber")
_PROTOCOL: Schema = {"enum": [TCP, UDP]}
_HOST_IP: Schema = {
    "description": "The address of the container's node at which the port is open, instead of all "
    "addresses of all nodes.",
    **IP_ADDRESS,
}
_OBJECT = exactly(
    optional=["protocol", "host_ip"],
    internal=_PORT_NUMBER,
    external=_PORT_NUMBER,
    protocol=_PROTOCOL,
    host_ip=_HOST_IP,
)
_DOC = "Ports; an external one is reachable at every node, and unique in the cluster. "

PORTS_REQUEST: Schema = {
    "description": _DOC + 'A text such as "8080:80", "127.0.0.1:8080:80/udp" or '
    '"8000-8005:8000-8005" says external and internal ports as Docker does.',
    "type": "array",
    "minItems": 1,
    "maxItems": PORTS_MAX,
    "uniqueItems": True,
    "x-words": f"a list of 1 to {PORTS_MAX} ports, with those of ranges, and none of them twice",
    "format": LIST_FORMAT,
    # The keywords of objects say nothing about texts, nor does the format about objects.
    "items": {
        **_OBJECT,
        "type": ["object", "string"],
        "x-words": 'an object with internal and external, or a text such as "8080:80", '
        '"127.0.0.1:8080:80/udp" or "8000-8005:8000-8005"',
        "format": TEXT_FORMAT,
    },
}
PORTS_ANSWER: Schema = {"description": _DOC, "type": "array", "items": _OBJECT}


def parsed(items: Iterable[Any]) -> tuple[Port, ...]:
    """Of what passed the schema, by their external numbers."""
    found: list[Port] = []
    for item in items:
        if isinstance(item, str):
            found += expanded(item)
            continue
        host_ip = item.get("host_ip")
        where = None if host_ip is None else _host_ip(host_ip)
        found.append(
            Port(int(item["internal"]), int(item["external"]), item.get("protocol", TCP), where)
        )
    return tuple(sorted(found, key=_by_number))


def rendered(ports: Iterable[Port]) -> list[dict[str, Any]]:
    """The ports as JSON, each as an object."""
    return [
        {
            "internal": port.internal,
            "external": port.external,
            **({} if port.protocol == TCP else {"protocol": port.protocol}),
            **({} if port.host_ip is None else {"host_ip": port.host_ip}),
        }
        for port in sorted(ports, key=_by_number)
    ]


def needed_protocol(ports: Iterable[Port]) -> int:
    """The version of the protocol since which agents know all that these ports say."""
    plain = all(port.protocol == TCP and port.host_ip is None for port in ports)
    return 1 if plain else UDP_PROTOCOL


def _by_number(port: Port) -> tuple[int, str]:
    return port.external, port.protocol

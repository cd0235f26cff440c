"""How a container is reached, and what it reaches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from operator import attrgetter
from typing import Any

from flocker_lite.model.container_fields import ports
from flocker_lite.model.container_fields.ports import Port as Port
from flocker_lite.model.container_fields.text_schemas import (
    HOST_NAME,
    HOST_NAME_CHARACTERS_MAX,
    HOST_NAME_PATTERN,
    IP_ADDRESS,
)
from flocker_lite.model.fields import Schema, described, exactly, reference

EXTRA_HOST_FORMAT = "extra-host"
"""The format of the schema of a text, as `extra_host` reads it."""

_PORT_NUMBER = reference("PortNumber")


@dataclass(frozen=True, slots=True)
class Link:
    """`remote_port` of the cluster, known inside the container as `alias` and `local_port`."""

    alias: str
    local_port: int
    remote_port: int


_LINKS: Schema = {
    "description": "Other containers' external ports, known inside by an alias and a local port.",
    "type": "array",
    "minItems": 1,
    "maxItems": 256,
    "uniqueItems": True,
    "items": exactly(
        alias={
            "type": "string",
            "x-words": "a name of 1 to 128 letters, digits, hyphens and underscores",
            "maxLength": 128,
            "pattern": r"^[a-zA-Z0-9_-]+$(?!\n)",
        },
        local_port=_PORT_NUMBER,
        remote_port=_PORT_NUMBER,
    ),
}
_ALIAS = attrgetter("alias")


def _links(items: list[dict[str, Any]]) -> tuple[Link, ...]:
    """Of what passed the schema, by their aliases."""
    found = (
        Link(link["alias"], int(link["local_port"]), int(link["remote_port"])) for link in items
    )
    return tuple(sorted(found, key=_ALIAS))


def _links_body(links: tuple[Link, ...]) -> list[dict[str, Any]]:
    """The links as JSON."""
    return [
        {"alias": link.alias, "local_port": link.local_port, "remote_port": link.remote_port}
        for link in sorted(links, key=_ALIAS)
    ]


PORTS = described(
    "The ports that are reachable at every node: TCP or UDP, numbers or ranges.",
    ports.PORTS_REQUEST,
    ports.PORTS_ANSWER,
    parse=ports.parsed,
    render=ports.rendered,
    protocol_of=ports.needed_protocol,
)
LINKS = described(
    "Which ports of other containers it reaches, and under which names.",
    _LINKS,
    parse=_links,
    render=_links_body,
)

_EXPOSED: Schema = {
    "type": ["integer", "string"],
    "x-words": 'a number of a port, or a text such as "80", "53/udp" or "3000-3010"',
    "minimum": 1,
    "maximum": ports.PORT_MAX,
    "format": ports.EXPOSED_FORMAT,
}
EXPOSE = described(
    "The ports that its program listens at; Docker shows them, and opens none of them.",
    {
        "type": "array",
        "minItems": 1,
        "maxItems": ports.PORTS_MAX,
        "uniqueItems": True,
        "items": _EXPOSED,
    },
    {"type": "array", "items": {"type": "string"}},
    parse=ports.exposed,
    render=list,
    protocol=2,
)

_HOSTS_MAX = 256
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}

HOST_GATEWAY = "host-gateway"
"""What Docker takes for the address by which a container reaches its node."""


def extra_host(text: str) -> str:
    """The name and the address of "db:10.0.0.1" or "db=fd00::1"; ValueError for anything else."""
    name, _, address = re.sub("[:=]", " ", text, count=1).partition(" ")
    if not re.fullmatch(HOST_NAME_PATTERN, name) or len(name) > HOST_NAME_CHARACTERS_MAX:
        raise ValueError(f"{text!r} does not begin with the name of a host")
    address = address.removeprefix("[").removesuffix("]")
    return f"{name}:{address if address == HOST_GATEWAY else ip_address(address)}"


def _extra_hosts(given: list[str] | dict[str, str]) -> tuple[str, ...]:
    """Of what passed the schema, in order."""
    texts = given if isinstance(given, list) else [f"{name}={to}" for name, to in given.items()]
    return tuple(dict.fromkeys(extra_host(text) for text in texts))


EXTRA_HOSTS = described(
    "Addresses of more hosts, which it finds by these names.",
    {
        "description": "Names and addresses: a list of texts such as db:10.0.0.1, or an object. "
        "host-gateway stands for the address of the node.",
        "type": ["array", "object"],
        "x-words": 'a list of at most 256 texts such as "db:10.0.0.1", or an object such as '
        '{"db": "10.0.0.1"}',
        "x-key-words": "the name of a host",
        "minItems": 1,
        "maxItems": _HOSTS_MAX,
        "items": {
            "type": "string",
            "x-words": 'a host and its address, such as "db:10.0.0.1" or "node:host-gateway"',
            "format": EXTRA_HOST_FORMAT,
        },
        "minProperties": 1,
        "maxProperties": _HOSTS_MAX,
        "patternProperties": {
            rf"^(?=.{{1,{HOST_NAME_CHARACTERS_MAX}}}$){HOST_NAME_PATTERN}$(?!\n)": {
                "type": "string",
                "x-words": "an address, or host-gateway",
                "anyOf": [{"const": HOST_GATEWAY}, *IP_ADDRESS["anyOf"]],
            }
        },
        "additionalProperties": False,
    },
    _TEXTS,
    parse=_extra_hosts,
    render=list,
    protocol=2,
)


def _one_or_more(given: str | list[str]) -> tuple[str, ...]:
    """Of what passed the schema, in order."""
    return tuple(dict.fromkeys([given] if isinstance(given, str) else given))


def _one_or_list(one: Schema) -> Schema:
    """The schema of one text, or of a list of them."""
    return {
        # The keywords of texts say nothing about lists.
        **one,
        "type": ["string", "array"],
        "x-words": f"{one['x-words']}, or a list of at most 32",
        "minItems": 1,
        "maxItems": 32,
        "uniqueItems": True,
        "items": one,
    }


DNS = described(
    "The name servers that it asks, instead of its node's.",
    _one_or_list(IP_ADDRESS),
    _TEXTS,
    parse=_one_or_more,
    render=list,
    protocol=2,
)
DNS_SEARCH = described(
    "The domains in which it looks for names, instead of its node's; a single dot for none.",
    _one_or_list(
        {
            **HOST_NAME,
            "x-words": "a domain such as example.org, or a dot",
            "pattern": rf"^({HOST_NAME_PATTERN}|\.)$(?!\n)",
        }
    ),
    _TEXTS,
    parse=_one_or_more,
    render=list,
    protocol=2,
)

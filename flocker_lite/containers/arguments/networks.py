"""The networks of a container, and the file by which it finds others, in Docker's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.containers.arguments.merging import HOST
from flocker_lite.containers.arguments.network import link_hosts
from flocker_lite.model.container_fields.network import HOST_GATEWAY
from flocker_lite.model.records import Container

PREFIX = "flocker--"
HOSTS_INSIDE = "/etc/hosts"
_LOCALHOST = (
    "127.0.0.1 localhost",
    "::1 localhost ip6-localhost ip6-loopback",
    "fe00::0 ip6-localnet",
    "ff00::0 ip6-mcastprefix",
    "ff02::1 ip6-allnodes",
    "ff02::2 ip6-allrouters",
)


def networks_arguments(container: Container, host_name: str) -> dict[str, Any]:
    """In each network Docker's own name server knows the container by these aliases.

    Its host name is one of them: what asks for its own address has to find it.
    """
    if not container.networks:
        return {}
    endpoints = {
        PREFIX + network: {
            "Aliases": list(dict.fromkeys((container.name, *aliases, host_name))),
        }
        for network, aliases in sorted(container.networks.items())
    }
    return {
        "NetworkingConfig": {"EndpointsConfig": endpoints},
        HOST: {"NetworkMode": next(iter(endpoints))},
    }


def with_hosts_file(arguments: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The same container, which has this file of the node as its file of hosts."""
    host = arguments[HOST]
    mount = {"Type": "bind", "Source": path, "Target": HOSTS_INSIDE, "ReadOnly": True}
    return {**arguments, HOST: {**host, "Mounts": [*host["Mounts"], mount]}}


def fixed_hosts(container: Container, address: str) -> tuple[str, ...]:
    """The lines of the file that stay as they are while the container is what it is."""
    named = [*link_hosts(container.links, address), *container.extra_hosts]
    lines = []
    for each in named:
        name, _, where = each.partition(":")
        lines.append(f"{address if where == HOST_GATEWAY else where} {name}")
    return (*_LOCALHOST, *lines)

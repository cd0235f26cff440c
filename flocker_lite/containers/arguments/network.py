"""The network of a container, in Docker's terms: its ports and its links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flocker_lite.containers.arguments.merging import HOST, without_none
from flocker_lite.model.container_fields.ports import port_of
from flocker_lite.model.records import Container, Link


def network_arguments(container: Container, address: str) -> dict[str, Any]:
    """`address` is the address of the node; links lead there."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in container.ports:
        binding = without_none(HostIp=port.host_ip, HostPort=str(port.external))
        bindings.setdefault(f"{port.internal}/{port.protocol}", []).append(binding)
    exposed = (port_of(key) for key in container.expose)
    return {
        "ExposedPorts": {
            key: {} for key in (*bindings, *(f"{port}/{protocol}" for port, protocol in exposed))
        },
        HOST: {
            "PortBindings": bindings,
            "ExtraHosts": [*link_hosts(container.links, address), *container.extra_hosts],
            **without_none(
                Dns=list(container.dns) or None, DnsSearch=list(container.dns_search) or None
            ),
        },
    }


def link_environment(links: Iterable[Link], address: str) -> dict[str, str]:
    """The variables that tell a container where its links lead: to its own node."""
    host = f"[{address}]" if ":" in address else address
    variables: dict[str, str] = {}
    for link in links:
        alias = link.alias.upper().replace("-", "_")
        prefix = f"{alias}_PORT_{link.local_port}_TCP"
        variables[prefix] = f"tcp://{host}:{link.remote_port}"
        variables[f"{prefix}_ADDR"] = address
        variables[f"{prefix}_PORT"] = str(link.remote_port)
        variables[f"{prefix}_PROTO"] = "tcp"
    return variables


def link_hosts(links: Iterable[Link], address: str) -> list[str]:
    """The names by which a container reaches its links: they lead to its own node.

    Every node forwards connections to an external port to the node of the other container.
    """
    return [f"{alias}:{address}" for alias in sorted({link.alias for link in links})]

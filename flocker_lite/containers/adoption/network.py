"""How a container is reached, and what it reaches, out of Docker's terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flocker_lite.containers.adoption.draft import NONE_OF, Draft, Inspected
from flocker_lite.containers.arguments.networks import PREFIX
from flocker_lite.containers.translate import host_name
from flocker_lite.model.container_fields import network
from flocker_lite.model.container_fields.ports import TCP, UDP, port_key

_EVERYWHERE = ("", "0.0.0.0", "::")
_USUAL_MODES = ("", "default", "bridge")
_ID_CHARACTERS = 12


def add_network(found: Inspected, draft: Draft) -> None:
    """Ports, names and networks; what shares a network namespace cannot be adopted."""
    mode = str(found.host.get("NetworkMode") or "")
    if mode in ("host", "none") or mode.startswith("container:"):
        draft.hinder(
            "--network",
            f"{mode}: here a container has a network namespace of its own, and publishes its ports",
        )
    if found.config.get("NetworkDisabled"):
        draft.hinder("--network", "its network is switched off, which no container here can say")
    if found.host.get("Links"):
        draft.hinder(
            "--link",
            f"{', '.join(found.host['Links'])}: links of Docker's lead to containers that it finds "
            'on the same node. Give both containers the same "networks", or say "links" to '
            "external ports, and start it without --link",
        )
    _add_ports(found, draft)
    _add_names(found, draft)
    _add_networks(found, draft)


def _add_ports(found: Inspected, draft: Draft) -> None:
    ports: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key, binding, is_chosen in _bindings(found):
        number, _, protocol = key.partition("/")
        outside = str(binding.get("HostPort") or "")
        if protocol not in (TCP, UDP):
            draft.lose("ports", f"{key}: only TCP and UDP ports can be published here")
            continue
        if not outside.isdecimal() or outside == "0":
            draft.lose("ports", f"{key}: it has no port outside now: say which it should have")
            continue
        if is_chosen:
            draft.lose("ports", f"{key}: Docker chose {outside} for it; here it stays {outside}")
        port: dict[str, Any] = {"internal": int(number), "external": int(outside)}
        if protocol != TCP:
            port["protocol"] = protocol
        if binding.get("HostIp", "") not in _EVERYWHERE:
            port["host_ip"] = binding["HostIp"]
        ports[tuple(sorted(port.items()))] = port
    draft.keep(ports=list(ports.values()))
    outer = {key for key, _, _ in _bindings(found)}
    of_image = found.image_config.get("ExposedPorts") or NONE_OF
    exposed = found.config.get("ExposedPorts") or NONE_OF
    own = [key.partition("/") for key in exposed if key not in of_image and key not in outer]
    draft.keep(
        expose=[port_key(int(number), protocol or TCP) for number, _, protocol in own],
    )


def _bindings(found: Inspected) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """The ports inside, each with where it is outside, and whether Docker chose that by itself."""
    now = (found.details.get("NetworkSettings") or NONE_OF).get("Ports") or NONE_OF
    wanted = found.host.get("PortBindings") or NONE_OF
    for key, bindings in wanted.items():
        for binding in bindings or (NONE_OF,):
            port = str(binding.get("HostPort") or "")
            if port.isdecimal() and port != "0":
                yield key, binding, False
            else:
                yield from ((key, each, True) for each in now.get(key) or (NONE_OF,))
    if found.host.get("PublishAllPorts"):
        for key, bindings in now.items():
            if key not in wanted:
                yield from ((key, each, True) for each in bindings or ())


def _add_names(found: Inspected, draft: Draft) -> None:
    hosts = []
    for text in found.host.get("ExtraHosts") or ():
        try:
            hosts.append(network.extra_host(text))
        except ValueError:
            draft.lose("extra_hosts", f"{text}: no address that can be said here")
    draft.keep(
        extra_hosts=list(dict.fromkeys(hosts)),
        dns=list(dict.fromkeys(found.host.get("Dns") or ())),
        dns_search=list(dict.fromkeys(found.host.get("DnsSearch") or ())),
    )


def _add_networks(found: Inspected, draft: Draft) -> None:
    """Networks of the same names here, which are others than Docker's."""
    endpoints = (found.details.get("NetworkSettings") or NONE_OF).get("Networks") or NONE_OF
    networks: dict[str, Any] = {}
    for called, endpoint in endpoints.items():
        if called in (*_USUAL_MODES, "host", "none"):
            continue
        name = called.removeprefix(PREFIX)
        aliases = _aliases(found, draft.name, endpoint or NONE_OF)
        networks[name] = {"aliases": aliases} if aliases else {}
        if name == called:
            draft.lose(
                "networks",
                f"{called}: here it would be in the network {PREFIX}{called}, in which containers "
                f"of flocker_lite find each other on all nodes; those that are still in Docker's "
                f"network {called} do not find it, nor it them: bring them along as well",
            )
        if any((endpoint or NONE_OF).get("IPAMConfig") or ()):
            draft.lose("networks", f"{called}: its fixed address; use its name instead")
    draft.keep(networks=networks)


def _aliases(found: Inspected, name: str, endpoint: Mapping[str, Any]) -> list[str]:
    """The names by which others find it, besides those that it has here anyway."""
    own_host_name = found.config.get("Hostname") or ""
    identity = str(found.details.get("Id", ""))[:_ID_CHARACTERS]
    known = {name, host_name(name), own_host_name, identity, ""}
    given = [found.docker_name, *(endpoint.get("Aliases") or ())]
    return [each for each in dict.fromkeys(given) if each not in known]

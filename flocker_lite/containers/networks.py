"""Docker's networks for those of the cluster: one bridge of this node for each that is used here.

No bridge is connected with that of another node. What runs elsewhere is found by the file of hosts
(see `hosts_files`), at its published ports.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers.arguments.networks import PREFIX, networks_arguments
from flocker_lite.containers.translate import container_of

_making = threading.Lock()
_LABELS = {"flocker-lite.managed": "1"}


def for_creation(client: APIClient, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of "create", whose first network is there then.

    Docker before release 25 connects a new container to a single one.
    """
    first = arguments["HostConfig"].get("NetworkMode", "")
    if not first.startswith(PREFIX):
        return dict(arguments)
    _make(client, first)
    endpoints = arguments["NetworkingConfig"]["EndpointsConfig"]
    return {**arguments, "NetworkingConfig": {"EndpointsConfig": {first: endpoints[first]}}}


def connect(client: APIClient, details: Mapping[str, Any]) -> None:
    """Connect a container that does not run to all of its networks; `details` are its "inspect".

    A prune takes networks away in which nothing runs, so each is made anew when it is missing. The
    container knows the old one by its id, and Docker would not find that.
    """
    if not details["HostConfig"].get("NetworkMode", "").startswith(PREFIX):
        return
    config = details["Config"]
    desired = networks_arguments(container_of(config["Labels"]), config["Hostname"])
    endpoints = desired["NetworkingConfig"]["EndpointsConfig"]
    connected = details["NetworkSettings"]["Networks"]
    for network, endpoint in endpoints.items():
        network_id = _make(client, network)
        known = connected.get(network)
        if known is not None and (known.get("NetworkID") or network_id) == network_id:
            continue
        if known is not None:
            client.disconnect_container_from_network(details["Id"], network, force=True)
        client.connect_container_to_network(details["Id"], network, aliases=endpoint["Aliases"])


def let_go(client: APIClient, details: Mapping[str, Any]) -> None:
    """Remove the networks of a removed container that no running one is in."""
    for network in details["NetworkSettings"]["Networks"]:
        if network.startswith(PREFIX):
            with suppress(docker_errors.APIError):
                client.remove_network(network)


def _make(client: APIClient, network: str) -> str:
    """Make the network unless it is there; returns its id.

    Two threads at once would make two of one name, and Docker then starts nothing in either.
    """
    with _making:
        # Docker's filter finds all names of which this is a part.
        there = [each for each in client.networks(names=[network]) if each["Name"] == network]
        if not there:
            made = client.create_network(
                network, driver="bridge", labels=_LABELS, check_duplicate=True
            )
            return str(made["Id"])
        for surplus in there[1:]:
            with suppress(docker_errors.APIError):
                client.remove_network(surplus["Id"])
        return str(there[0]["Id"])

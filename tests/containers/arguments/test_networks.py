"""The networks of a container in Docker's words."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.containers.arguments.networks import fixed_hosts, with_hosts_file
from flocker_lite.containers.translate import create_arguments
from flocker_lite.model.records import Container, Link

ADDRESS = "10.79.1.11"
WEB = Container(
    *("web", "n", "web:1"),
    links=(Link("db", 1, 2),),
    extra_hosts=("a:fd00::9", "node:host-gateway"),
    networks=pmap({"front": ("api",), "back": ()}),
)


def test_networks() -> None:
    """Each knows it by its name, its aliases there and its host name; the first is the main one."""
    arguments = create_arguments(WEB, {}, ADDRESS)
    assert arguments["HostConfig"]["NetworkMode"] == "flocker--back"
    assert arguments["NetworkingConfig"]["EndpointsConfig"] == {
        "flocker--back": {"Aliases": ["web"]},
        "flocker--front": {"Aliases": ["web", "api"]},
    }


def test_none() -> None:
    """It is where Docker puts it, as ever."""
    arguments = create_arguments(Container("web", "n", "web:1"), {}, ADDRESS)
    assert "NetworkingConfig" not in arguments
    assert "NetworkMode" not in arguments["HostConfig"]


def test_hosts_file() -> None:
    """It is read only, and has what Docker would write, for it writes none then."""
    arguments = with_hosts_file(create_arguments(WEB, {}, ADDRESS), "/var/hosts/web")
    assert arguments["HostConfig"]["Mounts"] == [
        {"Type": "bind", "Source": "/var/hosts/web", "Target": "/etc/hosts", "ReadOnly": True}
    ]
    lines = fixed_hosts(WEB, ADDRESS)
    assert lines[0] == "127.0.0.1 localhost"
    assert lines[-3:] == (f"{ADDRESS} db", "fd00::9 a", f"{ADDRESS} node")

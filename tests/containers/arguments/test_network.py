"""How a container is reached and what it reaches, in Docker's words."""

from __future__ import annotations

from flocker_lite.containers.arguments.network import link_environment, network_arguments
from flocker_lite.model.records import Container, Link, Port

ADDRESS = "10.79.1.11"


def test_ports() -> None:
    """Each has its protocol, and the address at which it is open when it is not open at all."""
    ports = (Port(80, 8080), Port(80, 8081), Port(53, 53, "udp"), Port(53, 54, "udp", "127.0.0.1"))
    arguments = network_arguments(Container("web", "n", "web:1", ports), ADDRESS)
    assert arguments["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostPort": "8080"}, {"HostPort": "8081"}],
        "53/udp": [{"HostPort": "53"}, {"HostIp": "127.0.0.1", "HostPort": "54"}],
    }
    assert arguments["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}


def test_names() -> None:
    """What Docker shows of ports, and how a container finds other hosts."""
    container = Container(
        *("web", "n", "web:1", (Port(80, 8080),)),
        links=(Link("db", 1, 2),),
        expose=("80", "81", "53/udp"),
        extra_hosts=("a:10.0.0.9", "a:fd00::9"),
        dns=("10.0.0.53",),
        dns_search=("example.org",),
    )
    arguments = network_arguments(container, ADDRESS)
    assert arguments["ExposedPorts"] == {"80/tcp": {}, "81/tcp": {}, "53/udp": {}}
    host = arguments["HostConfig"]
    assert host["ExtraHosts"] == [f"db:{ADDRESS}", "a:10.0.0.9", "a:fd00::9"]
    assert (host["Dns"], host["DnsSearch"]) == (["10.0.0.53"], ["example.org"])
    plain = network_arguments(Container("web", "n", "web:1"), ADDRESS)
    assert plain == {"ExposedPorts": {}, "HostConfig": {"PortBindings": {}, "ExtraHosts": []}}


def test_links() -> None:
    """A link is told by variables that lead to this node."""
    assert link_environment([Link("my-Db_1", 5432, 7003)], ADDRESS) == {
        "MY_DB_1_PORT_5432_TCP": "tcp://10.79.1.11:7003",
        "MY_DB_1_PORT_5432_TCP_ADDR": "10.79.1.11",
        "MY_DB_1_PORT_5432_TCP_PORT": "7003",
        "MY_DB_1_PORT_5432_TCP_PROTO": "tcp",
    }

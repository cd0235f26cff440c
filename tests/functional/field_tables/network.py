"""Fields of how a container is reached, and what it reaches."""

from __future__ import annotations

from typing import Any

from tests.functional.field_tables.field import Field


def bindings(details: Any) -> list[str]:
    """Docker's own words for what is open where."""
    return sorted(
        f"{each.get('HostIp', '')}:{each['HostPort']}:{inside}"
        for inside, open_at in details["HostConfig"]["PortBindings"].items()
        for each in open_at
    )


FIELDS = {
    "ports": Field(
        {"ports": [{"internal": 80, "external": 7100}, {"internal": 80, "external": 7101}]},
        lambda details: [b["HostPort"] for b in details["HostConfig"]["PortBindings"]["80/tcp"]],
        ["7100", "7101"],
    ),
    "ports_udp": Field(
        {"ports": ["7104:53/udp", {"internal": 53, "external": 7104}]},
        bindings,
        [":7104:53/tcp", ":7104:53/udp"],
        {
            "ports": [
                {"internal": 53, "external": 7104},
                {"internal": 53, "external": 7104, "protocol": "udp"},
            ]
        },
    ),
    "ports_range": Field(
        {"ports": ["7105-7107:5-7"]},
        bindings,
        [":7105:5/tcp", ":7106:6/tcp", ":7107:7/tcp"],
        {"ports": [{"internal": n - 7100, "external": n} for n in (7105, 7106, 7107)]},
    ),
    "ports_host_ip": Field(
        {"ports": ["127.0.0.1:7108:80", "127.0.0.1:7108:80/udp"]},
        bindings,
        ["127.0.0.1:7108:80/tcp", "127.0.0.1:7108:80/udp"],
        {
            "ports": [
                {"internal": 80, "external": 7108, "host_ip": "127.0.0.1"},
                {"internal": 80, "external": 7108, "protocol": "udp", "host_ip": "127.0.0.1"},
            ]
        },
    ),
    "networks": Field(
        {"networks": {"front": {"aliases": ["api"]}, "back": None}},
        lambda details: {
            name: sorted({"networks", "api"} & set(network["Aliases"]))
            for name, network in details["NetworkSettings"]["Networks"].items()
        },
        {"flocker--back": ["networks"], "flocker--front": ["api", "networks"]},
        {"networks": {"back": {}, "front": {"aliases": ["api"]}}},
    ),
    "expose": Field(
        {"expose": [81, "53/udp"]},
        lambda details: sorted(details["Config"]["ExposedPorts"]),
        ["53/udp", "6379/tcp", "81/tcp"],
        {"expose": ["81", "53/udp"]},
    ),
    "extra_hosts": Field(
        {"extra_hosts": {"elsewhere": "10.9.8.7", "me": "host-gateway"}},
        "getent hosts elsewhere | tr -s ' '; getent hosts me | grep -c .",
        "10.9.8.7 elsewhere\n1",
        {"extra_hosts": ["elsewhere:10.9.8.7", "me:host-gateway"]},
    ),
    "dns": Field(
        {"dns": "10.9.8.53", "dns_search": ["example.org", "x.example.org"]},
        "grep -v '^#' /etc/resolv.conf | grep -v ndots | grep . | sort",
        "nameserver 10.9.8.53\nsearch example.org x.example.org",
        {"dns": ["10.9.8.53"]},
    ),
    "links": Field(
        {"links": [{"alias": "Data_Base", "local_port": 6379, "remote_port": 7102}]},
        lambda details: [entry.split(":")[0] for entry in details["HostConfig"]["ExtraHosts"]],
        ["Data_Base"],
    ),
}

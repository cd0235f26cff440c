"""Turns routes into one script for nft, and nft's listing back into routes; pure.

Connections to a routed port, at any address of this node, go to the node that runs the container.
There they come from this node's address, so that the answers come back through this node. Two rules
match the connection's mark instead of its port: the one that masquerades it, and the one that
accepts its forwarding (Docker drops what it does not know). Connections to a held port go to a
listener of this node, and have another mark, which the node's firewall accepts. So do connections
to a relayed port, for one version of IP only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from flocker_lite.model.container_fields.ports import TCP
from flocker_lite.model.state import Held, Relayed, Route, Rule, protocol_of

TABLE = "flocker_lite"
MARK = "0x666c6f63"
HELD_MARK = "0x666c6f64"
COMMENT_BYTES_MAX = 120
"""nft allows 128 bytes in a comment; a longer name continues in the comments of extra rules."""


@dataclass(frozen=True, slots=True)
class Family:
    """What differs between the versions of IP; `iptables` is the command that Docker uses."""

    name: str
    version: int
    iptables: str
    sysctls: tuple[str, ...]


# The second setting lets this node's own connections to 127.0.0.1 leave the node.
_IPV4_SYSCTLS = ("net.ipv4.ip_forward=1", "net.ipv4.conf.all.route_localnet=1")
IPV4 = Family("ip", 4, "iptables", _IPV4_SYSCTLS)
IPV6 = Family("ip6", 6, "ip6tables", ("net.ipv6.conf.all.forwarding=1",))
FAMILIES = (IPV4, IPV6)


def routes_of(rules: Iterable[Rule], family: Family) -> tuple[Route, ...]:
    """The routes to addresses of this version, sorted by port."""
    return tuple(rule for rule in of_family(rules, family) if isinstance(rule, Route))


def of_family(rules: Iterable[Rule], family: Family) -> tuple[Rule, ...]:
    """The rules for connections of this version, sorted by port; held ports are for both."""
    chosen = [rule for rule in rules if family.version in _versions(rule)]
    return tuple(sorted(chosen, key=lambda rule: (rule.port, protocol_of(rule))))


def joined(found: Iterable[Route | Relayed]) -> frozenset[Rule]:
    """The rules of both versions of IP; two with the same listener become one that holds."""
    found = frozenset(found)
    rules: set[Rule] = set()
    for rule in found:
        if not isinstance(rule, Relayed):
            rules.add(rule)
        elif {replace(rule, version=family.version) for family in FAMILIES} <= found:
            rules.add(Held(rule.port, rule.listener, rule.container))
        else:
            rules.add(rule)
    return frozenset(rules)


def other_version(address: str) -> int:
    """The version of IP that the address does not belong to."""
    return IPV6.version if ip_address(address).version == IPV4.version else IPV4.version


def script(rules: Iterable[Rule]) -> str:
    """The script that makes exactly these rules the rules in force, in one transaction."""
    rules = tuple(rules)
    return "".join(_table(of_family(rules, family), family) for family in FAMILIES)


def read(listing: str, family: Family) -> frozenset[Route | Relayed]:
    """The rules in the output of `nft -j list table`, for a table that `script` made."""
    found: set[Route | Relayed] = set()
    name = ""
    for listed in _listed(json.loads(listing)):
        name += listed.get("comment", "")
        rule = _rule(listed, name, family)
        if rule is not None:
            found.add(rule)
            name = ""
    return frozenset(found)


def _table(rules: tuple[Rule, ...], family: Family) -> str:
    lines = "".join(f"    {line}\n" for rule in rules for line in _lines(rule, family))
    # Keep the chains even without rules: the kernel translates existing connections only while some
    # chain is hooked, and those connections would hang otherwise.
    chains = _ROUTING.format(lines=lines) + (_DROP_FOREIGN_LOOPBACK if family is IPV4 else "")
    # Deleting a missing table is an error, so add it first.
    table = f"{family.name} {TABLE}"
    return f"add table {table}\ndelete table {table}\ntable {table} {{\n{chains}}}\n"


# These priorities come just before those of Docker's own NAT rules.
_ROUTING = f"""\
  chain routes {{{{
{{lines}}\
  }}}}
  chain incoming {{{{
    type nat hook prerouting priority -101; policy accept;
    fib daddr type local jump routes
  }}}}
  chain from_here {{{{
    type nat hook output priority -101; policy accept;
    fib daddr type local jump routes
  }}}}
  chain outgoing {{{{
    type nat hook postrouting priority 99; policy accept;
    ct mark {MARK} masquerade
  }}}}
"""

# With route_localnet, neighbours can reach what listens on 127.0.0.1 only. This drops their
# packets, also when there are no routes any more, because the setting stays.
_DROP_FOREIGN_LOOPBACK = """\
  chain strangers {
    type filter hook prerouting priority -300; policy accept;
    iif != "lo" ip daddr 127.0.0.0/8 drop
  }
"""


def _lines(rule: Rule, family: Family) -> Iterator[str]:
    match = f"{protocol_of(rule)} dport {rule.port}"
    *parts, last = split(rule.container)
    for part in parts:
        yield f'{match} comment "{part}"'
    if isinstance(rule, Held | Relayed):
        verdict = f"ct mark set {HELD_MARK} redirect to :{rule.listener}"
    else:
        address = f"[{rule.address}]" if family is IPV6 else rule.address
        verdict = f"ct mark set {MARK} dnat to {address}:{rule.port}"
    yield f'{match} {verdict} comment "{last}"'


def split(name: str) -> list[str]:
    """The parts of the name, each short enough for a comment."""
    starts = range(0, len(name), COMMENT_BYTES_MAX)
    return [name[start : start + COMMENT_BYTES_MAX] for start in starts]


def _listed(listing: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in listing["nftables"]:
        rule = item.get("rule")
        if rule is not None and rule["chain"] == "routes":
            yield rule


def _rule(listed: Mapping[str, Any], name: str, family: Family) -> Route | Relayed | None:
    """The rule; None for an extra rule that only has the first part of a long name."""
    port, protocol = None, TCP
    for statement in listed["expr"]:
        if "match" in statement:
            port = int(statement["match"]["right"])
            protocol = str(statement["match"]["left"]["payload"]["protocol"])
        elif "dnat" in statement:
            target = statement["dnat"]
            return Route(int(target["port"]), str(target["addr"]), name, protocol)
        elif "redirect" in statement and port is not None:
            return Relayed(port, int(statement["redirect"]["port"]), name, family.version)
    return None


def _versions(rule: Rule) -> frozenset[int]:
    if isinstance(rule, Held):
        return frozenset(family.version for family in FAMILIES)
    return frozenset(
        {rule.version if isinstance(rule, Relayed) else ip_address(rule.address).version}
    )

"""Routes as a script for nft, and its listing as routes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flocker_lite.model.state import Held, Relayed, Route
from flocker_lite.routing.rules import (
    FAMILIES,
    HELD_MARK,
    IPV4,
    IPV6,
    MARK,
    joined,
    of_family,
    other_version,
    read,
    routes_of,
    script,
)

REDIS = Route(7000, "10.79.1.12", "redis")
NGINX = Route(8080, "10.79.1.13", "nginx")
HELD = Held(7000, 41000, "redis")
HELD4, HELD6 = (Relayed(7000, 41000, "redis", version) for version in (4, 6))
SIX = Route(8081, "fd00::12", "six")


def lines(text: str) -> list[str]:
    """The lines without their indentation."""
    return [line.strip() for line in text.splitlines()]


def rule(port: int, comment: str, target: tuple[str, int] | None) -> dict[str, Any]:
    """A rule as nft lists it."""
    match = {"left": {"payload": {"protocol": "tcp", "field": "dport"}}, "op": "==", "right": port}
    expression: list[dict[str, Any]] = [{"match": match}]
    if target is not None:
        expression.append({"mangle": {"key": {"ct": {"key": "mark"}}, "value": int(MARK, 16)}})
        expression.append({"dnat": {"addr": target[0], "port": target[1]}})
    return {"rule": {"chain": "routes", "comment": comment, "handle": 1, "expr": expression}}


def test_one_route() -> None:
    """A route is one rule, which marks, leads on, and says whose it is."""
    assert f'tcp dport 7000 ct mark set {MARK} dnat to 10.79.1.12:7000 comment "redis"' in lines(
        script([REDIS])
    )


def test_an_address_of_version_6() -> None:
    """It goes into the table of its own version, in brackets."""
    before, _, after = script([REDIS, SIX]).partition("add table ip6 flocker_lite\n")
    assert f'tcp dport 8081 ct mark set {MARK} dnat to [fd00::12]:8081 comment "six"' in lines(
        after
    )
    assert "8081" not in before
    assert "7000" not in after


def test_tables_are_replaced_as_a_whole() -> None:
    """Each table is deleted and made in one script, so nothing of an older one stays."""
    for family in ("ip", "ip6"):
        first = lines(script([])).index(f"add table {family} flocker_lite")
        assert lines(script([]))[first + 1] == f"delete table {family} flocker_lite"


def test_no_routes() -> None:
    """Without routes nothing is led elsewhere; what was laid open stays shut.

    What was led before goes on: the kernel translates as long as a chain is hooked for that.
    """
    assert "tcp dport" not in script([])
    for _, table in zip(FAMILIES, script([]).split("add table")[1:], strict=True):
        assert "type nat hook prerouting" in table
        assert "type nat hook postrouting" in table
    assert 'iif != "lo" ip daddr 127.0.0.0/8 drop' in lines(script([]))


def test_the_order_does_not_matter() -> None:
    """The same routes make the same script, in whatever order they come."""
    assert script([NGINX, SIX, REDIS]) == script([REDIS, NGINX, SIX])


def test_a_held_port() -> None:
    """It leads to a listener of this node, for both versions, and bears a mark of its own."""
    line = f'tcp dport 7000 ct mark set {HELD_MARK} redirect to :41000 comment "redis"'
    assert lines(script([HELD])).count(line) == 2
    listed = rule(7000, "redis", None)
    listed["rule"]["expr"].append({"redirect": {"port": 41000}})
    found = {read(json.dumps({"nftables": [listed]}), family) for family in (IPV4, IPV6)}
    assert found == {frozenset({HELD4}), frozenset({HELD6})}


def test_joined() -> None:
    """The same listener for both versions holds; for one of them it relays."""
    assert joined({HELD4, HELD6, NGINX}) == {HELD, NGINX}
    assert joined({HELD6, REDIS}) == {HELD6, REDIS}
    elsewhere = replace(HELD6, listener=HELD6.listener + 1)
    assert joined({HELD4, elsewhere}) == {HELD4, elsewhere}


def test_a_relayed_port() -> None:
    """It leads to the listener for its version of IP alone, beside the route of the other."""
    before, _, after = script([REDIS, HELD6]).partition("add table ip6 flocker_lite\n")
    line = f'tcp dport 7000 ct mark set {HELD_MARK} redirect to :41000 comment "redis"'
    assert line in lines(after)
    assert "redirect" not in before
    assert "dnat" not in after


def test_other_version() -> None:
    """The one of the two that an address is not of."""
    assert (other_version("10.79.1.12"), other_version("fd00::12")) == (6, 4)


def test_of_family() -> None:
    """Routes are told apart by the version of the address, and come by port."""
    assert of_family({NGINX, SIX, REDIS}, IPV4) == (REDIS, NGINX)
    assert of_family({NGINX, SIX, REDIS}, IPV6) == (SIX,)
    assert of_family({SIX, HELD}, IPV6) == (HELD, SIX)
    assert routes_of({SIX, HELD}, IPV6) == (SIX,)


def test_a_long_name() -> None:
    """nft's comments are short, so a long name takes several rules, and only the last leads on."""
    name = "a" * 120 + "b" * 120 + "c"
    made = [line for line in lines(script([Route(7000, "10.79.1.12", name)])) if "dport" in line]
    assert made == [
        f'tcp dport 7000 comment "{"a" * 120}"',
        f'tcp dport 7000 comment "{"b" * 120}"',
        f'tcp dport 7000 ct mark set {MARK} dnat to 10.79.1.12:7000 comment "c"',
    ]


def test_read() -> None:
    """Port, address and name come from the rules; chains and rules of another kind do not count."""
    guard = {"rule": {"chain": "strangers", "handle": 9, "expr": [{"drop": None}]}}
    listing = [
        {"metainfo": {"json_schema_version": 1}},
        {"table": {"family": "ip", "name": "flocker_lite", "handle": 5}},
        {"chain": {"family": "ip", "table": "flocker_lite", "name": "routes", "handle": 1}},
        rule(7000, "red", None),
        rule(7000, "is", ("10.79.1.12", 7000)),
        rule(8080, "nginx", ("10.79.1.13", 8080)),
        guard,
    ]
    assert read(json.dumps({"nftables": listing}), IPV4) == {REDIS, NGINX}

"""IRouting with iptables, for nodes without nft or with an nft that cannot do NAT beside it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from zope.interface import implementer

from flocker_lite.interfaces import IRouting
from flocker_lite.model.container_fields.ports import TCP
from flocker_lite.model.state import Held, Relayed, Route, Rule, protocol_of
from flocker_lite.routing import flows, rules
from flocker_lite.routing.firewall import LOCK_WAIT_SECONDS, Firewall, RunCommand

CHAIN = "FLOCKER-LITE"
_LOCAL = ("-m", "addrtype", "--dst-type", "LOCAL", "-j", CHAIN)
_MASQUERADE = ("-m", "connmark", "--mark", rules.MARK, "-j", "MASQUERADE")
_DROP_FOREIGN_LOOPBACK = ("!", "-i", "lo", "-d", "127.0.0.0/8", "-j", "DROP")


@implementer(IRouting)
class IptablesRouting:
    """The rules of this node: one chain of ours, replaced as a whole."""

    def __init__(self, run: RunCommand) -> None:
        self._firewall = Firewall(run)

    async def discover(self) -> frozenset[Rule]:
        """The rules in force; a family has no routes while the firewall drops their packets."""
        found: set[Route | Relayed] = set()
        for family in rules.FAMILIES:
            saved = await self._firewall.run(f"{family.iptables}-save", "-t", "nat")
            found |= await self._firewall.effective(read(saved.decode(), family), family)
        return rules.joined(found)

    async def replace(self, desired: frozenset[Rule]) -> None:
        for family in rules.FAMILIES:
            await self._firewall.open(desired, family)
            await self._firewall.run(
                f"{family.iptables}-restore",
                *("-w", LOCK_WAIT_SECONDS, "--noflush"),
                stdin=script(desired, family).encode(),
            )
            if rules.of_family(desired, family):
                await self._jump(family)

    async def forget(self, ports: frozenset[int]) -> None:
        await self._firewall.run(*flows.argv(ports))

    async def _jump(self, family: rules.Family) -> None:
        """Send packets through our chain before Docker's."""
        if family is rules.IPV4:
            # With `net.ipv4.conf.all.route_localnet`, neighbours could reach 127.0.0.1: drop that.
            await self._firewall.insert(family, "PREROUTING", _DROP_FOREIGN_LOOPBACK, "raw")
        await self._firewall.insert(family, "POSTROUTING", _MASQUERADE, "nat")
        for chain in ("PREROUTING", "OUTPUT"):
            await self._firewall.insert(family, chain, _LOCAL, "nat")


def script(desired: Iterable[Rule], family: rules.Family) -> str:
    """The input with which iptables-restore makes our chain have exactly these rules."""
    lines = (line for rule in rules.of_family(desired, family) for line in _lines(rule, family))
    return "\n".join(["*nat", f":{CHAIN} - [0:0]", *lines, "COMMIT", ""])


def read(saved: str, family: rules.Family) -> frozenset[Route | Relayed]:
    """Our rules in the output of iptables-save."""
    found: set[Route | Relayed] = set()
    name = ""
    for line in saved.splitlines():
        words = shlex.split(line)
        if words[:2] != ["-A", CHAIN]:
            continue
        name += _after(words, "--comment") or ""
        port = int(_after(words, "--dport") or 0)
        target, listener = _after(words, "--to-destination"), _after(words, "--to-ports")
        if target is not None:
            address = target.rpartition(":")[0].strip("[]")
            found.add(Route(port, address, name, _after(words, "-p") or TCP))
        elif listener is not None:
            found.add(Relayed(port, int(listener), name, family.version))
        else:
            continue
        name = ""
    return frozenset(found)


def _lines(rule: Rule, family: rules.Family) -> Iterator[str]:
    protocol = protocol_of(rule)
    match = f"-A {CHAIN} -p {protocol} -m {protocol} --dport {rule.port}"
    *parts, last = rules.split(rule.container)
    for part in parts:
        yield f'{match} -m comment --comment "{part}"'
    if isinstance(rule, Held | Relayed):
        mark, verdict = rules.HELD_MARK, f"REDIRECT --to-ports {rule.listener}"
    else:
        address = f"[{rule.address}]" if family is rules.IPV6 else rule.address
        mark, verdict = rules.MARK, f"DNAT --to-destination {address}:{rule.port}"
    yield f"{match} -j CONNMARK --set-mark {mark}"
    yield f'{match} -m comment --comment "{last}" -j {verdict}'


def _after(words: list[str], option: str) -> str | None:
    return words[words.index(option) + 1] if option in words else None

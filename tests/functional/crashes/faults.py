"""Strikes at a lab while a move stands still, and mends it as systemd, or a technician, would."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from admin.hosts import Lab, Node
from admin.hosts.network import processes_in
from tests.functional.crashes.steps import Fault

RESTART_SECONDS = 1.0
SILENCE_SECONDS = 3.0
LATE_SECONDS = 5.0
"""In this time an agent that did not wait would have taken the dataset back into use."""
TABLE = "crashes"


def strike(fault: Fault, lab: Lab, source: Node, target: Node, standing: int, where: Node) -> None:
    """Let it happen; `standing` is the pid of the command that stands still on the node `where`."""
    match fault:
        case Fault.SOURCE_AGENT:
            source.kill_service("flocker-agent")
        case Fault.TARGET_AGENT:
            target.kill_service("flocker-agent")
        case Fault.CONTROL:
            lab.node("control").kill_service("flocker-control")
        case Fault.SSH:
            kill_ssh(source)
        case Fault.ZFS:
            where.run(["kill", "-9", str(standing)])
        case Fault.NETWORK:
            silence(source, target)
        case Fault.LATE:
            where.kill_service("flocker-agent")
            where.start_service("flocker-agent")
            time.sleep(LATE_SECONDS)


def mend(fault: Fault, lab: Lab, source: Node, target: Node) -> None:
    """Some seconds later all is as it was; what stood still has gone on meanwhile."""
    match fault:
        case Fault.SOURCE_AGENT | Fault.TARGET_AGENT:
            time.sleep(RESTART_SECONDS)
            (source if fault is Fault.SOURCE_AGENT else target).start_service("flocker-agent")
        case Fault.CONTROL:
            time.sleep(RESTART_SECONDS)
            lab.node("control").start_service("flocker-control")
        case Fault.NETWORK:
            time.sleep(SILENCE_SECONDS)
            source.run(["nft", "delete", "table", "inet", TABLE])


def kill_ssh(source: Node) -> None:
    """Kill the ssh processes with which the source's agent speaks to other nodes."""
    for record in processes_in(source.node.namespace):
        with suppress(OSError):
            if Path(f"/proc/{record.pid}/comm").read_text() == "ssh\n":
                record.kill()


def silence(one: Node, other: Node) -> None:
    """What the two send to each other is lost; everyone else still reaches both."""
    rules = [
        f"add table inet {TABLE}",
        f"add chain inet {TABLE} in {{ type filter hook input priority -400; }}",
        f"add chain inet {TABLE} out {{ type filter hook output priority -400; }}",
        f"add chain inet {TABLE} through {{ type filter hook forward priority -400; }}",
    ]
    for version, address in (("ip", other.address), ("ip6", other.address6)):
        rules += [
            f"add rule inet {TABLE} {chain} {version} {side} {address} drop"
            for chain, sides in (
                ("in", ("saddr",)),
                ("out", ("daddr",)),
                ("through", ("saddr", "daddr")),
            )
            for side in sides
        ]
    one.run(["nft", "-f", "-"], input_text="\n".join(rules) + "\n")

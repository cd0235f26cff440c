"""`admin/lab`: the lab from the command line."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from admin.hosts.certificates import curl_options
from admin.hosts.errors import LabError
from admin.hosts.lab import NAME_DEFAULT, POOL_SIZE_GIB_DEFAULT, SUBNET_DEFAULT, Lab
from admin.hosts.node import Node

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def make_parser() -> argparse.ArgumentParser:
    """The command line as it is documented by --help."""
    parser = argparse.ArgumentParser(prog="admin/lab", description=__doc__)
    parser.add_argument("--name", default=NAME_DEFAULT, help="several labs may run side by side")
    parser.add_argument("--subnet", default=SUBNET_DEFAULT, help="a private /24 (for `up`)")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring up a fresh lab in place of an earlier one")
    up.add_argument("--nodes", type=int, default=2, help="how many agent nodes (n1, n2, ...)")
    up.add_argument(
        "--controls",
        type=int,
        default=1,
        help="how many control services; several have a member of etcd beside each",
    )
    up.add_argument("--no-services", action="store_true", help="plain hosts, without flocker-lite")
    up.add_argument(
        "--certificates",
        action="store_true",
        help="let in nobody without a certificate; curl's options are shown",
    )
    up.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="WORD",
        help="what agents allow besides, as in agent.yml; may come several times",
    )
    up.add_argument("--pool-size-gib", type=int, default=POOL_SIZE_GIB_DEFAULT)
    status = commands.add_parser("status", help="nodes, and which of their services run")
    status.add_argument("--json", action="store_true")
    commands.add_parser("down", help="end and remove everything")
    run = commands.add_parser("exec", help="run a command on a node: exec NODE -- CMD...")
    run.add_argument("node")
    run.add_argument("argv", nargs="+", metavar="CMD")
    for name, help_text in (
        ("crash", "power loss of a node"),
        ("start", "bring a crashed node up again"),
        ("cut", "pull a node's network cable"),
        ("heal", "plug a node's network cable in again"),
    ):
        commands.add_parser(name, help=help_text).add_argument("node")
    return parser


def main(argv: Sequence[str]) -> int:
    """Do what the command line says; returns the exit code."""
    options = make_parser().parse_args(argv)
    # SIGTERM cleans up as Ctrl-C does.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        act(options)
    except LabError as error:
        print(f"admin/lab: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("admin/lab: interrupted; cleaned up", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def interrupt(number: int, frame: object) -> NoReturn:
    """Handle a signal as Ctrl-C; later signals do not disturb the clean-up."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: None)
    raise KeyboardInterrupt


def act(options: argparse.Namespace) -> None:
    """Carry out one command."""
    match options.command:
        case "up":
            lab = Lab(
                options.name,
                options.subnet,
                nodes=options.nodes,
                services=not options.no_services,
                pool_size_gib=options.pool_size_gib,
                certificates=options.certificates,
                controls=options.controls,
                agent_options=f"allow: {json.dumps(options.allow)}\n" if options.allow else "",
            )
            lab.up()
            print(status_text(lab))
            if options.certificates:
                print(f"curl {curl_options(lab.plan)} {lab.plan.api}/state/nodes")
        case "down":
            Lab(options.name).down()
        case "status":
            lab = Lab.existing(options.name)
            print(json.dumps(status(lab), indent=2) if options.json else status_text(lab))
        case "exec":
            Lab.existing(options.name).node(options.node).replace_this_process(options.argv)
        case "crash" | "start" | "cut" | "heal" as verb:
            node: Node = Lab.existing(options.name).node(options.node)
            getattr(node, verb)()


def status(lab: Lab) -> list[dict[str, Any]]:
    """The state of each node."""
    return [
        {
            "node": node.name,
            "address": node.address,
            "running": node.is_running(),
            "connected": node.is_connected(),
            "services": node.services(),
        }
        for node in lab.nodes.values()
    ]


def status_text(lab: Lab) -> str:
    """The same, for people."""
    lines = []
    for row in status(lab):
        state = "running" if row["running"] else "DOWN"
        cable = "" if row["connected"] or not row["running"] else " (cable cut)"
        services = "  ".join(
            f"{name} {'up' if up else 'DOWN'}" for name, up in row["services"].items()
        )
        lines.append(f"{row['node']:10}{row['address']:16}{state + cable:20}{services}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`admin/benchmark`: measures one thing, prints a table and writes JSON."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from admin.bench import agent, fleet, pause, push, requests
from admin.hosts import Lab

SUBNET = "10.86.0.0/24"

Measured = tuple[Any, str]
"""The figures, and the table of them."""


def main(arguments: list[str]) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    # A polite kill removes the lab as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    result, table = options.measure(options)
    print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="admin/benchmark",
        description="Measure flocker_lite beside a floor or a peer, in one run. "
        "Machines differ and are noisy: the ratios are what counts.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", type=Path, help="write the figures to this file as well")
    in_lab = argparse.ArgumentParser(add_help=False, parents=[common])
    in_lab.add_argument("--subnet", default=SUBNET, help="IPv4 subnet of the lab")
    moving = argparse.ArgumentParser(add_help=False, parents=[in_lab])
    moving.add_argument("--size-mib", type=int, default=200, help="data that does not change")
    kinds = parser.add_subparsers(required=True, metavar="pause | push | api | agent | fleet")

    kind = kinds.add_parser("pause", parents=[moving], help="how long a move's pause is")
    kind.add_argument("--moves", type=int, default=6, help="of redis, and of the shell floor")
    kind.add_argument("--swarm-moves", type=int, default=2, help="of a redis without data")
    kind.add_argument("--postgres-moves", type=int, default=2, help="of a PostgreSQL at work")
    kind.add_argument("--postgres-mib", type=int, default=1024, help="how much data it has")
    kind.set_defaults(measure=_pause)

    kind = kinds.add_parser("push", parents=[moving], help="the throughput of a push")
    kind.add_argument("--repeats", type=int, default=4, help="sends of each kind")
    # A short one would tell how fast a connection begins.
    kind.set_defaults(measure=_push, size_mib=800)

    kind = kinds.add_parser("api", parents=[common], help="what requests to the REST API cost")
    kind.add_argument("--containers", type=int, default=10_000, help="that there are already")
    kind.add_argument("--requests", type=int, default=1000, help="of each kind")
    kind.set_defaults(measure=_api)

    kind = kinds.add_parser("agent", parents=[in_lab], help="what an agent costs, also at rest")
    kind.add_argument("--containers", type=int, default=50, help="and datasets, on its node")
    kind.add_argument("--idle-seconds", type=float, default=90.0, help="how long it is at rest")
    kind.set_defaults(measure=_agent)

    kind = kinds.add_parser("fleet", parents=[common], help="what a cluster costs as it grows")
    kind.add_argument("--agents", type=int, nargs="+", default=[10, 100, 300, 1000])
    kind.add_argument("--containers", type=int, default=10, help="and datasets, on each node")
    kind.add_argument("--ports", type=int, default=0, help="containers with an external port")
    kind.set_defaults(measure=_fleet)
    return parser


def _pause(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet) as lab:
        result = pause.pause(
            lab,
            options.moves,
            options.size_mib,
            options.swarm_moves,
            options.postgres_moves,
            options.postgres_mib,
        )
    return result, pause.table(result)


def _push(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet) as lab:
        result = push.push(lab, options.repeats, options.size_mib)
    return result, push.table(result)


def _api(options: argparse.Namespace) -> Measured:
    result = requests.requests(options.containers, options.requests)
    return result, requests.table(result)


def _agent(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet, nodes=1) as lab:
        result = agent.agent(lab, options.containers, options.idle_seconds)
    return result, agent.table(result)


def _fleet(options: argparse.Namespace) -> Measured:
    result = [fleet.fleet(agents, options.containers, options.ports) for agents in options.agents]
    return result, fleet.table(result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`admin/benchmark`: measures one thing or all, prints tables, writes JSON, compares runs."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from admin.bench import (
    adopt,
    agent,
    cli,
    compare,
    dashboard,
    failover,
    fleet,
    many,
    on_etcd,
    pages,
    pause,
    predict,
    push,
    replicate,
    requests,
    volumes,
)
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
    kinds = parser.add_subparsers(
        required=True,
        metavar="pause | predict | many | push | adopt | volumes | api | agent | fleet | cli | "
        "replicate | dashboard | failover | all | docs",
    )

    kind = kinds.add_parser("pause", parents=[moving], help="how long a move's pause is")
    kind.add_argument("--moves", type=int, default=6, help="of redis, and of the shell floor")
    kind.add_argument("--swarm-moves", type=int, default=2, help="of a redis without data")
    kind.add_argument("--postgres-moves", type=int, default=2, help="of a PostgreSQL at work")
    kind.add_argument("--postgres-mib", type=int, default=1024, help="how much data it has")
    kind.set_defaults(measure=_pause)

    kind = kinds.add_parser("predict", parents=[in_lab], help="how wrong first predictions are")
    kind.add_argument("--moves", type=int, default=40, help="each of another container")
    kind.set_defaults(measure=_predict)

    kind = kinds.add_parser("many", parents=[in_lab], help="many moves from one node at once")
    kind.add_argument("--containers", type=int, default=21, help="one of which also moves alone")
    kind.add_argument("--size-mib", type=int, default=40, help="data of each")
    kind.set_defaults(measure=_many)

    kind = kinds.add_parser("push", parents=[moving], help="the throughput of a push")
    kind.add_argument("--repeats", type=int, default=4, help="sends of each kind")
    # A short one would tell how fast a connection begins.
    kind.set_defaults(measure=_push, size_mib=800)

    kind = kinds.add_parser("adopt", parents=[moving], help="the pause of an adoption")
    kind.set_defaults(measure=_adopt, size_mib=1024)

    kind = kinds.add_parser("volumes", parents=[moving], help="the pause when Swarm moves a volume")
    kind.add_argument("--moves", type=int, default=4, help="of each kind")
    kind.set_defaults(measure=_volumes)

    kind = kinds.add_parser("api", parents=[common], help="what requests to the REST API cost")
    kind.add_argument("--containers", type=int, default=10_000, help="that there are already")
    kind.add_argument("--requests", type=int, default=1000, help="of each kind")
    kind.add_argument(
        "--store",
        choices=["sqlite", "etcd"],
        default="sqlite",
        help="with etcd only writes are measured, beside bare puts",
    )
    kind.set_defaults(measure=_api)

    kind = kinds.add_parser("agent", parents=[in_lab], help="what an agent costs, also at rest")
    kind.add_argument("--containers", type=int, default=50, help="and datasets, on its node")
    kind.add_argument("--idle-seconds", type=float, default=90.0, help="how long it is at rest")
    kind.set_defaults(measure=_agent)

    kind = kinds.add_parser("fleet", parents=[common], help="what a cluster costs as it grows")
    kind.add_argument("--agents", type=int, nargs="+", default=[10, 100, 300, 1000])
    kind.add_argument("--containers", type=int, default=10, help="and datasets, on each node")
    kind.add_argument("--ports", type=int, default=0, help="containers with an external port")
    kind.add_argument("--store", choices=["sqlite", "etcd"], default="sqlite")
    kind.set_defaults(measure=_fleet)

    kind = kinds.add_parser("cli", parents=[common], help="how fast flockerctl is")
    kind.add_argument("--nodes", type=int, default=1000, help="of the cluster that it lists")
    kind.add_argument("--containers", type=int, default=10_000, help="and datasets")
    kind.add_argument("--repeats", type=int, default=5, help="of each command")
    kind.set_defaults(measure=_cli)

    kind = kinds.add_parser("replicate", parents=[in_lab], help="what standbys cost")
    kind.add_argument("--datasets", type=int, default=20, help="on one node, each with a standby")
    kind.add_argument("--rpo-seconds", type=float, default=10.0)
    kind.add_argument("--seconds", type=float, default=60.0, help="how long to look")
    kind.add_argument("--moves", type=int, default=6, help="there and back, alone and meanwhile")
    kind.set_defaults(measure=_replicate)

    kind = kinds.add_parser("dashboard", parents=[common], help="the dashboard in a browser")
    kind.add_argument("--agents", type=int, default=1000)
    kind.add_argument("--containers", type=int, default=10, help="on each node")
    kind.set_defaults(measure=_dashboard)

    kind = kinds.add_parser("failover", parents=[in_lab], help="from power loss to first answer")
    kind.add_argument("--rounds", type=int, default=20, help="one power loss each")
    kind.add_argument("--after-seconds", type=int, default=10)
    kind.set_defaults(measure=_failover)

    kind = kinds.add_parser("all", parents=[common], help="all kinds, or some, with their defaults")
    kind.add_argument("--only", nargs="+", choices=list(pages.TABLES), default=list(pages.TABLES))
    kind.add_argument("--compare", type=Path, metavar="OLD.json", help="show the growth since then")
    kind.set_defaults(measure=_all)

    kind = kinds.add_parser("docs", help="write docs/figures from the JSON of `all`")
    kind.add_argument("results", type=Path, metavar="RESULTS.json")
    kind.set_defaults(measure=_docs, json=None)
    return parser


def _all(options: argparse.Namespace) -> Measured:
    # An old file that cannot be read is better known before an hour of measuring.
    old = json.loads(options.compare.read_text("utf-8")) if options.compare is not None else None
    results: dict[str, Any] = {}
    for kind in options.only:
        own = _parser().parse_args([kind])
        results[kind], table = own.measure(own)
        print(f"{kind}\n\n{table}\n", flush=True)
        if options.json is not None:
            options.json.write_text(json.dumps(results, indent=2) + "\n")
    results = json.loads(json.dumps(results))
    return results, "" if old is None else compare.table(compare.growths(old, results))


def _docs(options: argparse.Namespace) -> Measured:
    written = pages.write(json.loads(options.results.read_text("utf-8")))
    return None, "\n".join(f"docs/figures/{name}" for name in written)


def _failover(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet, pulled=True) as lab:
        result = failover.failover(lab, options.rounds, options.after_seconds)
    return result, failover.table(result)


def _replicate(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet, pulled=True) as lab:
        result = replicate.replicate(
            *(lab, options.datasets, options.rpo_seconds, options.seconds, options.moves)
        )
    return result, replicate.table(result)


def _cli(options: argparse.Namespace) -> Measured:
    result = cli.measure(options.nodes, options.containers, options.repeats)
    return result, cli.table(result)


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


def _predict(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet, pulled=True) as lab:
        result = predict.predict(lab, options.moves)
    return result, predict.table(result)


def _many(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet, nodes=3, pulled=True) as lab:
        result = many.many(lab, options.containers, options.size_mib)
    return result, many.table(result)


def _push(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet) as lab:
        result = push.push(lab, options.repeats, options.size_mib)
    return result, push.table(result)


def _adopt(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet, nodes=1, agent_options="allow: [adopt]\n") as lab:
        result = adopt.adopt(lab, options.size_mib)
    return result, adopt.table(result)


def _volumes(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet, agent_options="docker-volumes: true\n") as lab:
        result = volumes.volumes(lab, options.moves, options.size_mib)
    return result, volumes.table(result)


def _api(options: argparse.Namespace) -> Measured:
    if options.store == "etcd":
        written = {**on_etcd.writes(options.requests), "loads": on_etcd.loads()}
        return written, on_etcd.table(written)
    result = requests.requests(options.containers, options.requests)
    return result, requests.table(result)


def _agent(options: argparse.Namespace) -> Measured:
    with Lab("benchmark", options.subnet, nodes=1) as lab:
        result = agent.agent(lab, options.containers, options.idle_seconds)
    return result, agent.table(result)


def _fleet(options: argparse.Namespace) -> Measured:
    size = (options.containers, options.ports, options.store == "etcd")
    result = [fleet.fleet(agents, *size) for agents in options.agents]
    return result, fleet.table(result)


def _dashboard(options: argparse.Namespace) -> Measured:
    result = dashboard.dashboard(options.agents, options.containers)
    return result, dashboard.table(result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

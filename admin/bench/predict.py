"""How wrong the predictions of first moves are, which have no move of the same container behind."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from admin.bench.api import Api
from admin.bench.figures import percentile
from admin.bench.service import until
from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here

PORT = 7000
ANSWER_SECONDS_MAX = 120.0
ATTEMPT_SECONDS = 5.0
POLL_SECONDS = 0.1
HTTP = b"GET / HTTP/1.0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Program:
    """What runs in the containers of one kind: it answers `question`; `more` is for the API."""

    name: str
    mountpoint: str
    port: int
    question: bytes
    more: dict[str, Any]


PROGRAMS = (
    Program("redis", "/data", 6379, b"PING\r\n", {"image": "redis:latest"}),
    Program(
        "postgres",
        "/var/lib/postgresql/data",
        5432,
        bytes((0, 0, 0, 8, 4, 210, 22, 47)),  # asks whether it speaks TLS
        {"image": "postgres:latest", "environment": {"POSTGRES_HOST_AUTH_METHOD": "trust"}},
    ),
    Program("nginx", "/srv", 80, HTTP, {"image": "nginx:latest"}),
    Program(
        "slow",
        "/srv",
        80,
        HTTP,
        {
            "image": "nginx:latest",
            "command_line": ["sh", "-c", "sleep 2; exec nginx -g 'daemon off;'"],
        },
    ),
)


def predict(lab: Lab, moves: int) -> dict[str, Any]:
    """First moves, each of another container, in turn of each program.

    Every other container of a program was restarted before it moves, as happens in their lives.
    """
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    for node in ("n1", "n2"):
        for image in sorted({each.more["image"] for each in PROGRAMS}):
            lab.node(node).run(["docker", "pull", "-q", image])
    return {
        "moves": [
            _first_move(lab, api, PROGRAMS[number % len(PROGRAMS)], number)
            for number in range(moves)
        ]
    }


def _first_move(lab: Lab, api: Api, program: Program, number: int) -> dict[str, Any]:
    first, second = lab.node("n1"), lab.node("n2")
    turn = number // len(PROGRAMS)
    source, target = (first, second) if turn % 2 == 0 else (second, first)
    name = f"{program.name}-{turn}"
    dataset_id = api.container_with_data(
        {
            "host": source.address,
            "name": name,
            "ports": [{"internal": program.port, "external": PORT + number}],
            **program.more,
        },
        program.mountpoint,
    )
    path = f"/configuration/containers/{name}"
    _until_it_answers(source, PORT + number, program.question)
    is_restarted = turn % 2 == 1
    if is_restarted:
        before = _started_at(source, name)
        api.post(f"{path}/restart", {})
        until(
            lambda: _started_at(source, name) not in ("", before),
            *(ANSWER_SECONDS_MAX, f"{name} has restarted", POLL_SECONDS),
        )
        _until_it_answers(source, PORT + number, program.question)
    told = api.post(f"{path}?dry_run=1", {"host": target.address})
    api.post(path, {"host": target.address})
    move = api.moved(dataset_id, target.address, 2, "answer")
    return {"program": program.name, "restarted": is_restarted, "dry_run": told, **move}


def _started_at(node: Node, name: str) -> str:
    inspect = ["docker", "inspect", "-f", "{{.State.StartedAt}}", f"flocker--{name}"]
    return node.run(inspect, check=False).stdout.strip()


def _until_it_answers(node: Node, port: int, question: bytes) -> None:
    def answers() -> bool:
        try:
            with socket.create_connection((node.address, port), ATTEMPT_SECONDS) as link:
                link.sendall(question)
                return bool(link.recv(1))
        except OSError:
            return False

    until(answers, ANSWER_SECONDS_MAX, f"something answers at port {port}", POLL_SECONDS)


def error(move: dict[str, Any], predicted: float) -> float:
    """By which part of the pause the prediction was wrong."""
    return abs(predicted - move["pause_seconds"]) / float(move["pause_seconds"])


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    moves = result["moves"]
    kinds = [("all", moves)]
    kinds += [(each.name, [m for m in moves if m["program"] == each.name]) for each in PROGRAMS]
    kinds.append(("restarted before", [move for move in moves if move["restarted"]]))
    first = {move["program"]: move for move in reversed(moves)}
    kinds.append(("first of its program", list(first.values())))
    heads = ("moves", "pause", "wrong p50", "wrong p95", "dry run", "within p95")
    lines = [f"{'first moves':22}" + "".join(f"{head:>11}" for head in heads)]
    lines += [f"{title:22}{_row(found)}" for title, found in kinds if found]
    return "\n".join(lines)


def _row(moves: list[dict[str, Any]]) -> str:
    pause = percentile([move["pause_seconds"] for move in moves], 50)
    wrong = [error(move, move["predicted_pause_seconds"]) for move in moves]
    dry = [error(move, move["dry_run"]["predicted_pause_seconds"]) for move in moves]
    within = [move["pause_seconds"] <= move["predicted_pause_p95_seconds"] for move in moves]
    return (
        f"{len(moves):11}{pause * 1000:8.0f} ms{percentile(wrong, 50) * 100:9.0f} %"
        f"{percentile(wrong, 95) * 100:9.0f} %{percentile(dry, 95) * 100:9.0f} %"
        f"{sum(within):8}/{len(moves)}"
    )

"""The pause of an adoption of a PostgreSQL at work, beside one that is made by hand."""

from __future__ import annotations

import time
from typing import Any

from admin.bench.api import Api
from admin.bench.postgres import ANSWERS_BETWEEN, MIB_PER_SCALE, PORT, start_load, stop_load
from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here
from admin.story.clients import PostgresClient

DATA = "/var/lib/postgresql/data"
OURS = "flocker--pg"
BY_HAND = "pg-by-hand"
SERVER = ("--publish", f"{PORT}:{PORT}", "--env", "POSTGRES_HOST_AUTH_METHOD=trust")
COPY_SECONDS_MAX = 900


def adopt(lab: Lab, size_mib: int) -> dict[str, Any]:
    """The pauses that a writing client saw, and what the API says of the adoption.

    By hand it is `docker stop`, `cp -a` into a dataset of the same pool, and `docker run`. Raises
    RuntimeError when a row that was acknowledged before or during the adoption is missing.
    """
    node = lab.node("n1")
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: agents_here(nodes) == 1)
    _fill(node, size_mib)
    made = api.post("/configuration/datasets", {"primary": node.address})
    api.until_dataset_at(str(made["dataset_id"]), node.address)
    start_load(node)
    try:
        hand_seconds = _by_hand(node, f"/flocker/{made['dataset_id']}")
        _psql(node, "pg", "TRUNCATE journal")
        with PostgresClient(node.address, PORT) as client:
            client.wait_for_answers(ANSWERS_BETWEEN)
            client.longest_pause_seconds = 0.0
            asked = {"host": node.address, "container": "pg"}
            began = time.monotonic()
            move_id = str(api.post("/configuration/adoptions", asked)["move_id"])
            move = api.until(f"/state/moves/{move_id}", lambda found: "ended_at" in found)
            took_seconds = time.monotonic() - began
            client.wait_for_answers(ANSWERS_BETWEEN)
            ours_seconds = client.longest_pause_seconds
    finally:
        stop_load(node)
    if move["phase"] != "done":
        raise RuntimeError(f"the adoption was {move['phase']}: {move.get('error')}")
    there = set(map(int, _psql(node, OURS, "SELECT number FROM journal").split()))
    lost = [number for number in client.acknowledged if number not in there]
    if lost:
        raise RuntimeError(f"acknowledged, and not there any more: {lost}")
    return {
        "size_mib": size_mib,
        "hand_seconds": hand_seconds,
        "flocker_lite_seconds": ours_seconds,
        "took_seconds": took_seconds,
        "acknowledged": len(client.acknowledged),
        "move": move,
    }


def _fill(node: Node, size_mib: int) -> None:
    node.run(
        [
            *("docker", "run", "--detach", "--name", "pg", "--restart", "unless-stopped", *SERVER),
            *("--volume", f"pgdata:{DATA}", "postgres:latest"),
        ],
        timeout_seconds=120,
    )
    PostgresClient(node.address, PORT).wait_until_up()
    _psql(node, "pg", "CREATE TABLE journal (number int PRIMARY KEY)")
    scale = max(size_mib // MIB_PER_SCALE, 1)
    fill = ("pgbench", "-U", "postgres", "-i", "-q", "-s", str(scale), "postgres")
    node.run(["docker", "exec", "pg", *fill], timeout_seconds=COPY_SECONDS_MAX)


def _by_hand(node: Node, destination: str) -> float:
    """The pause of a copy by hand; then the first container goes on as it was before."""
    source = "/var/lib/docker/volumes/pgdata/_data"
    run = ("--name", BY_HAND, *SERVER, "--volume", f"{destination}:{DATA}", "postgres:latest")
    steps = (
        f"docker stop pg && cp -a {source}/. {destination} && docker run --detach {' '.join(run)}"
    )
    with PostgresClient(node.address, PORT) as client:
        client.wait_for_answers(ANSWERS_BETWEEN)
        client.longest_pause_seconds = 0.0
        node.run(["sh", "-c", steps], timeout_seconds=COPY_SECONDS_MAX)
        client.wait_for_answers(ANSWERS_BETWEEN)
    node.run(["docker", "rm", "--force", BY_HAND])
    node.run(["docker", "start", "pg"])
    PostgresClient(node.address, PORT).wait_until_up()
    return client.longest_pause_seconds


def _psql(node: Node, container: str, statement: str) -> str:
    words = ("docker", "exec", container, "psql", "-U", "postgres", "-tA", "-c", statement)
    return node.run([*words]).stdout


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    move, hand, ours = result["move"], result["hand_seconds"], result["flocker_lite_seconds"]
    lines = [
        f"{'pause, as a client saw it':34}",
        f"{'docker stop; cp -a; docker run':34}{hand * 1000:7.0f} ms",
        f"{'flocker_lite':34}{ours * 1000:7.0f} ms",
        f"{'ratio':34}{ours / hand:10.2f}",
        "",
        f"steps of the pause, with {result['acknowledged']} rows acknowledged and none lost",
    ]
    lines += [f"  {step:32}{seconds * 1000:7.0f} ms" for step, seconds in move["pause"].items()]
    lines.append(f"  {'predicted':32}{move.get('predicted_pause_seconds', 0) * 1000:7.0f} ms")
    lines.append(f"  rounds: {len(move['rounds'])}, in {result['took_seconds']:.0f} s")
    return "\n".join(lines)

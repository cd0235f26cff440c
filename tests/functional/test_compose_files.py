"""The Compose files of tests/applications: each runs on a lab and moves, or is refused."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.applications.expectations import FILES, FOLDER
from tests.functional.agents_lab import Cluster, agents_lab, wait_for
from tests.functional.compose_clients import APPLICATIONS, UNANSWERED, Client
from tests.functional.compose_images.building import ensure_images, give_images

COMMAND = str(Path(__file__).resolve().parents[2] / ".venv/bin/flockerctl")
SUBNET = "10.85.61.0/24"
NAME = "it"
NODES = ("n1", "n2")
ALLOW = sorted({entry for file in FILES.values() for entry in file.allow})
RUN_SECONDS_MAX = 90.0
MQTT_CONFIGURATION = """
persistence true
persistence_location /mosquitto/data/
autosave_interval 1
allow_anonymous true
listener 1883
listener 9001
protocol websockets
"""
NGINX_CONFIGURATION = """
pid /run/nginx.pid;
events {}
http {
    client_body_temp_path /var/cache/nginx/body;
    proxy_temp_path /var/cache/nginx/proxy;
    fastcgi_temp_path /var/cache/nginx/fastcgi;
    uwsgi_temp_path /var/cache/nginx/uwsgi;
    scgi_temp_path /var/cache/nginx/scgi;
    server {
        listen 80;
        listen 443;
        root /usr/share/nginx/html;
    }
}
"""
FILES_OF_NODES = {
    "/srv/mosquitto/mosquitto.conf": MQTT_CONFIGURATION,
    "/srv/site/nginx.conf": NGINX_CONFIGURATION,
    "/srv/site/html/index.html": "from a file of the node\n",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes that have the images and the files that the Compose files want."""
    kept = ensure_images(SUBNET)
    allow = f"allow: [{', '.join(ALLOW)}]\n"
    with agents_lab("test-compose-files", SUBNET, allow, pulled=False) as cluster:
        for name in NODES:
            node = cluster.node(name)
            give_images(kept, node)
            node.run(["mount", "-t", "tmpfs", "tmpfs", "/srv"])
            for path, text in FILES_OF_NODES.items():
                node.run(["install", "-D", "/dev/stdin", path], input_text=text)
        yield cluster


def run(cluster: Cluster, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`flockerctl` with these words."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("FLOCKER_")},
        "FLOCKER_CONTROL_SERVICE": cluster.node("control").address,
        **variables,
    }
    return subprocess.run(
        [COMMAND, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
    )


def done(cluster: Cluster, *words: str, **variables: str) -> str:
    """What it says when it succeeds."""
    found = run(cluster, *words, **variables)
    assert found.returncode == 0, (words, found.stdout, found.stderr)
    return found.stdout


def members(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """The containers of the application, by their services."""
    found = cluster.get("/configuration/containers")
    return {each["application"]["service"]: each for each in found}


def outputs(cluster: Cluster) -> str:
    """The last lines of each container, for whoever reads of a failure."""
    found = []
    for each in members(cluster).values():
        node = next(name for name in NODES if cluster.node(name).address == each["host"])
        argv = ["docker", "logs", "--tail", "12", f"flocker--{each['name']}"]
        said = cluster.node(node).run(argv, check=False)
        found.append(f"{each['name']}:\n{said.stdout}{said.stderr}")
    return "\n".join(found)


def await_all(cluster: Cluster, file: str, node: str) -> None:
    """Wait until all services run on the node, and are healthy, and the jobs have ended well."""
    application = APPLICATIONS[file]
    for service, container in members(cluster).items():
        at = "n2" if service in application.elsewhere else node
        address = cluster.node(at).address

        def good(state: dict[str, Any], service: str = service, address: str = address) -> bool:
            if state.get("host") != address or "error" in state:
                return False
            if service in application.jobs:
                return state.get("exit_code") == 0 and not state["running"]
            return state.get("running", False) and state.get("health", "healthy") == "healthy"

        try:
            cluster.state(container["name"], good, RUN_SECONDS_MAX)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{outputs(cluster)}") from None


def answers(client: Client, address: str, word: str) -> bool:
    """Whether the application has the word, and says so at this address."""
    try:
        return client.found(address, word)
    except UNANSWERED as error:
        print(f"{address}: {error!r}"[:500])
        return False


def left(client: Client, address: str, word: str) -> bool:
    """Whether it took the word."""
    try:
        client.leave(address, word)
    except UNANSWERED as error:
        print(f"{address}: {error!r}"[:500])
        return False
    return True


@pytest.mark.parametrize("file", APPLICATIONS)
def test_runs_and_moves(cluster: Cluster, file: str) -> None:
    """It comes up on one node, is used, moves to the other, and has everything there."""
    first, second = (cluster.node(name).address for name in NODES)
    client = APPLICATIONS[file].client()
    variables = {**FILES[file].variables, "OTHER_NODE": second, "OPEN_FILES": "16384"}
    begun = time.monotonic()
    done(cluster, "app", "up", str(FOLDER / file), "--name", NAME, "--host", first, **variables)
    await_all(cluster, file, "n1")
    print(f"{file}: up after {time.monotonic() - begun:.1f} s")
    client.node = cluster.node("n1")
    client.prepare()
    wait_for(lambda: left(client, first, "before"), "it takes a word")
    for address in (first, second):
        wait_for(lambda at=address: answers(client, at, "before"), "it has the word")  # type: ignore[misc]
    print(f"{file}: used after {time.monotonic() - begun:.1f} s")
    said = done(cluster, "app", "move", NAME, second)
    print(said)
    await_all(cluster, file, "n2")
    client.node = cluster.node("n2")
    for address in (second, first):
        wait_for(lambda at=address: answers(client, at, "before"), "the word came along")  # type: ignore[misc]
    wait_for(lambda: left(client, second, "after"), "it takes a word there")
    wait_for(lambda: answers(client, second, "after"), "it has it")
    print(f"{file}: moved after {time.monotonic() - begun:.1f} s")
    names = [container["name"] for container in members(cluster).values()]
    done(cluster, "app", "delete", NAME)
    cluster.gone(*names)
    for dataset in cluster.get("/configuration/datasets"):
        if dataset["deleted"]:
            continue
        done(cluster, "delete-dataset", dataset["dataset_id"], "--yes")


@pytest.mark.parametrize("file", [name for name, each in FILES.items() if each.refused])
def test_is_refused(cluster: Cluster, file: str) -> None:
    """With the line and the reason of each thing that is not possible, and nothing is done."""
    address = cluster.node("n1").address
    said = run(cluster, "app", "up", str(FOLDER / file), "--name", NAME, "--host", address)
    assert said.returncode == 2, said.stdout
    for path, reason in FILES[file].refused.items():
        lines = [line for line in said.stderr.splitlines() if f": {path}: " in line]
        assert lines, said.stderr
        assert reason in lines[0]
        where = re.escape(str(FOLDER / file))
        assert re.match(rf"(flockerctl: )?{where}:[0-9]+: ", lines[0]), lines
    assert cluster.get("/configuration/containers") == []


def test_every_file() -> None:
    """Each is either tried or refused."""
    assert {name for name, each in FILES.items() if not each.refused} == APPLICATIONS.keys()

"""A real Prometheus reads a lab through a move and a failover, and its alerts fire and go."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from admin.hosts import Lab
from admin.hosts.arrivals import agents_here
from admin.hosts.certificates import FOLDER, READ_ONLY_USER, USER, curl_options
from admin.hosts.plan import CONTROL_HTTP_PORT
from admin.story.player import Player
from tests.functional.agents_lab import CHECKOUT, Cluster, wait_for

SUBNET = "10.82.61.0/24"
RULES = CHECKOUT / "packaging/monitoring/alerts.yml"
PORT = 9599
AGENT_PORT = 4525
FIRES_SECONDS_MAX = 60.0
LOOK_BACK_SECONDS = 15
BACK_SECONDS_MAX = 240.0


class Watched(Cluster):
    """A lab with certificates, and the Prometheus that watches it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        super().__init__(lab)
        self.player = Player(lab.plan.api, lambda text: None, curl_options(lab.plan))
        self.log = folder / "prometheus.log"
        self.dataset_id = ""
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Prometheus with our rules; they wait for a second here, and look back at a few."""
        rules = re.sub(r"for: \d+m", "for: 1s", RULES.read_text("utf-8"))
        rules = re.sub(r"\[\d+[mh]\]", f"[{LOOK_BACK_SECONDS}s]", rules)
        (self._folder / "alerts.yml").write_text(rules)
        (self._folder / "prometheus.yml").write_text(json.dumps(self._configuration()))
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self._folder}/prometheus.yml",
                    f"--storage.tsdb.path={self._folder}/data",
                    f"--web.listen-address=127.0.0.1:{PORT}",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _configuration(self) -> dict[str, Any]:
        authority = self.lab.plan.folder / FOLDER
        agents = [f"{self.node(name).address}:{AGENT_PORT}" for name in ("n1", "n2")]
        control = f"{self.node('control').address}:{CONTROL_HTTP_PORT}"
        user = f"{authority}/user-{READ_ONLY_USER}"
        tls = {
            "ca_file": f"{authority}/cluster.crt",
            "cert_file": f"{user}.crt",
            "key_file": f"{user}.key",
        }
        return {
            "global": {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "1s",
            },
            "rule_files": ["alerts.yml"],
            "scrape_configs": [
                {
                    "job_name": "flocker-control",
                    "scheme": "https",
                    "tls_config": tls,
                    "static_configs": [{"targets": [control]}],
                },
                {"job_name": "flocker-agent", "static_configs": [{"targets": agents}]},
            ],
        }

    def stop(self) -> None:
        """Stop Prometheus."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(20)

    def value(self, expression: str) -> float | None:
        """What Prometheus answers to an expression with one value; None for nothing yet."""
        found = self._ask(f"query?query={quote(expression)}")["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        alerts = self._ask("alerts")["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def _ask(self, what: str) -> Any:
        try:
            with urlopen(f"http://127.0.0.1:{PORT}/api/v1/{what}", timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:
            return {"result": [], "alerts": []}

    def fires(self, *alerts: str) -> None:
        """Wait until all of these fire."""
        wait_for(
            lambda: set(alerts) <= self.firing(),
            f"{alerts} beside {self.firing()}",
            FIRES_SECONDS_MAX,
        )

    def stand_by(self) -> None:
        """Have the nodes stand by for each other, and wait for a copy that can take over."""
        pair = [self.node(name).address for name in ("n1", "n2")]
        replicas = {"nodes": pair, "rpo_seconds": 5}
        self.player.post(f"/configuration/datasets/{self.dataset_id}", {"replicas": replicas})
        path = "/configuration/containers/redis/failover?dry_run=1"
        wait_for(lambda: self.player.post(path, {}).get("possible"), "a standby")

    def lines(self, node: str, words: str) -> list[str]:
        """The lines of a node's log that have this in them."""
        service = "flocker-control" if node == "control" else "flocker-agent"
        log = self.lab.plan.folder / f"nodes/{node}/log/{service}.log"
        return [line for line in log.read_text().splitlines() if words in line]

    def shows(self, expression: str, desired: float) -> None:
        """Wait until an expression has this value."""
        wait_for(lambda: self.value(expression) == desired, f"{expression} is {desired}")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A lab of two nodes whose agents let Prometheus in, and Prometheus."""
    options = f"metrics-endpoint: tcp:{AGENT_PORT}\n"
    with Lab(
        "test-monitoring", SUBNET, certificates=True, pulled=True, agent_options=options
    ) as lab:
        watched = Watched(lab, tmp_path_factory.mktemp("prometheus"))
        watched.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
        watched.start()
        try:
            yield watched
        finally:
            watched.stop()


def test_the_rules() -> None:
    """`promtool` finds nothing wrong, and each alert fires when it should, and not else."""
    tests = CHECKOUT / "tests/monitoring/alerts_test.yml"
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(tests)]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_move(watched: Watched) -> None:
    """It is counted once it is over, with its pause and what it sent; nothing is amiss."""
    watched.shows("sum(flocker_node_up)", 2)
    watched.shows('sum(up{job="flocker-agent"})', 2)
    watched.shows('sum(flocker_moves_total{verdict="done"})', 0)
    dataset_id = watched.dataset_id = watched.dataset("n1")
    watched.create(
        "n1",
        "redis",
        command_line=None,
        volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}],
    )
    address = watched.node("n1").address
    running = 'flocker_container_state{{state="running",node="{}"}}'
    watched.shows(running.format(address), 1)
    watched.shows('flocker_agent_container_state{container="redis",state="running"}', 1)
    there = watched.node("n2").address
    watched.player.post("/configuration/containers/redis", {"host": there})
    watched.shows('flocker_moves_total{verdict="done"}', 1)
    watched.shows("flocker_move_pause_seconds_count", 1)
    watched.shows(running.format(there), 1)
    pair = f'{{source="{address}",destination="{there}"}}'
    assert (watched.value(f"flocker_push_bytes_total{pair}") or 0) > 0
    assert (watched.value("flocker_store_commit_seconds_count") or 0) > 0
    assert watched.firing() == set()


def test_a_failover(watched: Watched) -> None:
    """A node loses power, and a person has the standby take over: what should fire does, and goes.

    The standby is behind, first because nobody sends to it, then because it is the dead node.
    """
    watched.stand_by()
    watched.shows("count(flocker_replica_rpo_seconds == 5)", 1)
    wait_for(lambda: not watched.firing(), "silence")
    watched.node("n2").crash()
    # The control service looks for an agent that it told something.
    watched.create("n2", "other")
    watched.fires("FlockerNodeAway", "FlockerAgentDown", "FlockerStandbyIsBehind")
    assert "FlockerFailedOver" not in watched.firing()
    watched.player.post("/configuration/containers/redis/failover", {"force": True})
    watched.fires("FlockerFailedOver")
    watched.shows('flocker_failovers_total{kind="forced"}', 1)
    address = watched.node("n1").address
    watched.shows(f'flocker_container_state{{state="running",node="{address}"}}', 1)
    wait_for(lambda: "FlockerFailedOver" not in watched.firing(), "silence about the failover")
    watched.fires("FlockerNodeAway", "FlockerAgentDown", "FlockerStandbyIsBehind")
    watched.node("n2").start()
    watched.shows("sum(flocker_node_up)", 2)
    wait_for(lambda: not watched.firing(), "silence", BACK_SECONDS_MAX)
    watched.shows("sum(flocker_set_aside_copies)", 1)


def test_a_control_service_that_is_down(watched: Watched) -> None:
    """Prometheus notices, and counts on when it is back."""
    watched.node("control").stop_service("flocker-control")
    wait_for(lambda: "FlockerControlDown" in watched.firing(), "the alert")
    watched.node("control").start_service("flocker-control")
    watched.shows("sum(flocker_node_up)", 2)
    wait_for(lambda: "FlockerControlDown" not in watched.firing(), "silence")


def test_who_did_it(watched: Watched) -> None:
    """The audit outlives a restart; a request and its move are found in all logs by their ids."""
    watched.node("control").kill_service("flocker-control")
    watched.node("control").start_service("flocker-control")
    found = watched.player.poll("/state/audit", lambda entries: len(entries) >= 6)
    done = [entry["operation"] for entry in found]
    assert done == [
        *("fail_over_container", "create_container", "update_dataset"),
        *("update_container", "create_container", "create_dataset"),
    ]
    assert {entry["user"] for entry in found} == {USER}
    moved = found[3]
    since = f"/state/audit?since={int(moved['at'])}"
    assert len(watched.player.poll(since, bool)) in (4, 5)
    asked = watched.lines("control", moved["request_id"])
    assert any("update_container changed: redis by user" in line for line in asked)
    assert any("POST /v1/configuration/containers/redis" in line for line in asked)
    [begun] = [line for line in asked if "container redis begins to move" in line]
    move_id = begun.rstrip(")").rpartition("move ")[2]
    assert any("is over: done" in line for line in watched.lines("control", move_id))
    for node, change in (("n1", "HandoffDataset"), ("n2", "StartContainer")):
        for words in (moved["request_id"], move_id):
            said = watched.lines(node, words)
            assert any("started: " in line and change in line for line in said), (node, said)


def test_no_tracebacks(watched: Watched) -> None:
    """A move, a dead node and restarts are expected: no log has a traceback of them."""
    for node, service in (("control", "flocker-control"), ("n1", "flocker-agent")):
        log = watched.lab.plan.folder / f"nodes/{node}/log/{service}.log"
        assert "Traceback" not in log.read_text()

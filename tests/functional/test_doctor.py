"""`flockerctl doctor` and `top` on real nodes: what is broken there is found, with its remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from admin.hosts import Lab
from admin.hosts.certificates import FOLDER
from tests.functional.agents_lab import wait_for
from tests.functional.hand import Hand

SUBNET = "10.88.6.0/24"
SSHD = "etc/ssh/sshd_config"


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """A lab with certificates, and a user of it."""
    with Lab("doctor", SUBNET, certificates=True) as lab:
        found = Hand(lab, tmp_path_factory.mktemp("home"))
        found.done(
            *("context", "add", "lab", lab.node("control").address),
            *("--certificates", str(lab.plan.folder / FOLDER), "--user", "user"),
        )
        wait_for(lambda: len(found.done("nodes", "-q").split()) == 2, "both nodes are there")
        yield found


def findings(hand: Hand, node: str) -> list[dict[str, Any]]:
    """What is severely wrong with a node."""
    told = json.loads(hand.run("doctor", node, "-o", "json").stdout)
    return [each for each in told[0]["findings"] if each["severe"]]


def test_all_is_well(hand: Hand) -> None:
    """Everything is checked, and nothing severe is found."""
    told = {each["about"]: each for each in json.loads(hand.done("doctor", "-o", "json"))}
    node = told[f"node {hand.address('n1')}"]
    facts = {each["check"]: each["fact"] for each in node["checks"]}
    assert set(facts) == {"certificate", "clock", "docker", "firewall", "pool", "ports", "sshd"}
    assert facts["pool"].startswith("ONLINE")
    assert facts["docker"][0].isdecimal()
    assert facts["sshd"] == "listens at port 22"
    assert facts["firewall"].startswith(("nft", "iptables"))
    assert facts["certificate"].startswith("until ")
    assert abs(node["clock_offset_seconds"]) < 2
    assert told["control service"]["your_certificate_expires_at"] > told["control service"]["time"]
    hand.done("status", "-q")


def test_docker_is_stopped(hand: Hand) -> None:
    """It is found, and a start cures it."""
    node = hand.lab.node("n1")
    node.stop_service("dockerd")
    (finding,) = findings(hand, node.address)
    assert (finding["check"], hand.run("doctor").returncode) == ("docker", 1)
    assert "systemctl start docker" in finding["remedy"]
    node.start_service("dockerd")
    wait_for(lambda: findings(hand, node.address) == [], "Docker answers again")


def test_sshd_does_not_know_the_keys(hand: Hand) -> None:
    """The file that sshd was started with is read; the remedy is what to write."""
    node = hand.lab.node("n1")
    path = node.root / SSHD
    before = path.read_text()
    try:
        path.write_text(before.replace("/var/lib/flocker-lite/ssh/authorized_keys", ""))
        (finding,) = findings(hand, node.address)
        assert finding["check"] == "sshd"
        assert "/var/lib/flocker-lite/ssh/authorized_keys" in finding["remedy"]
    finally:
        path.write_text(before)
    assert findings(hand, node.address) == []


def test_an_agent_is_away(hand: Hand) -> None:
    """Only that can be said of its node, and the others are examined."""
    node = hand.lab.node("n2")
    node.stop_service("flocker-agent")
    wait_for(lambda: findings(hand, node.address) != [], "it is seen that the agent went")
    (finding,) = findings(hand, node.address)
    assert finding["check"] == "agent"
    assert "has been away since" in finding["text"]
    assert findings(hand, hand.address("n1")) == []
    assert node.address in hand.done("top")
    node.start_service("flocker-agent")
    wait_for(lambda: findings(hand, node.address) == [], "the agent is back")


def test_what_containers_use(hand: Hand) -> None:
    """A busy one uses a CPU, an idle one nothing; a stopped one is not there."""
    n1 = hand.address("n1")
    waiting = ("redis:latest", "sleep", "1000")
    busy = ("redis:latest", "sh", "-c", "while :; do :; done")
    for name, command in (("idle", waiting), ("busy", busy), ("stopped", waiting)):
        hand.done("run", "--on", n1, "--name", name, *command)
    hand.done("stop", "stopped")
    used = containers(hand)
    assert set(used) == {"idle", "busy"}
    # Other work may leave a busy one little of the CPUs.
    assert used["busy"]["cpu_share"] > 0.02 > used["idle"]["cpu_share"]
    for each in used.values():
        assert each["memory_bytes"] > 10_000
        assert each["received_bytes"] >= 0
        assert "memory_limit_bytes" not in each
    lines = hand.done("top").splitlines()
    assert [line.split()[0] for line in lines[-2:]] == ["busy", "idle"]
    hand.done("delete", "idle", "busy", "stopped")


def containers(hand: Hand) -> dict[str, Any]:
    """What the containers of the first node use."""
    told = json.loads(hand.done("top", hand.address("n1"), "-o", "json"))
    return {each["name"]: each for each in told[0]["containers"]}

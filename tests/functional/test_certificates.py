"""A cluster with certificates: it moves a container, and each attacker is played against it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here
from admin.hosts.certificates import FOLDER, READ_ONLY_USER, curl_options
from admin.hosts.plan import CERTIFICATES, CONTROL_AGENT_PORT, CONTROL_HTTP_PORT
from admin.story.chapters import Story
from admin.story.player import Player
from flocker_lite.ca.certificate_facts import claims_of
from flocker_lite.ca.claims import Kind
from flocker_lite.ca.directory import Directory
from flocker_lite.ca.issuing import CERTIFICATE_DAYS
from tests.functional.agents_lab import wait_for

SUBNET = "10.82.7.0/24"
TIMEOUT_SECONDS = 20.0
LIES_SECONDS = 4.0
RUN_FORMAT = "{{.ID}} {{.CreatedAt}}"
LOAD_CLIENT = Path(__file__).with_name("load_client.py")
CHECKOUT = Path(__file__).parent.parent.parent
PIPES: dict[str, Any] = {
    **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE),
    "text": True,
}
LONG_AGO = timedelta(days=CERTIFICATE_DAYS + 1)


class Secure:
    """The lab, and the words of users and attackers."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.authority = Directory(lab.plan.folder / FOLDER)
        self.player = Player(lab.plan.api, curl_options=curl_options(lab.plan))
        self.control: Node = lab.node("control")

    def curl(self, *words: str, options: str | None = None) -> subprocess.CompletedProcess[str]:
        """A request; without options as the lab's user."""
        chosen = curl_options(self.lab.plan) if options is None else options
        return subprocess.run(
            ["curl", "-sS", *chosen.split(), *words],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )

    def certificate(
        self, kind: Kind, name: str, age: timedelta = timedelta(0), by: Directory | None = None
    ) -> Path:
        """A new certificate's file."""
        hosts = (name,) if kind is Kind.CONTROL else ()
        return (by or self.authority).create(kind, name, datetime.now(UTC) - age, hosts)

    def node_certificate(self, name: str) -> Path:
        """The certificate's file of a node."""
        [path] = (self.lab.node(name).root / CERTIFICATES.lstrip("/")).glob("node-*.crt")
        return path

    def log(self) -> str:
        """What the control service has said."""
        return self.control.log_tail("flocker-control")

    def is_refused(self, port: int, certificate: Path | None, reason: str) -> None:
        """Whoever comes with this certificate hears nothing, and the log names it and says why."""
        context = ssl.create_default_context(cafile=str(self.authority.path / "cluster.crt"))
        context.check_hostname = False
        if certificate is not None:
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        address = (self.control.address, port)
        with socket.create_connection(address, TIMEOUT_SECONDS) as plain:
            here = "{}:{}".format(*plain.getsockname())
            with pytest.raises((ssl.SSLError, ConnectionError)):
                ask(context, plain)
        wait_for(lambda: f"{here} refused at the" in self.log(), "a line in the log")
        [line] = [line for line in self.log().splitlines() if f"{here} refused" in line]
        assert reason in line


def ask(context: ssl.SSLContext, plain: socket.socket) -> None:
    """Speak TLS, and say something; an error when that is not answered."""
    with context.wrap_socket(plain, server_hostname="control") as link:
        link.sendall(b"GET /v1/version HTTP/1.1\r\nHost: control\r\n\r\n")
        if not link.recv(1):
            raise ConnectionError


def hello(node_id: str, address: str) -> bytes:
    """An agent's first words, as AMP has them on the wire."""
    words = {
        "_ask": "1",
        "_command": "Hello",
        "version": "1",
        "node_id": node_id,
        "address": address,
        "cluster_id": "",
        "era": str(uuid4()),
        "session": str(uuid4()),
    }
    parts = [part.encode() for item in words.items() for part in item]
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts) + b"\0\0"


@pytest.fixture(scope="module")
def secure() -> Iterator[Secure]:
    """A lab whose services have certificates."""
    with Lab("test-certificates", SUBNET, certificates=True, pulled=True) as lab:
        yield Secure(lab)


def test_nodes_are_who_their_certificates_say(secure: Secure) -> None:
    """Their UUIDs are those, and the API says when they expire."""
    nodes = secure.player.poll("/state/nodes", lambda answer: agents_here(answer) == 2)
    by_host = {node["host"]: node for node in nodes}
    for name in ("n1", "n2"):
        shown = by_host[secure.lab.node(name).address]
        assert secure.node_certificate(name).name == f"node-{shown['uuid']}.crt"
        expires_at = datetime.fromtimestamp(shown["certificate_expires_at"], UTC)
        assert timedelta(days=390) < expires_at - datetime.now(UTC) < timedelta(days=398)


def test_a_move(secure: Secure) -> None:
    """A redis moves with its data, while a client writes to it."""
    story = Story(secure.lab, secure.player)
    story.redis()
    moved = story.move_redis(story.first, story.second, "there")
    assert moved.intact
    assert moved.refused == 0


def test_a_read_only_user(secure: Secure) -> None:
    """It sees everything, and changes nothing."""
    options = curl_options(secure.lab.plan, READ_ONLY_USER)
    api = secure.lab.plan.api
    seen = json.loads(secure.curl(f"{api}/state/containers", options=options).stdout)
    assert [item["name"] for item in seen] == ["redis"]
    for method, path in (("DELETE", "containers/redis"), ("POST", "datasets")):
        done = secure.curl(
            *("-X", method, "-w", " %{http_code}", "-d", "{}"),
            f"{api}/configuration/{path}",
            options=options,
        )
        said, _, status = done.stdout.rpartition(" ")
        assert status == "403"
        assert json.loads(said) == {"description": "Your certificate is that of a read-only user."}
    assert len(secure.player.poll("/configuration/containers", bool)) == 1


def test_secrets_of_a_read_only_user(secure: Secure) -> None:
    """What may hold passwords is shown to the one whose certificate says so, and to no other."""
    api = secure.lab.plan.api
    secure.player.post("/configuration/containers/redis", {"environment": {"KEY": "hunter2"}})
    secure.certificate(Kind.SECRETS_READER, "auditor")
    # While the container is replaced, there is no output to read.
    secure.player.poll(
        "/state/containers",
        lambda states: any(each.get("environment") and each["running"] for each in states),
    )
    for user, status, value in ((READ_ONLY_USER, "403", "(hidden)"), ("auditor", "200", "hunter2")):
        options = curl_options(secure.lab.plan, user)
        found = secure.curl(f"{api}/configuration/containers/redis", options=options).stdout
        assert json.loads(found)["environment"] == {"KEY": value}
        logs = f"{api}/state/containers/redis/logs?tail=1"
        said = secure.curl("-w", " %{http_code}", logs, options=options).stdout
        assert said.rpartition(" ")[2] == status


def test_no_tls_and_no_certificate(secure: Secure) -> None:
    """Neither gets an answer, but for that the port speaks TLS."""
    plain = secure.lab.plan.api.replace("https:", "http:")
    said = secure.curl("-w", " %{http_code}", f"{plain}/version", options="").stdout
    assert said.startswith('{"description": "This port speaks TLS: ')
    assert said.endswith(" 400")
    wait_for(lambda: "it speaks HTTP without TLS" in secure.log(), "a line in the log")
    for port in (CONTROL_HTTP_PORT, CONTROL_AGENT_PORT):
        secure.is_refused(port, None, "it has no certificate")


def test_the_wrong_door(secure: Secure) -> None:
    """Users are no nodes, nodes are no users, and a control service is neither."""
    user = secure.authority.path / "user-user.crt"
    secure.is_refused(CONTROL_AGENT_PORT, user, "it is user user, but should be a node")
    node = secure.node_certificate("n1")
    secure.is_refused(CONTROL_HTTP_PORT, node, f"it is node {node.stem[5:]}, but should be a user")
    control = secure.certificate(Kind.CONTROL, "rogue")
    for port in (CONTROL_HTTP_PORT, CONTROL_AGENT_PORT):
        secure.is_refused(port, control, "it is control service rogue, but should be a")


def test_other_clusters_and_other_times(secure: Secure, tmp_path: Path) -> None:
    """A certificate of another authority, and one that is over, open neither door."""
    for name, cluster_id in (("other", str(uuid4())), ("forged", _cluster_id(secure))):
        other = Directory(tmp_path / name)
        other.initialize("lab", cluster_id, datetime.now(UTC) - LONG_AGO)
        node = secure.certificate(Kind.NODE, str(uuid4()), by=other)
        user = secure.certificate(Kind.USER, "user", by=other)
        reason = "authority of this cluster did not sign"
        secure.is_refused(CONTROL_AGENT_PORT, node, reason)
        secure.is_refused(CONTROL_HTTP_PORT, user, reason)
    early = secure.certificate(Kind.NODE, str(uuid4()), age=LONG_AGO)
    secure.is_refused(CONTROL_AGENT_PORT, early, "expired on")
    late = secure.certificate(Kind.USER, "retired", age=LONG_AGO)
    secure.is_refused(CONTROL_HTTP_PORT, late, "the certificate of user retired expired on")


def test_a_node_in_another_ones_name(secure: Secure) -> None:
    """With its own certificate a node can only be itself."""
    first, second = (secure.node_certificate(name) for name in ("n1", "n2"))
    context = ssl.create_default_context(cafile=str(secure.authority.path / "cluster.crt"))
    context.load_cert_chain(second, second.with_suffix(".key"))
    before = secure.player.poll("/state/containers", bool)
    with (
        socket.create_connection(
            (secure.control.address, CONTROL_AGENT_PORT), TIMEOUT_SECONDS
        ) as plain,
        context.wrap_socket(plain, server_hostname="control") as link,
    ):
        link.sendall(hello(first.stem[5:], secure.lab.node("n1").address))
        answer = link.recv(4096)
    assert b"REFUSED" in answer
    assert f"its certificate is that of node {second.stem[5:]}".encode() in answer
    assert secure.player.poll("/state/containers", bool) == before


def test_an_agent_with_another_ones_certificate(secure: Secure) -> None:
    """It does not start, and says which certificate would be right."""
    node = secure.lab.node("n1")
    node.stop_service("flocker-agent")
    mine = secure.node_certificate("n1")
    kept = {path: path.read_bytes() for path in (mine, mine.with_suffix(".key"))}
    for path in kept:
        path.unlink()
    theirs = secure.node_certificate("n2")
    for path in (theirs, theirs.with_suffix(".key")):
        shutil.copy(path, mine.parent)
    done = node.run(["flocker-agent", "--config=/etc/flocker-lite/agent.yml"], check=False)
    assert done.returncode == 1
    assert f"flocker-ca create-node --uuid {mine.stem[5:]}" in done.stdout
    for path in (theirs, theirs.with_suffix(".key")):
        (mine.parent / path.name).unlink()
    for path, content in kept.items():
        path.write_bytes(content)
        path.chmod(0o600)
    node.start_service("flocker-agent")
    secure.player.poll("/state/nodes", lambda answer: agents_here(answer) == 2)


def test_an_impostor_of_the_control_service(secure: Secure) -> None:
    """An agent tells nothing to who has no certificate of a control service."""
    secure.control.stop_service("flocker-control")
    try:
        agent_log = secure.lab.node("n1").log_tail
        impostor = secure.certificate(Kind.USER, "impostor")
        listening = secure.control.spawn(
            [
                *("openssl", "s_server", "-accept", str(CONTROL_AGENT_PORT), "-quiet"),
                *("-cert", str(impostor), "-key", str(impostor.with_suffix(".key"))),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            reason = "it is user impostor, but should be a control service"
            wait_for(lambda: reason in agent_log("flocker-agent"), "the agent looks")
        finally:
            os.killpg(listening.pid, signal.SIGTERM)
            heard, _ = listening.communicate(timeout=TIMEOUT_SECONDS)
        assert b"Hello" not in heard
    finally:
        secure.control.start_service("flocker-control")
    secure.player.poll("/state/nodes", lambda answer: agents_here(answer) == 2)


def test_renewing_a_node(secure: Secure) -> None:
    """The agent takes its new certificate in by itself, and shows it."""
    mine = secure.node_certificate("n2")
    before = _expiry(secure, "n2")
    at_the_authority = secure.authority.path / mine.name
    secure.authority.renew(at_the_authority, datetime.now(UTC) + timedelta(days=1))
    shutil.copy(at_the_authority, mine)
    wait_for(lambda: _expiry(secure, "n2") > before, "the new certificate is shown")


def test_a_node_that_lies(secure: Secure) -> None:
    """What it says is its own is shown as a claim, and nobody's service blinks meanwhile.

    The last test: it stays in the state of the cluster for a while.
    """
    node_id, folder = str(uuid4()), secure.authority.path / "liar"
    secure.authority.create(Kind.NODE, node_id, datetime.now(UTC), to=folder)
    [dataset] = secure.player.poll("/state/datasets", bool)
    [before] = secure.player.poll("/state/containers", bool)
    nodes = secure.player.poll("/state/nodes", lambda answer: agents_here(answer) == 2)
    second = secure.lab.node("n2")
    run = second.run(["docker", "ps", "--no-trunc", "--format", RUN_FORMAT]).stdout
    path = f"/state/datasets/{dataset['dataset_id']}"
    options = {
        "certificates": str(folder),
        "address": secure.control.address,
        "me": secure.lab.node("registry").address,
        "peer": next(node["uuid"] for node in nodes if node["host"] == second.address),
        "datasets": [dataset["dataset_id"]],
        "containers": {"redis": 6379, "mine": 6379},
    }
    client = [sys.executable, str(LOAD_CLIENT), second.address, "6379", "redis", "2"]
    loads = [secure.lab.node(name).spawn(client, **PIPES) for name in ("n1", "n2")]
    liar = secure.control.spawn(
        [sys.executable, "-m", "tests.functional.hostile_agent", json.dumps(options)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        **PIPES,
    )
    shown = secure.player.poll(path, lambda answer: "claims" in answer)
    time.sleep(LIES_SECONDS)
    heard, complaints = liar.communicate("", timeout=TIMEOUT_SECONDS)
    counted = [load.communicate("", timeout=TIMEOUT_SECONDS) for load in loads]
    print(f"{heard.strip()} lies, {counted}, {shown['claims']}", complaints)
    assert int(heard) > LIES_SECONDS
    for lines, _ in counted:
        requests, errors, _ = json.loads(lines.splitlines()[-1])
        assert errors == 0
        assert requests > 0
    assert shown["primary"] == dataset["primary"]
    [after] = [
        item
        for item in secure.player.poll("/state/containers", bool)
        if item["name"] == "redis" and item["host"] == before["host"]
    ]
    assert after == before
    assert run == second.run(["docker", "ps", "--no-trunc", "--format", RUN_FORMAT]).stdout
    [claim] = shown["claims"]
    assert claim["host"] == options["me"]


def _expiry(secure: Secure, name: str) -> float:
    host = secure.lab.node(name).address
    nodes: list[dict[str, Any]] = json.loads(
        secure.curl(f"{secure.lab.plan.api}/state/nodes").stdout
    )
    [found] = [node for node in nodes if node["host"] == host]
    return float(found["certificate_expires_at"])


def _cluster_id(secure: Secure) -> str:
    _, certificate = next(secure.authority.certificates())
    return claims_of(certificate).cluster_id

"""A cluster made by the installing scripts alone, in which a container moves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here
from admin.hosts.files import search_path
from admin.story.player import Player
from tests.functional.agents_lab import CHECKOUT, Cluster

SCRIPTS = CHECKOUT / "admin/install"
# /root is the machine's own; what is in /etc each node has to itself.
AUTHORITY = "etc/flocker-ca"
SSHD = """\
Include /etc/ssh/sshd_config.d/*.conf
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile none
UsePAM no
PasswordAuthentication no
PermitRootLogin forced-commands-only
"""
# All packages are there, and a service is what its unit and its settings say.
STUBS = {
    "rpm": "true",
    "dnf": "true",
    "chgrp": "true",
    "runuser": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "systemctl": f"""\
started=/run/started-$2
case "$*" in
    "is-enabled "* | "is-active --quiet sshd" | "is-active --quiet docker") ;;
    "is-active --quiet "*) [ -e "/run/started-$3" ] ;;
    "reload sshd") kill -HUP "$(cat /run/lab/sshd.pid)" ;;
    "start "*)
        touch "$started"
        set -a; . "/etc/sysconfig/$2"; set +a
        line=$(sed -n 's,^ExecStart=/usr/bin/,exec ,p' {CHECKOUT}/packaging/systemd/$2.service)
        setsid --fork sh -c "$line" >"/etc/$2.log" 2>&1 </dev/null
        ;;
    *) echo "systemctl $*" >&2; exit 1 ;;
esac
""",
}


class Installed(Cluster):
    """Machines with packages, sshd and Docker, before and after the scripts."""

    def __init__(self, lab: Lab, stubs: Path) -> None:
        self.lab = lab
        self.stubs = stubs
        for name, text in STUBS.items():
            (stubs / name).write_text(f"#!/bin/bash\n{text}\n")
            (stubs / name).chmod(0o755)
        for name in ("control", "n1", "n2"):
            self.prepare(lab.node(name))

    def prepare(self, node: Node) -> None:
        """What the packages and the distribution bring."""
        etc = node.root / "etc"
        (etc / "os-release").unlink()
        (etc / "os-release").write_text('ID="rocky"\nVERSION_ID="9.4"\n')
        shutil.copytree(CHECKOUT / "packaging/sysconfig", etc / "sysconfig")
        (etc / "yum.repos.d").mkdir()
        (etc / "yum.repos.d/docker-ce.repo").touch()
        (etc / "flocker-lite").mkdir(exist_ok=True)
        shutil.copy(CHECKOUT / "packaging/etc/agent.yml", etc / "flocker-lite")
        (node.root / "var/lib/flocker-lite/control").mkdir()
        if node.name != "control":
            (etc / "ssh/sshd_config").write_text(SSHD)
            node.stop_service("sshd")
            node.start_service("sshd")

    def script(self, node: str, *words: str) -> list[str]:
        """What a script says on a node; it has to end well."""
        path = f"{self.stubs}:{search_path(CHECKOUT)}"
        done = self.node(node).run(
            [str(SCRIPTS / words[0]), *words[1:]], env={"PATH": path}, check=False
        )
        log = self.node(node).root / "etc/flocker-control.log"
        said = log.read_text() if log.exists() else ""
        assert done.returncode == 0, done.stdout + done.stderr + said
        return done.stdout.splitlines()

    def copy(self, node: str) -> str:
        """Bring a node its directory; where it is then."""
        made = self.node("control").root / AUTHORITY / "for" / self.node(node).address
        shutil.copytree(made, self.node(node).root / "etc/given")
        return "/etc/given"

    def get(self, path: str) -> Any:
        """The answer of the REST API to its user."""
        return self.player.poll(path, lambda answer: True)

    def call_as_admin(self) -> None:
        """Speak to the REST API with what the control service's machine has for that."""
        admin = self.node("control").root / AUTHORITY / "for/admin"
        options = f"--cacert {admin}/cluster.crt --cert {admin}/user-admin.crt"
        self.player = Player(
            f"https://{self.node('control').address}:4523/v1",
            lambda text: None,
            f"{options} --key {admin}/user-admin.key",
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The scripts were run, each with nothing but what the one before it said."""
    with Lab("test-install", "10.85.9.0/24", services=False, pulled=True) as lab:
        made = Installed(lab, tmp_path_factory.mktemp("stubs"))
        addresses = [made.node(name).address for name in ("n1", "n2")]
        made.script("control", "master.sh", *addresses, "--authority", f"/{AUTHORITY}")
        for name in ("n1", "n2"):
            words = [made.node(name).address, made.node("control").address]
            made.script(name, "node.sh", *words, "--certificates", made.copy(name))
        made.call_as_admin()
        yield made


def test_a_container_moves(installed: Installed) -> None:
    """Its data comes along: agents, sshd and the control service know each other."""
    installed.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    dataset_id = installed.dataset("n1")
    installed.create("n1", "shop", volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}])
    installed.running("shop")
    installed.docker("n1", "exec", "flocker--shop", "sh", "-c", "echo kept >/data/file; sync")
    there = installed.node("n2").address
    installed.player.post("/configuration/containers/shop", {"host": there})
    installed.state("shop", lambda found: found.get("running") and found["host"] == there)
    assert installed.docker("n2", "exec", "flocker--shop", "cat", "/data/file") == "kept"


def test_nobody_else(installed: Installed) -> None:
    """Without a certificate there is no answer."""
    url = f"https://{installed.node('control').address}:4523/v1/version"
    assert subprocess.run(["curl", "-sk", url], timeout=60, check=False).returncode != 0


def test_once_more(installed: Installed) -> None:
    """The scripts find everything as it should be."""
    control = installed.node("control").address
    assert installed.script("control", "master.sh", "--authority", f"/{AUTHORITY}") == [
        "master.sh: nothing to change"
    ]
    assert installed.script("n1", "node.sh", installed.node("n1").address, control) == [
        "node.sh: nothing to change"
    ]

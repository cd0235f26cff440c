"""The scripts that make machines a cluster: real bash, and stubs of what it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.install.machine import (
    CHECKOUT,
    EVERY,
    MASTER,
    MASTER_WORDS,
    NODE,
    NODE_WORDS,
    SCRIPTS,
    STUB,
    SYSTEMS,
    TIMEOUT_SECONDS,
    Machine,
)

SYSTEMD = CHECKOUT / "packaging/systemd"


def test_a_cluster_on_centos_7(tmp_path: Path) -> None:
    """From a fresh machine to a node, with SELinux enforcing, as a whole."""
    machine = Machine(tmp_path, "centos 7", "selinux", "firewalld")
    machine.make("stage1.sh")
    machine.make(*MASTER_WORDS)
    said = machine.make(*NODE_WORDS)
    assert machine.did == [
        "yum install -y yum-utils",
        "yum install -y epel-release",
        "yum install -y https://zfsonlinux.org/epel/zfs-release-2-3.el7.noarch.rpm",
        "yum-config-manager --disable zfs",
        "yum-config-manager --enable zfs-kmod",
        "yum install -y zfs",
        "modprobe zfs",
        "yum install -y flocker-lite-cli flocker-lite-control",
        "flocker-ca --directory /root/flocker-ca initialize flocker",
        "flocker-ca --directory /root/flocker-ca create-control master 10.0.0.10"
        " --to /root/flocker-ca/for/control",
        "flocker-ca --directory /root/flocker-ca create-user admin --to /root/flocker-ca/for/admin",
        "chgrp flocker-lite /etc/flocker-lite/certificates"
        " /etc/flocker-lite/certificates/cluster.crt"
        " /etc/flocker-lite/certificates/control-master.crt"
        " /etc/flocker-lite/certificates/control-master.key",
        f"flocker-ca --directory /root/flocker-ca create-node --to /root/flocker-ca/for/{NODE}"
        f" --address {NODE}",
        "firewall-cmd --permanent --add-service=flocker-control-api",
        "firewall-cmd --permanent --add-service=flocker-control-agent",
        "firewall-cmd --reload",
        "systemctl enable flocker-control",
        "systemctl start flocker-control",
        "yum install -y docker",
        "systemctl enable docker",
        "systemctl start docker",
        "zpool create -m /flocker flocker /var/opt/flocker/pool-vdev",
        "systemctl enable zfs-import-cache",
        "systemctl start zfs-import-cache",
        "systemctl enable zfs.target",
        "systemctl start zfs.target",
        "yum install -y flocker-lite-node",
        "zfs set context=system_u:object_r:container_file_t:s0 flocker",
        "yum install -y policycoreutils-python",
        "semanage fcontext -a -t container_file_t /var/lib/flocker-lite/poised(/.*)?",
        "semanage fcontext -a -t container_file_t /var/run/flocker-lite/released(/.*)?",
        "semanage fcontext -a -t ssh_home_t /var/lib/flocker-lite/ssh(/.*)?",
        "systemd-tmpfiles --create /etc/tmpfiles.d/flocker-lite.conf",
        "firewall-cmd --permanent --add-service=ssh",
        "firewall-cmd --reload",
        "systemctl enable sshd",
        "systemctl start sshd",
        "systemctl reload sshd",
        "systemctl enable flocker-agent",
        "systemctl start flocker-agent",
    ]
    assert (machine.root / "var/opt/flocker/pool-vdev").stat().st_size == 10 << 30
    assert (machine.root / "etc/sysconfig/flocker-agent").read_text() == (
        f"FLOCKER_NODE_NAME={NODE}\nFLOCKER_CONTROL_NODE={MASTER}\n"
    )
    assert "run: truncate -s 10G /var/opt/flocker/pool-vdev" in said
    assert "write: /etc/sysconfig/flocker-agent" in said


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_second_run(tmp_path: Path, system: str) -> None:
    """It changes nothing at all, and says so."""
    machine = Machine(tmp_path, system, "selinux", "firewalld")
    for words in EVERY:
        assert machine.make(*words)[-1] == f"{words[0]}: done"
    before = machine.everything()
    for words in EVERY:
        assert machine.make(*words) == [f"{words[0]}: nothing to change"]
    assert machine.everything() == before


@pytest.mark.parametrize("system", ["centos 7", "debian 12"])
@pytest.mark.parametrize("words", EVERY, ids=lambda words: str(words[0]))
def test_dry_run(tmp_path: Path, system: str, words: tuple[str, ...]) -> None:
    """It changes nothing, and says all that the run after it will change."""
    machine = Machine(tmp_path, system, "selinux", "firewalld")
    before = machine.everything()
    *would, last = machine.make(*words, "--dry-run")
    assert machine.everything() == before
    assert last.endswith("changes, and none of them made")
    done = [line for line in machine.make(*words) if not line.startswith(words[0])]
    foretold = [line.removeprefix("would ") for line in would if line.startswith("would ")]
    if system != "debian 12":
        assert foretold == done
    # What pip brings can only be looked at once it is there.
    assert set(foretold) <= set(done)


def test_units_from_pip(tmp_path: Path) -> None:
    """On Debian a node gets the units that pip left, and systemd hears of them once."""
    machine = Machine(tmp_path, "debian 12")
    machine.make(*NODE_WORDS)
    units = machine.file("etc/systemd/system")
    for name in ("flocker-agent.service", "flocker-volumes.socket"):
        assert (units / name).read_text() == (SYSTEMD / name).read_text()
    assert machine.did.count("systemctl daemon-reload") == 1


def test_a_pool_that_is_there(tmp_path: Path) -> None:
    """It is left alone, and one whose file is there is taken in, never made anew."""
    machine = Machine(tmp_path, "centos 7")
    (machine.state / "pools").write_text("flocker\n")
    machine.make(*NODE_WORDS)
    assert not any("zpool" in line for line in machine.did)
    (machine.state / "pools").unlink()
    file = machine.root / "var/opt/flocker/pool-vdev"
    file.parent.mkdir(parents=True)
    file.write_text("somebody's data")
    machine.make(*NODE_WORDS)
    assert [line for line in machine.did if "zpool" in line] == [
        "zpool import -d /var/opt/flocker flocker"
    ]
    assert file.read_text() == "somebody's data"


def test_a_disk(tmp_path: Path) -> None:
    """The pool is made on the one that is named, and without force."""
    machine = Machine(tmp_path, "almalinux 9")
    machine.make(*NODE_WORDS, "--disk", "/dev/sdb")
    assert "zpool create -m /flocker flocker /dev/sdb" in machine.did
    assert not (machine.root / "var/opt/flocker").exists()


def test_another_address(tmp_path: Path) -> None:
    """The agent is told and restarted; what else its file says stays, and nothing else happens."""
    machine = Machine(tmp_path, "centos 7")
    machine.make(*NODE_WORDS)
    file = machine.root / "etc/sysconfig/flocker-agent"
    file.write_text(file.read_text() + "# mine\nFLOCKER_AGENT_OPTIONS=--pool tank\n")
    said = machine.make("node.sh", "10.0.0.12", *NODE_WORDS[2:])
    assert said == [
        "write: /etc/sysconfig/flocker-agent",
        "run: systemctl restart flocker-agent",
        "node.sh: done",
    ]
    assert file.read_text() == (
        "FLOCKER_NODE_NAME=10.0.0.12\nFLOCKER_CONTROL_NODE=10.0.0.10\n"
        "# mine\nFLOCKER_AGENT_OPTIONS=--pool tank\n"
    )


def test_packages_from_a_directory(tmp_path: Path) -> None:
    """What is built here is installed from its files, all that go together at once."""
    machine, packages = Machine(tmp_path / "machine", "centos 7"), tmp_path / "packages"
    packages.mkdir()
    for name in ("flocker-lite", "flocker-lite-cli", "flocker-lite-control"):
        (packages / f"{name}-0.1.0-1.el7.x86_64.rpm").touch()
    machine.make("master.sh", "--packages", str(packages))
    files = " ".join(str(path) for path in sorted(packages.iterdir()))
    assert machine.did[0].split(" ")[:3] == ["yum", "install", "-y"]
    assert sorted(machine.did[0].split(" ")[3:]) == files.split(" ")
    assert machine.make("master.sh", "--packages", str(packages)) == [
        "master.sh: nothing to change"
    ]
    missing = machine.run(*NODE_WORDS, "--packages", str(packages))
    assert missing.returncode == 1
    assert "should have one flocker-lite-node-VERSION.rpm" in missing.stderr


def test_without_selinux_and_firewalld(tmp_path: Path) -> None:
    """Where there is neither, nothing is done about them."""
    machine = Machine(tmp_path, "rocky 8")
    for words in EVERY:
        machine.make(*words)
    assert not any(word in line for line in machine.did for word in ("context", "firewall"))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("node.sh", NODE), "usage: node.sh NODE_IP MASTER_IP"),
        (("node.sh", NODE, MASTER, "--force"), "usage: node.sh"),
        (("master.sh", "--packages"), "usage: master.sh"),
        (("stage1.sh", "now"), "usage: stage1.sh"),
    ],
)
def test_mistakes(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    """What is not understood changes nothing."""
    machine = Machine(tmp_path, "centos 7")
    ended = machine.run(*words)
    assert (ended.returncode, machine.did) == (1, [])
    assert reason in ended.stderr


def test_who_may_not(tmp_path: Path) -> None:
    """Somebody who is not root, and a machine that the scripts do not know."""
    machine = Machine(tmp_path, "centos 7")
    machine.uid = 1000
    assert "run it as root" in machine.run("stage1.sh").stderr
    machine.uid = 0
    (machine.root / "etc/os-release").write_text("ID=plan9\nVERSION_ID=4\n")
    assert "this is plan9 4, and the script supports CentOS 7" in machine.run("stage1.sh").stderr
    assert machine.did == []


def test_shellcheck() -> None:
    """Nothing that is known to go wrong in shell scripts."""
    shellcheck = Path(sys.executable).with_name("shellcheck")
    paths = [*SCRIPTS.glob("*.sh"), STUB]
    ended = subprocess.run(
        [shellcheck, "--external-sources", f"--source-path={SCRIPTS}", *paths],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert ended.stdout == ""
    assert ended.returncode == 0

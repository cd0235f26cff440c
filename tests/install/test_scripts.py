"""The scripts that make machines a cluster: real bash, and stubs of what it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPTS = CHECKOUT / "admin/install"
STUB = Path(__file__).with_name("stub.sh")
STUBBED = (
    *("id", "rpm", "dpkg-query", "yum", "dnf", "apt-get", "yum-config-manager", "modprobe"),
    *("systemctl", "firewall-cmd", "getenforce", "setenforce", "zpool", "zfs", "semanage"),
    *("restorecon", "systemd-sysusers", "python3", "install"),
)
TIMEOUT_SECONDS = 120
NODE, MASTER = "10.0.0.11", "10.0.0.10"
SYSTEMS = {
    "centos 7": 'ID="centos"\nVERSION_ID="7"\n',
    "rocky 8": 'ID="rocky"\nVERSION_ID="8.10"\n',
    "almalinux 9": 'ID="almalinux"\nVERSION_ID="9.4"\n',
    "debian 12": 'ID=debian\nVERSION_ID="12"\n',
}
EVERY = ("stage1.sh",), ("master.sh",), ("node.sh", NODE, MASTER)


class Machine:
    """A machine of which the scripts see a directory, and stubs of its programs."""

    def __init__(self, directory: Path, system: str, *properties: str) -> None:
        self.root, self.state, self.stubs = (directory / name for name in ("root", "state", "bin"))
        for path in (self.root / "etc", self.root / "usr/bin", self.state, self.stubs):
            path.mkdir(parents=True)
        (self.root / "etc/os-release").write_text(SYSTEMS[system])
        (self.state / "machine").write_text("".join(f"{word}\n" for word in properties))
        share = directory / "share/flocker-lite"
        for kind in ("systemd", "sysconfig", "sysusers"):
            shutil.copytree(CHECKOUT / "packaging" / kind, share / kind)
        self.share = share.parent
        for name in STUBBED:
            shutil.copy(STUB, self.stubs / name)
        self.uid = 0

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a script."""
        return subprocess.run(
            [SCRIPTS / words[0], *words[1:]],
            env={
                "PATH": f"{self.stubs}:/usr/bin:/bin",
                "FLOCKER_INSTALL_ROOT": str(self.root),
                "STATE": str(self.state),
                "STUB_SHARE": str(self.share),
                "STUB_UID": str(self.uid),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )

    def make(self, *words: str) -> list[str]:
        """Run a script that has to succeed; what it says that it changed, in words."""
        ended = self.run(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ended.stderr == ""
        return ended.stdout.replace(str(self.root), "").splitlines()

    @property
    def did(self) -> list[str]:
        """All that the stubs were told to change so far."""
        path = self.state / "did"
        return path.read_text().replace(str(self.root), "").splitlines() if path.exists() else []

    def everything(self) -> dict[str, bytes]:
        """The content of all files of the machine, other than pools, and of what the stubs keep."""
        return {
            str(path.relative_to(top)): b"" if path.name == "pool-vdev" else path.read_bytes()
            for top in (self.root, self.state)
            for path in top.rglob("*")
            if path.is_file()
        }


def test_a_cluster_on_centos_7(tmp_path: Path) -> None:
    """From a fresh machine to a node, with SELinux enforcing, as a whole."""
    machine = Machine(tmp_path, "centos 7", "selinux", "firewalld")
    machine.make("stage1.sh")
    machine.make("master.sh")
    said = machine.make("node.sh", NODE, MASTER)
    assert machine.did == [
        "yum install -y yum-utils",
        "yum install -y epel-release",
        "yum install -y https://zfsonlinux.org/epel/zfs-release-2-3.el7.noarch.rpm",
        "yum-config-manager --disable zfs",
        "yum-config-manager --enable zfs-kmod",
        "yum install -y zfs",
        "modprobe zfs",
        "yum install -y flocker-lite-cli flocker-lite-control",
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
        "semanage fcontext -a -t container_file_t /run/flocker-lite/released(/.*)?",
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
    *done, _ = machine.make(*words)
    foretold = [line.removeprefix("would ") for line in would if line.startswith("would ")]
    if system != "debian 12":
        assert foretold == done
    # What pip brings can only be looked at once it is there.
    assert set(foretold) <= set(done)


def test_a_pool_that_is_there(tmp_path: Path) -> None:
    """It is left alone, and one whose file is there is taken in, never made anew."""
    machine = Machine(tmp_path, "centos 7")
    (machine.state / "pools").write_text("flocker\n")
    machine.make("node.sh", NODE, MASTER)
    assert not any("zpool" in line for line in machine.did)
    (machine.state / "pools").unlink()
    file = machine.root / "var/opt/flocker/pool-vdev"
    file.parent.mkdir(parents=True)
    file.write_text("somebody's data")
    machine.make("node.sh", NODE, MASTER)
    assert [line for line in machine.did if "zpool" in line] == [
        "zpool import -d /var/opt/flocker flocker"
    ]
    assert file.read_text() == "somebody's data"


def test_a_disk(tmp_path: Path) -> None:
    """The pool is made on the one that is named, and without force."""
    machine = Machine(tmp_path, "almalinux 9")
    machine.make("node.sh", NODE, MASTER, "--disk", "/dev/sdb")
    assert "zpool create -m /flocker flocker /dev/sdb" in machine.did
    assert not (machine.root / "var/opt/flocker").exists()


def test_another_address(tmp_path: Path) -> None:
    """The agent is told and restarted; what else its file says stays, and nothing else happens."""
    machine = Machine(tmp_path, "centos 7")
    machine.make("node.sh", NODE, MASTER)
    file = machine.root / "etc/sysconfig/flocker-agent"
    file.write_text(file.read_text() + "# mine\nFLOCKER_AGENT_OPTIONS=--pool tank\n")
    said = machine.make("node.sh", "10.0.0.12", MASTER)
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
    missing = machine.run("node.sh", NODE, MASTER, "--packages", str(packages))
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
    assert "this is plan9 4: install by hand" in machine.run("stage1.sh").stderr
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

"""`master.sh --etcd`: one of three control services, with its member of etcd."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.install.machine import Machine

THREE = "10.0.0.10,10.0.0.8,10.0.0.9"
FILES = ("ca.crt", "server.crt", "server.key", "client.crt", "client.key")
CONTROL_FILE = "etc/sysconfig/flocker-control"


def words(machine: Machine, tmp_path: Path) -> tuple[str, ...]:
    """The command line, with the certificates that it names."""
    machine.put(tmp_path / "from", "cluster.crt", "control-master.crt", "control-master.key")
    machine.put(tmp_path / "etcd", *FILES)
    return (
        *("master.sh", "--certificates", str(tmp_path / "from")),
        *("--etcd", THREE, "--etcd-certificates", str(tmp_path / "etcd")),
    )


@pytest.mark.parametrize(
    ("system", "package", "settings"),
    [
        ("centos 7", "etcd", "etc/etcd/etcd.conf"),
        ("rocky 8", "etcd", "etc/etcd/etcd.conf"),
        ("debian 12", "etcd-server", "etc/default/etcd"),
    ],
)
def test_a_member(tmp_path: Path, system: str, package: str, settings: str) -> None:
    """etcd is installed, told of the others, and started; the control service uses it."""
    machine = Machine(tmp_path, system, "firewalld")
    line = words(machine, tmp_path)
    machine.make(*line)
    assert any(line.endswith(f"install -y {package}") for line in machine.did)
    said = machine.file(settings).read_text()
    assert "ETCD_NAME=10.0.0.10\n" in said
    peers = ",".join(f"{each}=https://{each}:2380" for each in THREE.split(","))
    assert f"ETCD_INITIAL_CLUSTER={peers}\n" in said
    assert "ETCD_CLIENT_CERT_AUTH=true\n" in said
    assert "systemctl --no-block start etcd" in machine.did
    assert "firewall-cmd --permanent --add-service=etcd-server" in machine.did
    told = machine.file(CONTROL_FILE).read_text()
    store = "etcd:https://10.0.0.10:2379,https://10.0.0.8:2379,https://10.0.0.9:2379"
    assert f"--store {store} --etcd-certificates /etc/flocker-lite/etcd --address 10.0.0.10" in told
    assert "--certificates /etc/flocker-lite/certificates" in told
    for folder, names in (("etc/etcd/tls", FILES[:3]), ("etc/flocker-lite/etcd", FILES[::3])):
        for name in names:
            mode = machine.file(f"{folder}/{name}").stat().st_mode
            assert stat.S_IMODE(mode) == 0o640
    assert machine.make(*line) == ["master.sh: nothing to change"]


def test_refused(tmp_path: Path) -> None:
    """What cannot work is said before anything is changed."""
    machine = Machine(tmp_path, "rocky 8")
    line = words(machine, tmp_path)
    assert "3 or 5 machines" in machine.refuses(*line, "--etcd", "10.0.0.10,10.0.0.9")
    assert "this machine is none of" in machine.refuses(
        *line, "--etcd", "10.0.0.1,10.0.0.2,10.0.0.3"
    )
    assert "usage: master.sh" in machine.refuses("master.sh", "--etcd", THREE)
    (tmp_path / "etcd/server.key").unlink()
    assert "flocker-ca create-etcd 10.0.0.10" in machine.refuses(*line)

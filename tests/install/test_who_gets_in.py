"""The certificates that the installing scripts make, take, or do without."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path

import pytest

from flocker_lite.ca.claims import Kind
from flocker_lite.config import agent_options
from flocker_lite.tls.credentials import credentials, read_files
from tests.install.machine import MASTER, MASTER_WORDS, NODE, NODE_WORDS, Machine

CERTIFICATES = "etc/flocker-lite/certificates"
CONTROL_FILE = "etc/sysconfig/flocker-control"
AGENT_FILE = "etc/flocker-lite/agent.yml"
AGENT_LINES = "version: 1\n# mine\npool: tank\n"
BUNDLE = ("cluster.crt", "control-elsewhere.crt", "control-elsewhere.key")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One with CentOS 7."""
    return Machine(tmp_path, "centos 7")


def names(directory: Path) -> set[str]:
    """What is in a directory."""
    return {path.name for path in directory.iterdir()}


def test_the_real_flocker_ca(machine: Machine) -> None:
    """Each of the two daemons takes what it finds, by the code that it starts with."""
    program = machine.stubs / "flocker-ca"
    program.unlink()
    program.symlink_to(Path(sys.executable).with_name("flocker-ca"))
    machine.make(*MASTER_WORDS, "--cluster", "shop")
    here = machine.file(CERTIFICATES)
    control = credentials(read_files(here, Kind.CONTROL), Kind.CONTROL).facts.claims
    assert control.name == "master"
    assert not (here / "cluster.key").exists()
    given = machine.file(f"root/flocker-ca/for/{NODE}")
    before = names(machine.file("root/flocker-ca"))
    machine.make("node.sh", NODE, MASTER, "--certificates", str(given))
    node = credentials(read_files(here, Kind.NODE), Kind.NODE).facts.claims
    assert node.cluster_id == control.cluster_id
    (key,) = here.glob("node-*.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((here / "control-master.key").stat().st_mode) == 0o640
    options = agent_options(
        machine.file(AGENT_FILE).read_text(), {}, {"node": NODE, "control_host": MASTER}
    )
    assert options.certificates == f"/{CERTIFICATES}"
    machine.make(*MASTER_WORDS)
    assert names(machine.file("root/flocker-ca")) == before


def test_one_more_node(machine: Machine) -> None:
    """It gets a certificate of the same authority, and nothing else is changed."""
    machine.make(*MASTER_WORDS)
    said = machine.make(*MASTER_WORDS, "10.0.0.12")
    assert said[0] == "make the certificate of the node 10.0.0.12"
    assert said[-1] == "master.sh: done"
    assert all(line.startswith("master.sh: ") for line in said[1:])
    assert names(machine.file("root/flocker-ca/for")) == {"control", "admin", NODE, "10.0.0.12"}


def test_by_other_names(machine: Machine) -> None:
    """Those that are said are in the certificate, and no others."""
    machine.make("master.sh", "--address", "shop.example", "--address", "198.51.100.7")
    [made] = [line for line in machine.did if "create-control" in line]
    assert "create-control shop.example 198.51.100.7 --to" in made


def test_made_elsewhere(machine: Machine, tmp_path: Path) -> None:
    """They are taken, no authority is made here, and the service is told where they are."""
    machine.put(tmp_path / "from", *BUNDLE, "cluster.key", "user-alice.key")
    machine.file("etc/sysconfig").mkdir()
    machine.file(CONTROL_FILE).write_text("# mine\nFLOCKER_CONTROL_OPTIONS='--port tcp:1'\nA=b\n")
    words = ("master.sh", "--certificates", str(tmp_path / "from"))
    machine.make(*words)
    assert names(machine.file(CERTIFICATES)) == set(BUNDLE)
    assert not any("flocker-ca" in line for line in machine.did)
    assert machine.file(CONTROL_FILE).read_text() == (
        f'# mine\nA=b\nFLOCKER_CONTROL_OPTIONS="--certificates /{CERTIFICATES} --port tcp:1"\n'
    )
    assert machine.make(*words) == ["master.sh: nothing to change"]


def test_renewed(machine: Machine) -> None:
    """The files are replaced, nothing else happens, and a list that is here stays."""
    machine.make(*NODE_WORDS)
    key = machine.file(f"{CERTIFICATES}/node-1.key")
    key.chmod(0o400)
    (machine.file(CERTIFICATES) / "cluster.revoked").write_text("newer\n")
    machine.put(machine.given, "cluster.revoked")
    for name in ("node-1.crt", "node-1.key"):
        (machine.given / name).write_text("renewed\n")
    said = machine.make(*NODE_WORDS)
    assert said == [
        f"copy the files in {machine.given} to /{CERTIFICATES}",
        "node.sh: done",
    ]
    assert key.read_text() == "renewed\n"
    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    assert (machine.file(CERTIFICATES) / "cluster.revoked").read_text() == "newer\n"


def test_what_is_in_place(machine: Machine) -> None:
    """It is found without being named; the agent's file keeps its lines, and its mode."""
    machine.put(machine.file(CERTIFICATES), "cluster.crt", "node-1.crt", "node-1.key")
    machine.file(AGENT_FILE).write_text(AGENT_LINES)
    machine.file(AGENT_FILE).chmod(0o640)
    machine.make("node.sh", NODE, MASTER)
    assert machine.file(AGENT_FILE).read_text() == f"{AGENT_LINES}certificates: /{CERTIFICATES}\n"
    assert stat.S_IMODE(machine.file(AGENT_FILE).stat().st_mode) == 0o640
    assert machine.make("node.sh", NODE, MASTER) == ["node.sh: nothing to change"]


def test_what_somebody_chose(machine: Machine) -> None:
    """Certificates that the files name elsewhere stay where they are."""
    machine.file("etc/sysconfig").mkdir()
    machine.file(CONTROL_FILE).write_text('FLOCKER_CONTROL_OPTIONS="--certificates /srv/own"\n')
    machine.file(AGENT_FILE).parent.mkdir()
    machine.file(AGENT_FILE).write_text(f"{AGENT_LINES}certificates: /srv/own\n")
    machine.make("master.sh")
    machine.make("node.sh", NODE, MASTER)
    assert machine.file(CONTROL_FILE).read_text().count("--certificates") == 1
    assert machine.file(AGENT_FILE).read_text() == f"{AGENT_LINES}certificates: /srv/own\n"
    assert not machine.file(CERTIFICATES).exists()


def test_a_lab(machine: Machine) -> None:
    """Both say loudly what it means to do without, whenever they run."""
    lab = (("master.sh",), ("node.sh", NODE, MASTER))
    for words in lab:
        said = machine.make(*words, "--insecure")
        assert any(line.startswith(f"{words[0]}: INSECURE") for line in said)
    assert '"--insecure"' in machine.file(CONTROL_FILE).read_text()
    options = agent_options(
        machine.file(AGENT_FILE).read_text(), {}, {"node": NODE, "control_host": "c"}
    )
    assert (options.insecure, options.certificates) == (True, None)
    for words in lab:
        said = machine.make(*words)
        assert said[0].startswith(f"{words[0]}: INSECURE")
        assert said[1:] == [f"{words[0]}: nothing to change"]


def test_a_lab_that_grew_up(machine: Machine, tmp_path: Path) -> None:
    """With certificates nothing of it is left."""
    machine.make("master.sh", "--insecure")
    machine.make("node.sh", NODE, MASTER, "--insecure")
    machine.put(tmp_path / "from", *BUNDLE)
    machine.make("master.sh", "--certificates", str(tmp_path / "from"))
    machine.make(*NODE_WORDS)
    for path in (CONTROL_FILE, AGENT_FILE):
        assert "insecure" not in machine.file(path).read_text()
    assert machine.did[-1] == "systemctl restart flocker-agent"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ("node.sh", NODE, MASTER),
            "without certificates the agent obeys nobody at 10.0.0.10: run",
        ),
        (("node.sh", NODE, MASTER, "--certificates", "/nowhere"), "should have one node-NAME"),
        ((*NODE_WORDS, "--insecure"), "usage: node.sh"),
        (("master.sh", "--certificates", "{given}"), "should have one control-NAME.crt"),
        (("master.sh", "--certificates", "{given}", "--insecure"), "usage: master.sh"),
        (("master.sh", "--certificates", "{given}", NODE), "usage: master.sh"),
        (("master.sh", "../../etc"), "usage: master.sh"),
    ],
)
def test_refused(machine: Machine, words: tuple[str, ...], reason: str) -> None:
    """What would not work is refused before anything is changed, with what to do."""
    assert reason in machine.refuses(*words)


def test_half_of_a_bundle(machine: Machine) -> None:
    """A certificate without its key or its authority is none."""
    for name in ("node-1.key", "cluster.crt"):
        (machine.given / name).rename(machine.given / "away")
        assert f"there is no {machine.given}/{name}" in machine.refuses(*NODE_WORDS)
        (machine.given / "away").rename(machine.given / name)
    machine.put(machine.given, "node-2.crt")
    assert "should have one node-NAME.crt" in machine.refuses(*NODE_WORDS)


def test_another_node(machine: Machine) -> None:
    """A machine that is a node already does not become another one by a wrong directory."""
    machine.make(*NODE_WORDS)
    for name in ("node-1.crt", "node-1.key"):
        (machine.given / name).rename(machine.given / name.replace("1", "2"))
    assert "and should have node-2.crt: move the first one away" in machine.refuses(*NODE_WORDS)


def test_secure_and_insecure(machine: Machine) -> None:
    """What has certificates is not made insecure by the way, nor a lab half secure."""
    machine.make("master.sh")
    machine.make(*NODE_WORDS)
    said = "--insecure excludes certificates: take "
    assert said in machine.refuses("master.sh", "--insecure")
    assert said in machine.refuses("node.sh", NODE, MASTER, "--insecure")
    text = machine.file(CONTROL_FILE).read_text()
    machine.file(CONTROL_FILE).write_text(
        text.replace(f"--certificates /{CERTIFICATES}", "--insecure")
    )
    assert "take --insecure out of" in machine.refuses(*MASTER_WORDS)
    machine.file(CONTROL_FILE).write_text("FLOCKER_CONTROL_OPTIONS=\"--port 'tcp:1'\"\n")
    assert "there are quotes in" in machine.refuses("master.sh")


def test_an_authority_elsewhere(machine: Machine, tmp_path: Path) -> None:
    """Where it is not, no certificates of nodes can be made."""
    machine.put(tmp_path / "from", *BUNDLE)
    machine.make("master.sh", "--certificates", str(tmp_path / "from"))
    assert "the cluster's authority is not in /root/flocker-ca" in machine.refuses(*MASTER_WORDS)


def test_what_flocker_ca_refuses(machine: Machine) -> None:
    """The script ends there, and says how to name a machine that has a name of no host."""
    program = machine.stubs / "flocker-ca"
    program.write_text("#!/bin/sh\necho \"'my_host' is no host name\" >&2\nexit 1\n")
    ended = machine.run("master.sh")
    assert ended.returncode == 1
    assert "'my_host' is no host name" in ended.stderr
    assert "--address gives the names of this machine" in ended.stderr
    assert "systemctl start flocker-control" not in machine.did


def test_one_machine(machine: Machine) -> None:
    """A cluster of one machine needs no certificates, and is told so."""
    said = machine.make("node.sh", "127.0.0.1", "127.0.0.1")
    assert said[0] == "node.sh: without certificates this node is in a cluster of one machine"


def test_debian(tmp_path: Path) -> None:
    """The agent has its file there, too, which no package brings."""
    machine = Machine(tmp_path, "debian 12")
    machine.make(*NODE_WORDS)
    options = agent_options(
        machine.file(AGENT_FILE).read_text(), {}, {"node": NODE, "control_host": "c"}
    )
    assert options.certificates == f"/{CERTIFICATES}"


def test_a_silent_service(machine: Machine) -> None:
    """When its first user gets no answer the script says where to look."""
    script = machine.stubs.parent / "scripts"
    shutil.copytree(Path(__file__).resolve().parents[2] / "admin/install", script)
    text = (script / "master.sh").read_text()
    (script / "master.sh").write_text(text.replace("answer_seconds_max=30", "answer_seconds_max=0"))
    (machine.stubs / "curl").write_text("#!/bin/sh\nexit 7\n")
    ended = machine.run(str(script / "master.sh"))
    assert ended.returncode == 1
    assert "does not answer at https://10.0.0.10:4523/v1/version: `journalctl" in ended.stderr

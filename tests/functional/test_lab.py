"""The lab on the real machine: nodes are hosts of their own, and nothing of them stays."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from admin.hosts import Lab, LabError, Node
from admin.hosts.cgroups import tops_of
from admin.hosts.keys import connect_roots
from admin.hosts.lab import CHECKOUT
from admin.hosts.network import namespaces_of, processes_in
from admin.hosts.processes import ProcessRecord, run, wait_until

SUBNET = "10.78.0.0/24"
SUBNET_OF_KILLED = "10.78.1.0/24"
COMMAND_TIMEOUT_SECONDS = 120.0
PULL_TIMEOUT_SECONDS = 60.0
PROGRESS_TIMEOUT_SECONDS = 30.0
BUSY_TIMEOUT_SECONDS = 5.0
# By the descriptor that wrote: on zfs-fuse neither sync(1) of a file nor syncfs flushes anything.
WRITE_AND_FSYNC = """
import os, sys
descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
os.write(descriptor, sys.argv[2].encode())
os.fsync(descriptor)
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of two plain hosts."""
    with Lab("test-lab", SUBNET, services=False) as made:
        yield made


@pytest.fixture
def second() -> Iterator[Lab]:
    """Another lab beside the first, not up yet; whatever a test leaves of it is removed."""
    made = Lab("test-lab-2", SUBNET_OF_KILLED, nodes=1, services=False)
    made.down()
    yield made
    made.down()


def traces(lab: Lab) -> list[str]:
    """All that a lab has on the machine outside its own folder."""
    tag = lab.plan.tag
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    links = run(["ip", "-oneline", "link", "show"]).stdout.splitlines()
    return [
        *namespaces_of(tag),
        *(line for line in mounts if tag in line or str(lab.plan.folder) in line),
        *(line for line in links if tag in line),
        *map(str, tops_of(tag)),
    ]


def processes(lab: Lab) -> list[ProcessRecord]:
    """All processes that live in a lab."""
    return [record for name in namespaces_of(lab.plan.tag) for record in processes_in(name)]


def start_up(lab: Lab) -> subprocess.Popen[bytes]:
    """`admin/lab up` in the background, quiet."""
    return subprocess.Popen(
        [
            str(CHECKOUT / "admin/lab"),
            *("--name", lab.plan.name, "--subnet", str(lab.plan.subnet)),
            *("up", "--nodes", "1", "--no-services"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def command(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One `admin/lab` command to its end."""
    argv = [str(CHECKOUT / "admin/lab"), "--name", lab.plan.name, *arguments]
    return run(argv, timeout_seconds=COMMAND_TIMEOUT_SECONDS, check=False)


def test_nodes_reach_each_other_by_name_and_by_both_addresses(lab: Lab) -> None:
    """The nodes, and the machine itself, are on one network."""
    n1, n2 = lab.node("n1"), lab.node("n2")
    for target in ("n2", n2.address, n2.address6, "control", "registry"):
        n1.run(["ping", "-c1", "-W2", target])
    run(["ping", "-c1", "-W2", n1.address])


def test_root_reaches_other_nodes_by_ssh_and_finds_the_programs_there(lab: Lab) -> None:
    """Where a script needs it, without questions; the checkout's programs are in the path."""
    connect_roots([lab.node("n1"), lab.node("n2")])
    answer = lab.node("n1").run(
        ["ssh", "-o", "BatchMode=yes", lab.node("n2").address, "hostname; command -v twistd"]
    )
    assert answer.stdout.split() == ["n2", f"{CHECKOUT}/.venv/bin/twistd"]


def test_pools_are_independent(lab: Lab) -> None:
    """A dataset on one node is not on another, and neither is what is mounted."""
    n1, n2 = lab.node("n1"), lab.node("n2")
    n1.run(["zfs", "create", f"{n1.pool}/only-on-1"])
    n2.run(["zfs", "create", f"{n2.pool}/only-on-2"])
    n1.run(["sh", "-c", "echo one >/flocker/only-on-1/file"])
    assert "only-on-1" not in n2.run(["zfs", "list", "-H", "-r", n2.pool]).stdout
    assert n1.run(["ls", "/flocker"]).stdout.split() == ["only-on-1"]
    assert n2.run(["ls", "/flocker"]).stdout.split() == ["only-on-2"]
    destroy = ["zfs", "destroy", f"{n2.pool}/only-on-2"]
    # zfs-fuse says "dataset is busy" for a moment after it was looked into.
    assert wait_until(lambda: not n2.run(destroy, check=False).returncode, BUSY_TIMEOUT_SECONDS)
    assert n1.run(["cat", "/flocker/only-on-1/file"]).stdout == "one\n"


def test_an_image_is_pulled_and_its_container_is_reached_from_another_node(lab: Lab) -> None:
    """Docker pulls `redis` as from its default registry and publishes the port as on any host."""
    n1, n2 = lab.node("n1"), lab.node("n2")
    n1.run(["docker", "pull", "redis:latest"], timeout_seconds=PULL_TIMEOUT_SECONDS)
    n1.run(
        ["docker", "run", "-d", "--name=cache", "-p=6379:6379", "-v=/flocker/r:/data", "redis"],
        timeout_seconds=PULL_TIMEOUT_SECONDS,
    )
    ask = f"exec 3<>/dev/tcp/{n1.address}/6379; echo PING >&3; head -c 5 <&3"

    def answers() -> bool:
        return n2.run(["bash", "-c", ask], check=False).stdout == "+PONG"

    assert wait_until(answers, PROGRESS_TIMEOUT_SECONDS)
    users = n1.run(["docker", "exec", "cache", "stat", "-c", "%u %U", "/data", "/proc/1"]).stdout
    assert [line.split()[1] for line in users.splitlines()] == ["redis", "redis"]
    n1.run(["docker", "rm", "--force", "--volumes", "cache"])


def test_nodes_may_have_the_images_from_the_start(lab: Lab) -> None:
    """They are what a pull would bring, and nobody is asked for them."""
    words = ["docker", "image", "inspect", "--format={{.Id}} {{.RepoDigests}}", "redis:latest"]
    with Lab("test-lab-pulled", SUBNET_OF_KILLED, nodes=1, services=False, pulled=True) as second:
        second.node("registry").crash()
        n1 = second.node("n1")
        assert n1.run(words).stdout == lab.node("n1").run(words).stdout
        for image in ("redis", "nginx", "postgres"):
            n1.run(["docker", "run", "--rm", image, "true"])


def test_a_crashed_node_comes_back_with_its_pool(lab: Lab) -> None:
    """What was synced before the power was lost is there after the start, and peers see it soon."""
    n1, n2 = lab.node("n1"), lab.node("n2")
    n1.run(["zfs", "create", f"{n1.pool}/kept"])
    n1.run(["python3", "-c", WRITE_AND_FSYNC, "/flocker/kept/file", "safe"])
    n1.crash()
    assert not n1.is_running()
    assert set(n1.services().values()) == {False}
    assert n2.run(["ping", "-c1", "-W1", n1.address], check=False).returncode
    n1.start()
    assert n1.run(["cat", "/flocker/kept/file"]).stdout == "safe"
    n2.run(["ping", "-c1", "-W2", n1.address])
    n1.run(["docker", "image", "inspect", "redis:latest"])


def test_a_cut_cable_silences_a_node_that_goes_on(lab: Lab) -> None:
    """The node runs on and is reached again when the cable is back."""
    n1, n2 = lab.node("n1"), lab.node("n2")
    n1.cut()
    try:
        assert not n1.is_connected()
        assert n2.run(["ping", "-c1", "-W1", n1.address], check=False).returncode
        assert all(n1.services().values())
    finally:
        n1.heal()
    n2.run(["ping", "-c1", "-W2", n1.address])


def test_a_service_that_was_killed_is_shown_and_stays_down(lab: Lab) -> None:
    """Nothing is restarted behind the back of who looks."""
    n2: Node = lab.node("n2")
    n2.kill_service("sshd")
    shown = {row["node"]: row for row in json.loads(command(lab, "status", "--json").stdout)}
    assert shown["n2"]["services"]["sshd"] is False
    assert shown["n1"]["services"]["sshd"] is True
    n2.start_service("sshd")
    assert n2.services()["sshd"] is True
    n2.stop_service("sshd")
    assert n2.services()["sshd"] is False
    n2.start_service("sshd")


def test_a_command_that_hangs_on_a_node_is_killed_there(lab: Lab) -> None:
    """After the time-out the command is not on the node any more."""
    n1 = lab.node("n1")
    with pytest.raises(subprocess.TimeoutExpired):
        n1.run(["sleep", "4321"], timeout_seconds=0.5)
    assert n1.run(["pgrep", "-f", "^sleep 4321"], check=False).stdout == ""


def made_switch(lab: Lab) -> bool:
    """Progress of `up`: the network is being made."""
    return bool(namespaces_of(lab.plan.tag))


def booted_a_node(lab: Lab) -> bool:
    """Progress of `up`: a node has its first process."""
    return (lab.plan.folder / "nodes/n1/init.json").exists()


def started_docker(lab: Lab) -> bool:
    """Progress of `up`: a node has its pool and starts the rest."""
    return (lab.plan.folder / "nodes/n1/log/dockerd.log").exists()


@pytest.mark.parametrize("progress", [made_switch, booted_a_node, started_docker])
def test_up_works_after_an_up_that_was_killed(second: Lab, progress: Callable[[Lab], bool]) -> None:
    """kill -9 in the middle of `up` leaves nothing that would be in the way of the next one."""
    with start_up(second) as process:
        assert wait_until(lambda: progress(second), PROGRESS_TIMEOUT_SECONDS)
        process.kill()
    second.up()
    second.node("n1").run(["zpool", "list", "-H", second.node("n1").pool])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_cleans_up(second: Lab, number: signal.Signals) -> None:
    """After Ctrl-C, or a polite kill, only the logs are there."""
    with start_up(second) as process:
        assert wait_until(lambda: booted_a_node(second), PROGRESS_TIMEOUT_SECONDS)
        process.send_signal(number)
        assert process.wait(PROGRESS_TIMEOUT_SECONDS) == 130
    assert traces(second) == []
    assert {path.name for path in second.plan.folder.glob("nodes/*/*")} == {"log"}


def test_down_leaves_nothing_after_everything_was_killed(second: Lab) -> None:
    """Processes, mounts, namespaces, links, control groups and files are gone, even so."""
    second.up()
    n1 = second.node("n1")
    n1.run(
        ["docker", "run", "-d", "--restart=always", "redis"], timeout_seconds=PULL_TIMEOUT_SECONDS
    )
    lived = processes(second)
    assert lived
    assert tops_of(second.plan.tag)
    for record in lived[::2]:
        record.kill()
    second.down()
    assert not [record for record in lived if record.is_alive()]
    assert traces(second) == []
    assert not second.plan.folder.exists()


def test_a_second_lab_on_the_same_subnet_is_refused(lab: Lab) -> None:
    """The error says what to choose; the first lab goes on."""
    rival = Lab("test-lab-rival", SUBNET, nodes=1, services=False)
    with pytest.raises(LabError, match="--subnet"):
        rival.up()
    rival.down()
    assert traces(rival) == []
    assert lab.node("n1").is_running()

"""Runs the installed daemons as on a kernel of CentOS 7, until there is a dataset."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from admin.hosts.processes import wait_until
from admin.packaging import layout, units
from admin.packaging.errors import PackagingError
from admin.packaging.lifecycle import NAMES, packages
from admin.packaging.machine import Machine, expect
from admin.vm.commands import run
from flocker_lite.config import CONTROL_VARIABLE, NODE_VARIABLE

ADDRESS = "127.0.0.1"
API = f"http://{ADDRESS}:4523/v1"
DOCKER = [
    *("dockerd", "--storage-driver=vfs", "--data-root=/run/docker-data", "--exec-root=/run/docker"),
    *("--bridge=none", "--iptables=false", "--ip6tables=false"),
]
"""An engine for the agent to ask; no container is started."""
POOL = "flocker"
POOL_BYTES = 256 * 1024 * 1024
DATASET = "c01dc0de-0000-4000-8000-000000000001"
OLD_KERNEL = Path("packaging/rpm/old-kernel.c")
OLD_NAME = Path("packaging/rpm/old-kernel-name.c")

COMMAND_SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 10
WAIT_SECONDS_MAX = 120
END_SECONDS_MAX = 60
LOG_TAIL_CHARACTERS = 1000


def play(machine: Machine, checkout: Path, stub: Path, folder: Path) -> None:
    """
    Install the packages, start both daemons, and have one dataset made on real ZFS.

    :raises PackagingError: when there is none in time, or a daemon does not end well.
    """
    machine.rpm("--install", str(stub))
    machine.rpm("--install", *packages(folder))
    _run("ip", "link", "set", "lo", "up")
    _make_old(machine, checkout)
    said = machine.run(f"{layout.COMMANDS}/twistd", "--version", before=("/run/old-kernel",))
    expect("twistd" in said, f"twistd does not say its version: {said}")
    with ExitStack() as stack:
        stack.enter_context(_zfs(machine))
        stack.enter_context(_process(machine, DOCKER, "/run/dockerd.log"))
        control = stack.enter_context(_daemon(machine, "flocker-control"))
        agent = stack.enter_context(_daemon(machine, "flocker-agent"))
        _await(machine, "the node", lambda: ADDRESS in json.dumps(_ask("/state/nodes")))
        _ask("/configuration/datasets", {"primary": ADDRESS, "dataset_id": DATASET})
        _await(machine, "the dataset", lambda: DATASET in json.dumps(_ask("/state/datasets")))
        listed = machine.run("zfs", "list", "-H", "-o", "name,mounted,mountpoint").splitlines()
        rows = [line.split("\t") for line in listed if DATASET in line]
        expect(bool(rows) and rows[0][1] == "yes", f"ZFS does not have it: {listed}")
        machine.write(f"{rows[0][2]}/file", "written\n")
        for process in (agent, control):
            process.terminate()
            code = process.wait(END_SECONDS_MAX)
            # twistd ends by the signal that ended it, once all is closed.
            well = code == -signal.SIGTERM
            expect(well, f"{_logs(machine)}\na daemon ended with the code {code}")
    machine.rpm("--verify", *NAMES)


def _make_old(machine: Machine, checkout: Path) -> None:
    """Put what makes a kernel look like that of CentOS 7 on the machine."""
    program, library = machine.path("/run/old-kernel"), machine.path("/run/old-kernel-name.so")
    _run("gcc", "-O1", "-Wall", "-o", str(program), str(checkout / OLD_KERNEL))
    shared = ("-shared", "-fPIC", "-o", str(library))
    _run("gcc", "-O1", "-Wall", *shared, str(checkout / OLD_NAME))


@contextmanager
def _zfs(machine: Machine) -> Iterator[None]:
    """A pool in a file, by a zfs-fuse of the machine's own."""
    machine.write("/etc/hosts", f"127.0.0.1 localhost {os.uname().nodename}\n")
    for folder in ("/run/zfs", "/run/lock/zfs", "/flocker", "/var/lib/zfs"):
        machine.path(folder).mkdir(parents=True, exist_ok=True)
    machine.path("/var/lib/zfs/zpool.cache").unlink(missing_ok=True)
    with machine.path("/srv/disk").open("wb") as disk:
        disk.truncate(POOL_BYTES)
    with _process(machine, ["zfs-fuse", "--no-daemon", "--no-kstat-mount"], "/run/zfs-fuse.log"):
        socket = machine.path("/run/zfs/zfs_socket")
        _await(machine, "zfs-fuse", socket.exists)
        machine.run("zpool", "create", "-m", "/flocker", POOL, "/srv/disk")
        yield
        machine.run("zpool", "export", "-f", POOL)


@contextmanager
def _daemon(machine: Machine, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon as its unit has it, by its command, its user and its powers."""
    said = units.service(machine.read(f"/usr/lib/systemd/system/{name}.service"))
    # What EnvironmentFile= brings, when it is filled in.
    told = [f"{NODE_VARIABLE}={ADDRESS}", f"{CONTROL_VARIABLE}={ADDRESS}"]
    before = ["/run/old-kernel", "env", "LD_PRELOAD=/run/old-kernel-name.so", *told]
    argv = [*units.confinement(said), *before, *units.command_line(said)]
    with _process(machine, argv, f"/run/{name}.log") as process:
        yield process


@contextmanager
def _process(machine: Machine, argv: list[str], log: str) -> Iterator[subprocess.Popen[bytes]]:
    with machine.path(log).open("wb") as output:
        process = subprocess.Popen(
            ["chroot", str(machine.root), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(path: str, body: object = None) -> object:
    """The REST API's answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:
        return json.load(answer)


def _await(machine: Machine, what: str, holds: Callable[[], bool]) -> None:
    """Poll until something holds; what does not answer yet does not hold."""

    def settled() -> bool:
        try:
            return holds()
        except (OSError, urllib.error.URLError):
            return False

    if not wait_until(settled, WAIT_SECONDS_MAX):
        raise PackagingError(f"{_logs(machine)}\n{what} is not there in {WAIT_SECONDS_MAX} seconds")


def _logs(machine: Machine) -> str:
    """The ends of what the processes said."""
    logs = sorted(machine.path("/run").glob("*.log"))
    return "\n".join(f"{log.name}: {log.read_text()[-LOG_TAIL_CHARACTERS:]}" for log in logs)


def _run(*argv: str) -> None:
    run(argv, timeout_seconds=COMMAND_SECONDS_MAX)

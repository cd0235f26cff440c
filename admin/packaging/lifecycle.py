"""Installs, upgrades, downgrades and erases the packages on a machine, and looks at it."""

from __future__ import annotations

from pathlib import Path

from admin.packaging import layout
from admin.packaging.machine import Machine, expect, refused

AGENT_FILE = layout.AGENT_FILE
SYSCONFIG = "/etc/sysconfig/flocker-agent"
CONTROL_DATA = "/var/lib/flocker-lite/control/store.sqlite"
NODE_DATA = "/var/lib/flocker-lite/identity.json"
EDITED = "version: 1\npool: mine\n"
DATA = "as precious as data is\n"
NAMES = (layout.NAME, *(f"{layout.NAME}-{package}" for package in layout.SUB_PACKAGES))
UNITS = ("flocker-control.service", "flocker-agent.service")


def packages(folder: Path) -> list[str]:
    """The paths of the packages in a folder."""
    return sorted(str(path) for path in folder.glob("*.rpm"))


def play(machine: Machine, stub: Path, first: Path, second: Path) -> None:
    """
    The whole life of the packages.

    :param stub: the package that stands for the base of CentOS 7.
    :param second: has a newer release, with another agent.yml.
    :raises PackagingError: when something is not as it should be.
    """
    said = refused(machine, "--install", *packages(first))
    expect("GLIBC_2.17" in said, f"without its base it is refused for another reason: {said}")
    machine.rpm("--install", str(stub))
    _install(machine, first)
    _use(machine)
    _edit(machine)
    _upgrade(machine, second)
    _downgrade(machine, first)
    _erase(machine)


def _install(machine: Machine, folder: Path) -> None:
    machine.rpm("--install", *packages(folder))
    listed = machine.rpm("--query", "--list", *NAMES).split("\n")[:-1]
    links = [path for path in listed if machine.path(path).is_symlink()]
    wrong = layout.misplaced(listed, links)
    expect(not wrong, f"these are nowhere that they may be: {wrong}")
    strays = machine.appeared() - set(listed)
    expect(not strays, f"no package owns these: {sorted(strays)}")
    _verify(machine)
    user, directory = machine.run("stat", "--format=%U %a", "/var/lib/flocker-lite/control").split()
    expect((user, directory) == ("flocker-lite", "700"), f"the store is open: {user} {directory}")
    calls = machine.systemctl_calls()
    for unit in UNITS:
        expect(f"--no-reload preset {unit}" in calls, f"{unit} has no preset: {calls}")


def _use(machine: Machine) -> None:
    """Run, as root, what leaves files behind if anything does."""
    for name in (*layout.OWNERS, "twistd"):
        command = f"{layout.COMMANDS}/{name}"
        if name != "flocker-lite-receive" and machine.path(command).exists():
            machine.run(command, "--help")
    said = machine.run(f"{layout.COMMANDS}/twistd", "--help")
    expect("flocker-agent" in said and "flocker-control" in said, f"twistd has no plugins: {said}")
    _verify(machine)


def _edit(machine: Machine) -> None:
    machine.write(AGENT_FILE, EDITED)
    machine.write(SYSCONFIG, "FLOCKER_NODE_NAME=10.0.0.11\n")
    machine.write(CONTROL_DATA, DATA)
    machine.write(NODE_DATA, DATA)


def _upgrade(machine: Machine, second: Path) -> None:
    machine.rpm("--upgrade", *packages(second))
    _expect_kept(machine)


def _downgrade(machine: Machine, first: Path) -> None:
    said = refused(machine, "--upgrade", *packages(first))
    expect("newer" in said, f"an older package is refused for another reason: {said}")
    machine.rpm("--upgrade", "--oldpackage", *packages(first))
    _expect_kept(machine)


def _expect_kept(machine: Machine) -> None:
    """What was edited and the data are as they were, and the daemons run the new code."""
    expect(machine.read(AGENT_FILE) == EDITED, f"{AGENT_FILE} was overwritten")
    expect(machine.read(f"{AGENT_FILE}.rpmnew") != "", "the new agent.yml is not beside the old")
    machine.path(f"{AGENT_FILE}.rpmnew").unlink()
    expect("10.0.0.11" in machine.read(SYSCONFIG), f"{SYSCONFIG} was overwritten")
    for path in (CONTROL_DATA, NODE_DATA):
        expect(machine.read(path) == DATA, f"{path} was touched")
    calls = machine.systemctl_calls()
    for unit in UNITS:
        expect(calls.count(f"try-restart {unit}") == 1, f"{unit} was not restarted: {calls}")
        expect(not any(f"stop {unit}" in call for call in calls), f"{unit} was stopped: {calls}")


def _erase(machine: Machine) -> None:
    machine.rpm("--erase", *NAMES)
    expect(machine.read(f"{AGENT_FILE}.rpmsave") == EDITED, f"{AGENT_FILE} was not saved")
    expect("10.0.0.11" in machine.read(f"{SYSCONFIG}.rpmsave"), f"{SYSCONFIG} was not saved")
    for path in (CONTROL_DATA, NODE_DATA):
        expect(machine.read(path) == DATA, f"{path} was touched")
    calls = machine.systemctl_calls()
    for unit in UNITS:
        expect(f"stop {unit}" in calls, f"{unit} was left running: {calls}")
    left = {path for path in machine.appeared() if not machine.path(path).is_char_device()}
    kept = {f"{AGENT_FILE}.rpmsave", f"{SYSCONFIG}.rpmsave", CONTROL_DATA, NODE_DATA}
    expect(left == kept, f"these were left, or lost: {sorted(left ^ kept)}")


def _verify(machine: Machine) -> None:
    """`rpm -V` exits with another code than 0 when a file is not as the package has it."""
    machine.rpm("--verify", *NAMES)

"""Where everything lies on the machine that has the packages, purely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

HOME = "/opt/flocker-lite"
PYTHON_HOME = f"{HOME}/python"
PYTHON = f"{PYTHON_HOME}/bin/python3.11"
LIBRARY = f"{PYTHON_HOME}/lib/python3.11"
SITE_PACKAGES = f"{LIBRARY}/site-packages"
COMMANDS = f"{HOME}/bin"
LINKS = "/usr/bin"

AGENT_FILE = "/etc/flocker-lite/agent.yml"

NAME = "flocker-lite"
SUB_PACKAGES = ("control", "node", "cli")
ARCHITECTURE = "x86_64"
RELEASE = "1"
DISTRIBUTION = ".el7"

OWNERS = {
    "flocker-control": "control",
    "flocker-agent": "node",
    "flocker-lite-receive": "node",
    "flocker-ca": "cli",
    "flockerctl": "cli",
}
"""Which sub-package each of the project's commands is in; all of them are linked in LINKS."""

SHIPPED = {
    "packaging/systemd/flocker-control.service": "/usr/lib/systemd/system/flocker-control.service",
    "packaging/systemd/flocker-agent.service": "/usr/lib/systemd/system/flocker-agent.service",
    "packaging/systemd/flocker-volumes.socket": "/usr/lib/systemd/system/flocker-volumes.socket",
    "packaging/sysconfig/flocker-control": "/etc/sysconfig/flocker-control",
    "packaging/sysconfig/flocker-agent": "/etc/sysconfig/flocker-agent",
    "packaging/etc/agent.yml": AGENT_FILE,
    "packaging/firewalld/flocker-control-api.xml": (
        "/usr/lib/firewalld/services/flocker-control-api.xml"
    ),
    "packaging/firewalld/flocker-control-agent.xml": (
        "/usr/lib/firewalld/services/flocker-control-agent.xml"
    ),
    "packaging/monitoring/alerts.yml": f"{HOME}/monitoring/alerts.yml",
    "packaging/monitoring/grafana-dashboard.json": f"{HOME}/monitoring/grafana-dashboard.json",
    "packaging/monitoring/prometheus.yml": f"{HOME}/monitoring/prometheus.yml",
    "LICENSE": f"{HOME}/doc/LICENSE",
    "README.rst": f"{HOME}/doc/README.rst",
    "CHANGELOG.rst": f"{HOME}/doc/CHANGELOG.rst",
}
"""Files of the checkout, and where they go. Those in packaging/ are named in the spec as well."""

BILL_OF_MATERIALS = f"{HOME}/doc/flocker-lite.cdx.json"

PLACES = (
    *(HOME, "/etc/flocker-lite", "/etc/sysconfig", "/usr/lib/systemd/system"),
    *("/usr/lib/firewalld/services", "/var/lib/flocker-lite", "/var/log/flocker-lite"),
)
"""Below which files may lie; besides, there are the links in LINKS."""

NOT_NEEDED = {"test", "tests", "_test", "newsfragments", "testing"}
"""Folders of libraries that only their own tests, or ours, need."""

NEEDED_TESTING = {"twisted/internet/testing.py", "treq/testing.py"}


def misplaced(paths: Iterable[str], links: Iterable[str]) -> list[str]:
    """The paths that are neither in one of the PLACES nor, as links, commands of ours in LINKS."""
    commands = {f"{LINKS}/{name}" for name in OWNERS}
    allowed = commands & set(links)
    return [
        path
        for path in paths
        if path not in allowed
        and not any(PurePosixPath(path).is_relative_to(place) for place in PLACES)
    ]


def launcher(target: str) -> str:
    """The text of a command, from its entry point "module:function".

    Nothing in the environment or the home of who runs it changes which code that is.
    """
    module, _, function = target.partition(":")
    return (
        f"#!{PYTHON} -sE\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
    )


def package_of(command: str, scripts: Mapping[str, str]) -> str:
    """The sub-package of one of the project's commands.

    Raises KeyError that says what to do when a command is new.
    """
    if command not in scripts:
        raise KeyError(f"the project has no command {command}")
    try:
        return OWNERS[command]
    except KeyError:
        raise KeyError(f"say in OWNERS which sub-package {command} is in") from None


def is_needed(path: PurePosixPath) -> bool:
    """Whether something in site-packages is there for more than tests."""
    return not NOT_NEEDED & set(path.parts[:-1]) and path.name not in NOT_NEEDED


def file_name(package: str, version: str, release: str = RELEASE) -> str:
    """The file of a package; "" is the main one."""
    name = f"{NAME}-{package}" if package else NAME
    return f"{name}-{version}-{release}{DISTRIBUTION}.{ARCHITECTURE}.rpm"

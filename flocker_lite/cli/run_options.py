"""The options of `docker run` that are fields of a container here: one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from flocker_lite.cli import docker_options
from flocker_lite.cli.session import parsed
from flocker_lite.cli.units import seconds, size_bytes

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Option:
    """An option, and the `field` that it sets; with a `part`, that key of the field or `COMBINED`.

    `parse` takes the text, or all texts where the option may be given several times. A flag has no
    text, and sets true.
    """

    flags: tuple[str, ...]
    field: str
    help: str
    parse: Callable[[Any], Any] = str
    several: bool = False
    flag: bool = False
    part: str = ""

    @property
    def parameter(self) -> str:
        """What click calls its value."""
        return f"{self.field}_{self.part}" if self.part else self.field


def _swap_bytes(text: str) -> int:
    return -1 if text == "-1" else size_bytes(text)


OPTIONS = (
    Option(("-u", "--user"), "user", "USER or USER:GROUP, by name or number."),
    Option(("-w", "--workdir"), "working_dir", "The directory in which its programs begin."),
    Option(("--entrypoint",), "entrypoint", "The program, instead of the image's.", lambda x: [x]),
    Option(("--hostname",), "hostname", "Its host name; by default its name."),
    Option(("--domainname",), "domainname", "The domain of its host name."),
    Option(("--init",), "init", "Its first program is an init.", flag=True),
    Option(("-t", "--tty"), "tty", "It has a terminal.", flag=True),
    Option(("-i", "--interactive"), "stdin_open", "Keep its standard input open.", flag=True),
    Option(("--stop-signal",), "stop_signal", "The signal that asks it to end."),
    Option(("--stop-timeout",), "stop_timeout_seconds", "How long it may take to end.", seconds),
    Option(("--platform",), "platform", "Its image's, for example linux/arm64."),
    Option(("-l", "--label"), "labels", "KEY=VALUE.", docker_options.labels, several=True),
    Option(
        ("--restart",),
        "restart_policy",
        "no, always, unless-stopped, on-failure or on-failure:3.",
        docker_options.restart_policy,
    ),
    Option(("-m", "--memory"), "memory_limit", "Memory limit, for example 512m.", size_bytes),
    Option(
        ("--memory-swap",), "memory_swap", "Memory and swap together; -1 for no limit.", _swap_bytes
    ),
    Option(
        ("--memory-reservation",),
        "memory_reservation",
        "Its memory when the node's is short.",
        size_bytes,
    ),
    Option(("--cpus",), "cpus", "How many processors, for example 1.5.", float),
    Option(
        ("-c", "--cpu-shares"), "cpu_shares", "Docker's relative weight; the default is 1024.", int
    ),
    Option(("--cpuset-cpus",), "cpuset", "On which processors, for example 0-2,4."),
    Option(("--pids-limit",), "pids_limit", "The most processes and threads.", int),
    Option(("--shm-size",), "shm_size", "The size of /dev/shm.", size_bytes),
    Option(
        ("--ulimit",),
        "ulimits",
        "NAME=SOFT[:HARD], for example nofile=1024:65536.",
        docker_options.ulimits,
        several=True,
    ),
    Option(("--sysctl",), "sysctls", "KEY=VALUE.", docker_options.labels, several=True),
    Option(
        ("--oom-score-adj",),
        "oom_score_adj",
        "How readily the kernel kills it, -1000 to 1000.",
        int,
    ),
    Option(
        ("--blkio-weight",), "blkio_weight", "The weight of its input and output, 10 to 1000.", int
    ),
    Option(("--cap-add",), "cap_add", "A capability more.", list, several=True),
    Option(("--cap-drop",), "cap_drop", "A capability less.", list, several=True),
    Option(("--security-opt",), "security_opt", "Docker's option.", list, several=True),
    Option(("--read-only",), "read_only", "It cannot write to its image's files.", flag=True),
    Option(("--group-add",), "group_add", "A group more.", list, several=True),
    Option(("--userns",), "userns_mode", "host, for the node's own users."),
    Option(("--privileged",), "privileged", "It may do what root may.", flag=True),
    Option(("--device",), "devices", "A device of the node.", list, several=True),
    Option(
        ("--tmpfs",), "tmpfs", "PATH or PATH:OPTIONS, a file system in memory.", list, several=True
    ),
    Option(
        ("--secret",),
        "secrets",
        "NAME[,target=/path][,mode=0400][,uid=N][,gid=N]: a secret as a file.",
        lambda texts: [docker_options.secret(text) for text in texts],
        several=True,
    ),
    Option(
        ("--env-secret",),
        "environment_secret",
        "VARIABLE=SECRET: a variable whose value is that of a secret.",
        docker_options.environment_secrets,
        several=True,
    ),
    Option(
        ("--network",),
        "networks",
        "A network, in which others find it by its name.",
        list,
        several=True,
        part="words",
    ),
    Option(
        ("--network-alias",),
        "networks",
        "Another name of it in its first network.",
        list,
        several=True,
        part="aliases",
    ),
    Option(("--expose",), "expose", "A port at which its program listens.", list, several=True),
    Option(("--add-host",), "extra_hosts", "NAME:ADDRESS.", list, several=True),
    Option(("--dns",), "dns", "The address of a name server.", list, several=True),
    Option(("--dns-search",), "dns_search", "A domain to search.", list, several=True),
    Option(
        ("--failover",),
        "failover",
        "manual, or automatic: a standby takes over by itself.",
        lambda mode: {"mode": mode},
    ),
    Option(
        ("--before-switch",),
        "before_switch",
        "A shell's command that runs in it before a move stops it.",
        docker_options.shell_command,
        part="command",
    ),
    Option(
        ("--before-switch-timeout",),
        "before_switch",
        "How long that may take.",
        seconds,
        part="timeout_seconds",
    ),
    Option(
        ("--before-switch-required",),
        "before_switch",
        "The move is given up when that fails.",
        flag=True,
        part="required",
    ),
    Option(
        ("--after-switch",),
        "after_switch",
        "A shell's command that runs in it once it serves after a move.",
        docker_options.shell_command,
        part="command",
    ),
    Option(
        ("--after-switch-timeout",),
        "after_switch",
        "How long that may take.",
        seconds,
        part="timeout_seconds",
    ),
    Option(("--log-driver",), "logging", "Docker's log driver.", part="driver"),
    Option(
        ("--log-opt",),
        "logging",
        "KEY=VALUE, an option of the log driver.",
        docker_options.labels,
        several=True,
        part="options",
    ),
    Option(
        ("--health-cmd",),
        "health_check",
        "A shell's command that succeeds when it serves.",
        docker_options.shell_command,
        part="command",
    ),
    Option(
        ("--health-timeout",),
        "health_check",
        "How long one try may take.",
        seconds,
        part="timeout_seconds",
    ),
    Option(
        ("--health-start-period",),
        "health_check",
        "How long until it has to succeed.",
        seconds,
        part="start_period_seconds",
    ),
    Option(
        ("--health-interval",),
        "health_check",
        "How long after a try the next one begins.",
        seconds,
        part="interval_seconds",
    ),
    Option(
        ("--health-retries",),
        "health_check",
        "How many tries in a row have to fail.",
        int,
        part="retries",
    ),
    Option(
        ("--health-on-failure",),
        "health_check",
        "nothing or restart, as with Podman.",
        part="on_unhealthy",
    ),
)

COMBINED: Mapping[str, Callable[[Any], Any]] = {
    "networks": lambda parts: docker_options.networks(
        parts.get("words", ()), parts.get("aliases", ())
    )
}
"""The fields whose parts say something only together: what makes the value of them."""


def with_options(command: Command) -> Command:
    """The command with all options of the table."""
    for option in reversed(OPTIONS):
        more: dict[str, Any] = {"is_flag": True} if option.flag else {"multiple": option.several}
        decorate = click.option(*option.flags, option.parameter, help=option.help, **more)
        command = decorate(command)
    return command


def fields_of(given: Mapping[str, Any], options: Iterable[Option] = OPTIONS) -> dict[str, Any]:
    """The fields that these values of click's set; those that nobody gave are not among them."""
    fields: dict[str, Any] = {}
    for option in options:
        text = given[option.parameter]
        if text in (None, (), False):
            continue
        value = True if option.flag else parsed(option.parse, text)
        if option.part:
            fields.setdefault(option.field, {})[option.part] = value
        else:
            fields[option.field] = value
    for field in COMBINED.keys() & fields.keys():
        fields[field] = parsed(COMBINED[field], fields[field])
    return fields

"""The options of an agent: a YAML file, the environment and the command line, made one."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from flocker_lite.errors import ConfigurationFileError
from flocker_lite.model.allowance import ENTRIES_MAX, entry

VERSION = 1
SECONDS_MAX = 86400
NODE_VARIABLE = "FLOCKER_NODE_NAME"
CONTROL_VARIABLE = "FLOCKER_CONTROL_NODE"


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """All that an agent must know, with defaults for what it need not be told.

    `node` is this node's own address, as the REST API calls it. `storage` is the name of a storage
    backend, and `pool` is where that keeps everything of the agent's own: for "zfs" a ZFS pool, or
    a filesystem in one. `discovery_seconds` is how often the agent looks at the whole node; what it
    is told of, it looks at right away. While a container moves, connections to it are held for
    `held_seconds` at most. No more than `held_connections` go through this agent at once, those
    that were let go and are relayed included; what is beyond is refused. `certificates` is the
    directory with this node's certificate; `insecure` lets it do without, and obey whoever answers
    at the control service's address.

    `allow` is what may let containers out of their box here: see `model.allowance`.

    With an `ssh_identity_file` the way by ssh between nodes is an administrator's matter. Without,
    the agent has keys of its own: `ssh_host_keys` is where those of this node's sshd are, and
    `ssh_authorized_keys` the file that names the other nodes' to it (None: below `state_path`).
    """

    node: str
    control_host: str
    control_port: int = 4524
    storage: str = "zfs"
    pool: str = "flocker"
    mount_root: str = "/flocker"
    state_path: str = "/var/lib/flocker-lite"
    socket_path: str = "/run/flocker-lite/agent.sock"
    docker_socket: str = "/run/docker.sock"
    ssh_user: str = "root"
    ssh_port: int = 22
    ssh_identity_file: str | None = None
    ssh_host_keys: str = "/etc/ssh/ssh_host_*_key.pub"
    ssh_authorized_keys: str | None = None
    discovery_seconds: float = 30.0
    held_connections: int = 10_000
    held_seconds: float = 60.0
    certificates: str | None = None
    insecure: bool = False
    allow: tuple[str, ...] = ()


_SECTIONS = {
    "control-service": {"hostname": "control_host", "port": "control_port"},
    "ssh": {
        "user": "ssh_user",
        "port": "ssh_port",
        "identity-file": "ssh_identity_file",
        "host-keys": "ssh_host_keys",
        "authorized-keys": "ssh_authorized_keys",
    },
    "hold": {"connections": "held_connections", "seconds": "held_seconds"},
}
_KEYS = {
    "node": "node",
    "storage": "storage",
    "pool": "pool",
    "mount-root": "mount_root",
    "state-path": "state_path",
    "socket-path": "socket_path",
    "docker-socket": "docker_socket",
    "discovery-seconds": "discovery_seconds",
    "certificates": "certificates",
    "insecure": "insecure",
    "allow": "allow",
}


def agent_options(
    text: str | None, environment: Mapping[str, str], overrides: Mapping[str, str | bool | None]
) -> AgentOptions:
    """The options from the file's text, then the environment, then what the command line says.

    `overrides` has names of `AgentOptions`. Raises ConfigurationFileError that says what to mend.
    """
    values = _from_yaml(text) if text is not None else {}
    for variable, name in ((NODE_VARIABLE, "node"), (CONTROL_VARIABLE, "control_host")):
        if environment.get(variable):
            values[name] = environment[variable]
    values.update({name: value for name, value in overrides.items() if value is not None})
    for name, advice in (
        ("node", "say which address this node has, with `node:` in the file or --node"),
        ("control_host", "say where the control service is, with `control-service:` or --control"),
    ):
        if not values.get(name):
            raise ConfigurationFileError(advice)
    return _checked(AgentOptions(**{**values, "allow": _allow(values.get("allow", ()))}))


def read_agent_options(
    path: str | None, environment: Mapping[str, str], overrides: Mapping[str, str | bool | None]
) -> AgentOptions:
    """The same, with the file's path; None when there is no file."""
    if path is None:
        return agent_options(None, environment, overrides)
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationFileError(f"{path} cannot be read: {error}") from None
    try:
        return agent_options(text, environment, overrides)
    except ConfigurationFileError as error:
        raise ConfigurationFileError(f"{path}: {error}") from None


def _from_yaml(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationFileError(f"not YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigurationFileError("it should be a mapping that begins with `version: 1`")
    document = dict(document)
    version = document.pop("version", None)
    if version != VERSION:
        raise ConfigurationFileError(f"`version:` should be {VERSION}, and is {version!r}")
    values: dict[str, Any] = {}
    for key, value in document.items():
        if key in _SECTIONS:
            if not isinstance(value, dict):
                raise ConfigurationFileError(f"`{key}:` should be a mapping")
            for inner, inner_value in value.items():
                values[_known(_SECTIONS[key], inner, f"{key}: ")] = inner_value
        else:
            values[_known(_KEYS, key, "")] = value
    return values


def _known(names: Mapping[str, str], key: object, where: str) -> str:
    if key not in names:
        raise ConfigurationFileError(
            f"unknown key `{where}{key}`; known are {', '.join(sorted(names))}"
        )
    return names[str(key)]


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _allow(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > ENTRIES_MAX:
        raise ConfigurationFileError(
            f"`allow` should be a list of at most {ENTRIES_MAX} entries, such as "
            f"[NET_ADMIN, /dev/kvm], and is {value!r}"
        )
    try:
        return tuple(dict.fromkeys(entry(str(each)) for each in value))
    except ValueError as error:
        raise ConfigurationFileError(f"`allow`: {error}") from None


def _checked(options: AgentOptions) -> AgentOptions:
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name.endswith("_port"):
            if not _is_number(value, int) or not 0 < value < 65536:
                raise ConfigurationFileError(f"`{field.name}` should be a port, and is {value!r}")
        elif field.name.endswith("_seconds"):
            if not _is_number(value, int, float) or not 0 < value <= SECONDS_MAX:
                raise ConfigurationFileError(
                    f"`{field.name}` should be a number of seconds, more than 0 and at most "
                    f"{SECONDS_MAX}, and is {value!r}"
                )
        elif field.name.endswith("_connections"):
            if not _is_number(value, int) or value < 1:
                raise ConfigurationFileError(
                    f"`{field.name}` should be a number of connections, and is {value!r}"
                )
        elif isinstance(field.default, bool):
            if not isinstance(value, bool):
                raise ConfigurationFileError(
                    f"`{field.name}` should be true or false, and is {value!r}"
                )
        elif field.name == "allow":
            continue
        elif not isinstance(value, str) and (value is not None or field.default is not None):
            raise ConfigurationFileError(f"`{field.name}` should be a text, and is {value!r}")
    try:
        ipaddress.ip_address(options.node)
    except ValueError:
        raise ConfigurationFileError(
            f"`node` should be an IP address of this machine, and is {options.node!r}"
        ) from None
    return options

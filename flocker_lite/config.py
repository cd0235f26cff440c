"""The options of an agent: a YAML file, the environment and the command line, made one."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from flocker_lite.agent_file import fields_by_section
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.model.allowance import ENTRIES_MAX, entry

VERSION = 1
SECONDS_MAX = 86400
NODE_VARIABLE = "FLOCKER_NODE_NAME"
CONTROL_VARIABLE = "FLOCKER_CONTROL_NODE"


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """All that an agent must know, with defaults for what it need not be told.

    `agent_file.KEYS` says what each means. `control_hosts` are the control services, if there are
    several; `control_host` is the first. Without `ssh_authorized_keys` that file is below
    `state_path`.
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
    metrics_endpoint: str = "tcp:4525:interface=127.0.0.1"
    watchdog: str | None = None
    control_hosts: tuple[str, ...] = ()
    docker_volumes: bool = False
    docker_volumes_socket: str = "/run/docker/plugins/flocker.sock"

    @property
    def control_places(self) -> tuple[tuple[str, int], ...]:
        """The host and the port of each control service."""
        hosts = self.control_hosts or (self.control_host,)
        return tuple(place(host, self.control_port) for host in hosts)


_FIELDS = fields_by_section()


def agent_options(
    text: str | None, environment: Mapping[str, str], overrides: Mapping[str, str | bool | None]
) -> AgentOptions:
    """The options from the file's text, then the environment, then what the command line says.

    `overrides` has names of `AgentOptions`. Raises ConfigurationFileError that says what to mend.
    """
    values = _from_yaml(text) if text is not None else {}
    given = {
        "node": environment.get(NODE_VARIABLE) or None,
        "control_host": environment.get(CONTROL_VARIABLE) or None,
    }
    for chosen in (given, overrides):
        said = {name: value for name, value in chosen.items() if value is not None}
        if "control_host" in said:
            values["control_hosts"] = str(said["control_host"]).split(",")
        values.update(said)
    hosts = _hosts(values)
    values["control_host"] = next(iter(hosts), None)
    values["control_hosts"] = hosts if len(hosts) > 1 else ()
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
        if key and key in _FIELDS:
            if not isinstance(value, dict):
                raise ConfigurationFileError(f"`{key}:` should be a mapping")
            for inner, inner_value in value.items():
                values[_known(_FIELDS[key], inner, f"{key}: ")] = inner_value
        else:
            values[_known(_FIELDS[""], key, "")] = value
    return values


def _known(names: Mapping[str, str], key: object, where: str) -> str:
    if key not in names:
        sections = () if where else filter(None, _FIELDS)
        known = ", ".join(sorted({*names, *sections}))
        raise ConfigurationFileError(f"unknown key `{where}{key}`; known are {known}")
    return names[str(key)]


def _hosts(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the control services are, as HOST or HOST:PORT."""
    said = values.get("control_hosts", [values["control_host"]] if "control_host" in values else [])
    if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
        raise ConfigurationFileError(
            "`control-service: hosts` should be a list of addresses, such as [10.0.0.8, 10.0.0.9], "
            f"and is {said!r}"
        )
    hosts = tuple(dict.fromkeys(each.strip() for each in said if each.strip()))
    for host in hosts:
        place(host, 1)
    return hosts


def place(text: str, default_port: int) -> tuple[str, int]:
    """The host and the port of HOST, HOST:PORT, or a bare IPv6 address."""
    bare = text.count(":") > 1 and not text.startswith("[")
    try:
        parts = urlsplit(f"//[{text}]" if bare else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or (parts.path or parts.username):
        raise ConfigurationFileError(f"{text!r} is not HOST or HOST:PORT of a control service")
    return host, port or default_port


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
        elif field.name in ("allow", "control_hosts"):
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

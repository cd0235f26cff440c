"""An agent's options: where they come from, and that each mistake is explained."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from flocker_lite.config import (
    _KEYS,
    _SECTIONS,
    CONTROL_VARIABLE,
    NODE_VARIABLE,
    AgentOptions,
    agent_options,
    read_agent_options,
)
from flocker_lite.errors import ConfigurationFileError

FILE = """
version: 1
node: 10.0.0.1
control-service:
  hostname: control.example
  port: 5000
storage: other
pool: tank/flocker
mount-root: /data
ssh:
  user: mover
  port: 2222
  identity-file: /etc/key
  host-keys: /etc/keys/*.pub
  authorized-keys: /etc/peers
hold:
  connections: 500
  seconds: 7.5
certificates: /etc/certificates
allow: [cap_sys_admin, /dev/kvm/, privileged, SYS_ADMIN]
"""
SMALL = "version: 1\nnode: 10.0.0.1\ncontrol-service: {hostname: control.example}\n"


def test_documented() -> None:
    """The table in docs/agent.rst has every option, no other, and its default."""
    path = Path(__file__).resolve().parents[1] / "docs" / "agent.rst"
    table = path.read_text("utf-8").partition(".. options\n")[2].partition(".. end of options")[0]
    rows = re.findall(r"   \* - ``(.+)``\n     - (.+)\n     - (.+(?:\n       .+)*)", table)
    defaults = {field.name: field.default for field in fields(AgentOptions)}
    keys = dict(_KEYS)
    for section, inner in _SECTIONS.items():
        keys |= {f"{section}: {key}": name for key, name in inner.items()}
    assert sorted(key for key, _, _ in rows) == sorted(keys)
    for key, default, meaning in rows:
        desired = defaults[keys[key]]
        if desired is MISSING:
            assert default == "required"
        elif desired not in (None, ()):
            text = f"{desired:g}" if isinstance(desired, float) else str(desired)
            assert default == f"``{text.lower() if isinstance(desired, bool) else text}``"
        assert meaning.endswith(".")


def test_file() -> None:
    """Everything that the file says; defaults for the rest."""
    assert agent_options(FILE, {}, {}) == AgentOptions(
        "10.0.0.1",
        "control.example",
        5000,
        "other",
        "tank/flocker",
        "/data",
        ssh_user="mover",
        ssh_port=2222,
        ssh_identity_file="/etc/key",
        ssh_host_keys="/etc/keys/*.pub",
        ssh_authorized_keys="/etc/peers",
        held_connections=500,
        held_seconds=7.5,
        certificates="/etc/certificates",
        allow=("SYS_ADMIN", "/dev/kvm", "privileged"),
    )
    assert agent_options(SMALL, {}, {}) == AgentOptions("10.0.0.1", "control.example")


def test_without_a_file() -> None:
    """The environment is enough."""
    environment = {NODE_VARIABLE: "10.0.0.2", CONTROL_VARIABLE: "c"}
    assert agent_options(None, environment, {}) == AgentOptions("10.0.0.2", "c")
    assert read_agent_options(None, environment, {}) == AgentOptions("10.0.0.2", "c")


def test_precedence() -> None:
    """The command line goes before the environment, and that before the file."""
    environment = {NODE_VARIABLE: "10.0.0.2", CONTROL_VARIABLE: ""}
    assert agent_options(SMALL, environment, {}).node == "10.0.0.2"
    assert agent_options(SMALL, environment, {}).control_host == "control.example"
    assert agent_options(SMALL, environment, {"node": "10.0.0.3"}).node == "10.0.0.3"
    assert agent_options(SMALL, environment, {"node": None}).node == "10.0.0.2"
    assert agent_options(SMALL + "insecure: true", {}, {"insecure": None}).insecure
    assert agent_options(SMALL, {}, {"insecure": True}).insecure
    assert not agent_options(SMALL, {}, {"insecure": None}).insecure


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not YAML"),
        ("", "should be a mapping that begins with `version: 1`"),
        ("- node", "should be a mapping that begins with `version: 1`"),
        ("node: 10.0.0.1", "`version:` should be 1, and is None"),
        ("version: 2", "`version:` should be 1, and is 2"),
        ("version: 1", "say which address this node has"),
        ("version: 1\nnode: 10.0.0.1", "say where the control service is"),
        (
            SMALL + "colour: blue",
            "unknown key `colour`; known are allow, certificates, ",
        ),
        (SMALL + "allow: privileged", "`allow` should be a list of at most 128 entries"),
        (SMALL + "allow: [FLY]", "`allow`: 'FLY' is none of adopt, privileged, security_opt, "),
        (SMALL + f"allow: [/{'a' * 256}]", "at most 256 bytes"),
        (SMALL + "control-service: control", "`control-service:` should be a mapping"),
        (
            SMALL + "ssh: {name: x}",
            "unknown key `ssh: name`; known are authorized-keys, "
            "host-keys, identity-file, port, user",
        ),
        (SMALL + "ssh: {port: ssh}", "`ssh_port` should be a port, and is 'ssh'"),
        (SMALL + "ssh: {port: true}", "`ssh_port` should be a port, and is True"),
        (SMALL + "ssh: {port: 70000}", "`ssh_port` should be a port, and is 70000"),
        (SMALL + "certificates: 7", "`certificates` should be a text, and is 7"),
        (SMALL + "insecure: yes please", "`insecure` should be true or false, and is 'yes please'"),
        (SMALL + "insecure: 1", "`insecure` should be true or false, and is 1"),
        (SMALL + "ssh: {port: 0}", "`ssh_port` should be a port, and is 0"),
        (SMALL + "pool: 7", "`pool` should be a text, and is 7"),
        (SMALL + "pool:", "`pool` should be a text, and is None"),
        (SMALL + "hold: {wait: 1}", "unknown key `hold: wait`; known are connections, seconds"),
        (SMALL + "hold: {connections: 1.5}", "should be a number of connections, and is 1.5"),
        (SMALL + "hold: {seconds: long}", "should be a number of seconds"),
        (SMALL + "hold: {connections: 0}", "should be a number of connections, and is 0"),
        (SMALL + "hold: {seconds: 0}", "should be a number of seconds, more than 0 and at most"),
        (SMALL + "discovery-seconds: .nan", "should be a number of seconds"),
        (SMALL.replace("10.0.0.1", "web-1"), "`node` should be an IP address of this machine"),
    ],
)
def test_mistakes(text: str, reason: str) -> None:
    """Each is told with what would be right."""
    with pytest.raises(ConfigurationFileError) as raised:
        agent_options(text, {}, {})
    assert reason in str(raised.value)


def test_mistake_in_a_file(tmp_path: Path) -> None:
    """The error begins with the file's name."""
    path = tmp_path / "agent.yml"
    with pytest.raises(ConfigurationFileError, match=r"agent\.yml cannot be read: .*No such file"):
        read_agent_options(str(path), {}, {})
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationFileError, match=r"agent\.yml cannot be read"):
        read_agent_options(str(path), {}, {})
    path.write_text("version: 7")
    with pytest.raises(ConfigurationFileError, match=r"agent\.yml: `version:` should be 1"):
        read_agent_options(str(path), {}, {})
    path.write_text(SMALL)
    assert read_agent_options(str(path), {}, {}).node == "10.0.0.1"

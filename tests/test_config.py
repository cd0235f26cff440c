"""An agent's options: where they come from, and that each mistake is explained."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from flocker_lite.agent_file import KEYS
from flocker_lite.config import (
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
metrics-endpoint: ""
allow: [cap_sys_admin, /dev/kvm/, privileged, SYS_ADMIN]
"""
SMALL = "version: 1\nnode: 10.0.0.1\ncontrol-service: {hostname: control.example}\n"


def test_keys() -> None:
    """Each option has one key in the file, with what it means."""
    assert sorted(key.field for key in KEYS) == sorted(field.name for field in fields(AgentOptions))
    assert len({key.name for key in KEYS}) == len(KEYS)
    assert all(key.meaning.endswith(".") for key in KEYS)


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
        metrics_endpoint="",
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
            "unknown key `colour`; known are allow, certificates, control-service, ",
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


def test_several_control_services() -> None:
    """They are a list in the file, or a text with commas elsewhere."""
    file = "version: 1\nnode: 10.0.0.1\ncontrol-service: {hosts: [a, 'b:5000', '::1'], port: 9}\n"
    options = agent_options(file, {}, {})
    assert options.control_host == "a"
    assert options.control_places == (("a", 9), ("b", 5000), ("::1", 9))
    assert agent_options(file, {CONTROL_VARIABLE: "x,y:1"}, {}).control_places == (
        ("x", 9),
        ("y", 1),
    )
    options = agent_options(file, {CONTROL_VARIABLE: "x,y:1"}, {"control_host": "z"})
    assert options.control_places == (("z", 9),)
    assert agent_options(SMALL, {}, {}).control_places == (("control.example", 4524),)


@pytest.mark.parametrize(
    ("hosts", "complaint"),
    [
        ("5", "should be a list of addresses"),
        ("[5]", "should be a list of addresses"),
        ("[]", "say where the control service is"),
        ("['a b:c']", "is not HOST or HOST:PORT"),
        ("['http://a']", "is not HOST or HOST:PORT"),
        ("['a/b']", "is not HOST or HOST:PORT"),
    ],
)
def test_what_is_no_control_service(hosts: str, complaint: str) -> None:
    """Each mistake is explained."""
    file = f"version: 1\nnode: 10.0.0.1\ncontrol-service: {{hosts: {hosts}}}\n"
    with pytest.raises(ConfigurationFileError, match=complaint):
        agent_options(file, {}, {})

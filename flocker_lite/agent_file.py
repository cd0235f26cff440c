"""The keys of agent.yml: where `config.AgentOptions` keeps each, and what it means.

docs/reference/agent-yml.rst is made of this. A meaning names pages and keys in single backticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the file, "SECTION: KEY" for one in a section.

    `field` is the name in `AgentOptions`, which has the default; `default` is for the reader, where
    that says too little.
    """

    name: str
    field: str
    meaning: str
    default: str = ""


KEYS = (
    Key("node", "node", "The IP address of this node, as the REST API calls it."),
    Key(
        "control-service: hostname",
        "control_host",
        "The host name or the address of the control service.",
    ),
    Key("control-service: port", "control_port", "Its port for agents."),
    Key(
        "control-service: hosts",
        "control_hosts",
        "Instead of `hostname`, the addresses of several control services, as HOST or HOST:PORT "
        "(`several-control-services.rst`).",
        "`[]`",
    ),
    Key(
        "storage", "storage", "The storage backend; `zfs` is the only one (`storage-backend.rst`)."
    ),
    Key(
        "pool",
        "pool",
        "A ZFS pool, or a filesystem in one, below which the agent keeps all datasets.",
    ),
    Key(
        "mount-root",
        "mount_root",
        "The directory below which each dataset is mounted, under its id.",
    ),
    Key(
        "state-path",
        "state_path",
        "The directory with its identity, its keys and the containers that ended.",
    ),
    Key(
        "socket-path",
        "socket_path",
        "The socket on which agents of other nodes reach this one, after their ssh login.",
    ),
    Key("docker-socket", "docker_socket", "Docker's socket."),
    Key(
        "docker-volumes",
        "docker_volumes",
        "Whether Docker may have datasets as volumes (`volumes.rst`).",
    ),
    Key(
        "docker-volumes-socket",
        "docker_volumes_socket",
        'Where Docker finds the volume driver, whose name is that of the socket without ".sock".',
    ),
    Key(
        "discovery-seconds",
        "discovery_seconds",
        "How often the agent looks at the whole node. It reacts to events at once.",
    ),
    Key(
        "certificates",
        "certificates",
        "The directory with `cluster.crt` and this node's certificate and key (`security.rst`).",
    ),
    Key(
        "insecure",
        "insecure",
        "Use no certificates, and obey whatever answers at the control service's address.",
    ),
    Key(
        "allow",
        "allow",
        'A list of what may let containers out of their box on this node (`containers.rst`, "Out '
        'of the box"). The word `adopt` lets users who may write see the containers of this node '
        "that flocker_lite did not make, with all their variables, and replace them by ones of "
        "flocker_lite (`adopt.rst`); and have containers of flocker_lite replaced by plain ones "
        "(`release.rst`).",
        "nothing",
    ),
    Key(
        "watchdog",
        "watchdog",
        "A watchdog device, `/dev/watchdog`, that resets this machine when its kernel hangs while "
        "a container may run only until a fencing deadline (`agent.rst`).",
    ),
    Key("ssh: user", "ssh_user", "The user that the agent is on other nodes."),
    Key("ssh: port", "ssh_port", "The port of their sshd."),
    Key(
        "ssh: identity-file",
        "ssh_identity_file",
        "A key that an administrator manages. Without it, the agent makes its own key.",
    ),
    Key(
        "ssh: host-keys",
        "ssh_host_keys",
        "The public keys of this node's sshd; other nodes get to know them.",
    ),
    Key(
        "ssh: authorized-keys",
        "ssh_authorized_keys",
        "The file where this node's sshd finds the keys of other agents.",
        "`ssh/authorized_keys` in `state-path`",
    ),
    Key(
        "hold: connections",
        "held_connections",
        "How many connections may go through this agent at once while containers move, those that "
        "were let go and are relayed included; what is beyond is refused.",
    ),
    Key("hold: seconds", "held_seconds", "How long one of them waits at most, in seconds."),
    Key(
        "metrics-endpoint",
        "metrics_endpoint",
        "Where Prometheus reads `/metrics`, without a certificate (`monitoring.rst`): an endpoint "
        'of Twisted\'s, or `""` for nowhere.',
    ),
)


def fields_by_section(keys: tuple[Key, ...] = KEYS) -> Mapping[str, Mapping[str, str]]:
    """The field of each key, by its section; that of the keys without one is ""."""
    found: dict[str, dict[str, str]] = {"": {}}
    for key in keys:
        section, _, name = key.name.rpartition(": ")
        found.setdefault(section, {})[name] = key.field
    return found

"""Writes the texts of a node's files: names, ssh and the services' configurations; pure."""

from collections.abc import Iterator
from pathlib import Path

from admin.hosts.plan import (
    CERTIFICATES,
    CONTROL_AGENT_PORT,
    HOST_KEY,
    REGISTRY_PORT,
    LabPlan,
    NodePlan,
)

SSH_CONNECT_TIMEOUT_SECONDS = 5
SSH_STARTUPS_MAX = 100
AGENT_FILE = "etc/flocker-lite/agent.yml"
"""The configuration of an agent, below its node's root."""
SSHD_FILE = "etc/ssh/sshd_config"
"""The configuration of a node's ssh server, below its root."""
AGENTS_KEYS = "/var/lib/flocker-lite/ssh/authorized_keys"
"""Where an agent writes the keys of other nodes for its sshd."""


def search_path(checkout: Path) -> str:
    """PATH inside nodes, where the checkout's own programs come first."""
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return f"{checkout}/.venv/bin:{system}"


def environment(checkout: Path) -> dict[str, str]:
    """The whole environment of processes in nodes; they see nothing of the caller's."""
    return {
        "PATH": search_path(checkout),
        "HOME": "/root",
        "USER": "root",
        "LANG": "C.UTF-8",
        "TERM": "xterm",
    }


def node_files(
    checkout: Path, plan: LabPlan, node: NodePlan, release: Path | None = None
) -> Iterator[tuple[str, str]]:
    """Pairs of path below the node's folder and text; `etc/` and `ssh/` become /etc, /root/.ssh.

    `release` is the checkout whose programs the node runs, if that is another one.
    """
    yield "etc/hosts", hosts(plan)
    yield "etc/hostname", f"{node.name}\n"
    # Nothing listens there, so look-ups fail at once; with a silent server each takes seconds.
    yield "etc/resolv.conf", "nameserver 127.0.0.1\n"
    yield "ssh/config", f"Host *\n  ConnectTimeout {SSH_CONNECT_TIMEOUT_SECONDS}\n"
    if node.role == "registry":
        yield "etc/docker/registry/config.yml", registry_configuration(checkout, node)
    if node.role == "agent":
        yield SSHD_FILE, sshd_configuration(release or checkout)
        yield AGENT_FILE, agent_configuration(plan, node)


def hosts(plan: LabPlan) -> str:
    """/etc/hosts. It names the node itself, or the first `zpool` command there would take 10 s."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    lines += [f"{node.address} {node.name}" for node in plan.nodes]
    lines += [f"{node.address6} {node.name}" for node in plan.nodes]
    return "\n".join(lines) + "\n"


def sshd_configuration(checkout: Path) -> str:
    """Configures an ssh server that lets root in by key; its PATH has the checkout's programs.

    OpenSSH prefers a key exchange that withstands quantum computers, and that takes 0.2 s of
    processor time for each connection. A lab makes thousands of connections and has no secrets.
    """
    return (
        "HostKey /etc/ssh/ssh_host_ed25519_key\n"
        "PidFile /run/sshd.pid\n"
        "PermitRootLogin prohibit-password\n"
        "PasswordAuthentication no\n"
        f"AuthorizedKeysFile /root/.ssh/authorized_keys {AGENTS_KEYS}\n"
        "UsePAM no\n"
        "UseDNS no\n"
        "KexAlgorithms curve25519-sha256\n"
        f"MaxStartups {SSH_STARTUPS_MAX}\n"
        f"SetEnv PATH={search_path(checkout)}\n"
        "Subsystem sftp internal-sftp\n"
    )


def agent_configuration(plan: LabPlan, node: NodePlan) -> str:
    """The configuration of flocker-lite's agent on this node."""
    several = ", ".join(node.address for node in plan.controls)
    return (
        "version: 1\n"
        "control-service:\n"
        + (f"  hosts: [{several}]\n" if plan.has_etcd else f"  hostname: {plan.control_address}\n")
        + f"  port: {CONTROL_AGENT_PORT}\n"
        f"node: {node.address}\n"
        f"pool: {node.pool}\n"
        "state-path: /var/lib/flocker-lite\n"
        "mount-root: /flocker\n"
        # The other keys in /etc/ssh belong to the machine's own sshd.
        f"ssh: {{host-keys: /{HOST_KEY}.pub}}\n"
        + (f"certificates: {CERTIFICATES}\n" if plan.certificates else "insecure: true\n")
    )


def registry_configuration(checkout: Path, node: NodePlan) -> str:
    """docker-registry's configuration: it serves the image cache, and never writes to it."""
    return (
        "version: 0.1\n"
        "log:\n"
        "  accesslog: {disabled: true}\n"
        "storage:\n"
        "  filesystem:\n"
        f"    rootdirectory: {checkout}/.cache/images/registry\n"
        "  maintenance:\n"
        "    readonly: {enabled: true}\n"
        "http:\n"
        f"  addr: {node.address}:{REGISTRY_PORT}\n"
    )

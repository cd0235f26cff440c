"""The files that are written for nodes."""

from pathlib import Path

import yaml

from admin.hosts.files import hosts, node_files, search_path
from admin.hosts.keys import known_hosts
from admin.hosts.plan import make_plan
from admin.hosts.services import services_of

CHECKOUT = Path("/checkout")
PLAN = make_plan(CHECKOUT, "lab", "10.77.0.0/24", 2, 8, kernel_zfs=False)
NODES = {node.name: node for node in PLAN.nodes}
KEYS = {NODES["n1"]: "ssh-ed25519 AAA1\n", NODES["n2"]: "ssh-ed25519 AAA2\n"}


def files_of(name: str) -> dict[str, str]:
    """The files of one node by path."""
    return dict(node_files(CHECKOUT, PLAN, NODES[name]))


def test_every_node_finds_every_name_without_a_name_server() -> None:
    """zfs-fuse waits ten seconds for a name server unless its own node's name is here."""
    lines = hosts(PLAN).splitlines()
    assert {f"{node.address} {node.name}" for node in PLAN.nodes} <= set(lines)


def test_ssh_servers_are_known_by_name_and_by_address() -> None:
    """So no connection needs to trust what it sees first."""
    first, second = known_hosts(KEYS).splitlines()
    assert first == f"n1,10.77.0.11,{NODES['n1'].address6} ssh-ed25519 AAA1"
    assert second.startswith("n2,10.77.0.12,")


def test_the_agent_is_told_its_own_address_and_the_control_service() -> None:
    """The configuration is what the agent's documentation says."""
    text = files_of("n2")["etc/flocker-lite/agent.yml"]
    assert yaml.safe_load(text) == {
        "version": 1,
        "control-service": {"hostname": "10.77.0.10", "port": 4524},
        "node": "10.77.0.12",
        "pool": "flocker",
        "state-path": "/var/lib/flocker-lite",
        "mount-root": "/flocker",
        "insecure": True,
        "ssh": {"host-keys": "/etc/ssh/ssh_host_ed25519_key.pub"},
    }


def test_no_keys_of_root_are_on_a_node() -> None:
    """The agents have their own, which sshd finds in their own file."""
    assert not [path for path in files_of("n1") if "authorized_keys" in path or "id_" in path]
    configuration = files_of("n1")["etc/ssh/sshd_config"]
    assert "/var/lib/flocker-lite/ssh/authorized_keys\n" in configuration


def test_programs_of_another_release() -> None:
    """A node of an older release has the programs of that over ssh, and the lab's images."""
    older = Path("/older")
    made = dict(node_files(CHECKOUT, PLAN, NODES["n1"], older))
    assert f"SetEnv PATH={search_path(older)}\n" in made["etc/ssh/sshd_config"]
    registry = dict(node_files(CHECKOUT, PLAN, NODES["registry"], older))
    assert registry == files_of("registry")


def test_programs_of_the_checkout_are_found_over_ssh() -> None:
    """A command that is sent over ssh reads no profile, so the server sets the path."""
    configuration = files_of("n1")["etc/ssh/sshd_config"]
    assert f"SetEnv PATH={search_path(CHECKOUT)}" in configuration
    assert search_path(CHECKOUT).startswith("/checkout/.venv/bin:")


def test_only_the_registry_gets_a_registry_that_only_reads() -> None:
    """Several labs share one storage, so none may write to it."""
    configuration = yaml.safe_load(files_of("registry")["etc/docker/registry/config.yml"])
    assert configuration["storage"]["maintenance"] == {"readonly": {"enabled": True}}
    assert configuration["http"]["addr"] == "10.77.0.9:5000"
    assert "etc/docker/registry/config.yml" not in files_of("n1")


def test_services_by_role() -> None:
    """The order is that of starting: ZFS before all that may want it, the agent last."""

    def names(node: str, kernel_zfs: bool, with_flocker: bool) -> list[str]:
        services = services_of(PLAN, NODES[node], kernel_zfs, with_flocker)
        return [service.name for service in services]

    assert names("registry", False, True) == ["docker-registry"]
    assert names("control", False, True) == ["flocker-control"]
    assert names("control", False, False) == []
    assert names("n1", False, True) == ["zfs-fuse", "dockerd", "sshd", "flocker-agent"]
    assert names("n1", True, False) == ["dockerd", "sshd"]

"""Computes names, addresses and network commands of a lab from its name and subnet; pure."""

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from admin.hosts.errors import LabError

Role = Literal["registry", "control", "agent"]

HOST_OCTET = 1
REGISTRY_OCTET = 9
CONTROL_OCTET = 10
MORE_CONTROLS_OCTETS = (8, 7, 6, 5)
"""Of the second control service and those after it, if there are several."""
AGENT_COUNT_MAX = 200
REGISTRY_PORT = 5000
CONTROL_HTTP_PORT = 4523
CONTROL_AGENT_PORT = 4524
ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
ETCD_CERTIFICATES = "/etc/flocker-lite/etcd"
"""A control node's folder for its certificates of etcd, if the lab has several of them."""
CERTIFICATES = "/etc/flocker-lite/certificates"
"""A node's folder for its certificate, if the lab has certificates."""
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
"""The key of a node's ssh server, below the node's folder."""
NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,19}")


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node, before it exists.

    `namespace` names its network namespace and its cgroup; `port` is its plug in the lab's switch.
    """

    name: str
    role: Role
    address: str
    address6: str
    hardware_address: str
    namespace: str
    pool: str

    @property
    def port(self) -> str:
        """The name of the node's interface in the namespace of the switch."""
        return self.name


@dataclass(frozen=True, slots=True)
class LabPlan:
    """A whole lab, before it exists. No other lab or checkout on the machine has its `tag`."""

    name: str
    tag: str
    folder: Path
    subnet: ipaddress.IPv4Network
    subnet6: ipaddress.IPv6Network
    pool_size_gib: int
    nodes: tuple[NodePlan, ...]
    certificates: bool = False

    @property
    def host_address(self) -> str:
        """The address under which nodes see the machine itself."""
        return str(self.subnet[HOST_OCTET])

    @property
    def registry_url(self) -> str:
        """The address that the lab's images come from."""
        return f"http://{self.subnet[REGISTRY_OCTET]}:{REGISTRY_PORT}"

    @property
    def api(self) -> str:
        """The root of the REST API."""
        scheme = "https" if self.certificates else "http"
        return f"{scheme}://{self.control_address}:{CONTROL_HTTP_PORT}/v1"

    @property
    def control_address(self) -> str:
        """Where the control service listens; of several, the first."""
        return str(self.subnet[CONTROL_OCTET])

    @property
    def controls(self) -> tuple[NodePlan, ...]:
        """The nodes with a control service; if there are several, with a member of etcd too."""
        return tuple(node for node in self.nodes if node.role == "control")

    @property
    def has_etcd(self) -> bool:
        """Whether the configuration is in etcd."""
        return len(self.controls) > 1


def make_plan(
    checkout: Path,
    name: str,
    subnet: str,
    agent_count: int,
    pool_size_gib: int,
    kernel_zfs: bool,
    certificates: bool = False,
    control_count: int = 1,
) -> LabPlan:
    """The plan of the lab `name`.

    With ZFS in the kernel all nodes share one ZFS, so each pool has a name of its own; with
    zfs-fuse each is `flocker`. Raises LabError for a bad name or subnet.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise LabError(f"{name!r} is no lab name: use a-z, 0-9 and '-', 20 characters at most")
    if not 0 <= agent_count <= AGENT_COUNT_MAX:
        raise LabError(f"a lab has 0 to {AGENT_COUNT_MAX} agent nodes, not {agent_count}")
    if not 1 <= control_count <= len(MORE_CONTROLS_OCTETS) + 1 or control_count % 2 == 0:
        raise LabError(f"a lab has 1, 3 or 5 control nodes, not {control_count}")
    network = parse_subnet(subnet)
    # Two checkouts may have a lab of one name each, and an interface has 15 characters at most.
    tag = "flk" + hashlib.sha256(f"{checkout}\0{name}".encode()).hexdigest()[:6]
    network6 = ula_beside(network)

    def node(node_name: str, role: Role, octet: int) -> NodePlan:
        pool = f"{name}-{node_name}" if kernel_zfs else "flocker"
        return NodePlan(
            name=node_name,
            role=role,
            address=str(network[octet]),
            address6=str(network6[octet]),
            hardware_address=hardware_address(network[octet]),
            namespace=f"{tag}-{node_name}",
            pool=pool,
        )

    nodes = (
        node("registry", "registry", REGISTRY_OCTET),
        node("control", "control", CONTROL_OCTET),
        *(
            node(f"control{number}", "control", octet)
            for number, octet in enumerate(MORE_CONTROLS_OCTETS[: control_count - 1], 2)
        ),
        *(node(f"n{n}", "agent", CONTROL_OCTET + n) for n in range(1, agent_count + 1)),
    )
    folder = checkout / ".lab" / name
    return LabPlan(name, tag, folder, network, network6, pool_size_gib, nodes, certificates)


def parse_subnet(text: str) -> ipaddress.IPv4Network:
    """The lab's IPv4 network; raises LabError unless it is a private /24."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise LabError(f"{text!r} is no subnet: {error}; write e.g. 10.77.0.0/24") from error
    if network.prefixlen != 24 or not network.is_private:
        raise LabError(f"{text} is no private /24 network; write e.g. 10.77.0.0/24")
    return network


def ula_beside(network: ipaddress.IPv4Network) -> ipaddress.IPv6Network:
    """A unique local IPv6 network whose prefix follows from the IPv4 network."""
    prefix = (0xFD << 120) | (int(network.network_address) << 80)
    return ipaddress.IPv6Network((prefix, 64))


def hardware_address(address: ipaddress.IPv4Address) -> str:
    """A node's Ethernet address, which stays the same after a restart, as that of a card does.

    With a new one, peers would go on sending to the old one for up to half a minute.
    """
    return ":".join(f"{byte:02x}" for byte in b"\x02\x00" + address.packed)


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines for one `ip -batch` in a network namespace; None stands for the machine's own."""

    namespace: str | None
    lines: tuple[str, ...]


def switch_batches(plan: LabPlan, with_ipv6: bool) -> tuple[Batch, ...]:
    """How to make the switch: a bridge in a namespace of its own, with a cable to the machine.

    The machine has only its end of that cable, so its firewall and bridge settings do not matter.
    """
    address6 = f"addr add {plan.subnet6[HOST_OCTET]}/64 dev {plan.tag} nodad"
    return (
        Batch(None, (f"link add {plan.tag} type veth peer name host netns {plan.tag}",)),
        Batch(
            plan.tag,
            (
                "link add switch type bridge",
                "link set host master switch",
                "link set lo up",
                "link set host up",
                "link set switch up",
            ),
        ),
        Batch(
            None,
            (
                f"addr add {plan.host_address}/24 dev {plan.tag}",
                *((address6,) if with_ipv6 else ()),
                f"link set {plan.tag} up",
            ),
        ),
    )


def node_batches(plan: LabPlan, node: NodePlan, with_ipv6: bool) -> tuple[Batch, ...]:
    """How to give a node's namespace its cable and its addresses."""
    address6 = f"addr add {node.address6}/64 dev eth0 nodad"
    return (
        Batch(
            plan.tag,
            (
                f"link add {node.port} type veth peer name eth0 "
                f"address {node.hardware_address} netns {node.namespace}",
                f"link set {node.port} master switch",
                f"link set {node.port} up",
            ),
        ),
        Batch(
            node.namespace,
            (
                "link set lo up",
                f"addr add {node.address}/24 dev eth0",
                *((address6,) if with_ipv6 else ()),
                "link set eth0 up",
                f"route add default via {plan.host_address}",
            ),
        ),
    )

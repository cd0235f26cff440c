"""Describes the services of a node, in the order in which they start; pure."""

from dataclasses import dataclass
from pathlib import Path

from admin.hosts.plan import (
    CERTIFICATES,
    CONTROL_AGENT_PORT,
    CONTROL_HTTP_PORT,
    ETCD_CERTIFICATES,
    ETCD_PEER_PORT,
    ETCD_PORT,
    REGISTRY_PORT,
    LabPlan,
    NodePlan,
)

SSH_PORT = 22
ZFS_SOCKET = "/run/zfs/zfs_socket"
DOCKER_SOCKET = "/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Service:
    """One daemon of a node.

    With `detaches` it goes to the background and writes `pid_file` by itself. It is ready when it
    answers on its TCP port or unix socket; if it has neither, when its process runs.
    """

    name: str
    argv: tuple[str, ...]
    pid_file: str
    detaches: bool = False
    ready_port: int | None = None
    ready_socket: str | None = None


def services_of(
    plan: LabPlan, node: NodePlan, kernel_zfs: bool, with_flocker: bool
) -> tuple[Service, ...]:
    """All services of a node; without `with_flocker` only those of a plain host."""
    if node.role == "registry":
        return (registry(),)
    if node.role == "control":
        members = (etcd(plan, node),) if plan.has_etcd else ()
        return (*members, *((flocker_control(plan, node),) if with_flocker else ()))
    return (
        *(() if kernel_zfs else (zfs_fuse(),)),
        docker(plan, node),
        sshd(),
        *((flocker_agent(plan, node),) if with_flocker else ()),
    )


def registry() -> Service:
    """Serves the lab's images."""
    argv = ("docker-registry", "serve", "/etc/docker/registry/config.yml")
    return Service(
        "docker-registry", argv, "/run/lab/docker-registry.pid", ready_port=REGISTRY_PORT
    )


def zfs_fuse() -> Service:
    """ZFS in user space, one per node."""
    # Each of its syncs passes through dozens of threads. They must not queue behind other work of
    # the machine's processors, as those of a kernel's ZFS do not.
    first = ("nice", "--adjustment=-20")
    # Without --no-kstat-mount it makes a folder in /, which all nodes share.
    argv = (*first, "zfs-fuse", "--no-daemon", "--no-kstat-mount")
    return Service("zfs-fuse", argv, "/run/lab/zfs-fuse.pid", ready_socket=ZFS_SOCKET)


def docker(plan: LabPlan, node: NodePlan) -> Service:
    """A Docker engine as on a plain host, but its images come from the lab.

    Its own pid file is another one than ours. If an engine finds its own pid in its file, it thinks
    that another engine runs.
    """
    argv = (
        "dockerd",
        "--host=unix:///run/docker.sock",
        "--pidfile=/run/docker.pid",
        "--exec-root=/run/docker",
        "--storage-driver=overlay2",
        "--exec-opt=native.cgroupdriver=cgroupfs",
        f"--cgroup-parent=/{node.namespace}",
        f"--registry-mirror={plan.registry_url}",
        # Any registry of the lab: a test may start one of its own.
        f"--insecure-registry={plan.subnet}",
    )
    return Service("dockerd", argv, "/run/lab/dockerd.pid", ready_socket=DOCKER_SOCKET)


def sshd() -> Service:
    """The ssh server. It needs its full path, to run itself again for each connection."""
    argv = ("/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/sshd_config")
    return Service("sshd", argv, "/run/lab/sshd.pid", ready_port=SSH_PORT)


def etcd(plan: LabPlan, node: NodePlan) -> Service:
    """This node's member of the etcd that keeps the configuration of several control services."""
    client, peer = (f"https://{node.address}:{port}" for port in (ETCD_PORT, ETCD_PEER_PORT))
    members = [f"{each.name}=https://{each.address}:{ETCD_PEER_PORT}" for each in plan.controls]
    files = ETCD_CERTIFICATES
    argv = (
        "etcd",
        f"--name={node.name}",
        "--data-dir=/var/lib/flocker-lite/etcd",
        f"--initial-cluster={','.join(members)}",
        f"--initial-cluster-token={plan.tag}",
        *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
        *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
        *("--client-cert-auth", f"--trusted-ca-file={files}/ca.crt"),
        *(f"--cert-file={files}/server.crt", f"--key-file={files}/server.key"),
        *("--peer-client-cert-auth", f"--peer-trusted-ca-file={files}/ca.crt"),
        *(f"--peer-cert-file={files}/server.crt", f"--peer-key-file={files}/server.key"),
    )
    return Service("etcd", argv, "/run/lab/etcd.pid", ready_port=ETCD_PORT)


def etcd_urls(plan: LabPlan, node: NodePlan) -> str:
    """The members of etcd for the control service of this node: its own first."""
    others = (each for each in plan.controls if each != node)
    return ",".join(f"https://{each.address}:{ETCD_PORT}" for each in (node, *others))


def flocker_control(plan: LabPlan, node: NodePlan) -> Service:
    """flocker-lite's control service."""
    several = (
        f"--store=etcd:{etcd_urls(plan, node)}",
        f"--etcd-certificates={ETCD_CERTIFICATES}",
        f"--address={node.address}",
    )
    arguments = (
        *(several if plan.has_etcd else ()),
        "--data-path=/var/lib/flocker-lite",
        f"--port=tcp:{CONTROL_HTTP_PORT}",
        f"--agent-port=tcp:{CONTROL_AGENT_PORT}",
        f"--certificates={CERTIFICATES}" if plan.certificates else "--insecure",
    )
    return twistd("flocker-control", plan, node, arguments, ready_port=CONTROL_HTTP_PORT)


def flocker_agent(plan: LabPlan, node: NodePlan) -> Service:
    """flocker-lite's agent."""
    return twistd("flocker-agent", plan, node, ("--config=/etc/flocker-lite/agent.yml",))


def twistd(
    plugin: str,
    plan: LabPlan,
    node: NodePlan,
    arguments: tuple[str, ...],
    ready_port: int | None = None,
) -> Service:
    """One of the project's own services, which goes to the background by itself."""
    pid_file = f"/run/{plugin}.pid"
    argv = (
        "twistd",
        f"--pidfile={pid_file}",
        f"--logfile={log_file(plan, node, plugin)}",
        "--umask=022",
        plugin,
        *arguments,
    )
    return Service(plugin, argv, pid_file, detaches=True, ready_port=ready_port)


def log_file(plan: LabPlan, node: NodePlan, service_name: str) -> Path:
    """The file of a service's output, which stays after a crash of the node."""
    return plan.folder / "nodes" / node.name / "log" / f"{service_name}.log"

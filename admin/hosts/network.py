"""Makes and removes a lab's network namespaces, its switch and the cables between them."""

from collections.abc import Iterable
from pathlib import Path

from admin.hosts.errors import LabError
from admin.hosts.plan import Batch, LabPlan, NodePlan, node_batches, switch_batches
from admin.hosts.processes import ProcessRecord, record_of, run, wait_until

NAMESPACES = Path("/run/netns")
KILL_ROUNDS_MAX = 5
REMOVE_TIMEOUT_SECONDS = 5.0
CABLE_TIMEOUT_SECONDS = 10.0


def with_ipv6() -> bool:
    """Whether the machine's kernel has IPv6."""
    return Path("/proc/sys/net/ipv6").exists()


def connect_switch(plan: LabPlan) -> None:
    """Make the switch; raises LabError when the machine uses the subnet for something else."""
    taken = run(["ip", "-4", "route", "show", "exact", str(plan.subnet)]).stdout.strip()
    if taken:
        raise LabError(f"{plan.subnet} is in use ({taken}): choose another with --subnet")
    run(["ip", "netns", "add", plan.tag])
    run_batches(switch_batches(plan, with_ipv6()))
    # With br_netfilter the firewall would treat frames between nodes as packets that it routes.
    turn_off = "for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $f ] || echo 0 >$f; done"
    run([*inside(plan.tag), "sh", "-c", turn_off])


def connect_node(plan: LabPlan, node: NodePlan) -> None:
    """Make a node's namespace and plug it into the switch."""
    run(["ip", "netns", "add", node.namespace])
    run_batches(node_batches(plan, node, with_ipv6()))


def set_cable(plan: LabPlan, node: NodePlan, connected: bool) -> None:
    """Plug the node's cable into the switch or pull it out; neither side is notified.

    Frames pass when this returns: the kernel takes up to a second to open a cable's two ends.
    """
    state = "up" if connected else "down"
    run(["ip", "-n", plan.tag, "link", "set", node.port, state])
    if connected and not wait_until(lambda: _frames_pass(plan, node), CABLE_TIMEOUT_SECONDS):
        raise LabError(f"the cable of {node.name} stays dead: see `ip -n {plan.tag} -d link`")


def _frames_pass(plan: LabPlan, node: NodePlan) -> bool:
    in_switch = run(["ip", "-n", plan.tag, "-d", "link", "show", "dev", node.port]).stdout
    in_node = run(["ip", "-n", node.namespace, "link", "show", "dev", "eth0"]).stdout
    return "state forwarding" in in_switch and all(
        "state UP" in shown for shown in (in_switch, in_node)
    )


def cable_is_connected(plan: LabPlan, node: NodePlan) -> bool:
    """Whether the node's cable is plugged in."""
    shown = run(["ip", "-n", plan.tag, "link", "show", "up", "dev", node.port], check=False)
    return shown.returncode == 0 and bool(shown.stdout.strip())


def disconnect_node(plan: LabPlan, node: NodePlan) -> None:
    """Remove a node's cable and namespace, and the processes there. Idempotent."""
    kill_all_in(node.namespace)
    # First remove the cable by name: something may keep the namespace alive for a while.
    if (NAMESPACES / plan.tag).exists():
        run(["ip", "-n", plan.tag, "link", "delete", node.port], check=False)
    remove_namespace(node.namespace)


def namespaces_of(tag: str) -> list[str]:
    """The network namespaces of the lab with this tag; that of the switch is the last."""
    if not NAMESPACES.is_dir():
        return []
    names = [path.name for path in NAMESPACES.iterdir()]
    return sorted((n for n in names if n == tag or n.startswith(f"{tag}-")), reverse=True)


def remove_all(tag: str) -> None:
    """Remove the network of the lab with this tag, complete or not."""
    for name in namespaces_of(tag):
        kill_all_in(name)
        remove_namespace(name)
    # The kernel removes the machine's end a moment after the namespace of the other end.
    cable = Path("/sys/class/net", tag)
    if cable.exists():
        run(["ip", "link", "delete", tag], check=False)
        if not wait_until(lambda: not cable.exists(), REMOVE_TIMEOUT_SECONDS):
            raise LabError(f"cannot remove the link {tag}: see `ip link show {tag}`")


def remove_namespace(name: str) -> None:
    """Remove a network namespace by name, if it is there."""
    if (NAMESPACES / name).exists():
        # A killed run may leave a plain file, on which no namespace is mounted.
        run(["ip", "netns", "delete", name], check=False)
        (NAMESPACES / name).unlink(missing_ok=True)


def kill_all_in(name: str) -> None:
    """Kill every process in this network namespace, and wait for its end."""
    for _ in range(KILL_ROUNDS_MAX):
        records = processes_in(name)
        if not records:
            return
        for record in records:
            record.kill()
    raise LabError(f"processes keep appearing in namespace {name}: see `ip netns pids {name}`")


def processes_in(name: str) -> list[ProcessRecord]:
    """The processes that live in a network namespace; none when there is no such namespace."""
    listed = run(["ip", "netns", "pids", name], check=False).stdout.split()
    records = []
    for pid in listed:
        try:
            records.append(record_of(int(pid)))
        except LabError:
            continue
    return [record for record in records if record.is_alive()]


def inside(namespace: str) -> list[str]:
    """The beginning of a command that runs in a network namespace.

    Not `ip netns exec`: that mounts a new /sys, which hides the cgroups from dockerd.
    """
    return ["nsenter", f"--net={NAMESPACES / namespace}", "--"]


def run_batches(batches: Iterable[Batch]) -> None:
    """Run batches of `ip` commands, each in its namespace."""
    for batch in batches:
        where = ["-n", batch.namespace] if batch.namespace else []
        run(["ip", *where, "-batch", "-"], input_text="\n".join(batch.lines) + "\n")
